"""A dashboard as the user wrote it, checked: what the reader makes and the tile runner asks."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal[
    "number", "line", "bar", "stacked", "stacked100", "pie", "donut", "heatmap", "table", "text", "alarm"
]
KINDS: tuple[Kind, ...] = (
    "number", "line", "bar", "stacked", "stacked100", "pie", "donut", "heatmap", "table", "text", "alarm",
)  # fmt: skip

FORMATS = ("number", "integer", "compact", "percent", "duration", "bytes", "text")
"""How values are written. `number` picks decimals by size, `duration` takes seconds, `percent` a share of 1.

`money:EUR` (any ISO 4217 code) is the one format with an argument.
"""

COMPARES = ("previous", "day", "week")

STATES = ("ALARM", "INSUFFICIENT_DATA", "OK")
SORTS = ("default", "stateUpdatedTimestamp", "timestamp")
"""How an `alarm` tile is sorted, in the words of CloudWatch's alarm status widget: by name; by state, then newest
change; by newest change."""


class Filter(msgspec.Struct, frozen=True):
    """A choice above the tiles. Its value reaches SQL as `${filter.NAME}`, its condition as `${where.NAME}`."""

    name: str
    label: str
    type: Literal["text", "number"] = "text"
    column: str | None = None
    options: tuple[str, ...] = ()
    sql: str | None = None
    default: str | None = None


class Tile(msgspec.Struct, frozen=True):
    """One chart. `id` is unique in its dashboard and names it in URLs; `line` is where the file defines it.

    `width` is in columns of twelve, `height` in rows of 80 pixels. Column names that are None are found
    in the result (see `shape.Roles`). `alarms` and `states` are what an `alarm` tile shows; all, if empty.
    """

    id: str
    title: str
    kind: Kind
    line: int
    sql: str = ""
    query: str | None = None
    description: str = ""
    text: str = ""
    x: str | None = None
    y: tuple[str, ...] = ()
    series: str | None = None
    value: str | None = None
    format: str = "number"
    unit: str = ""
    compare: Literal["previous", "day", "week"] | None = None
    horizontal: bool = False
    width: int = 6
    height: int = 4
    sort: str | None = None
    limit: int | None = None
    timezone: str = "UTC"
    database: str = "default"
    alarms: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    sort_by: str = "default"

    @property
    def live(self) -> bool:
        """Whether what it shows is asked for, and so can change."""
        return bool(self.sql) or self.kind == "alarm"


class Dashboard(msgspec.Struct, frozen=True):
    """One file of `dashboards/`. `name` is the file's stem; `timezone` and `day_starts` are the project's
    unless the file says otherwise.
    """

    name: str
    title: str
    file: str
    description: str = ""
    range: str = "today"
    timezone: str = "UTC"
    day_starts: str = "00:00"
    filters: tuple[Filter, ...] = ()
    tiles: tuple[Tile, ...] = ()

    def tile(self, name: str) -> Tile | None:
        """The tile with the id `name`, or None."""
        return next((tile for tile in self.tiles if tile.id == name), None)
