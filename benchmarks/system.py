"""Whole-system measures: a real `forebay run`, spoken to over HTTP, each figure beside its bar.

    python -m benchmarks.system [cold] [memory] [visible] [sustained] [dashboards] [linear] [--millions 1 10]

Figures move by a factor of two with the machine's load; the ratios are what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from tests.harness import System, forebay, request, until

from benchmarks.disk import folder
from benchmarks.table import say

LINES = 500
PLAIN = """\
name: bench
ingest:
  events: {route: POST /events, to: delivery.events}
delivery:
  events:
    to: lake.bench/events/
    format: parquet
    table: events
    buffer: {seconds: 10, megabytes: 64}
    columns: {id: bigint, kind: string, user: string, price: double, at: string, note: string}
"""
TRANSFORMS = {
    "no function": "",
    "SQL": '    transform: "select id, kind, upper(user) as user, price * 2 as price, at, note from events where price >= 0"\n',
    "plain function": "    transform: functions/f.py:plain\n",
    "Lambda handler (stock json)": "    transform: functions/f.handler\n",
}
CODE = """\
import base64
import json


def plain(event):
    event["price"] = event["price"] * 2
    return event


def handler(event, context):
    out = []
    for record in event["records"]:
        item = json.loads(base64.b64decode(record["data"]))
        item["price"] = item["price"] * 2
        data = base64.b64encode((json.dumps(item) + "\\n").encode()).decode()
        out.append({"recordId": record["recordId"], "result": "Ok", "data": data})
    return {"records": out}
