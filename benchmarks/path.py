"""From the door to the table: how many a second, and how soon seen."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator

from tests.harness import System

from benchmarks import door
from benchmarks.system import Feeder, caught_up, events, for_seconds, system
from benchmarks.table import Row, number

PROJECT = """\
name: bench
ingest:
  clicks: {{route: POST /clicks, to: delivery.clicks}}
delivery:
  clicks:
    {transform}to: lake.bench/clicks/
    buffer: {{seconds: {seconds}, megabytes: 64}}
    format: parquet
    table: clicks
"""

FILES = {
    "functions/same.py": "def same(event):\n    return event\n",
    "functions/stock.py": (
        "import base64, json\n"
        "def handler(event, context):\n"
        "    output = []\n"
        "    for record in event['records']:\n"
        "        click = json.loads(base64.b64decode(record['data']))\n"
        "        data = base64.b64encode((json.dumps(click) + '\\n').encode()).decode()\n"
        "        output.append({'recordId': record['recordId'], 'result': 'Ok', 'data': data})\n"
        "    return {'records': output}\n"
    ),
}

KINDS = {
    "no function": ("", 150_000),
    "SQL": (
        "transform: select element_clicked, time_spent, source_menu, created_at, n from events\n    ",
        150_000,
    ),
    "a plain function": ("transform: functions/same.py:same\n    ", 80_000),
    "a Lambda handler with json": ("transform: functions/stock.handler\n    ", 40_000),
}


def project(kind: str = "no function", seconds: float = 60) -> str:
    """The project's text with one kind of transform."""
    return PROJECT.format(transform=KINDS[kind][0], seconds=seconds)


def at_the_door(seconds: float = 1.0, rounds: int = 4) -> Iterator[Row]:
    """HTTP, acknowledged after the fsync, beside the same server doing nothing."""
    found = door.measure(seconds, rounds)
    yield Row(
        "HTTP, one event a request, key checked, 64 connections",
        f"{number(found['single_requests_per_s'])}/s, p99 {found['single_p99_ms']:.1f} ms",
        f"{number(found['bare_requests_per_s'])}/s: the same server, a handler that does nothing "
        f"(fsync here: {found['fsync_p50_ms']:.2f} ms)",
        "50 %",
        found["single_ratio"] >= 0.5,
    )
    rate = found["ndjson_records_per_s"]
    yield Row("HTTP, NDJSON of 500 lines", f"{number(rate)} events/s", "", "400 k", rate >= 400_000)


def into_the_lake(seconds: float = 5.0) -> Iterator[Row]:
    """Posted at full speed until the last of them is in the table; the client's own work included."""
    bodies = [events(first, 500) for first in range(0, 20_000, 500)]
    for kind, (_, bar) in KINDS.items():
        with system(project(kind, seconds=2), files=FILES) as running:
            feeder = Feeder(running.ingest, "/clicks")
            begun = time.monotonic()
            sent = feeder.run(lambda first: bodies[first // 500 % len(bodies)], 500, for_seconds(seconds))
            caught_up(running)
            rate = sent / (time.monotonic() - begun)
            assert running.query("select count(*) from clicks") == [[sent]]
        yield Row(
            f"Into the lake as Parquet, {kind}", f"{number(rate)} events/s", "", number(bar), rate >= bar
        )


def seen(rate: int = 5000, seconds: float = 10.0, batch: int = 50) -> Iterator[Row]:
    """How long after its acknowledgement an event is in SQL, at a steady rate, with a 60-second buffer."""
    with system(project()) as running:
        acknowledged: list[tuple[int, float]] = []
        looks: list[tuple[float, int]] = []
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(running, looks, done))
        watcher.start()
        sent, begun = 0, time.monotonic()
        while sent < rate * seconds:
            time.sleep(max(0.0, begun + sent / rate - time.monotonic()))
            answer = running.post("/clicks", events(sent, batch), {"Content-Type": "application/x-ndjson"})
            assert answer.status == 200
            sent += batch
            acknowledged.append((sent - 1, time.monotonic()))
        running.until(lambda: bool(looks) and looks[-1][1] >= sent - 1)
        done.set()
        watcher.join()
        assert running.query("select count(*), count(distinct n) from clicks") == [[sent, sent]]
    delays = []
    at = 0
    for last, when in acknowledged:
        while looks[at][1] < last or looks[at][0] < when:
            at += 1
        delays.append(looks[at][0] - when)
    p99 = statistics.quantiles(delays, n=100)[98]
    yield Row(
        f"Acknowledged to visible in SQL, at {rate:,} events/s",
        f"p50 {statistics.median(delays) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms",
        "a 60 s buffer; none was seen twice",
        "p99 1 s",
        p99 <= 1.0,
    )


def _watch(running: System, looks: list[tuple[float, int]], done: threading.Event) -> None:
    while not done.is_set():
        try:
            newest = running.query("select max(n) from clicks")[0][0]
        except Exception:  # the table's column is there with its first row
            newest = None
        looks.append((time.monotonic(), -1 if newest is None else int(newest)))
        time.sleep(0.02)
