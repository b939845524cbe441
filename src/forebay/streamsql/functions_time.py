"""Functions of time in Flink SQL, as DuckDB's. Timestamps are in UTC, which is also the session's time zone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from forebay.streamsql.types import (
    BIGINT,
    DATE,
    INT,
    LTZ,
    SQL_TIME,
    STRING,
    TIMES,
    TIMESTAMP,
    Made,
    Texts,
    Typed,
    family,
)

_WORDS = {
    "yyyy": "%Y", "yy": "%y", "y": "%-Y", "uuuu": "%Y", "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B", "dd": "%d",
    "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S",
    "SSS": "%g", "SSSSSS": "%f", "a": "%p", "E": "%a", "EE": "%a", "EEE": "%a", "EEEE": "%A", "DDD": "%j", "D": "%-j",
}  # fmt: skip
_PARTS = {
    "YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "WEEK": "week", "DAY": "day", "HOUR": "hour",
    "MINUTE": "minute", "SECOND": "second", "DAYOFMONTH": "day", "DAYOFYEAR": "dayofyear", "DOY": "dayofyear",
    "ISODOW": "isodow", "ISOYEAR": "isoyear",
}  # fmt: skip
_EXTRACTED = {
    "DOW": "dayofweek({0}) + 1",
    "DAYOFWEEK": "dayofweek({0}) + 1",
    "MILLISECOND": "millisecond({0}) % 1000",
    "EPOCH": "epoch_ms({0}) // 1000",
    "DECADE": "year({0}) // 10",
    "CENTURY": "(year({0}) + 99) // 100",
    "MILLENNIUM": "(year({0}) + 999) // 1000",
}
_BY = {
    "SECOND": "to_seconds", "MINUTE": "to_minutes", "HOUR": "to_hours", "DAY": "to_days", "WEEK": "to_weeks",
    "MONTH": "to_months", "QUARTER": "to_quarters", "YEAR": "to_years", "MILLISECOND": "to_milliseconds",
}  # fmt: skip
_TRUNC = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND")


def format_of(pattern: str | None) -> str | None:
    """Java's pattern as strftime's; None if it has more than plain fields."""
    if pattern is None:
        return None
    out = ""
    for word in _pieces(pattern):
        if word[0] == "'":
            out += word[1:-1].replace("''", "'") or "'"
        elif word[0].isalpha():
            if word not in _WORDS:
                return None
            out += _WORDS[word]
        else:
            out += word.replace("%", "%%")
    return out.replace("'", "''")


def _pieces(pattern: str) -> list[str]:
    return [match.group() for match in re.finditer(r"'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+", pattern)]


def read(value: str, pattern: str | None) -> str | None:
    """SQL that reads a text as a timestamp by Java's pattern; None if that has more than plain fields."""
    form = format_of(
        re.sub(r"(?<!S)S{1,5}(?!S)", lambda m: m[0] if m[0] == "SSS" else "SSSSSS", pattern or "")
    )
    if form is None or not pattern:
        return None
    # As Java's parser, a text that goes on behind the pattern is none.
    form = form.replace("%-", "%")
    return f"date_trunc('millisecond', TRY(strptime({value}, '{form}')))"


def _timestamp(args: Sequence[Typed], texts: Texts) -> Made:
    value = args[0][0]
    if len(args) == 1:
        plain = (
            f"regexp_matches({value}, '{SQL_TIME}') OR regexp_full_match({value}, '\\d{{4}}-\\d\\d-\\d\\d')"
        )
        return f"(CASE WHEN {plain} THEN TRY_CAST({value} AS TIMESTAMP) END)", TIMESTAMP
    if texts[1] == "yyyy-MM-dd HH:mm:ss":
        return _timestamp(args[:1], texts)
    made = read(value, texts[1])
    return (made, TIMESTAMP) if made is not None else f"the format {texts[1]!r} of TO_TIMESTAMP"


