"""What a question costs: beside DuckDB itself, over ten million rows, and on dashboards that are watched."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
from tests.harness import System

from benchmarks.path import project
from benchmarks.system import Feeder, cpu, events, system
from benchmarks.table import Row, number

TABLES = """\
catalog:
  big:
    location: lake.bench/big/
    format: parquet
    columns: {element_clicked: string, time_spent: int, source_menu: string}
    partitions: {datehour: string}
    projection:
      datehour: {type: date, format: yyyy/MM/dd/HH, range: "2024/01/01/00,NOW", interval: 1, interval_unit: HOURS}
    location_template: s3://bench/big/${datehour}/
"""
ASKED = (
    "SELECT element_clicked, count(*) AS n, avg(time_spent) AS seconds FROM big "
    "WHERE datehour = '{hour}' AND time_spent > {more} GROUP BY element_clicked ORDER BY n DESC LIMIT 10"
)
ROOT = Path(__file__).resolve().parents[1]


def _fill(running: System, rows: int, hours: int) -> str:
    """Write `rows` rows over the last `hours` hours, as objects that were there; the newest hour."""
    now = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    names = [(now - dt.timedelta(hours=at)).strftime("%Y/%m/%d/%H") for at in range(hours)]
    each = rows // hours
    with duckdb.connect() as db:
        for name in names:
            folder = running.layout.lake / "bench" / "big" / name
            folder.mkdir(parents=True)
            db.execute(
                f"COPY (SELECT 'entree_' || (range % 40) AS element_clicked, (range * 7 % 90)::INT AS time_spent, "
                f"'menu_' || (range % 4) AS source_menu FROM range({each})) TO '{folder}/part.parquet'"
            )
    return names[0]


def overhead(rounds: int = 40) -> Iterator[Row]:
    """The same query through forebay and in DuckDB on the same file, in turns."""
    with system(project() + TABLES) as running, duckdb.connect() as db:
        hour = _fill(running, 1_000_000, 1)
        file = running.layout.lake / "bench" / "big" / hour / "part.parquet"
        db.execute(f"CREATE VIEW big AS SELECT *, '{hour}' AS datehour FROM read_parquet('{file}')")
        running.query(ASKED.format(hour=hour, more=0))

        def both(more: Callable[[int], int]) -> tuple[float, float]:
            ours, theirs = [], []
            for at in range(rounds):
                sql = ASKED.format(hour=hour, more=more(at))
                ours.append(_timed(lambda sql=sql: running.query(sql)))
                theirs.append(_timed(lambda sql=sql: db.execute(sql).fetchall()))
            return statistics.median(ours) * 1000, statistics.median(theirs) * 1000

        same, raw = both(lambda _: 0)
        new, raw_new = both(lambda at: at + 1)
    for title, figure, bare, bar in (
        ("Query over DuckDB itself, text seen before", same, raw, 5),
        ("Query over DuckDB itself, new text", new, raw_new, 30),
    ):
        yield Row(
            title,
            f"+{figure - bare:.1f} ms",
            f"{figure:.1f} beside {bare:.1f} ms",
            f"{bar} ms",
            figure - bare <= bar,
        )


def last_hour(rows: int = 10_000_000, questions: int = 150) -> Iterator[Row]:
    """A dashboard's query on the last hour of ten million rows, while 5,000 events a second come in."""
    with system(project() + TABLES) as running:
        hour = _fill(running, rows, 24)
        done = threading.Event()
        feeding = threading.Thread(target=_steady, args=(running, 5000, done))
        feeding.start()
        try:
            running.query(ASKED.format(hour=hour, more=0))
            for clients, bar in ((1, 50), (8, 200)):
                times: list[float] = []
                threads = [
                    threading.Thread(target=_ask, args=(running, hour, questions // clients, times))
                    for _ in range(clients)
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                p99 = statistics.quantiles(times, n=100)[98] * 1000
                yield Row(
                    f"Last-hour query over {number(rows)} rows, {clients} client{'s' * (clients > 1)}, 5,000 events/s in",
                    f"p50 {statistics.median(times) * 1000:.0f} ms, p99 {p99:.0f} ms",
                    "",
                    f"p99 {bar} ms",
                    p99 <= bar,
                )
        finally:
            done.set()
            feeding.join()


def dashboards(seconds: float = 10.0) -> Iterator[Row]:
    """The restaurant's fourteen tiles under simulated clicks: nobody looking, one browser, ten."""
    example = ROOT / "examples" / "restaurant"
    files = {
        str(path.relative_to(example)): path.read_text()
        for path in example.rglob("*")
        if path.is_file()
        and ".forebay" not in path.parts
        and path.suffix in {".py", ".sql", ".yaml", ".json"}
    }
    with system(files.pop("forebay.yaml"), "--simulate", files=files) as running:
        running.until(lambda: running.query("select count(*) from clicks")[0][0] > 1000)
        shares = {}
        for browsers in (0, 1, 10):
            shares[browsers] = asyncio.run(_watched(running, browsers, seconds))
    one, ten = shares[1] - shares[0], shares[10] - shares[1]
    yield Row(
        "Dashboard of 14 live tiles, one browser",
        f"{one * 100:.0f} % of a core",
        f"{shares[0] * 100:.0f} % when nobody looks, clicks coming in",
        "20 %",
        one <= 0.2,
    )
    yield Row("Ten browsers instead of one", f"+{ten * 100:.1f} % of a core", "", "5 %", ten <= 0.05)


async def _watched(running: System, browsers: int, seconds: float) -> float:
    from websockets.asyncio.client import connect
    from websockets.typing import Origin

    url = running.console.replace("http", "ws", 1) + "/api/live"
    asked = json.dumps(
        {"type": "subscribe", "view": 1, "dashboard": "evening", "range": "today", "filters": {}}
    )
    pages = [await connect(url, origin=Origin(running.console), max_size=None) for _ in range(browsers)]

    async def read(page: object) -> None:
        async for _ in page:  # type: ignore[attr-defined]
            pass

    for page in pages:
        await page.send(asked)
    reading = [asyncio.create_task(read(page)) for page in pages]
    await asyncio.sleep(2)
    before = await asyncio.to_thread(cpu, running)
    await asyncio.sleep(seconds)
    used = await asyncio.to_thread(cpu, running) - before
    for page in pages:
        await page.close()
    await asyncio.gather(*reading, return_exceptions=True)
    return used / seconds


def _steady(running: System, rate: int, done: threading.Event) -> None:
    sent, begun = 0, time.monotonic()
    while not done.is_set():
        time.sleep(max(0.0, begun + sent / rate - time.monotonic()))
        Feeder(running.ingest, "/clicks").run(
            lambda _, sent=sent: events(sent, 250), 250, lambda n: n < 250, 1
        )
        sent += 250


def _ask(running: System, hour: str, questions: int, times: list[float]) -> None:
    for at in range(questions):
        sql = ASKED.format(hour=hour, more=at % 5)
        times.append(_timed(lambda sql=sql: running.query(sql)))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
