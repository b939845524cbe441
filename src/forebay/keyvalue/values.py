"""Attribute values: what may be stored, in the one form in which it is stored, and how values compare.

A value is a dict of one entry, as on the wire: `{"S": text}`, `{"N": digits}`, `{"B": bytes}`, `{"BOOL": ..}`,
`{"NULL": True}`, `{"M": {name: value}}`, `{"L": [value]}`, `{"SS" | "NS" | "BS": [..]}`. Numbers have up to 38
digits; `normal` brings equal ones to equal text. Items are dicts of values by attribute name.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Mapping
from typing import Any

from forebay.keyvalue.errors import Invalid

Value = dict[str, Any]
Item = dict[str, Value]

MOST_BYTES = 400 << 10
DEPTH = 32
DIGITS = 38
LARGEST, SMALLEST = 125, -130
TYPES = ("S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL")
_SETS = {"SS": "string", "NS": "number", "BS": "binary"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?")
_EXACT = decimal.Context(prec=DIGITS, Emin=-999_999, Emax=999_999, rounding=decimal.ROUND_HALF_UP)
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
_EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
_MANY = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"


def number(text: str) -> str:
    """A number as it is stored: no exponent, no superfluous zero. Raises Invalid."""
    if not _NUMBER.fullmatch(text.strip()):
        shown = f": {text}" if text.strip() else ""
        raise Invalid(f"The parameter cannot be converted to a numeric value{shown}")
    return spelled(decimal.Decimal(text.strip()))


def spelled(value: decimal.Decimal) -> str:
    """The stored text of a decimal within the limits. Raises Invalid."""
    if not value:
        return "0"
    if value.adjusted() > LARGEST:
        raise Invalid(OVERFLOW)
    if value.adjusted() < SMALLEST:
        raise Invalid(UNDERFLOW)
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(digits) > DIGITS:
        raise Invalid("Attempting to store more than 38 significant digits in a Number")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def plus(left: str, right: str, *, minus: bool = False) -> str:
    """The sum (or difference) of two stored numbers, to 38 digits. Raises Invalid."""
    one, other = decimal.Decimal(left), decimal.Decimal(right)
    return spelled(_EXACT.subtract(one, other) if minus else _EXACT.add(one, other))


def normal(value: Mapping[str, Any] | None, depth: int = 0) -> Value:
    """A value as it is stored. Raises Invalid for what is none."""
    if depth > DEPTH:
        raise Invalid("Nesting Levels have exceeded supported limits")
    if not value:
        raise Invalid(_EMPTY)
    if len(value) > 1:
        raise Invalid(_MANY)
    ((kind, content),) = value.items()
    match kind:
        case "S" | "B" | "BOOL":
            return {kind: content}
        case "N":
            return {"N": number(content)}
        case "NULL":
            if content is not True:
                raise Invalid(
                    "One or more parameter values were invalid: Null attribute value types must have the value of true"
                )
            return {"NULL": True}
        case "M":
            return {"M": {name: normal(each, depth + 1) for name, each in content.items()}}
        case "L":
            return {"L": [normal(each, depth + 1) for each in content]}
        case "SS" | "NS" | "BS":
            return {kind: _set(kind, content)}
    raise Invalid(_EMPTY)


def _set(kind: str, content: list[Any]) -> list[Any]:
    if not content:
        raise Invalid(f"One or more parameter values were invalid: An {_SETS[kind]} set  may not be empty")
    members = [number(each) for each in content] if kind == "NS" else list(content)
    if len(set(members)) < len(members):
        shown = ", ".join(map(str, content)) if kind != "BS" else ""
        raise Invalid(
            f"One or more parameter values were invalid: Input collection [{shown}] contains duplicates."
            if kind != "NS"
            else "Input collection contains duplicates"
        )
    return members


def normal_item(item: Mapping[str, Mapping[str, Any] | None]) -> Item:
    """An item as it is stored. Raises Invalid."""
    return {name: normal(value) for name, value in item.items()}


def kind_of(value: Mapping[str, Any]) -> str:
    """`S`, `N`, `M`, ..."""
    return next(iter(value))


def content_of(value: Mapping[str, Any]) -> Any:
    """What is in a value, without its type."""
    return next(iter(value.values()))


def size(value: Mapping[str, Any]) -> int:
    """Bytes, as the service counts them."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return number_size(content)
        case "SS":
            return sum(len(each.encode()) for each in content)
        case "BS":
            return sum(map(len, content))
        case "NS":
            return sum(map(number_size, content))
        case "L":
            return 3 + sum(1 + size(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + size(each) for name, each in content.items())
    return 1


def number_size(text: str) -> int:
    """About a byte for two digits, and one more; two for a sign."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1 + text.startswith("-")


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes of an item: its attributes' names and values."""
    return sum(len(name.encode()) + size(value) for name, value in item.items())


def equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two stored values are the same; sets have no order."""
    kind = kind_of(one)
    if kind != kind_of(other):
        return False
    left, right = content_of(one), content_of(other)
    match kind:
        case "SS" | "NS" | "BS":
            return set(left) == set(right)
        case "L":
            return len(left) == len(right) and all(map(equal, left, right))
        case "M":
            return left.keys() == right.keys() and all(equal(left[name], right[name]) for name in left)
    return bool(left == right)


def ordered(value: Mapping[str, Any]) -> Any:
    """What values of one scalar type are ordered by; None for a type without order."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return content.encode()
        case "B":
            return content
        case "N":
            return decimal.Decimal(content)
    return None
