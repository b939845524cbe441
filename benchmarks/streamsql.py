"""Stream SQL: JSON on a stream → windows → rows on a stream, beside raw DuckDB over the same lines and beside Flink.

    python -m benchmarks.streamsql [shapes] [state] [latency] [--events 5000000] [--no-flink]

CPU seconds of all threads. Ours are of the processes of a running system from a full log to the rows on the
sink's log, fsynced and committed with the positions. DuckDB reads the lines as one file and groups them once, without
watermark, checkpoint or sink; Flink (PyFlink's, parallelism 2, a checkpoint a second) reads the same file and writes
files. Flink gets a part of the events, twice, and its seconds are those between the two runs, so that its start and
most of its warming up are left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psutil
from tests.harness import System, until
from tests.proof.environments import made

from benchmarks.disk import folder
from benchmarks.streamsql_shapes import DUCK_COLUMNS, LAST, SHAPES, Shape, event, lines_sql
from benchmarks.table import number, say
from forebay.streams.reader import Reader
from forebay.streams.writer import Log

EVENTS = 5_000_000
FLINK_EVENTS = (400_000, 1_400_000)
BATCH = 5000
KEYS = 1_000_000
WINDOWS = 40


PRODUCTS = """\
lake:
  bench: {}
catalog:
  products:
    location: lake.bench/products/
    format: parquet
    columns: {product_id: bigint, section: string}
"""


def project(sql: str) -> str:
    """One stream, one query over it into another, and a table that it may be joined with."""
    indented = "".join(f"      {line}\n" for line in sql.splitlines())
    streams = "name: bench\nstreams:\n  activity: {}\n  found: {}\n"
    return f"{streams}{PRODUCTS}streamsql:\n  asked:\n    sql: |\n{indented}"


def written(lines: Path, count: int) -> None:
    """A file of so many events, one a line."""
    with duckdb.connect(config={"threads": 2}) as db:
        db.execute(f"COPY ({lines_sql(count)}) TO '{lines}' (FORMAT json)")


def fill(state: Path, lines: Path) -> int:
    """The log of the stream, with these events and a last one that closes every window; how many there are."""
    path = state / "streams" / "streams.activity.db"
    path.parent.mkdir(parents=True)
    log = Log(path, "streams.activity")
    batch: list[bytes] = []
    count = 0
    with lines.open("rb") as file:
        for line in file:
            batch.append(line[:-1])
            if len(batch) == BATCH:
                log.append_now(batch)
                count += len(batch)
                batch = []
    log.append_now([*batch, LAST.encode()])
    log.close()
    return count + len(batch) + 1


@dataclass(frozen=True)
class Taken:
    """What it took: CPU seconds, seconds, and how many rows came of it."""

    cpu: float
    wall: float
    rows: int


def cpu(system: System) -> float:
    """CPU seconds so far, of the process too that reads tables."""
    return sum(sum(psutil.Process(system.pid(role)).cpu_times()[:2]) for role in ("flow", "front", "query"))


def ours(here: Path, shape: Shape, count: int) -> Taken:
    """A system with a full log, until it caught up; less what one costs that has nothing to do."""
    idle = started(here / "idle", shape, 0)[0]
    shutil.rmtree(here / "idle")
    used, wall, rows = started(here / shape.name, shape, count)
    return Taken(used - idle, wall, rows)


def started(here: Path, shape: Shape, count: int) -> tuple[float, float, int]:
    """(CPU seconds, seconds, rows) from the start until every event was read."""
    here.mkdir(exist_ok=True)
    (here / "project").mkdir()
    (here / "project" / "forebay.yaml").write_text(project(shape.ours()))
    if shape.table:
        lake = here / "state" / "lake" / "bench" / "products"
        lake.mkdir(parents=True)
        with duckdb.connect() as db:
            db.execute(f"COPY ({shape.table}) TO '{lake}/all.parquet'")
    system = System(here / "project", here / "state", [], {})
    try:
        began = time.perf_counter()
        system.start(sql=False)
        if not count:
            time.sleep(2)
            return cpu(system), 0.0, 0

        def there() -> Any:
            (each,) = system.call("flow", "status")["streamsql"].values()
            assert each["last_error"] is None or (shape.table and not each["position"]), each
            return each["position"] == count and each

        until(there, patience=900, every=0.05)
        wall = time.perf_counter() - began
        used = cpu(system)
        rows = head(system, "streams.found")
        return used, wall, rows
    finally:
        system.end()


def head(system: System, log: str) -> int:
    """How many rows a log has."""
    with closing(Reader(system.layout.log(log), log)) as reader:
        return reader.head()


_DUCK = """
import duckdb, json, resource, sys, time
db = duckdb.connect(config={"threads": 2})
db.execute("SET enable_progress_bar = false")
if sys.argv[2]:
    db.execute(f"CREATE TABLE products AS {sys.argv[2]}")
