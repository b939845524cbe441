"""Functions of dates that take a unit or a format: MySQL's letters and Joda's in strftime's."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from forebay.query.sql.build import Args, Arity, Builder, call, need, text


def date_unit(name: str) -> Builder:
    """Functions whose first argument is a unit: one macro a unit, so that the types stay exact."""

    def build(args: Args) -> exp.Expr:
        need(args, 3 if name != "date_trunc" else 2)
        unit = args[0]
        if not (isinstance(unit, exp.Literal) and unit.is_string):
            raise Arity("needs its unit as a text in quotes")
        word = str(unit.this).lower()
        if word not in UNITS:
            raise Arity(f"knows no unit '{word}'; one of {', '.join(UNITS)}")
        return call(f"fb_{name}_{word}", *args[1:])

    return build


UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")


# MySQL's date format letters (date_format, date_parse) in strftime's.
_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I", "I": "%I",
    "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p", "r": "%I:%M:%S %p",
    "S": "%S", "s": "%S", "T": "%H:%M:%S", "v": "%V", "W": "%A", "x": "%G", "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip


def mysql_format(pattern: str) -> str:
    """A date_format pattern in strftime's letters. Raises Arity for what Trino refuses."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char != "%" or at + 1 == len(pattern):
            out.append("%%" if char == "%" else char)
            at += 1
            continue
        letter = pattern[at + 1]
        if letter in "DUuVwX":
            raise Arity(f"%{letter} is not supported in a date format")
        out.append(_MYSQL.get(letter, letter))
        at += 2
    return "".join(out)


# Joda's letters (format_datetime, parse_datetime) in strftime's; the longest run wins.
_JODA = [
    ("yyyy", "%Y"), ("YYYY", "%Y"), ("xxxx", "%G"), ("yy", "%y"), ("y", "%Y"), ("MMMM", "%B"), ("MMM", "%b"),
    ("MM", "%m"), ("M", "%-m"), ("dd", "%d"), ("d", "%-d"), ("DDD", "%j"), ("D", "%-j"), ("HH", "%H"),
    ("H", "%-H"), ("hh", "%I"), ("h", "%-I"), ("kk", "%H"), ("mm", "%M"), ("m", "%-M"), ("ss", "%S"),
    ("s", "%-S"), ("SSSSSS", "%f"), ("SSS", "%g"), ("EEEE", "%A"), ("EEE", "%a"), ("E", "%a"), ("e", "%u"),
    ("ww", "%V"), ("a", "%p"), ("ZZZ", "%Z"), ("ZZ", "%z"), ("Z", "%z"), ("z", "%Z"),
]  # fmt: skip


def joda_format(pattern: str) -> str:
    """A Joda pattern in strftime's letters. Raises Arity on a letter we do not know."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "'":
            end = pattern.find("'", at + 1)
            if end == at + 1:
                out.append("'")
            else:
                out.append(pattern[at + 1 : end if end > 0 else len(pattern)].replace("%", "%%"))
            at = (end if end > 0 else len(pattern)) + 1
            continue
        if not char.isalpha():
            out.append("%%" if char == "%" else char)
            at += 1
            continue
        for run, letter in _JODA:
            if pattern.startswith(run, at):
                out.append(letter)
                at += len(run)
                break
        else:
            raise Arity(f"'{char}' is not a letter of a date format")
    return "".join(out)


def formatted(macro: str, translate: Callable[[str], str]) -> Builder:
    """A function of a value and a format that is written in the query."""

    def build(args: Args) -> exp.Expr:
        need(args, 2)
        pattern = args[1]
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            raise Arity("needs its format as a text in quotes")
        return call(macro, args[0], text(translate(str(pattern.this))))

    return build
