"""What it costs to be there: starting, memory, and the same cost per event however many there are."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.harness import System, until

from benchmarks.path import project
from benchmarks.system import Feeder, caught_up, cpu, events, pss, system
from benchmarks.table import Row, number

SLICE = 1_000_000


def cold_start(rounds: int = 3) -> Iterator[Row]:
    """From `forebay run` to the first acknowledged POST, and to the first answer in SQL."""
    posts, answers = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "/var/tmp")) as name:
            folder = Path(name) / "project"
            folder.mkdir()
            (folder / "forebay.yaml").write_text(project())
            made = System(folder, Path(name) / "state", [], {})
            begun = time.monotonic()
            try:
                made.start(sql=False)
                until(lambda made=made: made.post("/clicks", {"n": 1}).status == 200, every=0.005)
                posts.append(time.monotonic() - begun)
                until(lambda made=made: made.query("select count(*) from clicks") == [[1]], every=0.01)
                answers.append(time.monotonic() - begun)
            finally:
                made.end()
    post, answer = statistics.median(posts), statistics.median(answers)
    yield Row("Cold start: a POST is acknowledged after", f"{post:.2f} s", "", "1 s", post <= 1.0)
    yield Row("Cold start: SQL has it after", f"{answer:.2f} s", "", "2.5 s", answer <= 2.5)


def idle_memory() -> Iterator[Row]:
    """All processes together, shared pages counted once, after the first query."""
    with system(project()) as running:
        running.post("/clicks", {"n": 1})
        running.until(lambda: running.query("select count(*) from clicks") == [[1]])
        time.sleep(3)
        used = pss(running) / (1 << 20)
    yield Row(
        "Memory when idle, all processes (PSS)", f"{used:.0f} MiB", "", "300 MB", used * 1.048576 <= 300
    )


def linear(largest: int) -> Iterator[Row]:
    """Processor time of an event in the first million and in the last, into Parquet."""
    bodies = [events(first, 500) for first in range(0, 20_000, 500)]
    with system(project(seconds=10)) as running:
        costs: dict[int, float] = {}
        feeder = Feeder(running.ingest, "/clicks")
        done = 0
        while done < largest:
            before = cpu(running)
            target = done + SLICE
            done = feeder.run(
                lambda first: bodies[first // 500 % len(bodies)],
                500,
                lambda sent, target=target: sent < target,
            )
            caught_up(running)
            costs[done] = (cpu(running) - before) / SLICE * 1e6
        objects = len(list(running.layout.lake.rglob("*.parquet")))
        assert running.query("select count(*) from clicks") == [[done]]
    first, last = next(iter(costs.values())), statistics.median(list(costs.values())[-3:])
    yield Row(
        f"Cost per event at {number(largest)} events",
        f"{last:.1f} µs of processor",
        f"{first:.1f} µs in the first million; {objects} objects in the end",
        "within 20 %",
        last <= first * 1.2,
    )
