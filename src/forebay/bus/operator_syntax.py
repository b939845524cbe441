"""How an event pattern writes each of its operators: read, checked, refused in AWS's words.

Error texts are those that TestEventPattern answers.
"""

from __future__ import annotations

import math
import re
from typing import Any

from forebay.bus.operators import (
    Address,
    AnythingBut,
    Cidr,
    Equals,
    EqualsIgnoreCase,
    Exists,
    Folded,
    InvalidPattern,
    Number,
    Operator,
    Prefix,
    Range,
    Scalar,
    Suffix,
    Wildcard,
    address_of,
    comparable,
    identity,
    like_address,
)

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


class Members(dict[str, Any]):
    """A JSON object that has kept all of its members, also those of the same name, in their order."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def first_of(value: Members) -> tuple[str | None, Any, bool]:
    """The name and the value of the first member, if any, and whether there are more."""
    name, inner = value.pairs[0] if value.pairs else (None, None)
    return name, inner, len(value.pairs) > 1


def plain(value: Scalar) -> Operator:
    """The test for a value that stands in the pattern as it is."""
    if isinstance(value, str):
        address = address_of(value)
        if address is not None:
            return Address(address.packed)
    return Equals(identity(value))


def text_of(value: Any, what: str) -> str:
    """`value` if it is text. Raises InvalidPattern, in AWS's words for `what`."""
    if not isinstance(value, str):
        raise InvalidPattern(f"{what} match pattern must be a string")
    return value


def affix(kind: type[Prefix] | type[Suffix], name: str, value: Any) -> Operator:
    """A prefix or suffix, possibly without regard to case. Raises InvalidPattern."""
    if isinstance(value, Members):
        inner, value, more = first_of(value)
        if inner is None:
            raise InvalidPattern(f"{name.capitalize()} expression name not found")
        if inner != "equals-ignore-case":
            raise InvalidPattern(f"Unsupported {name} pattern: {inner}")
        text = text_of(value, "equals-ignore-case")
        if more:
            raise InvalidPattern("Only one key allowed in match expression")
        if text.isascii():
            return kind(text.lower(), ignore_case=True)
        return _folded(text, "{}.*" if kind is Prefix else ".*{}")
    return kind(text_of(value, name))


def equals_ignore_case(text: str) -> Operator:
    """Equality without regard to case."""
    return EqualsIgnoreCase(text.lower()) if text.isascii() else _folded(text, "{}")


def _folded(text: str, form: str) -> Folded:
    either = "".join(f"(?:{re.escape(char.lower())}|{re.escape(char.upper())})" for char in text)
    return Folded(re.compile(form.format(either), re.DOTALL))


