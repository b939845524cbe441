"""The tile of alarms on a dashboard: which are in which state, as CloudWatch's alarm status widget shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forebay.clock import iso
from forebay.dashboards.model import Tile
from forebay.web.live import Asks

_RANK = {"ALARM": 0, None: 1, "INSUFFICIENT_DATA": 2, "OK": 3}
"""One that is refused has no state: it needs somebody before those that only wait for data."""
_SHOWN = ("name", "state", "since", "told", "reason", "description", "when", "value", "error")
_SORTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "default": lambda each: each["name"].casefold(),
    "stateUpdatedTimestamp": lambda each: (_RANK[each["state"]], -(each["since"] or 0)),
    "timestamp": lambda each: -(each["since"] or 0),
}


async def alarms_of(flow: Asks, tile: Tile) -> list[dict[str, Any]]:
    """What the tile shows of each alarm, in its order; `since` in UTC microseconds. Raises Unavailable."""
    asked = list(tile.alarms) or None
    found = (await flow.call("alarms", timeout=5.0, names=asked))["alarms"]
    shown = [{key: each.get(key) for key in _SHOWN} for each in found]
    if tile.states:
        shown = [each for each in shown if each["state"] in tile.states]
    return sorted(shown, key=_SORTS[tile.sort_by])


async def as_rows(flow: Asks, tile: Tile) -> dict[str, Any]:
    """The same as the answer of a query: {columns, values, truncated}."""
    values = [
        [
            each["name"],
            each["state"],
            None if each["since"] is None else iso(each["since"]),
            each["error"] or each["told"] or each["reason"],
        ]
        for each in await alarms_of(flow, tile)
    ]
    columns = [["alarm", "varchar"], ["state", "varchar"], ["since", "varchar"], ["reason", "varchar"]]
    return {"columns": columns, "values": values, "truncated": False}
