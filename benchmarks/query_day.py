"""A day of 60-second gzip JSON files: the first question decodes them, the next ones read their copies.

python -m benchmarks.query_day [--rows 200]

Beside it: DuckDB reading the same files each time, as it would without copies. CPU is of the whole process.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import orjson
from isal import igzip
from tests.query.world import World

MINUTES = 1440
SQL = "SELECT element_clicked, count(*) AS n, avg(time_spent) AS a FROM clicks GROUP BY 1 ORDER BY n DESC LIMIT 10"


def fill(world: World, rows: int) -> Path:
    """One object a minute for a day; the folder they lie in."""
    world.clicks()
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=MINUTES + 1)
    for minute in range(MINUTES):
        at = begin + dt.timedelta(minutes=minute)
        events = (
            orjson.dumps(
                {
                    "element_clicked": f"entree_{i % 9}",
                    "time_spent": i % 100,
                    "source_menu": "m",
                    "created_at": at.isoformat(),
                }
            )
            for i in range(rows)
        )
        key = at.strftime("clicks/%Y/%m/%d/%H/") + f"{minute}.gz"
        world.object(key, igzip.compress(b"\n".join(events) + b"\n", 2), rows=rows)
    return world.layout.lake / "lake" / "clicks"


def measure(name: str, work: Callable[[], object], rounds: int) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(rounds):
        work()
    cpu, wall = (time.process_time() - cpu) * 1000 / rounds, (time.perf_counter() - wall) * 1000 / rounds
    print(f"{name:<44} {wall:8.1f} ms  {cpu:8.1f} ms of CPU")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        world = World(Path(folder) / "state")
        files = fill(world, rows)
        bare = duckdb.connect(config={"threads": 2})
        raw = SQL.replace("FROM clicks", f"FROM read_json('{files}/**/*.gz')")
        measure("DuckDB over the files", lambda: bare.sql(raw).to_arrow_table(), 2)
        measure("the first question", lambda: world.ask(SQL), 1)
        world.engine.wait()
        measure("the next ones", lambda: world.ask(SQL), 20)
        world.events(
            dt.datetime.now(dt.UTC).strftime("clicks/%Y/%m/%d/%H/new.gz"), [{"time_spent": 1}] * rows
        )
        measure("after one more object", lambda: world.ask(SQL), 1)
        bare.close()
        world.close()


if __name__ == "__main__":
    main()
