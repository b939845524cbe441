"""Functions of numbers in Flink SQL, as DuckDB's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from forebay.streamsql.nodes import Type
from forebay.streamsql.types import DOUBLE, FLOATS, INTEGERS, STRING, WIDEST, Made, Own, Texts, Typed, duck

_D = "CAST({0} AS DOUBLE)"
_E = "CAST({1} AS DOUBLE)"
_WHOLE = re.compile(r"-?[0-9]+")

PLAIN: dict[str, tuple[str, str, Type | None]] = {
    "SQRT": ("n", f"TRY(sqrt({_D}))", DOUBLE),
    "EXP": ("n", f"exp({_D})", DOUBLE),
    "LN": ("n", f"TRY(ln({_D}))", DOUBLE),
    "LOG10": ("n", f"TRY(log10({_D}))", DOUBLE),
    "LOG2": ("n", f"TRY(log2({_D}))", DOUBLE),
    "POWER": ("nn", f"pow({_D}, {_E})", DOUBLE),
    "SIN": ("n", f"sin({_D})", DOUBLE),
    "COS": ("n", f"cos({_D})", DOUBLE),
    "TAN": ("n", f"tan({_D})", DOUBLE),
    "COT": ("n", f"TRY(cot({_D}))", DOUBLE),
    "SINH": ("n", f"sinh({_D})", DOUBLE),
    "COSH": ("n", f"cosh({_D})", DOUBLE),
    "TANH": ("n", f"tanh({_D})", DOUBLE),
    "ASIN": ("n", f"TRY(asin({_D}))", DOUBLE),
    "ACOS": ("n", f"TRY(acos({_D}))", DOUBLE),
    "ATAN": ("n", f"atan({_D})", DOUBLE),
    "ATAN2": ("nn", f"atan2({_D}, {_E})", DOUBLE),
    "DEGREES": ("n", f"degrees({_D})", DOUBLE),
    "RADIANS": ("n", f"radians({_D})", DOUBLE),
    "PI": ("", "pi()", DOUBLE),
    "E": ("", "exp(1::DOUBLE)", DOUBLE),
    "BIN": ("i", "bin(CAST({0} AS BIGINT))", STRING),
}


def _abs(args: Sequence[Typed], _: Texts) -> Made:
    return f"CAST(abs({args[0][0]}) AS {duck(args[0][1])})", args[0][1]


def _sign(args: Sequence[Typed], _: Texts) -> Made:
    return f"CAST(sign({args[0][0]}) AS {duck(args[0][1])})", args[0][1]


def _whole(way: str, args: Sequence[Typed]) -> Made:
    value, type_ = args[0]
    if type_.name in INTEGERS:
        return args[0]
    if type_.name == "DECIMAL":
        to = Type("DECIMAL", type_.p, 0)
        return f"CAST({way}({value}) AS {duck(to)})", to
    return f"{way}({value})", type_


def _to_digits(name: str, own: Callable[[Typed, int], Made]) -> Own:
    """A function of a number and of how many digits are left of it, which is known beforehand."""

    def made(args: Sequence[Typed], texts: Texts) -> Made:
        digits = texts[1] if len(args) > 1 else "0"
        if digits is None:
            return f"{name} to a number of digits that is no constant"
        if not _WHOLE.fullmatch(digits):
            return f"{name} to {digits} digits"
        return own(args[0], int(digits))

    return made


def _written(value: str, made: str) -> str:
    """`made` with the number as it is written for `{0}`, as Java takes it: so 0.285 is about 0.29."""
    exact = made.format(f"CAST(CAST({value} AS VARCHAR) AS DECIMAL(38, 18))")
    return f"(CASE WHEN abs({value}) < 1e15 THEN {exact} ELSE {value} END)"


def _round(given: Typed, digits: int) -> Made:
    value, type_ = given
    if type_.name in INTEGERS:
        return f"CAST(round({value}, {digits}) AS {duck(type_)})", type_
    if type_.name == "DECIMAL":
        scale = min(max(digits, 0), type_.s or 0)
        to = Type("DECIMAL", min(WIDEST, (type_.p or 0) - (type_.s or 0) + scale + 1), scale)
        return f"CAST(round({value}, {digits}) AS {duck(to)})", to
    return _written(value, f"CAST(CAST(round({{0}}, {digits}) AS DOUBLE) AS {duck(type_)})"), type_


def _truncate(given: Typed, digits: int) -> Made:
    value, type_ = given
    if type_.name in INTEGERS and digits >= 0:
        return given
    if type_.name not in FLOATS or digits < 0:
        return f"TRUNCATE of {type_}"
    by = f"1{'0' * digits}"
    return _written(value, f"CAST(trunc({{0}} * {by}) AS DOUBLE) / {by}"), type_


def _log(args: Sequence[Typed], _: Texts) -> Made:
    if len(args) == 1:
        return f"TRY(ln(CAST({args[0][0]} AS DOUBLE)))", DOUBLE
    return f"TRY(ln(CAST({args[1][0]} AS DOUBLE)) / ln(CAST({args[0][0]} AS DOUBLE)))", DOUBLE


def _hex(args: Sequence[Typed], _: Texts) -> Made:
    value, type_ = args[0]
    if type_.name in INTEGERS:
        return f"hex(CAST({value} AS BIGINT))", STRING
    if type_.name in ("VARCHAR", "CHAR"):
        return f"hex({value})", STRING
    return f"HEX of {type_}"


OWN = {
    "ABS": ("n", _abs),
    "SIGN": ("n", _sign),
    "FLOOR": ("n", lambda args, _: _whole("floor", args)),
    "CEIL": ("n", lambda args, _: _whole("ceil", args)),
    "CEILING": ("n", lambda args, _: _whole("ceil", args)),
    "ROUND": ("nn?", _to_digits("ROUND", _round)),
    "TRUNCATE": ("nn?", _to_digits("TRUNCATE", _truncate)),
    "LOG": ("nn?", _log),
    "HEX": ("a", _hex),
}