def _ltz(args: Sequence[Typed], texts: Texts) -> Made:
    value, type_ = args[0]
    if family(type_) == "text":
        if len(args) > 2:
            return "a time zone of TO_TIMESTAMP_LTZ"
        made = _timestamp(args, texts)
        return (made[0], LTZ) if isinstance(made, tuple) else made.replace("TO_TIMESTAMP", "TO_TIMESTAMP_LTZ")
    if len(args) == 1 or texts[1] == "3":
        return f"TRY(epoch_ms(CAST({value} AS BIGINT)))", LTZ
    if texts[1] != "0":
        return "a precision other than 0 and 3 of TO_TIMESTAMP_LTZ"
    return f"TRY(make_timestamp(CAST({value} AS BIGINT) * 1000000))", LTZ


def _date_format(args: Sequence[Typed], texts: Texts) -> Made:
    form = format_of(texts[1])
    value, type_ = args[0]
    if form is None:
        return f"the format {texts[1]!r} of DATE_FORMAT"
    if family(type_) == "text":
        value = f"(CASE WHEN regexp_matches({value}, '{SQL_TIME}') THEN TRY_CAST({value} AS TIMESTAMP) END)"
    elif family(type_) != "time":
        return f"DATE_FORMAT of {type_}"
    return f"strftime({value}, '{form}')", STRING


def _to_date(args: Sequence[Typed], texts: Texts) -> Made:
    value = args[0][0]
    if len(args) == 1:
        return (
            f"(CASE WHEN regexp_matches({value}, '^\\d{{4}}-\\d\\d?-\\d\\d?') THEN TRY_CAST({value} AS DATE) END)",
            DATE,
        )
    made = read(value, texts[1])
    return (f"CAST({made} AS DATE)", DATE) if made is not None else f"the format {texts[1]!r} of TO_DATE"


def _from_unixtime(args: Sequence[Typed], texts: Texts) -> Made:
    form = format_of(texts[1]) if len(args) > 1 else "%Y-%m-%d %H:%M:%S"
    if form is None:
        return f"the format {texts[1]!r} of FROM_UNIXTIME"
    return f"TRY(strftime(make_timestamp(CAST({args[0][0]} AS BIGINT) * 1000000), '{form}'))", STRING


def _unix(args: Sequence[Typed], texts: Texts) -> Made:
    if not args:
        return "CAST(__arrival // 1000000 AS BIGINT)", BIGINT
    text = args[0][0] if len(args) > 1 else f"left({args[0][0]}, 19)"
    made = read(text, texts[1] if len(args) > 1 else "yyyy-MM-dd HH:mm:ss")
    if made is None:
        return f"the format {texts[1]!r} of UNIX_TIMESTAMP"
    return (
        f"coalesce(epoch_ms({made}) // 1000, CASE WHEN {args[0][0]} IS NOT NULL THEN {-(1 << 63)} END)",
        BIGINT,
    )


def _extract(args: Sequence[Typed], texts: Texts) -> Made:
    part, (value, type_) = str(texts[0]), args[1]
    if type_.name not in (*TIMES, "DATE"):
        return f"EXTRACT of {part} from {type_}"
    if type_.name == "DATE":
        value = f"CAST({value} AS TIMESTAMP)"
    if part in _PARTS:
        return f"CAST({_PARTS[part]}({value}) AS BIGINT)", BIGINT
    if part in _EXTRACTED:
        return f"CAST({_EXTRACTED[part].format(value)} AS BIGINT)", BIGINT
    return f"EXTRACT of {part}"


def _floor(up: bool, args: Sequence[Typed], texts: Texts) -> Made:
    (value, type_), unit = args[0], str(texts[1])
    if type_.name not in (*TIMES, "DATE") or unit not in _TRUNC:
        return f"{'CEIL' if up else 'FLOOR'} of {type_} TO {unit}"
    if type_.name == "DATE" and unit in ("HOUR", "MINUTE", "SECOND", "MILLISECOND", "DAY"):
        return value, type_
    cast = "DATE" if type_.name == "DATE" else "TIMESTAMP"
    made = f"date_trunc('{unit.lower()}', {value})"
    if unit == "WEEK":  # which begins on Sunday
        made = f"(date_trunc('week', {value} + INTERVAL 1 DAY) - INTERVAL 1 DAY)"
    if up:
        # Of years to weeks only the day is looked at.
        start = f"date_trunc('day', {value})" if unit in ("YEAR", "QUARTER", "MONTH", "WEEK") else value
        made = f"(CASE WHEN {made} = {start} THEN {start} ELSE {made} + {_BY[unit]}(1) END)"
    return f"CAST({made} AS {cast})", type_


