"""Our own metrics: what doors, logs, the ledger and the flow count, sampled into the metrics.

    every second       doors and logs, which are counted here, and what the meter gathered
    every 5 seconds    the ledger, the flow's status, the disk

Under forebay's own names (`<noun>.<name>.<what>`) and, where AWS has one for the same, under AWS's too. Nothing here
is done for each event.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from forebay.clock import SECOND
from forebay.errors import ForebayError
from forebay.ingest.door import Counts
from forebay.layout import Layout
from forebay.runtime import endpoints
from forebay.streams.writer import Log
from forebay.telemetry.meter import Meter
from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metrics import Metrics
from forebay.telemetry.prometheus import rendered
from forebay.telemetry.sampling import Level, Named, Sampling, Total
from forebay.web.ledger import Delivered

logger = logging.getLogger("forebay.front")

SLOW = 5
PHASE = 0.5
"""Where in a second it is sampled: far from both ends, so that each second has one sample whatever the timer is late."""
WITHOUT_NEWS = frozenset({"accepted", "delivered"})
"""Counters that also say that nothing happened, as alarms on silence ask for."""
ENDS = ("delivered", "dropped", "rejected", "expired", "erased")

Doors = Mapping[str, Mapping[str, int]]


class Sampler:
    """Samples between `start` and `close`."""

    def __init__(
        self,
        layout: Layout,
        metrics: Metrics,
        meter: Meter,
        *,
        logs: Mapping[str, Log],
        doors: Callable[[], Doors],
        traffic: Callable[[], Mapping[str, Counts]],
        ledger: Callable[[], Awaitable[dict[str, dict[str, Any]]]],
        deliveries: Callable[[], Awaitable[dict[str, Delivered]]],
        flow: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        self._layout = layout
        self._metrics = metrics
        self._meter = meter
        self._logs = logs
        self._doors = doors
        self._traffic = traffic
        self._ledger = ledger
        self._deliveries = deliveries
        self._flow = flow
        self._sampling: Sampling | None = None
        self._begun = list(self._quick())
        # Events of before there were metrics are not of the moment in which these begin.
        self._late = not layout.metrics.exists() and any(log.head for log in logs.values())
        self._task: asyncio.Task[None] | None = None
        self._trouble: str | None = None
        self._bytes: dict[str, tuple[int, int]] = {}

    def start(self) -> None:
        """Begin, with what was counted since this was made."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Sample a last time, if that can be done."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            with contextlib.suppress(ForebayError):
                await self._sample(slow=False)

    def page(self) -> str:
        """For Prometheus."""
        if self._sampling is None:
            return rendered(self._begun, ())
        return rendered(self._sampling.totals.values(), self._sampling.levels.values())

    async def _run(self) -> None:
        turn = -1
        while True:
            # By the clock: steps of a little more than a second would now and then leave one out, and show a dip.
            await asyncio.sleep(until_next(time.time()))
            before, turn = turn, int(time.time()) // SLOW
            try:
                await self._sample(slow=turn != before)
            except ForebayError as error:  # a full disk: what was counted is put when there is room
                if self._trouble != error.code:
                    logger.warning("metrics are not kept now: %s", error)
                self._trouble = error.code
            except Exception:  # a bug here must not end the metrics for good
                logger.exception("metrics could not be sampled")
            else:
                self._trouble = None

    async def _sample(self, *, slow: bool) -> None:
        if self._sampling is None:
            self._sampling = Sampling(await self._metrics.totals())
            before = _of_ledger(await self._ledger())[0] if self._late else []
            self._sampling.begin([*self._begun, *before])
        totals, levels = list(self._quick()), list[Level]()
        if slow:
            more, levels = _of_ledger(await self._ledger())
            totals += more
            more, also = _of_deliveries(await self._deliveries(), time.time())
            totals += more
            levels += also
            more, also = _of_flow(await self._flow())
            totals += more
            levels += [*also, *await asyncio.to_thread(lambda: list(self._system()))]
            names = {total.named.text for total in totals}
            self._sampling.forget(names | {level.named.text for level in levels})
        now = int(time.time())
        points, moved = self._sampling.points(totals, levels, now)
        points += self._meter.drain(now)
        if points or moved:
            await self._metrics.put(points, moved)
            self._sampling.kept(moved)

    def _quick(self) -> Iterable[Total]:
        """What is counted in this process."""
        for door, counts in self._doors().items():
            noun, _, name = door.partition(".")
            for what, value in counts.items():
                yield Total(Named(noun, name, what), value, quiet=what not in WITHOUT_NEWS)
        for name, seen in self._traffic().items():
            for what, known, value in (
                ("requests", "Count", seen.requests),
                ("client_errors", "4XXError", seen.client_errors),
                ("server_errors", "5XXError", seen.server_errors),
            ):
                metric = Metric("AWS/ApiGateway", known, (("ApiName", name),))
                yield Total(Named("ingest", name, what), value, also=((metric, "Count"),), since_start=True)
        for log, opened in self._logs.items():
            noun, _, name = log.partition(".")
            bytes, records = _incoming(noun, name)
            yield Total(Named(noun, name, "bytes"), opened.bytes, "Bytes", bytes, since_start=True)
            if noun != "delivery":  # whose ledger says it
                yield Total(Named(noun, name, "accepted"), opened.head, also=records, quiet=False)

    def _system(self) -> Iterable[Level]:
        stat = os.statvfs(self._layout.root)
        free, whole = stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize
        yield Level(Named("system", "disk", "free"), free >> 20 << 20, "Bytes")
        yield Level(
            Named("system", "disk", "used"), round(100 * (1 - free / whole), 1) if whole else 0, "Percent"
        )
        for name in list(self._logs):
            noun, _, own = name.partition(".")
            with contextlib.suppress(OSError):
                yield Level(Named(noun, own, "size"), self._layout.log(name).stat().st_size, "Bytes")
        running = endpoints.read(self._layout)
        for process in running.processes if running is not None else ():
            yield Level(Named("system", process.role, "restarts"), process.restarts)


