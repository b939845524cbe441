"""The functions of Logs Insights on single values, by name in lower case."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping
from typing import Any

from forebay.telemetry.insights.values import Stamp, Value, equal, less, now_ms, number, shown

Function = Callable[..., Value]


def _numeric(work: Callable[[float], Any]) -> Function:
    def function(value: Value) -> Value:
        found = number(value)
        try:
            return None if found is None else work(found)
        except (ValueError, OverflowError):
            return None

    return function


def _text(work: Callable[..., Value]) -> Function:
    """A function of a text, which others are made; of nothing it is nothing."""
    return lambda value, *more: None if value is None else work(shown(value), *map(shown, more))


def _substr(text: str, start: str, length: str | None = None) -> Value:
    begin = int(float(start))
    return text[begin:] if length is None else text[begin : begin + int(float(length))]


def _trimmed(strip: Callable[[str, str | None], str]) -> Function:
    return _text(lambda text, what=None: strip(text, what))


def _extreme(better: Callable[[Value, Value], bool | None]) -> Function:
    def function(*values: Value) -> Value:
        best = None
        for value in values:
            if value is not None and (best is None or better(value, best)):
                best = value
        return best

    return function


def _floor(stamp: Value, span: Value) -> Value:
    at, step = number(stamp), number(span)
    return None if at is None or not step else Stamp(int(at // step * step))


def _ceil(stamp: Value, span: Value) -> Value:
    at, step = number(stamp), number(span)
    return None if at is None or not step else Stamp(int(-(-at // step) * step))


def _ip(version: int | None) -> Function:
    def function(value: Value) -> Value:
        try:
            found = ipaddress.ip_address(shown(value))
        except ValueError:
            return False
        return version is None or found.version == version

    return function


def _in_subnet(version: int | None) -> Function:
    def function(value: Value, subnet: Value) -> Value:
        try:
            address = ipaddress.ip_address(shown(value))
            network = ipaddress.ip_network(shown(subnet), strict=False)
        except ValueError:
            return False
        return (
            address.version == network.version and address in network and version in (None, address.version)
        )

    return function


def _to_stamp(value: Value) -> Value:
    found = number(value)
    return None if found is None else Stamp(int(found))


FUNCTIONS: Mapping[str, tuple[Function, int, int]] = {
    "abs": (_numeric(abs), 1, 1),
    "ceil": (_numeric(math.ceil), 1, 1),
    "floor": (_numeric(math.floor), 1, 1),
    "sqrt": (_numeric(math.sqrt), 1, 1),
    "log": (_numeric(math.log), 1, 1),
    "greatest": (_extreme(lambda one, best: less(best, one)), 1, 99),
    "least": (_extreme(less), 1, 99),
    "ispresent": (lambda value: value is not None, 1, 1),
    "coalesce": (lambda *values: next((value for value in values if value is not None), None), 1, 99),
    "isempty": (lambda value: value is None or value == "", 1, 1),
    "isblank": (lambda value: value is None or (isinstance(value, str) and not value.strip()), 1, 1),
    "concat": (lambda *values: "".join(shown(value) for value in values if value is not None), 1, 99),
    "strlen": (_text(len), 1, 1),
    "toupper": (_text(str.upper), 1, 1),
    "tolower": (_text(str.lower), 1, 1),
    "trim": (_trimmed(str.strip), 1, 2),
    "ltrim": (_trimmed(str.lstrip), 1, 2),
    "rtrim": (_trimmed(str.rstrip), 1, 2),
    "substr": (_text(_substr), 2, 3),
    "replace": (_text(lambda text, old, new: text.replace(old, new)), 3, 3),
    "strcontains": (lambda text, part: int(text is not None and shown(part) in shown(text)), 2, 2),
    "datefloor": (_floor, 2, 2),
    "dateceil": (_ceil, 2, 2),
    "frommillis": (_to_stamp, 1, 1),
    "tomillis": (lambda value: None if number(value) is None else int(number(value) or 0), 1, 1),
    "now": (lambda: now_ms() // 1000, 0, 0),
    "isvalidip": (_ip(None), 1, 1),
    "isvalidipv4": (_ip(4), 1, 1),
    "isvalidipv6": (_ip(6), 1, 1),
    "isipinsubnet": (_in_subnet(None), 2, 2),
    "isipv4insubnet": (_in_subnet(4), 2, 2),
    "isipv6insubnet": (_in_subnet(6), 2, 2),
}
"""Each with the least and the greatest number of its arguments."""


def _compared(sign: str) -> Callable[[Value, Value], Value]:
    def compare(one: Value, other: Value) -> Value:
        if one is None or other is None:
            return False
        match sign:
            case "=":
                return equal(one, other)
            case "!=":
                return not equal(one, other)
            case "<":
                return less(one, other)
            case ">":
                return less(other, one)
            case "<=":
                return not less(other, one)
        return not less(one, other)

    return compare


def _calculated(work: Callable[[Any, Any], Any]) -> Callable[[Value, Value], Value]:
    def calculate(one: Value, other: Value) -> Value:
        a, b = number(one), number(other)
        try:
            found = None if a is None or b is None else work(a, b)
        except (ZeroDivisionError, OverflowError):
            return None
        return None if isinstance(found, complex) else found

    return calculate


OPERATORS: Mapping[str, Callable[[Value, Value], Value]] = {
    **{sign: _compared(sign) for sign in ("=", "!=", "<", ">", "<=", ">=")},
    "+": _calculated(lambda a, b: a + b),
    "-": _calculated(lambda a, b: a - b),
    "*": _calculated(lambda a, b: a * b),
    "/": _calculated(lambda a, b: a / b),
    "%": _calculated(math.fmod),
    "^": _calculated(lambda a, b: float(a) ** b),
}
