"""The alerts as the console shows them: states and reasons, what each looks at, its history.

GET  /api/alerts                     {alarms: [...], incidents: [...], failing: {}}: as `alarms` of flow.sock
GET  /api/alerts/NAME?seconds=10800  {alarm, chart: {option, why, learning}, history: [...]}
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.dashboards.options import empty
from forebay.dashboards.theme import LIGHT, OTHER
from forebay.dashboards.values import wall_of
from forebay.errors import NotFound
from forebay.project.model import Project
from forebay.web.console_answers import json_of
from forebay.web.live import Asks

SECONDS, LONGEST = 3 * 3600, 15 * 86400
HISTORY = 50
_BASE: dict[str, Any] = {"animation": False, "useUTC": True, "aria": {"enabled": True}}


class Context(Protocol):
    """What is asked of the console's context."""

    @property
    def flow(self) -> Asks:
        """The flow, which has the alarms."""

    @property
    def project(self) -> Project:
        """Whose hours the chart shows."""


def alert_routes(ctx: Callable[[], Context]) -> list[Route]:
    """The routes."""

    async def alerts(_: Request) -> Response:
        return json_of(await ctx().flow.call("alarms", timeout=5.0))

    async def alert(request: Request) -> Response:
        name = request.path_params["name"]
        flow = ctx().flow
        found = (await flow.call("alarms", timeout=5.0, names=[name]))["alarms"]
        if not found:
            raise NotFound("NoSuchAlert", f"there is no alert {name!r}")
        lines = (await flow.call("alarm_history", timeout=5.0, name=name, most=HISTORY))["history"]
        shown = found[0]
        drawn: dict[str, Any] = {}
        if shown["state"] is not None and shown["kind"] != "composite":
            end = int(time.time())
            start = end - _seconds(request.query_params.get("seconds"))
            chart = await flow.call("alarm_chart", timeout=15.0, name=name, start=start, end=end)
            drawn = {
                "option": option(chart, start, end, ZoneInfo(ctx().project.timezone)),
                "why": chart.get("why"),
                "learning": chart.get("learning"),
            }
        return json_of({"alarm": shown, "chart": drawn, "history": lines})

    return [Route("/api/alerts", alerts), Route("/api/alerts/{name:path}", alert)]


def _seconds(text: str | None) -> int:
    return min(LONGEST, max(60, int(text))) if text is not None and text.isdigit() else SECONDS


def option(chart: dict[str, Any], start: int, end: int, zone: ZoneInfo) -> dict[str, Any]:
    """The chart: the value, and its threshold or the band of what is usual."""
    if not chart["points"]:
        return empty("No values in this time")
    series = _band(chart.get("band") or [], zone)
    series.append(
        {
            "name": "value",
            "type": "line",
            "showSymbol": len(chart["points"]) < 40,
            "symbolSize": 5,
            "data": [[_wall(at, zone), value] for at, value in chart["points"]],
            "lineStyle": {"width": 2},
            "color": LIGHT[0],
        }
    )
    if chart.get("threshold") is not None:
        series.append(
            {
                "name": "threshold",
                "type": "line",
                "symbol": "none",
                "silent": True,
                "data": [[_wall(at * 1000, zone), chart["threshold"]] for at in (start, end)],
                "lineStyle": {"width": 1.5, "type": "dashed"},
                "color": LIGHT[7],
            }
        )
    return {
        **_BASE,
        "grid": {"left": 8, "right": 16, "top": 16, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "time",
            "min": _wall(start * 1000, zone),
            "max": _wall(end * 1000, zone),
            "axisLabel": {"hideOverlap": True},
        },
        "yAxis": {"type": "value", "scale": bool(chart.get("band"))},
        "series": series,
    }


def _band(found: list[list[float]], zone: ZoneInfo) -> list[dict[str, Any]]:
    """The edges of what is usual, and the room between them: the upper part of a stack, which has no words of its own."""
    if not found:
        return []
    times = [_wall(at, zone) for at, *_ in found]
    low, high = [each[1] for each in found], [each[3] for each in found]
    thin = {"type": "line", "symbol": "none", "silent": True, "color": OTHER["light"]}
    room = {**thin, "stack": "usual", "lineStyle": {"opacity": 0}, "tooltip": {"show": False}}

    def pairs(values: list[float]) -> list[list[float]]:
        return [[at, value] for at, value in zip(times, values, strict=True)]

    return [
        {**room, "name": "below", "data": pairs(low)},
        {
            **room,
            "name": "room",
            "data": pairs([top - bottom for top, bottom in zip(high, low, strict=True)]),
            "areaStyle": {"opacity": 0.18},
        },
        {**thin, "name": "usual, at least", "data": pairs(low), "lineStyle": {"width": 1, "opacity": 0.6}},
        {**thin, "name": "usual, at most", "data": pairs(high), "lineStyle": {"width": 1, "opacity": 0.6}},
    ]


def _wall(milliseconds: float, zone: ZoneInfo) -> int:
    return wall_of(datetime.fromtimestamp(milliseconds / 1000, UTC), zone)