def until_next(now: float) -> float:
    """Seconds until the next sample is due."""
    return 1.0 - (now - PHASE) % 1.0


def _incoming(noun: str, name: str) -> tuple[tuple[tuple[Metric, str], ...], tuple[tuple[Metric, str], ...]]:
    """AWS's metrics for the bytes and the records that come into a log."""
    if noun == "topics":
        dimensions = {"TopicName": name}
        return (
            ((Metric.of("AWS/SNS", "PublishSize", dimensions), "Bytes"),),
            ((Metric.of("AWS/SNS", "NumberOfMessagesPublished", dimensions), "Count"),),
        )
    known = {"streams": ("AWS/Kinesis", "StreamName"), "delivery": ("AWS/Firehose", "DeliveryStreamName")}
    if noun not in known:
        return (), ()
    namespace, dimension = known[noun]
    dimensions = {dimension: name}
    return (
        ((Metric.of(namespace, "IncomingBytes", dimensions), "Bytes"),),
        ((Metric.of(namespace, "IncomingRecords", dimensions), "Count"),),
    )


_TOLD = {
    "delivered": "NumberOfNotificationsDelivered",
    "rejected": "NumberOfNotificationsFailed",
    "dropped": "NumberOfNotificationsFilteredOut",
}


def _of_ledger(ledger: Mapping[str, Mapping[str, Any]]) -> tuple[list[Total], list[Level]]:
    totals: list[Total] = []
    levels: list[Level] = []
    for subscription, terms in ledger.items():
        if subscription == "total":
            continue
        noun, _, name = subscription.partition(".")
        own = terms.get("log") == subscription
        for what in ("accepted", *ENDS):
            if what == "accepted" and own and noun != "delivery":
                continue  # it is its log's
            also: tuple[tuple[Metric, str], ...] = ()
            if noun == "delivery" and what == "accepted":
                also = _incoming(noun, name)[1]
            elif noun == "delivery" and what == "delivered":
                metric = Metric.of("AWS/Firehose", "DeliveryToS3.Records", {"DeliveryStreamName": name})
                also = ((metric, "Count"),)
            elif noun == "topics" and not own and what in _TOLD:
                metric = Metric.of("AWS/SNS", _TOLD[what], {"TopicName": name.partition("/")[0]})
                also = ((metric, "Count"),)
            quiet = what not in WITHOUT_NEWS
            totals.append(Total(Named(noun, name, what), terms[what], also=also, quiet=quiet))
        for what in ("buffered", "lag"):
            levels.append(Level(Named(noun, name, what), terms[what]))
    return totals, levels


def _of_deliveries(found: Mapping[str, Delivered], now: float) -> tuple[list[Total], list[Level]]:
    totals: list[Total] = []
    levels: list[Level] = []
    for consumer, each in found.items():
        noun, _, name = consumer.partition(".")
        dimensions = {"DeliveryStreamName": name}
        written = Metric.of("AWS/Firehose", "DeliveryToS3.Bytes", dimensions)
        totals.append(
            Total(Named(noun, name, "written"), each.bytes, "Bytes", ((written, "Bytes"),), since_start=True)
        )
        age = 0.0 if each.oldest is None else max(0.0, round(now - each.oldest / SECOND))
        fresh = Metric.of("AWS/Firehose", "DeliveryToS3.DataFreshness", dimensions)
        levels.append(Level(Named(noun, name, "age"), age, "Seconds", ((fresh, "Seconds"),)))
    return totals, levels


def _of_flow(status: Mapping[str, Any]) -> tuple[list[Total], list[Level]]:
    totals: list[Total] = []
    levels: list[Level] = []

    def grown(noun: str, name: str, what: str, value: float) -> None:
        totals.append(Total(Named(noun, name, what), value, since_start=True))

    for name, delivery in (status.get("deliveries") or {}).items():
        if "objects" in delivery:
            also = Metric.of("AWS/Firehose", "DeliveryToS3.Success", {"DeliveryStreamName": name})
            named = Named("delivery", name, "objects")
            totals.append(Total(named, delivery["objects"], also=((also, "Count"),), since_start=True))
    for name, bus in (status.get("buses") or {}).items():
        if "unmatched" in bus:
            totals.append(Total(Named("bus", name.partition(".")[2], "unmatched"), bus["unmatched"]))
    jobs: dict[str, list[Mapping[str, Any]]] = {}
    for name, query in (status.get("streamsql") or {}).items():
        jobs.setdefault(name.partition(".")[2].partition("/")[0], []).append(query)
    for name, queries in jobs.items():
        for what in ("late", "unreadable"):
            grown("streamsql", name, what, sum(each.get(what) or 0 for each in queries))
        marks = [each["watermark"] for each in queries if each.get("watermark") is not None]
        if marks:
            behind = max(0.0, round(time.time() - min(marks) / 1000, 1))
            levels.append(Level(Named("streamsql", name, "behind"), behind, "Seconds"))
    for name, function in (status.get("functions") or {}).items():
        for what, value in (function.get("calls") or {}).items():
            levels.append(Level(Named("functions", name, what), value))
    return totals, levels