def _add(args: Sequence[Typed], texts: Texts) -> Made:
    unit, (count, _), (value, type_) = str(texts[0]), args[1], args[2]
    if unit not in _BY or type_.name not in (*TIMES, "DATE"):
        return f"TIMESTAMPADD of {unit} to {type_}"
    made = f"({value} + {_BY[unit]}(CAST({count} AS INTEGER)))"
    if type_.name == "DATE":
        if unit in ("SECOND", "MINUTE", "HOUR", "MILLISECOND"):
            return made, TIMESTAMP
        return f"CAST({made} AS DATE)", type_
    return made, type_


def _diff(args: Sequence[Typed], texts: Texts) -> Made:
    unit, (one, first), (other, second) = str(texts[0]), args[1], args[2]
    if unit not in _BY or not {first.name, second.name} <= {*TIMES, "DATE"}:
        return f"TIMESTAMPDIFF of {unit} between {first} and {second}"
    one, other = f"CAST({one} AS TIMESTAMP)", f"CAST({other} AS TIMESTAMP)"
    made = f"date_sub('{unit.lower()}', {one}, {other})"
    if unit in ("MONTH", "QUARTER", "YEAR"):
        # Of days, whatever their time is: so does Flink.
        days = f"date_sub('month', CAST({one} AS DATE), CAST({other} AS DATE))"
        made = f"({days} // { ({'MONTH': 1, 'QUARTER': 3, 'YEAR': 12}[unit]) })"
    return f"CAST({made} AS INTEGER)", INT


def _zone(args: Sequence[Typed], texts: Texts) -> Made:
    if texts[1] is None or texts[2] is None:
        return "CONVERT_TZ between time zones that are no constants"
    value = f"TRY(strptime(left({args[0][0]}, 19), '%Y-%m-%d %H:%M:%S'))"
    return f"strftime(timezone({args[2][0]}, timezone({args[1][0]}, {value})), '%Y-%m-%d %H:%M:%S')", STRING


def clock(name: str) -> Typed:
    """A time of the clock: when the event arrived, so that reading it again gives the same."""
    now = "make_timestamp(__arrival // 1000 * 1000)"
    if name == "CURRENT_DATE":
        return f"CAST({now} AS DATE)", DATE
    return now, TIMESTAMP if name == "LOCALTIMESTAMP" else LTZ


OWN = {
    "TO_TIMESTAMP": ("tt?", _timestamp),
    "TO_TIMESTAMP_LTZ": ("aa?t?", _ltz),
    "TO_DATE": ("tt?", _to_date),
    "DATE_FORMAT": ("at", _date_format),
    "FROM_UNIXTIME": ("nt?", _from_unixtime),
    "UNIX_TIMESTAMP": ("t?t?", _unix),
    "EXTRACT": ("ta", _extract),
    "FLOOR_TO": ("at", lambda args, texts: _floor(False, args, texts)),
    "CEIL_TO": ("at", lambda args, texts: _floor(True, args, texts)),
    "CEILING_TO": ("at", lambda args, texts: _floor(True, args, texts)),
    "TIMESTAMPADD": ("tna", _add),
    "TIMESTAMPDIFF": ("taa", _diff),
    "CONVERT_TZ": ("ttt", _zone),
}
PARTS = {
    "YEAR",
    "QUARTER",
    "MONTH",
    "WEEK",
    "DAYOFYEAR",
    "DAYOFMONTH",
    "DAYOFWEEK",
    "HOUR",
    "MINUTE",
    "SECOND",
}
"""`YEAR(t)` is `EXTRACT(YEAR FROM t)`."""
