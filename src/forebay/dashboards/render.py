"""A tile's answer as what the browser shows: a chart's option, a number, or a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from forebay.clock import to_datetime
from forebay.dashboards import options
from forebay.dashboards.model import Tile
from forebay.dashboards.shape import Result, roles
from forebay.dashboards.values import Scalar, is_number, number, scale, wall, written

MAX_TABLE_ROWS = 1000
_EXACT = 2**53
EMPTY = "No rows in this range"


@dataclass(frozen=True, slots=True)
class Rendered:
    """`state` is `ok` or `empty`. One of `option`, `number` and `table` is set, by the tile's kind."""

    state: str
    option: dict[str, Any] | None = None
    number: dict[str, Any] | None = None
    table: dict[str, Any] | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The parts that are there."""
        parts = {"state": self.state, "option": self.option, "number": self.number, "table": self.table}
        return {name: part for name, part in {**parts, "note": self.note}.items() if part not in (None, "")}


def render(tile: Tile, result: Result, zone: ZoneInfo, before: Result | None = None) -> Rendered:
    """What `tile` shows of `result`; `before` is the answer of the range it is compared with.

    Raises UsageError (`NoSuchColumn`, `NothingToDraw`) where the answer has not the columns it needs.
    """
    if tile.kind == "number":
        return _number(tile, result, before)
    if not result.rows:
        if tile.kind == "table":
            return Rendered("empty", table=table(result, MAX_TABLE_ROWS, zone))
        return Rendered("empty", option=options.empty(EMPTY))
    if tile.kind == "table":
        shown = table(result, min(tile.limit or MAX_TABLE_ROWS, MAX_TABLE_ROWS), zone)
        rest = len(result.rows) - len(shown["rows"])
        return Rendered(
            "ok", table=shown, note=f"first {len(shown['rows']):,} rows" if rest or result.truncated else ""
        )
    option, note = options.build(tile, result, zone)
    if result.truncated:
        note = f"drawn from the first {len(result.rows):,} rows"
    return Rendered("ok", option=option, note=note)


def table(result: Result, limit: int, zone: ZoneInfo | None = None) -> dict[str, Any]:
    """Columns and rows for the browser; timestamps in `zone` if one is given, else as they came.

    Integers that JavaScript would round are sent as text.
    """
    timed = [zone is not None and kind.lower().startswith("timestamp") for _, kind in result.columns]
    return {
        "columns": [
            {"name": name, "type": kind, "numeric": is_number(kind)} for name, kind in result.columns
        ],
        "rows": [
            [
                _local(value, zone) if at and zone is not None else _exact(value)
                for value, at in zip(row, timed, strict=True)
            ]
            for row in result.rows[:limit]
        ],
    }


def _exact(value: Scalar) -> Scalar:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    return value


def _local(value: Scalar, zone: ZoneInfo) -> Scalar:
    moment = wall(value, "timestamp", zone)
    if moment is None:
        return value
    text = to_datetime(moment * 1000).strftime("%Y-%m-%d %H:%M:%S")
    return text if moment % 1000 == 0 else f"{text}.{moment % 1000:03}"


def _number(tile: Tile, result: Result, before: Result | None) -> Rendered:
    """The one value of the answer; of several rows over an x, their sum, with its course as a line."""
    if not result.rows:
        return Rendered("empty", number={"value": None, "text": written(None)})
    values = _column(tile, result)
    shown = _total(values)
    if shown is None and len(values) == 1:
        at = result.index(tile.value) if tile.value else 0
        raw = result.rows[0][at]
        return Rendered("ok" if raw is not None else "empty",
                        number={"value": None, "text": "–" if raw is None else str(raw)})  # fmt: skip
    digits = scale(result.columns[_measure(tile, result)][1])
    parts: dict[str, Any] = {"value": shown, "text": written(shown, tile.format, tile.unit, digits)}
    if len(values) > 1:
        parts["spark"] = options.sparkline([value or 0 for value in values])
    if before is not None:
        earlier = _total(_column(tile, before)) if before.rows else None
        parts["before"] = {"value": earlier, "text": written(earlier, tile.format, tile.unit, digits)}
        if earlier and shown is not None:
            parts["before"]["change"] = (shown - earlier) / abs(earlier)
    return Rendered("ok", number=parts)


def _column(tile: Tile, result: Result) -> list[float | int | None]:
    at = _measure(tile, result)
    return [number(row[at]) for row in result.rows]


def _measure(tile: Tile, result: Result) -> int:
    """Which column has the number."""
    named = tile.value or (tile.y[0] if tile.y else None)
    if named is not None:
        return result.index(named)
    numeric = [i for i, (_, kind) in enumerate(result.columns) if is_number(kind)]
    return roles(tile, result).y[0] if tile.x else (numeric[0] if numeric else 0)


def _total(values: list[float | int | None]) -> float | int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