began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
rows = db.execute(sys.argv[1]).fetchall()[0][0]
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps([cpu, time.perf_counter() - began, rows]))
"""


def raw_duckdb(here: Path, shape: Shape, lines: Path) -> Taken:
    """One batch query, from the file of lines to a file of rows."""
    read = f"read_json('{lines}', format='newline_delimited', columns={DUCK_COLUMNS})"
    sql = f"COPY ({shape.duck.format(events=read)}) TO '{here / 'rows.json'}' (FORMAT json)"
    done = subprocess.run(
        [sys.executable, "-c", _DUCK, sql, shape.table], stdout=subprocess.PIPE, text=True, check=True
    )
    return Taken(*json.loads(done.stdout))


def flink(here: Path, shape: Shape, lines: Path) -> float:
    """CPU seconds an event."""
    used = []
    for count in FLINK_EVENTS:
        part = here / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        subprocess.run(f"head -n {count} {lines} > {part}/in.json", shell=True, check=True)
        asked = {
            "ddl": shape.tables(
                f"'connector' = 'filesystem', 'path' = '{part}/in.json', 'format' = 'json'",
                f"'connector' = 'filesystem', 'path' = '{part}/out', 'format' = 'json'",
            ),
            "insert": shape.insert,
        }
        done = subprocess.run(
            [made("flink") / "bin" / "python", Path(__file__).with_name("streamsql_flink.py")],
            input=json.dumps(asked), text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        used.append(float(done.stdout.splitlines()[-1]))
    return (used[1] - used[0]) / (FLINK_EVENTS[1] - FLINK_EVENTS[0])


def shapes(count: int = EVENTS, *, with_flink: bool = True, names: Sequence[str] = ()) -> None:
    """Every shape, each on a new system."""
    with folder() as here:
        lines = here / "events.ndjson"
        written(lines, count)
        total = fill(here / "state", lines)
        for shape in SHAPES:
            if names and shape.name not in names:
                continue
            (here / shape.name).mkdir()
            shutil.copytree(here / "state", here / shape.name / "state")
            own = ours(here, shape, total)
            duck = raw_duckdb(here, shape, lines)
            assert own.rows == duck.rows, (own, duck)
            ratio = duck.cpu / own.cpu / 0.5
            beside = f"DuckDB, one batch: {number(count / duck.cpu)}"
            if with_flink and not shape.table:
                peer = flink(here, shape, lines)
                ratio = min(ratio, peer * count / own.cpu / 3)
                beside += f"; PyFlink {number(1 / peer)}"
            say(
                f"Stream SQL, {shape.title}: JSON on a stream to rows on a stream",
                f"{number(count / own.cpu)} events/CPU s ({number(count / own.wall)}/s)",
                "0.5 × DuckDB" + ("" if shape.table else ", 3 × PyFlink"),
                ratio=ratio,
                beside=beside,
            )
            shutil.rmtree(here / shape.name)


def state(keys: int = KEYS) -> None:
    """Memory of the flow with an open window of so many keys, over what it takes with none."""
    shape = SHAPES[0]
    used = []
    for count in (0, keys):
        with folder() as here:
            (here / "project").mkdir()
            sql = shape.ours().replace("'10' SECOND", "'1' DAY")
            (here / "project" / "forebay.yaml").write_text(project(sql))
            path = here / "state" / "streams" / "streams.activity.db"
            path.parent.mkdir(parents=True)
            log = Log(path, "streams.activity")
            for at in range(0, count, BATCH):
                log.append_now([event(n, n * 7919 % keys, n // 1000) for n in range(at, at + BATCH)])
            log.close()
            system = System(here / "project", here / "state", [], {})
            try:
                system.start(sql=False)

                def there() -> bool:
                    (each,) = system.call("flow", "status")["streamsql"].values()  # noqa: B023 - asked at once
                    return bool(each["position"] == count)  # noqa: B023

                until(there, patience=300)
                time.sleep(2)
                used.append(psutil.Process(system.pid("flow")).memory_full_info().pss)
            finally:
                system.end()
    more = used[1] - used[0]
    say(
        f"Stream SQL: {number(keys)} keys in an open window",
        f"{more / (1 << 20):.0f} MB of memory",
        "512 MB",
        ratio=(512 << 20) / more,
    )


def latency(windows: int = WINDOWS) -> None:
    """From the acknowledgement of the event that closes a window until its row can be read from the sink's log."""
    shape = SHAPES[0]
    found = []
    with folder() as here:
        (here / "project").mkdir()
        (here / "project" / "forebay.yaml").write_text(project(shape.ours()))
        system = System(here / "project", here / "state", [], {})
        try:
            system.start(sql=False)
            for at in range(windows):
                rows = head(system, "streams.found")
                some = [event(n, n % 10, at * 10 + n / 100) for n in range(500)]
                append(system, some)
                until(lambda: settled(system), every=0.005)
                append(system, [event(0, 0, at * 10 + 20)])
                acknowledged = time.perf_counter()
                until(lambda: head(system, "streams.found") > rows, every=0.001)  # noqa: B023 - asked at once
                found.append(time.perf_counter() - acknowledged)
        finally:
            system.end()
    found.sort()
    p50, p99 = statistics.median(found), found[-1]
    say(
        "Stream SQL: the watermark passes → the window's rows are on the sink, p50 / worst",
        f"{p50 * 1000:.0f} / {p99 * 1000:.0f} ms",
        "1 s",
        ratio=1 / p99,
    )


def rows() -> None:
    """Everything here, for the table."""
    shapes()
    state()
    latency()


def append(system: System, records: Sequence[bytes]) -> None:
    """Onto the stream, acknowledged after the fsync."""
    system.call("front", "append", target="streams.activity", records=list(records))


def settled(system: System) -> bool:
    """Whether every event on the stream was read."""
    (each,) = system.call("flow", "status")["streamsql"].values()
    return bool(each["position"] == head(system, "streams.activity"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("measures", nargs="*", default=["shapes", "state", "latency"])
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--no-flink", action="store_true")
    asked = parser.parse_args()
    names = [name for name in asked.measures if name not in ("shapes", "state", "latency")]
    if "shapes" in asked.measures or names:
        shapes(asked.events, with_flink=not asked.no_flink, names=names)
    if "state" in asked.measures:
        state()
    if "latency" in asked.measures:
        latency()


if __name__ == "__main__":
    main()
