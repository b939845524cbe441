"""What a question costs: beside DuckDB itself, and over ten million rows while events come in.

python -m benchmarks.asking
"""

from __future__ import annotations

import datetime as dt
import http.client
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
from tests.harness import System

from benchmarks.system import PLAIN, body, system
from benchmarks.table import number, say
from forebay.ipc import Client

BIG = """\
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


def fill(running: System, rows: int, hours: int) -> str:
    """Write `rows` rows over the last `hours` hours, as objects that were there; the newest hour."""
    now = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    names = [(now - dt.timedelta(hours=at)).strftime("%Y/%m/%d/%H") for at in range(hours)]
    with duckdb.connect() as db:
        for name in names:
            folder = running.layout.lake / "bench" / "big" / name
            folder.mkdir(parents=True)
            db.execute(
                f"COPY (SELECT 'entree_' || (range % 40) AS element_clicked, (range * 7 % 90)::INT AS time_spent, "
                f"'menu_' || (range % 4) AS source_menu FROM range({rows // hours})) TO '{folder}/part.parquet'"
            )
    return names[0]


def overhead(rounds: int = 40) -> None:
    """The same query through forebay and in DuckDB on the same file, in turns, each on a connection that is kept."""
    with system(PLAIN + BIG) as running, duckdb.connect() as db:
        running.start()
        asked = Client(running.layout.socket("query"), "query")
        hour = fill(running, 1_000_000, 1)
        file = running.layout.lake / "bench" / "big" / hour / "part.parquet"
        db.execute(f"CREATE VIEW big AS SELECT *, '{hour}' AS datehour FROM read_parquet('{file}')")
        running.query(ASKED.format(hour=hour, more=0))
        for title, changes, bar in (("text seen before", 0, 5), ("new text", 1, 30)):
            ours, bare = [], []
            for at in range(rounds):
                sql = ASKED.format(hour=hour, more=changes * (at + 1))
                ours.append(_timed(partial(_rows, asked, sql)))
                bare.append(_timed(partial(_bare, db, sql)))
            figure, beside = statistics.median(ours) * 1000, statistics.median(bare) * 1000
            say(
                f"A query's cost over DuckDB's own, {title}",
                f"+{figure - beside:.1f} ms",
                f"{bar} ms",
                ratio=bar / max(figure - beside, bar / 100),
                beside=f"DuckDB {beside:.1f} ms",
            )


def _rows(asked: Client, sql: str) -> list[dict[str, Any]]:
    answer = asked.call("query", sql=sql, database="bench")
    rows: list[dict[str, Any]] = pa.ipc.open_stream(answer["arrow"]).read_all().to_pylist()
    return rows


def _bare(db: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    return db.execute(sql).fetchall()


def last_hour(rows: int = 10_000_000, questions: int = 160) -> None:
    """A dashboard's query on the last hour of ten million rows, while 5,000 events a second come in."""
    with system(PLAIN + BIG) as running:
        running.start()
        hour = fill(running, rows, 24)
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
                say(
                    f"The last hour of {number(rows)} rows, {clients} client{'s' * (clients > 1)}, p50 / p99",
                    f"{statistics.median(times) * 1000:.0f} / {p99:.0f} ms",
                    f"p99 {bar} ms",
                    ratio=bar / p99,
                    beside="5,000 events/s coming in",
                )
        finally:
            done.set()
            feeding.join()


def _steady(running: System, rate: int, done: threading.Event) -> None:
    url = urlsplit(running.ingest)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80)
    data, step, sent, begun = body(0, 250), 250, 0, time.monotonic()
    while not done.is_set():
        connection.request("POST", "/events", data, {"content-type": "application/x-ndjson"})
        assert connection.getresponse().read()
        sent += step
        time.sleep(max(0.0, begun + sent / rate - time.monotonic()))
    connection.close()


def _ask(running: System, hour: str, questions: int, times: list[float]) -> None:
    for at in range(questions):
        times.append(_timed(partial(running.query, ASKED.format(hour=hour, more=at % 5))))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    overhead()
    last_hour()


if __name__ == "__main__":
    main()
