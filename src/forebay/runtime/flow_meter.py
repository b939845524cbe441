"""What the flow counts as it happens: invocations, and what rules matched and handed over.

Gathered here and put with the front, which keeps metrics, about once a second. While the front is down it is
gathered on; what more than `KEPT` seconds of that would be is let go.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping

from forebay.beat import Beat
from forebay.bus.reading import Handover
from forebay.errors import ForebayError
from forebay.ipc import Client
from forebay.layout import Layout
from forebay.telemetry.meter import Meter, sent
from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metrics import Point
from forebay.telemetry.sampling import Named

log = logging.getLogger(__name__)

EVERY = 1.0
KEPT = 600


class FlowMeter:
    """Counts between `start` and `stop`; the methods that are told of something take a moment, from any thread."""

    def __init__(self, layout: Layout) -> None:
        self._meter = Meter()
        self._front = Client(layout.socket("front"), "front")
        self._waiting: list[list[Point]] = []
        self._beat = Beat("metrics", self._hand_on, retry=EVERY, first=EVERY)

    def start(self) -> None:
        """Begin to hand on."""
        self._beat.start()

    def stop(self) -> None:
        """Hand on what is gathered, if the front takes it."""
        self._beat.stop()
        try:
            self._hand_on()
        except ForebayError as error:
            log.info("the last metrics were not taken: %s", error)
        self._front.close()

    def invoked(self, function: str, seconds: float | None, failed: bool) -> None:
        """A function ran for so long, or (None) was not let run."""
        dimensions = {"FunctionName": function}
        count = self._meter.count
        if seconds is None:
            count(Metric.of("AWS/Lambda", "Throttles", dimensions))
            count(Named("functions", function, "throttles").metric)
            return
        for name, value in (("Invocations", 1.0), ("Errors", float(failed))):
            count(Metric.of("AWS/Lambda", name, dimensions), value)
            count(Named("functions", function, name.lower()).metric, value)
        count(Metric.of("AWS/Lambda", "Duration", dimensions), round(seconds * 1000, 2), "Milliseconds")
        count(Named("functions", function, "duration").metric, round(seconds, 5), "Seconds")

    def matched(self, bus: str, rules: Mapping[str, int]) -> None:
        """So many events matched each rule."""
        for rule, number in rules.items():
            self._meter.count(Metric.of("AWS/Events", "MatchedEvents", _of_rule(bus, rule)), number)
            self._meter.count(Named("bus", f"{bus}/{rule}", "matched").metric, number)

    def handed(self, bus: str, given: Handover) -> None:
        """A target was handed events, each by a rule."""
        for rule, number in Counter(route.rule for _, _, route in given.items).items():
            self._meter.count(Metric.of("AWS/Events", "Invocations", _of_rule(bus, rule)), number)

    def _hand_on(self) -> float:
        points = self._meter.drain(int(time.time()))
        if points:
            self._waiting = [*self._waiting, points][-KEPT:]
        while self._waiting:
            self._front.call("metrics_put", data=sent(self._waiting[0]))
            del self._waiting[0]
        return EVERY


def _of_rule(bus: str, rule: str) -> dict[str, str]:
    named = {} if bus == "default" else {"EventBusName": bus}
    return {**named, "RuleName": rule}
