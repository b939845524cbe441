"""The watermark of several shards, as Flink itself says.

Splits that Flink reads at once it reads by threads, so the same events are late one time and not the next. What the
watermark of a case of several shards is (see `cases.sharded`) is therefore asked of the very classes with which Flink's
source reader makes one of its splits' and notices those that are idle, by a clock that is set to the arrival times of
the log, and looked at before and after each event and when a split becomes idle. What they say becomes a column of the
events, `w`, and the table's watermark: which events are late for which window is then for Flink's own operators.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

from pyflink.java_gateway import get_gateway  # type: ignore[import-not-found]

PACKAGE = "org.apache.flink.api.common.eventtime"


class Output:
    """What is told how far time is."""

    def __init__(self) -> None:
        self.now: int | None = None

    def emitWatermark(self, mark: Any) -> None:  # noqa: N802 - Java's name
        self.now = int(mark.getTimestamp())

    def markIdle(self) -> None:  # noqa: N802
        """Nothing is known of what comes."""

    def markActive(self) -> None:  # noqa: N802
        """Something came again."""

    class Java:
        implements = (f"{PACKAGE}.WatermarkOutput",)


class Listener:
    """What is told how far a split is."""

    def onWatermarkUpdate(self, mark: int) -> None:  # noqa: N802
        """It is that far."""

    def onIdleUpdate(self, idle: bool) -> None:  # noqa: N802
        """It is idle, or is not."""

    class Java:
        implements = (f"{PACKAGE}.WatermarkOutputMultiplexer$WatermarkUpdateListener",)


def marks(shards: dict[str, Any]) -> list[int | None]:
    """The watermark before each event, and the one after all."""
    jvm = get_gateway().jvm
    eventtime = jvm.org.apache.flink.api.common.eventtime
    millis = jvm.java.time.Duration.ofMillis
    output = Output()
    multiplexer = eventtime.WatermarkOutputMultiplexer(output)
    clock = jvm.org.apache.flink.util.clock.ManualClock(1_000_000_000)
    never = 1 << 40
    splits = []
    for number in range(shards["count"]):
        multiplexer.registerNewOutput(str(number), Listener())
        idle = never if shards["idle"] is None else shards["idle"]
        watch = eventtime.WatermarksWithIdleness(eventtime.NoWatermarksGenerator(), millis(idle), clock)
        splits.append((watch, multiplexer.getImmediateOutput(str(number))))

    def look() -> None:
        for watch, split in splits:
            watch.onPeriodicEmit(split)
        multiplexer.onPeriodicEmit()

    found: list[int | None] = []
    before = shards["arrivals"][0]
    last = dict.fromkeys(range(shards["count"]), before)

    def pass_to(moment: int) -> None:
        nonlocal before
        clock.advanceTime(millis(moment - before))
        before = moment
        look()

    look()
    look()
    for shard, arrival, time in zip(shards["of"], shards["arrivals"], shards["times"], strict=True):
        if shards["idle"] is not None:
            ends = {each + shards["idle"] + 1 for each in last.values()}
            for end in sorted(each for each in ends if before < each < arrival):
                pass_to(end)
        pass_to(arrival)
        last[shard] = arrival
        found.append(output.now)
        watch, split = splits[shard]
        watch.onEvent(None, time, split)
        split.emitWatermark(eventtime.Watermark(time - shards["delay"]))
        look()  # there was an event
        look()  # and since then there was none
    return [*found, output.now]


def marked(case: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(statements, events) with the watermark after each event as a column."""
    events = []
    for text, mark in zip(case["events"], marks(case["shards"])[1:], strict=True):
        event = json.loads(text)
        if mark is not None:
            at = datetime.datetime.fromtimestamp(mark / 1000, datetime.UTC)
            event["w"] = f"{at:%Y-%m-%d %H:%M:%S}.{mark % 1000:03}"
        events.append(json.dumps(event))
    source, *others = case["ddl"]
    changed = re.sub("WATERMARK FOR ts AS [^)]*?SECOND", "w TIMESTAMP(3), WATERMARK FOR ts AS w", source)
    assert changed != source
    return [changed, *others], events
