"""Metrics and logs as the console shows them.

GET  /api/telemetry/metrics               every metric: namespace, name, dimensions, when it was last put
GET  /api/telemetry/metric                ?namespace&name&d.NAME=VALUE&stat&span → a chart's option, and figures
GET  /api/logs/groups                     log groups with their sizes
POST /api/logs/query                      {text, groups, span?, limit?} → a table, as Logs Insights answers
"""

from __future__ import annotations

import time
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.clock import SECOND, to_datetime
from forebay.dashboards.model import Tile
from forebay.dashboards.options import build, empty
from forebay.dashboards.shape import Result
from forebay.errors import ForebayError, UsageError
from forebay.telemetry.metric_query import Answer, Asked, AskedMetric, answer
from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metrics import Metrics, Reading
from forebay.web.console_answers import body_of, json_of
from forebay.web.groups import LogGroups
from forebay.web.live import Asks

LISTED = 5000
POINTS = 120
"""About so many points has a chart."""
SPANS = {"15m": 900, "1h": 3600, "3h": 10_800, "1d": 86_400, "1w": 604_800}
COUNTED = ("Sum", "SampleCount")
"""Statistics that are 0 where nothing was put."""
ROWS = 1000
SHORTEST = 1
_FORMATS = {"Bytes": "bytes", "Seconds": "duration", "Percent": "number", "Milliseconds": "number"}
_UNITS = {"Percent": "%", "Milliseconds": "ms"}


class Search(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /api/logs/query`; `span` in seconds until now."""

    text: str
    groups: list[str]
    span: int = 3600
    limit: int = ROWS


class TelemetryPages:
    """The routes, with what they ask."""

    def __init__(self, metrics: Metrics, groups: LogGroups, query: Asks) -> None:
        self._metrics = metrics
        self._groups = groups
        self._query = query

    def routes(self) -> list[Route]:
        """For the console's application."""
        return [
            Route("/api/telemetry/metrics", self._listed),
            Route("/api/telemetry/metric", self._one),
            Route("/api/logs/groups", self._log_groups),
            Route("/api/logs/query", self._search, methods=["POST"]),
        ]

    async def _listed(self, _: Request) -> Response:
        def read(reading: Reading) -> list[dict[str, Any]]:
            found = []
            for each in reading.listed():
                metric = each.metric
                named = {
                    "namespace": metric.namespace,
                    "name": metric.name,
                    "dimensions": dict(metric.dimensions),
                }
                found.append({**named, "last": each.last * SECOND})
                if len(found) == LISTED:
                    break
            return found

        return json_of({"metrics": await self._metrics.read(read)})

    async def _one(self, request: Request) -> Response:
        asked = request.query_params
        stat, span = asked.get("stat") or "Sum", SPANS.get(asked.get("span") or "1h")
        if span is None or not asked.get("name"):
            raise UsageError("BadQuery", "name a metric and a span", fix=f"spans are {', '.join(SPANS)}")
        dimensions = {key[2:]: value for key, value in asked.items() if key.startswith("d.")}
        metric = AskedMetric(asked.get("namespace") or "", asked["name"], dimensions)
        end = int(time.time()) + 1
        period = _period(span)
        start = end - span - (end - span) % period
        query = [Asked("m", metric, stat=stat, period=period)]

        def read(reading: Reading) -> tuple[Answer, str]:
            (found,) = answer(reading, query, start, end)
            return found, _unit(reading, metric, start, end)

        found, unit = await self._metrics.read(read)
        points: dict[int, float | None] = {at: found.points.get(at) for at in range(start, end, period)}
        if stat in COUNTED and found.points:
            first = min(found.points)
            whole = end - period  # the period that runs may yet get something
            points = {
                at: 0.0 if value is None and first <= at <= whole else value for at, value in points.items()
            }
        known = list(found.points.values())
        return json_of(
            {
                "option": _chart(metric.name, points, start, end) if known else empty("No data in this time"),
                "format": _FORMATS.get(unit, "number") if stat != "SampleCount" else "number",
                "unit": _UNITS.get(unit, ""),
                "period": period,
                "latest": known[-1] if known else None,
                "least": min(known, default=None),
                "greatest": max(known, default=None),
                "total": sum(known) if stat in COUNTED else None,
            }
        )

    async def _log_groups(self, _: Request) -> Response:
        listed = await self._groups.listed()
        return json_of(
            {
                "groups": [
                    {
                        "name": each.name,
                        "bytes": each.bytes,
                        "retention": each.retention,
                        "created": each.created,
                    }
                    for each in listed
                ]
            }
        )

    async def _search(self, request: Request) -> Response:
        asked = await body_of(request, Search)
        if not asked.groups:
            raise UsageError("NoGroup", "choose a log group")
        await self._groups.take_in(asked.groups)
        end = int(time.time() * 1000)
        started = time.monotonic()
        try:
            found = await self._query.call(
                "insights",
                timeout=90.0,
                id=str(uuid.uuid4()),
                groups=asked.groups,
                text=asked.text,
                start=end - max(SHORTEST, asked.span) * 1000,
                end=end,
                limit=max(1, min(asked.limit, ROWS)),
            )
        except ForebayError as error:
            if error.code == "MalformedQuery":
                before = asked.text[: error.extra.get("start", 0)]
                error.extra |= {"line": before.count("\n") + 1, "column": len(before) - before.rfind("\n")}
            raise
        results = [dict(row) for row in found["results"]]
        names = list(dict.fromkeys(name for row in results for name in row if name != "@ptr"))
        rows = [[row.get(name) for name in names] for row in results]
        return json_of(
            {
                "columns": [
                    {"name": n, "type": "varchar", "numeric": _numeric(rows, at)}
                    for at, n in enumerate(names)
                ],
                "rows": rows,
                "truncated": False,
                "stats": {
                    "elapsed_ms": (time.monotonic() - started) * 1000,
                    "scanned_bytes": found["bytes"],
                    "scanned": found["scanned"],
                    "matched": found["matched"],
                },
            }
        )


def _period(span: int) -> int:
    """A span's period: one that metrics have, for about `POINTS` points."""
    wanted = span / POINTS
    return next((each for each in (1, 5, 10, 30, 60, 300, 900, 3600) if each >= wanted), 3600)


def _unit(reading: Reading, metric: AskedMetric, start: int, end: int) -> str:
    id = reading.find(Metric.of(metric.namespace, metric.name, metric.dimensions))
    if id is None:
        return "None"
    return next((unit for _, unit, _ in reading.points(id, start, end, 3600, values=False)), "None")


def _chart(name: str, points: dict[int, float | None], start: int, end: int) -> dict[str, Any]:
    """A line over all of the time that is asked for."""
    columns = [("time", "timestamp"), (name, "double")]
    rows = [[to_datetime(at * SECOND).strftime("%Y-%m-%d %H:%M:%S"), value] for at, value in points.items()]
    tile = Tile(id="metric", title=name, kind="line", line=0, x="time", y=(name,))
    option, _ = build(tile, Result(columns, rows), ZoneInfo("UTC"))
    axis = (option.get("baseOption") or option)["xAxis"]
    if axis["type"] == "time":  # with a single point it is none
        axis |= {"min": start * 1000, "max": end * 1000}
    return option


def _numeric(rows: list[list[Any]], at: int) -> bool:
    values = [row[at] for row in rows if row[at] is not None]
    return bool(values) and all(str(value).replace(".", "", 1).lstrip("-").isdigit() for value in values)
