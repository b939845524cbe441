"""Kills while windows are open: what was written is what an undisturbed run writes, each row once."""

from __future__ import annotations

import collections
import contextlib
import json
import random
import threading
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from forebay.event import Batch
from forebay.streams.reader import Reader
from forebay.streamsql.engine import Engine, Events
from forebay.streamsql.job import compile_job
from forebay.streamsql.spans import ShardSpan
from tests.conftest import Running
from tests.harness import System, until
from tests.projects import project
from tests.streamsql.cases import events

SQL = """\
CREATE TABLE activity (user_id BIGINT, kind STRING, price DOUBLE, units INT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '10' SECOND)
WITH ('connector' = 'kinesis', 'stream' = 'activity', 'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE sums (s TIMESTAMP(3), e TIMESTAMP(3), user_id BIGINT, n BIGINT, kinds BIGINT, total BIGINT)
WITH ('connector' = 'kinesis', 'stream' = 'sums', 'format' = 'json');
CREATE TABLE dear (user_id BIGINT, price DOUBLE, ts TIMESTAMP(3))
WITH ('connector' = 'kinesis', 'stream' = 'dear', 'format' = 'json');
INSERT INTO sums SELECT window_start, window_end, user_id, COUNT(*), COUNT(DISTINCT kind), SUM(CAST(units AS BIGINT))
FROM TABLE(HOP(TABLE activity, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '30' SECOND))
GROUP BY window_start, window_end, user_id;
CREATE TABLE visits (s TIMESTAMP(3), e TIMESTAMP(3), user_id BIGINT, n BIGINT, kinds BIGINT)
WITH ('connector' = 'kinesis', 'stream' = 'visits', 'format' = 'json');
INSERT INTO visits SELECT window_start, window_end, user_id, COUNT(*), COUNT(DISTINCT kind)
FROM TABLE(SESSION(TABLE activity PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '3' SECOND))
GROUP BY window_start, window_end, user_id;
INSERT INTO dear SELECT user_id, price, ts FROM activity WHERE price > 4;
CREATE TABLE best (s TIMESTAMP(3), kind STRING, n BIGINT, place BIGINT)
WITH ('connector' = 'kinesis', 'stream' = 'best', 'format' = 'json');
INSERT INTO best SELECT s, kind, n, place FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY s, e ORDER BY n DESC, kind) AS place FROM (
    SELECT window_start AS s, window_end AS e, kind, COUNT(*) AS n
    FROM TABLE(TUMBLE(TABLE activity, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, kind
  )) WHERE place <= 2;
"""
PROJECT = """\
name: storm
streams:
  activity: {shards: 3}
  sums: {}
  dear: {}
  visits: {}
  best: {}
streamsql:
  both: {file: streams/both.sql, idle: 1s}
"""
ROUND = ("flow", "flow", "flow", "front", "everything")
"""Five kills; after the last kind the supervisor is new, too, and starts again at once what died often."""
SHARDS = 3


class Producer(threading.Thread):
    """Puts small batches until `stopped`."""

    def __init__(self, system: System, seed: int) -> None:
        super().__init__(daemon=True)
        self.seed = seed
        self.stopped = threading.Event()
        self.put = self.goal = 0
        self._system = system

    def run(self) -> None:
        client: Any = boto3.client(
            "kinesis",
            endpoint_url=self._system.urls["aws"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 4}, connect_timeout=2, read_timeout=5),
        )
        data = events(random.Random(self.seed), 40_000)
        while not self.stopped.wait(0.005) and data:
            if self.put > self.goal + 100:  # what it waits for may take long, and its events have an end
                continue
            some, data = data[:10], data[10:]
            records = [{"Data": each, "PartitionKey": str(len(each) % 7)} for each in some]
            try:
                client.put_records(StreamName="activity", Records=records)
                self.put += len(some)
            except (ClientError, BotoCoreError):
                continue
        client.close()


def undisturbed(batches: list[Batch], sql: str, idle: int) -> list[collections.Counter[str]]:
    """The rows of each INSERT over these events, read in one go, and of what closes when nothing comes any more."""
    found = []
    for plan in compile_job(sql, idle):
        engine = Engine(plan)
        given = Events([], [], [], [])
        for batch in batches:
            given.data = [*given.data, *batch.columns().records()]
            given.rows = [*given.rows, *range(batch.offset, batch.end)]
            given.shards = [*given.shards, *[batch.shard] * batch.n]
            given.arrivals = [*given.arrivals, *[batch.arrival] * batch.n]
        spans = [ShardSpan(each) for each in range(SHARDS)]
        rows = engine.feed(given, spans).records
        rows += engine.tick(given.arrivals[-1] // 1000 + 60_000, spans).records
        engine.close()
        found.append(collections.Counter(row.decode() for row in rows))
    return found


def written(system: System, stream: str) -> collections.Counter[str]:
    rows: list[str] = []
    position = 0
    while records := (read := system.call("front", "log_read", log=f"streams.{stream}", position=position))[
        "records"
    ]:
        rows += [record["data"].decode() for record in records]
        position = read["next"]
    return collections.Counter(rows)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rounds", [2, pytest.param(7, marks=pytest.mark.proof)])
def test_the_rows_are_those_of_an_undisturbed_run_whatever_is_killed(
    running: Running, tmp_path: Path, rounds: int
) -> None:
    system = running(project(tmp_path / "p", PROJECT, **{"streams/both.sql": SQL}), sql=False)
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be had again
    chance = random.Random(seed)
    producer = Producer(system, seed)
    producer.start()
    for victim in [each for _ in range(rounds) for each in chance.sample(ROUND, len(ROUND))]:
        producer.goal = producer.put + chance.randrange(10, 500)
        system.until(lambda: producer.put > producer.goal)
        if victim == "everything":
            system.kill_all()
            system.start(sql=False)
        else:
            system.kill(victim)
    producer.goal = producer.put + 300
    system.until(lambda: producer.put > producer.goal)
    producer.stopped.set()
    producer.join(60)
    assert not producer.is_alive()

    def settled() -> bool:
        ledger = system.status()["ledger"]
        own = [line for name, line in ledger.items() if name.startswith("streamsql.")]
        return len(own) == 4 and all(line["lag"] == 0 for line in own) and bool(ledger["total"]["adds_up"])

    system.until(settled, patience=90)
    reader = Reader(tmp_path / "state0" / "streams" / "streams.activity.db", "streams.activity")
    batches = reader.read(0, max_bytes=1 << 30)
    reader.close()
    assert len({batch.shard for batch in batches}) == SHARDS
    sums, visits, dear, best = undisturbed(batches, SQL, 1000)
    assert sum(sums.values()) > 100
    expected = {"sums": sums, "visits": visits, "dear": dear, "best": best}
    with contextlib.suppress(AssertionError):  # what differs then is shown below
        until(lambda: all(written(system, name) == rows for name, rows in expected.items()), every=0.5)
    for name, rows in expected.items():
        assert written(system, name) == rows
    assert max(best.values()) == 1
    assert max(visits.values()) == 1
    assert max(sums.values()) == 1
    assert json.loads(next(iter(sums)))["n"] > 0
