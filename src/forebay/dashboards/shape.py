"""From rows to what a chart draws: which column plays which part, categories, series, points."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from forebay.dashboards.model import Tile
from forebay.dashboards.theme import MAX_SERIES
from forebay.dashboards.values import Scalar, is_number, is_time, label, natural, number, time_labels, wall
from forebay.errors import UsageError

OTHER = "other"
MAX_CATEGORIES = 400
_FILL = 400


@dataclass(frozen=True, slots=True)
class Result:
    """A query's answer: columns as (name, Athena type), rows of MessagePack values."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Scalar]]
    truncated: bool = False

    def index(self, name: str) -> int:
        """The position of column `name`, in any case. Raises UsageError `NoSuchColumn`."""
        for at, (column, _) in enumerate(self.columns):
            if column.lower() == name.lower():
                return at
        raise UsageError(
            "NoSuchColumn",
            f"the query answers no column {name!r}",
            why="it answers " + (", ".join(column for column, _ in self.columns) or "none"),
            fix="name one of these in the tile, or alias the column in the query (… AS name)",
        )


@dataclass(frozen=True, slots=True)
class Roles:
    """Column positions: `x` the categories or times, `y` the measures, `series` what splits them."""

    x: int
    y: tuple[int, ...]
    series: int | None


def roles(tile: Tile, result: Result) -> Roles:
    """What the tile names, and for the rest: x is the first column, the measures are the numeric ones after
    it, and a third column that is neither splits into series. Raises UsageError `NoSuchColumn`,
    `NothingToDraw`.
    """
    count = len(result.columns)
    numeric = [at for at in range(count) if is_number(result.columns[at][1])]
    named = tile.y or ((tile.value,) if tile.value else ())
    y = [result.index(name) for name in named]
    series = result.index(tile.series) if tile.series else None
    if tile.x:
        x = result.index(tile.x)
    else:
        free = [at for at in range(count) if at not in y and at != series]
        x = next((at for at in free if at not in numeric), free[0] if free else 0)
    if not y:
        y = [at for at in numeric if at not in (x, series)]
        if series is None and len(y) > 1 and (tile.kind in {"pie", "donut"}):
            y = y[:1]
    if not y:
        raise UsageError(
            "NothingToDraw",
            f"a {tile.kind} tile needs a numeric column, and the query answers "
            + (", ".join(f"{name} {kind}" for name, kind in result.columns) or "none"),
            fix="add a count(*) or sum(...) to the query, or show it as a table",
        )
    if series is None and not tile.y and len(y) == 1:
        free = [at for at in range(count) if at not in (x, *y) and at not in numeric]
        series = free[0] if free else None
    return Roles(x, tuple(y), series)


@dataclass(slots=True)
class Grid:
    """Categories by series: `cells[series][i]` belongs to category i, None where no row said anything."""

    categories: list[str]
    cells: dict[str, list[float | int | None]] = field(default_factory=dict)
    hidden: int = 0


def grid(tile: Tile, result: Result, zone: ZoneInfo) -> Grid:
    """The rows as a grid; several rows of one cell add up. Time categories come in order with their gaps."""
    part = roles(tile, result)
    kind = result.columns[part.x][1]
    timed = is_time(kind)
    keys: dict[Scalar, int] = {}
    found: dict[str, dict[Scalar, float | int]] = {}
    if part.series is None:
        found = {result.columns[at][0]: {} for at in part.y}
    for row in result.rows:
        key: Scalar = wall(row[part.x], kind, zone) if timed else label(row[part.x])
        if key is None:
            continue
        keys.setdefault(key, len(keys))
        for at in part.y:
            name = result.columns[at][0] if part.series is None else label(row[part.series])
            value = number(row[at])
            if value is not None:
                cells = found.setdefault(name, {})
                cells[key] = cells.get(key, 0) + value
    order = _order(tile, keys, found, timed=timed)
    hidden = max(0, len(order) - (tile.limit or MAX_CATEGORIES))
    if hidden:  # of times the newest are kept, of categories the first
        order = order[hidden:] if timed else order[: tile.limit or MAX_CATEGORIES]
    names = list(found) if part.series is None else sorted(found, key=natural)
    names = _foldable(found, names)
    moments = [key for key in order if isinstance(key, int)]
    made = Grid(time_labels(moments) if timed else [str(key) for key in order], hidden=hidden)
    for name in names:
        made.cells[name] = [found[name].get(key) for key in order]
    return made


def _order(
    tile: Tile, keys: dict[Scalar, int], found: dict[str, dict[Scalar, float | int]], *, timed: bool
) -> list[Scalar]:
    if timed:
        return list(_filled(sorted(key for key in keys if isinstance(key, int))))
    by, _, direction = (tile.sort or "").partition(" ")
    down = direction == "desc"
    if by == "x":
        return sorted(keys, key=lambda key: natural(str(key)), reverse=down)
    if by:
        total = {key: sum(cells.get(key, 0) for cells in found.values()) for key in keys}
        return sorted(keys, key=lambda key: (total[key], natural(str(key))), reverse=down)
    return list(keys)


def _filled(moments: list[int]) -> list[int]:
    """Times at an even step get the steps that are missing between them: a gap is seen as one."""
    if len(moments) < 3:
        return moments
    step = min(b - a for a, b in itertools.pairwise(moments))
    span = moments[-1] - moments[0]
    if step <= 0 or span // step > _FILL or any((moment - moments[0]) % step for moment in moments):
        return moments
    return list(range(moments[0], moments[-1] + 1, step))


def _foldable(found: dict[str, dict[Scalar, float | int]], names: list[str]) -> list[str]:
    """At most MAX_SERIES names; the smallest of the others become `other`."""
    if len(names) <= MAX_SERIES:
        return names
    largest = sorted(names, key=lambda name: -sum(abs(value) for value in found[name].values()))
    kept = set(largest[: MAX_SERIES - 1])
    rest: dict[Scalar, float | int] = {}
    for name in names:
        if name not in kept:
            for key, value in found.pop(name).items():
                rest[key] = rest.get(key, 0) + value
    found[OTHER] = rest
    return [name for name in names if name in kept] + [OTHER]


@dataclass(slots=True)
class Lines:
    """Series of points over a number or time axis, each [x, y], in x's order."""

    timed: bool
    points: dict[str, list[list[float | int]]] = field(default_factory=dict)


def lines(tile: Tile, result: Result, zone: ZoneInfo) -> Lines | None:
    """The rows as lines, or None if x is neither a number nor a time (then a grid is drawn)."""
    part = roles(tile, result)
    kind = result.columns[part.x][1]
    timed = is_time(kind)
    if not timed and not is_number(kind):
        return None
    found: dict[str, dict[Scalar, float | int]] = {}
    for row in result.rows:
        x = wall(row[part.x], kind, zone) if timed else number(row[part.x])
        if x is None:
            continue
        for at in part.y:
            name = result.columns[at][0] if part.series is None else label(row[part.series])
            value = number(row[at])
            if value is not None:
                points = found.setdefault(name, {})
                points[x] = points.get(x, 0) + value
    names = list(found) if part.series is None else sorted(found, key=natural)
    made = Lines(timed)
    for name in _foldable(found, names):
        made.points[name] = [[x, y] for x, y in sorted(found[name].items()) if isinstance(x, int | float)]
    return made
