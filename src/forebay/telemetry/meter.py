"""Counts of what happens, gathered in a process and handed on about once a second.

`count` costs a dictionary's addition; nothing is written where it is called.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metrics import Point

MOST = 20_000
"""Metrics that are gathered between two times; what is beyond is not counted."""


@dataclass(frozen=True, slots=True)
class _Key:
    metric: Metric
    unit: str


class Meter:
    """Gathers values by metric; to be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gathered: dict[_Key, dict[float, float]] = {}

    def count(self, metric: Metric, value: float = 1.0, unit: str = "Count", times: float = 1.0) -> None:
        """This value was there, so many times."""
        key = _Key(metric, unit)
        with self._lock:
            values = self._gathered.get(key)
            if values is None:
                if len(self._gathered) >= MOST:
                    return
                values = self._gathered[key] = {}
            values[value] = values.get(value, 0.0) + times

    def drain(self, at: int) -> list[Point]:
        """What was gathered since the last time, as points of this second (UTC)."""
        with self._lock:
            gathered, self._gathered = self._gathered, {}
        return [Point(key.metric, at, tuple(values.items()), key.unit, 1) for key, values in gathered.items()]


def incoming(meter: Meter, group: str, events: Sequence[Sequence[Any]]) -> None:
    """Events, (time, text) each, came into a log group."""
    dimensions = {"LogGroupName": group}
    size = sum(len(text.encode()) for _, text in events)
    meter.count(Metric.of("AWS/Logs", "IncomingLogEvents", dimensions), len(events))
    meter.count(Metric.of("AWS/Logs", "IncomingBytes", dimensions), size, "Bytes")


def sent(points: list[Point]) -> list[dict[str, object]]:
    """Points as `metrics_put` takes them from another process."""
    return [
        {
            "namespace": point.metric.namespace,
            "name": point.metric.name,
            "dimensions": dict(point.metric.dimensions),
            "at": point.at,
            "values": [list(pair) for pair in point.values],
            "unit": point.unit,
            "resolution": point.resolution,
        }
        for point in points
    ]
