"""format(): Java's patterns, written as DuckDB's printf and strftime."""

from __future__ import annotations

import re

from sqlglot import exp

from forebay.query.sql.build import Arity, call, text

_SPEC = re.compile(
    r"%(?:(?P<index>\d+)\$)?(?P<flags>[-#+ 0,(]*)(?P<width>\d+)?(?:\.(?P<precision>\d+))?(?P<kind>[tT]?[a-zA-Z%])"
)
_DATES = {
    "Y": "%Y", "y": "%y", "m": "%m", "d": "%d", "e": "%-d", "B": "%B", "b": "%b", "h": "%b", "A": "%A",
    "a": "%a", "H": "%H", "I": "%I", "k": "%-H", "l": "%-I", "M": "%M", "S": "%S", "L": "%g", "N": "%n",
    "j": "%j", "p": "%p", "F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "Z": "%Z", "z": "%z",
}  # fmt: skip


def build_format(pattern: str, args: list[exp.Expr]) -> exp.Expr:
    """The text that Java's String.format makes. Raises Arity for what cannot be written so."""
    parts: list[exp.Expr] = []
    at = used = 0
    for spec in _SPEC.finditer(pattern):
        if spec.start() > at:
            parts.append(text(pattern[at : spec.start()]))
        at = spec.end()
        kind = spec["kind"]
        if kind == "%":
            parts.append(text("%"))
            continue
        if kind == "n":
            parts.append(text("\n"))
            continue
        if spec["index"]:
            place = int(spec["index"]) - 1
        else:
            place, used = used, used + 1
        if place >= len(args):
            raise Arity(f"Format specifier '{spec[0]}' has no argument")
        parts.append(_one(spec, args[place].copy()))
    if at < len(pattern):
        parts.append(text(pattern[at:]))
    whole = parts[0] if parts else text("")
    for part in parts[1:]:
        whole = exp.DPipe(this=whole, expression=part)
    return exp.Paren(this=whole)


def _one(spec: re.Match[str], value: exp.Expr) -> exp.Expr:
    kind, flags = spec["kind"], spec["flags"] or ""
    if kind[0] in "tT" and len(kind) == 2:
        if kind[1] not in _DATES:
            raise Arity(f"Format specifier '{spec[0]}' is not supported")
        made = call("strftime", value, text(_DATES[kind[1]]))
        return call("upper", made) if kind[0] == "T" else made
    lower = kind.lower()
    if lower not in "sdfexbcgo" or "(" in flags:
        raise Arity(f"Format specifier '{spec[0]}' is not supported")
    if lower in "sb":
        value = exp.Cast(this=value, to=exp.DataType.build("VARCHAR", dialect="duckdb"))
        lower = "s"
    if lower in "fe":
        value = exp.Cast(this=value, to=exp.DataType.build("DOUBLE", dialect="duckdb"))
    width, precision = spec["width"] or "", f".{spec['precision']}" if spec["precision"] else ""
    if "," in flags:
        places = spec["precision"] or "6"
        made = call("format", text("{:,." + places + "f}" if lower == "f" else "{:,d}"), value)
        return call("lpad", made, exp.Literal.number(width), text(" ")) if width else made
    made = call("printf", text(f"%{flags}{width}{precision}{lower}"), value)
    return call("upper", made) if kind.isupper() else made
