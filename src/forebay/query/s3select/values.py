"""Values and what is done with two of them: absent ones, numbers in texts, comparisons, casts.

A value is None, MISSING, bool, int, float, Decimal, str, Moment, list or dict.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from forebay.query.s3select import moments
from forebay.query.s3select.errors import refused
from forebay.query.s3select.moments import Moment


class Missing:
    """What is not there, which is not the same as what is there and null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()
EXACT = Context(prec=38, rounding=ROUND_HALF_EVEN)
"""Decimals have 38 digits."""
TYPES = {
    "bool": "bool",
    "boolean": "bool",
    "char": "string",
    "character": "string",
    "dec": "decimal",
    "decimal": "decimal",
    "double": "float",
    "float": "float",
    "int": "int",
    "integer": "int",
    "bigint": "int",
    "smallint": "int",
    "numeric": "decimal",
    "real": "float",
    "string": "string",
    "text": "string",
    "timestamp": "timestamp",
    "varchar": "string",
}
LONGEST_NUMBER = 400
_INTEGERS = range(-(1 << 63), 1 << 63)


def absent(value: Any) -> bool:
    """Whether it is null or missing."""
    return value is None or value is MISSING


def is_number(value: Any) -> bool:
    """Whether it is a number; a boolean is none."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def number(text: str) -> int | Decimal | None:
    """The number that a text is; None if it is none."""
    text = text.strip()
    if not text or len(text) > LONGEST_NUMBER or not text.isascii() or "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def like(value: Any, other: Any) -> Any:
    """A text of a CSV file as what `other` is; itself where it is nothing like it."""
    if not isinstance(value, str) or isinstance(other, str):
        return value
    if isinstance(other, bool):
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    if is_number(other):
        found = number(value)
        return value if found is None else found
    if isinstance(other, Moment):
        return moments.parsed(value.strip()) or value
    return value


def _kind(value: Any) -> str:
    return "number" if is_number(value) else type(value).__name__


def equal(left: Any, right: Any) -> bool:
    """Whether two values that are there are the same; of different kinds they never are."""
    if isinstance(left, Moment) and isinstance(right, Moment):
        return left.at == right.at
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(item, right[name]) for name, item in left.items())
    return _kind(left) == _kind(right) and bool(left == right)


def order(left: Any, right: Any) -> int | None:
    """Below 0, 0 or above; None where two values have no order."""
    if isinstance(left, Moment) and isinstance(right, Moment):
        left, right = left.at, right.at
    elif _kind(left) != _kind(right) or isinstance(left, list | dict):
        return None
    return int(left > right) - int(left < right)


def reckoned(operator: str, left: Any, right: Any) -> Any:
    """Arithmetic on numbers. Raises QueryFailed."""
    if not (is_number(left) and is_number(right)):
        raise refused("InvalidDataType", f"{operator} is between numbers.")
    try:
        if isinstance(left, int) and isinstance(right, int):
            found = _whole(operator, left, right)
            if found not in _INTEGERS:
                raise refused("IntegerOverflow")
            return found
        if isinstance(left, float) or isinstance(right, float):
            return _floating(operator, float(left), float(right))
        return _exact(operator, Decimal(left), Decimal(right))
    except ZeroDivisionError:
        raise refused("IllegalSqlFunctionArgument", "Division by zero.") from None
    except (ArithmeticError, OverflowError):
        raise refused("IntegerOverflow") from None


def _whole(operator: str, left: int, right: int) -> int:
    if operator in "/%":
        whole = abs(left) // abs(right)
        whole = whole if (left < 0) == (right < 0) else -whole
        return whole if operator == "/" else left - whole * right
    return left + right if operator == "+" else left - right if operator == "-" else left * right


def _floating(operator: str, left: float, right: float) -> float:
    if operator == "%":
        return math.fmod(left, right)
    if operator == "/":
        return left / right
    return left + right if operator == "+" else left - right if operator == "-" else left * right


def _exact(operator: str, left: Decimal, right: Decimal) -> Decimal:
    if operator in "/%" and not right:
        raise ZeroDivisionError
    names = {
        "+": EXACT.add,
        "-": EXACT.subtract,
        "*": EXACT.multiply,
        "/": EXACT.divide,
        "%": EXACT.remainder,
    }
    return names[operator](left, right)


def cast(value: Any, type_: str, parameters: tuple[int, ...] = ()) -> Any:
    """CAST. Raises QueryFailed `CastFailed`."""
    if absent(value):
        return value
    try:
        match type_:
            case "string":
                return text(value)
            case "bool":
                return _boolean(value)
            case "int":
                return _integer(value)
            case "float":
                return float(value.strip()) if isinstance(value, str) else float(_numeric(value))
            case "decimal":
                return _decimal(value, parameters)
            case "timestamp":
                found = moments.parsed(value.strip()) if isinstance(value, str) else value
                if isinstance(found, Moment):
                    return found
    except (ValueError, ArithmeticError):
        pass
    shown = text(value)
    raise refused("CastFailed", f"{shown[:100]!r} AS {type_.upper()}")


def _numeric(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    found = number(value) if isinstance(value, str) else value if is_number(value) else None
    if found is None:
        raise ValueError
    return found


def _integer(value: Any) -> int:
    given = _numeric(value)
    if isinstance(given, Decimal) and given.adjusted() > 20:  # which would be as many digits
        raise ValueError
    found = int(given)
    if found not in _INTEGERS:
        raise ValueError
    return found


def _decimal(value: Any, parameters: tuple[int, ...]) -> Decimal:
    found = EXACT.create_decimal(repr(value) if isinstance(value, float) else _numeric(value))
    if parameters:
        scale = parameters[1] if len(parameters) > 1 else 0
        found = found.quantize(Decimal(1).scaleb(-scale), context=EXACT)
        if len(found.as_tuple().digits) > parameters[0]:
            raise ValueError
    return found


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    if isinstance(value, bool) or is_number(value):
        return bool(value)
    raise ValueError


def text(value: Any) -> str:
    """A value that is no list or object, as it is put out."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Moment):
        return value.text()
    if isinstance(value, Decimal):
        return plain(value)
    return str(value)


def plain(value: Decimal) -> str:
    """A decimal as it is written, without an exponent where that is not long."""
    exponent = value.as_tuple().exponent
    return f"{value:f}" if isinstance(exponent, int) and -40 < exponent < 40 else str(value)
