"""What a query gives back, and how its cells print."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from forebay.query.types import split_top


@dataclass(frozen=True, slots=True)
class Column:
    """A result column: its name as Athena prints it (lower case), its type as Trino names it."""

    name: str
    type: str

    @property
    def athena_type(self) -> str:
        """The bare name GetQueryResults answers: `array`, `row`, `map`, `decimal`, `varchar`."""
        return self.type.partition("(")[0]


@dataclass(slots=True)
class Stats:
    """How long a query took and what it read. Times in milliseconds."""

    elapsed_ms: float = 0.0
    planning_ms: float = 0.0
    scanned_bytes: int = 0
    hot_rows: int = 0
    tables: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As sockets and JSON output carry it."""
        return {
            "elapsed_ms": round(self.elapsed_ms, 3),
            "planning_ms": round(self.planning_ms, 3),
            "scanned_bytes": self.scanned_bytes,
            "hot_rows": self.hot_rows,
            "tables": self.tables,
        }


@dataclass(slots=True)
class Result:
    """A query's answer: `columns` describe `table`, whose columns stand in the same order.

    `truncated` says that more rows than were asked for would have followed.
    """

    columns: list[Column]
    table: pa.Table
    stats: Stats
    truncated: bool = False

    def rows(self) -> Iterator[list[Any]]:
        """Each row as Python values (names may repeat, so rows are lists)."""
        for batch in self.table.to_batches():
            columns = [column.to_pylist() for column in batch.columns]
            for row in zip(*columns, strict=True) if columns else ():
                yield list(row)

    def cells(self) -> Iterator[list[str | None]]:
        """Each row as GetQueryResults prints it; None is NULL."""
        kinds = [column.type for column in self.columns]
        for row in self.rows():
            yield [render_cell(value, kind) for value, kind in zip(row, kinds, strict=True)]


def render_cell(value: Any, kind: str = "") -> str | None:
    """A value as GetQueryResults prints it, `kind` being its Trino type. None for NULL.

    Arrays `[a, b]`, maps `{k=v}`, rows `{x=1}`, doubles as Java does (`1.0E10`), timestamps with three
    digits of a second, NULL inside a container as `null`.
    """
    if value is None:
        return None
    text: str = _RENDER.get(type(value), _other)(value, kind)
    return text


def _inner(value: Any, kind: str) -> str:
    text = render_cell(value, kind)
    return "null" if text is None else text


def double(value: float) -> str:
    """Java's Double.toString: plain between 1e-3 and 1e7, else `d.dddE±x`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e7:
        text = repr(value)
        return text if "e" not in text else f"{value:.{_decimals(text)}f}"
    mantissa, _, exponent = f"{decimal.Decimal(repr(value)):E}".partition("E")
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    if "." in digits:
        digits = digits.rstrip("0")
        digits += "0" if digits.endswith(".") else ""
    else:
        digits += ".0"
    return f"{sign}{digits}E{int(exponent)}"


def _decimals(text: str) -> int:
    mantissa, _, exponent = text.partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent)


def _float(value: float, kind: str) -> str:
    if kind == "real":
        for digits in range(1, 10):  # the shortest text that is the same 32-bit float
            text = f"{value:.{digits}g}"
            if pa.scalar(float(text), pa.float32()).as_py() == value:
                return double(float(text))
    return double(value)


def _timestamp(value: dt.datetime, kind: str) -> str:
    text = value.strftime("%Y-%m-%d %H:%M:%S") + f".{value.microsecond // 1000:03d}"
    if value.year < 1000:
        text = text.zfill(len(text) + 4 - len(str(value.year)))
    zone = kind.partition("with time zone")
    if zone[1]:
        text += " " + (zone[2].strip() or "UTC")
    return text


def _time(value: dt.time, kind: str) -> str:
    return value.strftime("%H:%M:%S") + f".{value.microsecond // 1000:03d}"


def _interval(value: dt.timedelta, kind: str) -> str:
    us = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    sign, us = ("-", -us) if us < 0 else ("", us)
    seconds, us = divmod(us, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    return f"{sign}{days} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{us // 1000:03d}"


def _months(value: tuple[int, int, int], kind: str) -> str:
    months, days, nanos = value
    if months:
        sign = "-" if months < 0 else ""
        return f"{sign}{abs(months) // 12}-{abs(months) % 12}"
    return _interval(dt.timedelta(days=days, microseconds=nanos // 1000), kind)


def _list(value: list[Any], kind: str) -> str:
    if kind.startswith("map("):
        inside = _parts(kind)
        return "{" + ", ".join(f"{_inner(k, inside[0])}={_inner(v, inside[1])}" for k, v in value) + "}"
    inside = _parts(kind)
    one = inside[0] if inside else ""
    return "[" + ", ".join(_inner(item, one) for item in value) + "]"


def _dict(value: dict[str, Any], kind: str) -> str:
    inside = _parts(kind)
    kinds = [part.partition(" ")[2] if kind.startswith("row(") else "" for part in inside]
    kinds += [""] * (len(value) - len(kinds))
    named = (f"{k}={_inner(v, t)}" for (k, v), t in zip(value.items(), kinds, strict=False))
    return "{" + ", ".join(named) + "}"


def _parts(kind: str) -> list[str]:
    _, mark, rest = kind.partition("(")
    return split_top(rest[:-1]) if mark else []


def _other(value: Any, kind: str) -> str:
    return str(value)


_RENDER: dict[type, Any] = {
    bool: lambda v, _: "true" if v else "false",
    str: lambda v, _: v,
    int: lambda v, _: str(v),
    float: _float,
    decimal.Decimal: lambda v, _: f"{v:f}",
    dt.datetime: _timestamp,
    dt.date: lambda v, _: v.isoformat(),
    dt.time: _time,
    dt.timedelta: _interval,
    bytes: lambda v, _: v.hex(" "),
    list: _list,
    dict: _dict,
    pa.MonthDayNano: _months,
}


def to_json_rows(columns: Sequence[Column], rows: Iterator[list[Any]]) -> Iterator[str]:
    """Each row as a JSON object; timestamps and decimals as text, a repeated name keeps the last value."""
    names = [column.name for column in columns]
    for row in rows:
        yield json.dumps(dict(zip(names, (plain(v) for v in row), strict=True)), ensure_ascii=False)


def plain(value: Any) -> Any:
    """`value` as JSON can hold it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case list():
            if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
                return {str(plain(k)): plain(v) for k, v in value}
            return [plain(item) for item in value]
        case dict():
            return {k: plain(v) for k, v in value.items()}
        case bytes():
            return value.hex()
        case dt.datetime():
            return _timestamp(value, "")
    return str(value)