"""
BARS = {
    "no function": 150_000,
    "SQL": 150_000,
    "plain function": 80_000,
    "Lambda handler (stock json)": 40_000,
}


def event(n: int, note: str = "x" * 180) -> dict[str, Any]:
    return {
        "id": n,
        "kind": "view",
        "user": f"u{n % 5000}",
        "price": n % 100 / 2,
        "at": "2026-01-31T09:30:00Z",
        "note": note,
    }


def body(first: int, count: int = LINES) -> bytes:
    return b"\n".join(json.dumps(event(n)).encode() for n in range(first, first + count))


@contextlib.contextmanager
def system(text: str, **files: str) -> Iterator[System]:
    with folder() as here:
        project = here / "project"
        project.mkdir()
        (project / "forebay.yaml").write_text(text)
        for name, content in files.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(content)
        running = System(project, here / "state", [], {})
        try:
            yield running
        finally:
            running.end()


def cold() -> None:
    posts, answers = [], []
    for _ in range(5):
        with system(PLAIN) as each:
            began = time.perf_counter()
            each.launch()
            until(lambda: each.post("/events", event(1)).status == 200, every=0.005)
            posts.append(time.perf_counter() - began)
            until(lambda: each.query("select 1") == [[1]], every=0.005)
            answers.append(time.perf_counter() - began)
    say(
        "Cold start: a POST acknowledged",
        f"{statistics.median(posts):.2f} s",
        "1 s",
        ratio=1 / statistics.median(posts),
    )
    say(
        "Cold start: SQL answers",
        f"{statistics.median(answers):.2f} s",
        "2.5 s",
        ratio=2.5 / statistics.median(answers),
    )


def pss(root: int) -> float:
    total = 0
    for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total / (1 << 20)


def memory() -> None:
    with system(PLAIN) as each:
        each.start()
        each.post("/events", event(1))
        until(lambda: each.query("select count(*) from events") == [[1]])
        time.sleep(2)
        assert each.process is not None
        used = pss(each.process.pid)
    say("Idle memory, all processes (PSS)", f"{used:.0f} MB", "300 MB", ratio=300 / used)


def visible(seconds: float = 15, rate: int = 5000) -> None:
    """A POST carries its own time; how long after its acknowledgement is it in `max(id)`?"""
    with system(PLAIN) as each:
        each.start()
        sent: list[tuple[float, int]] = []
        stop = threading.Event()

        def produce() -> None:
            url = urlsplit(each.ingest)
            connection = http.client.HTTPConnection(url.hostname or "", url.port or 80)
            step = 100
            began, n = time.perf_counter(), 0
            while not stop.is_set():
                connection.request("POST", "/events", body(n, step), {"content-type": "application/x-ndjson"})
                assert connection.getresponse().read()
                n += step
                sent.append((time.perf_counter(), n - 1))
                time.sleep(max(0.0, began + n / rate - time.perf_counter()))
            connection.close()

        producer = threading.Thread(target=produce)
        producer.start()
        delays: list[float] = []
        counted = 0
        began = time.perf_counter()
        at = 0
        twice = 0
        while time.perf_counter() - began < seconds:
            asked = time.perf_counter()
            ((newest, count),) = each.query("select coalesce(max(id), -1), count(*) from events")
            answered = time.perf_counter()
            twice += count != newest + 1
            while at < len(sent) and sent[at][1] <= newest:
                delays.append(max(0.0, answered - sent[at][0]))
                at += 1
            counted = count
            time.sleep(max(0.0, 0.02 - (answered - asked)))
        stop.set()
        producer.join()
    delays.sort()
    p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
    say(
        f"Acknowledged → in SQL at {counted / seconds:,.0f} events/s, p50 / p99",
        f"{p50 * 1000:.0f} / {p99 * 1000:.0f} ms",
        "p99 1 s, none twice",
        ratio=1 / p99,
    )
    if twice:
        print(f"  {twice} samples saw a gap or a double")


SENDER = """
import http.client, sys, time
from importlib import import_module
from urllib.parse import urlsplit
from benchmarks.system import LINES
body = import_module(sys.argv[3]).body
url, total = urlsplit(sys.argv[1]), int(sys.argv[2])
bodies = [body(n * LINES) for n in range(40)]
connection = http.client.HTTPConnection(url.hostname, url.port)
began = time.perf_counter()
for n in range(total // LINES):
    while True:
        connection.request("POST", "/events", bodies[n % 40], {"content-type": "application/x-ndjson"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            break
        time.sleep(0.05)
print(time.perf_counter() - began)
"""


def pour(each: System, total: int, bodies: str = "benchmarks.system") -> tuple[float, float]:
    """Seconds until the last of `total` events is acknowledged, and until all are in the lake or hot.

    The module `bodies` has the function `body(first)`, which makes a request's.
    """
    began = time.perf_counter()
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER, each.ingest, str(total), bodies], stdout=subprocess.PIPE, text=True
    )
    assert sender.stdout is not None
    out, _ = sender.communicate(timeout=600)
    accepted = float(out)

    def caught_up() -> bool:
        total_now = each.status()["ledger"]["delivery.events"]
        return bool(total_now["lag"] == 0 and total_now["accepted"] > 0)

    until(caught_up, patience=600, every=0.02)
    return accepted, time.perf_counter() - began


def sustained(total: int = 600_000) -> None:
    for name, line in TRANSFORMS.items():
        with system(PLAIN + line, **{"functions/f.py": CODE}) as each:
            each.start()
            pour(each, 20_000)
            accepted, seconds = pour(each, total)
            count = each.query("select count(*) from events")[0][0]
            assert count == total + 20_000, count
        rate = total / seconds
        say(
            f"Sustained into the lake, {name}",
            f"{rate:,.0f} events/s (the door alone took {total / accepted:,.0f})",
            f"{BARS[name]:,}",
            ratio=rate / BARS[name],
        )


async def _browsers(url: str, count: int, seconds: float) -> int:
    import websockets

    messages = 0

    async def one() -> None:
        nonlocal messages
        async with websockets.connect(f"{url.replace('http', 'ws')}/api/live", max_size=None) as socket:
            await socket.send(
                json.dumps({"type": "subscribe", "dashboard": "evening", "range": "today", "filters": {}})
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while True:
                        await socket.recv()
                        messages += 1

    await asyncio.gather(*(one() for _ in range(count)))
    return messages


def dashboards(seconds: float = 12) -> None:
    """CPU of query and front while nobody, one and ten browsers watch the restaurant's dashboard."""
    example = Path(__file__).parent.parent / "examples" / "restaurant"
    with folder() as here:
        each = System(example, here / "state", ["--simulate"], {})
        each.start()
        try:
            until(lambda: each.query("select count(*) from clicks")[0][0] > 100)
            used = {}
            for count in (0, 1, 10):
                processes = [psutil.Process(each.pid(role)) for role in ("front", "query")]
                if count:  # the first runs plan; the measure is what watching costs, not opening
                    asyncio.run(_browsers(each.console, count, 5))
                before = sum(sum(process.cpu_times()[:2]) for process in processes)
                if count:
                    messages = asyncio.run(_browsers(each.console, count, seconds))
                else:
                    time.sleep(seconds)
                used[count] = (sum(sum(process.cpu_times()[:2]) for process in processes) - before) / seconds
                assert not count or messages
        finally:
            each.end()
    one, ten = used[1] - used[0], used[10] - used[1]
    say(
        "Dashboard: all tiles, one browser",
        f"{one * 100:.1f} % of a core",
        "20 %",
        ratio=0.20 / max(one, 1e-3),
    )
    say(
        "Dashboard: nine more browsers",
        f"{ten * 100:.1f} % of a core more",
        "5 %",
        ratio=0.05 / max(ten, 1e-3),
    )


def linear(millions: list[int]) -> None:
    """CPU seconds of front and flow an event, with what is in log and lake growing.

    Each over the second half of what has come by then: files are merged now and then, eight at a time, so
    that a short window has either none of that cost or all of it.
    """
    with system(PLAIN) as each:
        each.start()
        done, first = 0, 0.0
        for goal in (million * 1_000_000 for million in millions):
            if goal // 2 > done:
                pour(each, goal // 2 - done)
                done = goal // 2
            processes = [psutil.Process(each.pid(role)) for role in ("front", "flow")]
            before = sum(sum(process.cpu_times()[:2]) for process in processes)
            pour(each, goal - done)
            cost = (sum(sum(process.cpu_times()[:2]) for process in processes) - before) / (goal - done) * 1e6
            done = goal
            first = first or cost
            assert each.query("select count(*) from events")[0][0] == done
            say(
                f"Cost at {goal // 1_000_000} M events (front + flow)",
                f"{cost:.2f} µs of CPU an event",
                "at most 1.2 of the first",
                ratio=1.2 * first / cost,
            )


def main() -> None:
    names = ["cold", "memory", "visible", "sustained", "dashboards", "linear"]
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=names)
    parser.add_argument("--millions", nargs="*", type=int, default=[1, 3])
    asked = parser.parse_args()
    for name in asked.names:
        if name == "linear":
            linear(asked.millions)
        else:
            globals()[name]()


__all__ = ["LINES", "body", "forebay", "main", "request"]

if __name__ == "__main__":
    main()
