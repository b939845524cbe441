"""Metrics as other processes put them and ask for them, over the front's socket.

    metrics_put    {data: [{namespace, name, at, value | values, dimensions?, unit?, resolution?}]}
    metrics_query  {queries: [...], start, end} → [{id, label, period, timestamps, values, messages}]
    metrics_list   {namespace?, name?} → [{namespace, name, dimensions, last}]

`telemetry.metric_query` says what a query is. A put is answered once it is on disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from forebay.errors import UsageError
from forebay.project.model import Project
from forebay.telemetry.metric_query import Asked, answer
from forebay.telemetry.metrics import Metrics, Reading, decoded
from forebay.telemetry.section import TelemetrySpec

LISTED = 10_000


class MetricOperations:
    """The store, and the operations of `front.sock` on it."""

    def __init__(self, path: Path) -> None:
        self.metrics = Metrics(path)

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
        """By name."""
        return {"metrics_put": self._put, "metrics_query": self._query, "metrics_list": self._list}

    def conform(self, project: Project) -> None:
        """Keep metrics for as long as `project` says."""
        self.metrics.retention = project.one(TelemetrySpec).metric_retention

    async def close(self) -> None:
        """Keep what is waiting, and close."""
        await self.metrics.close()

    async def _put(self, args: dict[str, Any]) -> None:
        try:
            points = decoded(args["data"])
        except (msgspec.ValidationError, KeyError) as error:
            raise UsageError("BadMetric", f"what is put is no metric: {error}") from None
        if points:
            await self.metrics.put(points)

    async def _query(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            queries = msgspec.convert(args["queries"], list[Asked])
            start, end = int(args["start"]), int(args["end"])
        except (msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
            raise UsageError("BadQuery", f"what is asked is no question to the metrics: {error}") from None
        found = await self.metrics.read(lambda reading: answer(reading, queries, start, end))
        return [each.sent() for each in found]

    async def _list(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        def read(reading: Reading) -> list[dict[str, Any]]:
            found = []
            for each in reading.listed(args.get("namespace"), args.get("name")):
                dimensions = dict(each.metric.dimensions)
                named = {
                    "namespace": each.metric.namespace,
                    "name": each.metric.name,
                    "dimensions": dimensions,
                }
                found.append({**named, "last": each.last})
                if len(found) == LISTED:
                    break
            return found

        return await self.metrics.read(read)