def wildcard(value: Any) -> Operator:
    """A wildcard. Raises InvalidPattern, also for one that AWS finds too complex."""
    text = text_of(value, "wildcard")
    parts = [""]
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            if text[at + 1 : at + 2] not in ("*", "\\"):
                raise InvalidPattern(f"Invalid escape character at pos {_byte(text, at)}")
            parts[-1] += text[at + 1]
            at += 1
        elif char == "*":
            if text[at + 1 : at + 2] == "*":
                raise InvalidPattern(f"Consecutive wildcard characters at pos {_byte(text, at)}")
            parts.append("")
        else:
            parts[-1] += char
        at += 1
    # AWS counts the states of its automaton; its guide gives repeats after a wildcard as what makes them many.
    pieces = [piece for piece in text.split("*")[1:] if piece]
    if len(parts) > 6 or (len(pieces) >= 4 and len(set(pieces)) <= len(pieces) // 2):
        raise InvalidPattern(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating"
            " character sequences after a wildcard character"
        )
    return Wildcard(text, tuple(parts))


def _byte(text: str, at: int) -> int:
    """Where a character is, in bytes and after an opening quote."""
    return len(text[:at].encode("utf-8", "surrogatepass")) + 1


def cidr(value: Any) -> Operator:
    """An address block. Raises InvalidPattern."""
    if not isinstance(value, str):
        raise InvalidPattern("prefix match pattern must be a string")  # AWS's own words
    host, _, mask = value.partition("/")
    if not mask.rstrip("/") or "/" in mask.rstrip("/"):
        raise InvalidPattern("Malformed CIDR, one '/' required")
    digits = mask.rstrip("/")
    if not _INTEGER.fullmatch(digits) or len(digits.lstrip("+-0")) > 10 or abs(int(digits)) >= 1 << 31:
        raise InvalidPattern("Malformed CIDR, mask bits must be an integer")
    bits = int(digits)
    if bits < 0:
        raise InvalidPattern("Malformed CIDR, mask bits must not be negative")
    address = address_of(host)
    if address is None:
        raise InvalidPattern(f"{'Invalid' if like_address(host) else 'Nonstandard'} IP address: {host}")
    if bits >= address.max_prefixlen:
        raise InvalidPattern(f"IPv{address.version} mask bits must be < {address.max_prefixlen}")
    rest = (1 << (address.max_prefixlen - bits)) - 1
    low, high = int(address) & ~rest, int(address) | rest
    size = len(address.packed)
    return Cidr(low.to_bytes(size, "big"), high.to_bytes(size, "big"))


def _operand(operator: str, value: Any) -> float:
    if not isinstance(value, Number):
        name = "equals" if operator == "=" else operator
        raise InvalidPattern(f"Value of {name} must be numeric")
    if not comparable(value):
        raise InvalidPattern(f"Cannot compare number : {value.text}")
    return float(value)


def numeric(value: Any) -> Operator:
    """A numeric comparison, of one bound or two. Raises InvalidPattern."""
    if not isinstance(value, list):
        raise InvalidPattern("Value of numeric must be an array.")
    if not value or not isinstance(value[0], str):
        shown = getattr(value[0], "text", value[0]) if value else "]"
        raise InvalidPattern(f"Invalid member in numeric match: {shown}")
    operator = value[0]
    if operator not in ("=", "<", "<=", ">", ">="):
        raise InvalidPattern(f"Unrecognized numeric range operator: {operator}")
    first = _operand(operator, value[1] if len(value) > 1 else None)
    rest = value[2:]
    if operator in ("=", "<", "<="):
        if rest:
            raise InvalidPattern("Too many elements in numeric expression")
        if operator == "=":
            return Equals(("n", first))
        return Range(-math.inf, False, first, operator == "<")
    if not rest:
        return Range(first, operator == ">", math.inf, False)
    second = rest[0]
    if not isinstance(second, str):
        raise InvalidPattern(f"Bad value in numeric range: {getattr(second, 'text', second)}")
    if second not in ("<", "<="):
        raise InvalidPattern(f"Bad numeric range operator: {second}")
    top = _operand(second, rest[1] if len(rest) > 1 else None)
    if len(rest) > 2:
        raise InvalidPattern("Too many terms in numeric range expression")
    if top <= first:
        raise InvalidPattern("Bottom must be less than top")
    return Range(first, operator == ">", top, second == "<")


def anything_but(value: Any) -> Operator:
    """Everything except. Raises InvalidPattern."""
    inner = None
    if isinstance(value, Members):
        inner, value, more = first_of(value)
        if inner is None:
            raise InvalidPattern("Anything-But expression name not found")
        if inner not in ("equals-ignore-case", "prefix", "suffix", "wildcard"):
            raise InvalidPattern(f"Unsupported anything-but pattern: {inner}")
        if more:
            raise InvalidPattern("Too many elements in numeric expression")  # AWS's own words
    if isinstance(value, dict | bool) or value is None:
        raise InvalidPattern("Value of anything-but must be an array or single string/number value.")
    values = value if isinstance(value, list) else [value]
    if inner is not None:
        return AnythingBut(tuple(_but(inner, item) for item in values))
    for item in values:
        if not isinstance(item, str | Number):
            raise InvalidPattern("Inside anything but list, start|null|boolean is not supported.")
        if isinstance(item, Number) and not comparable(item):
            raise InvalidPattern(f"Cannot compare number : {item.text}")
    if len({isinstance(item, str) for item in values}) != 1:
        raise InvalidPattern(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    return AnythingBut(tuple(Equals(identity(item)) for item in values))


def _but(inner: str, value: Any) -> Operator:
    if inner == "equals-ignore-case":
        if not isinstance(value, str):
            raise InvalidPattern(
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
            )
        return equals_ignore_case(value)
    if inner == "wildcard":
        return wildcard(value)
    if not isinstance(value, str):
        raise InvalidPattern("prefix/suffix match pattern must be a string")
    if not value:
        raise InvalidPattern("Null prefix/suffix not allowed")
    return Prefix(value) if inner == "prefix" else Suffix(value)


def exists(value: Any) -> Operator:
    """Presence or absence. Raises InvalidPattern."""
    if not isinstance(value, bool):
        raise InvalidPattern("exists match pattern must be either true or false.")
    return Exists(value)


OPERATORS: dict[str, Any] = {
    "exactly": lambda value: Equals(("str", text_of(value, "exact"))),
    "prefix": lambda value: affix(Prefix, "prefix", value),
    "suffix": lambda value: affix(Suffix, "suffix", value),
    "equals-ignore-case": lambda value: equals_ignore_case(text_of(value, "equals-ignore-case")),
    "wildcard": wildcard,
    "numeric": numeric,
    "cidr": cidr,
    "anything-but": anything_but,
    "exists": exists,
}
