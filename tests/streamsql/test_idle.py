"""Where no event comes at all, shards fall idle by the clock: windows that waited for them only close, each once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.streamsql.engine import Engine, Events
from forebay.streamsql.job import compile_job
from forebay.streamsql.processing import GRACE_MS
from forebay.streamsql.spans import ShardSpan
from tests.harness import System
from tests.wire.sdk import serving, speaking

SQL = """\
CREATE TABLE activity (user_id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'kinesis', 'stream' = 'activity', 'format' = 'json');
CREATE TABLE found (user_id BIGINT, n BIGINT, until TIMESTAMP(3))
WITH ('connector' = 'kinesis', 'stream' = 'found', 'format' = 'json');
INSERT INTO found SELECT user_id, COUNT(*), window_end
FROM TABLE(WINDOW) GROUP BY window_start, window_end, user_id;
"""
WINDOWS = {
    "TUMBLE": "TUMBLE(TABLE activity, DESCRIPTOR(ts), INTERVAL '10' SECOND)",
    "SESSION": "SESSION(TABLE activity PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '3' SECOND)",
}
PROJECT = f"""\
name: quiet
streams:
  activity: {{shards: 4}}
  found: {{}}
streamsql:
  found:
    idle: 1s
    sql: "{" ".join(SQL.split()).replace("WINDOW)", WINDOWS["TUMBLE"] + ")")}"
"""
BASE = 1_772_366_400_000_000  # 2026-03-01 12:00:00
IDLE = 5_000
SHARDS = [ShardSpan(0), ShardSpan(1), ShardSpan(2)]

system = serving(PROJECT)
kinesis = speaking("kinesis")


def given(first: int, *of: tuple[int, float, int]) -> Events:
    """Events from this offset on: shard, seconds after the base at which it came, its time in seconds."""
    data = [json.dumps({"user_id": 1, "ts": f"2026-03-01 12:00:{second:02}"}).encode() for *_, second in of]
    rows = list(range(first, first + len(of)))
    return Events(data, rows, [shard for shard, *_ in of], [BASE + round(at * 1e6) for _, at, _ in of])


def shown(records: list[bytes]) -> list[Any]:
    return [tuple(json.loads(each).values()) for each in records]


@pytest.fixture(params=WINDOWS)
def engines(request: pytest.FixtureRequest) -> Any:
    (plan,) = compile_job(SQL.replace("WINDOW)", WINDOWS[request.param] + ")"), IDLE)
    made: list[Engine] = []

    def one() -> Engine:
        made.append(Engine(plan))
        return made[-1]

    yield one
    for each in made:
        each.close()


def test_windows_that_waited_for_idle_shards_close_without_an_event_and_once(engines: Any) -> None:
    made = engines()
    assert made.feed(given(0, (0, 0.0, 1), (1, 3.0, 15)), SHARDS).records == []
    before = made.state(2)
    passed = BASE // 1000 + IDLE + GRACE_MS
    assert made.tick(passed, SHARDS).records == []
    found = shown(made.tick(passed + 1, SHARDS).records)
    assert [row[:2] for row in found] == [(1, 1)]
    assert made.marks.now == BASE // 1000 + 14_000
    assert not made.waiting
    for state, rows in ((before, found), (made.state(2), [])):
        again = engines()
        again.restore(state)
        again.feed(given(0, (0, 0.0, 1), (1, 3.0, 15)), SHARDS, quiet=True)
        again.resume(state)
        assert shown(again.tick(passed + 1, SHARDS).records) == rows


def test_the_clock_closes_what_the_next_event_would_and_nothing_else(engines: Any) -> None:
    early, late = engines(), engines()
    first = (0, 0.0, 1), (1, 3.0, 15), (2, 3.5, 4)
    then = (0, 9.0, 2), (0, 9.5, 16), (2, 10.0, 30), (0, 11.0, 31), (1, 11.0, 32)
    rows = [early.feed(given(0, *first), SHARDS).records]
    rows += [early.tick(BASE // 1000 + GRACE_MS + at, SHARDS).records for at in range(5_000, 9_001, 250)]
    rows += [early.feed(given(3, *then), SHARDS).records]
    assert [row for each in rows for row in each] == late.feed(given(0, *first, *then), SHARDS).records
    assert (early.late, early.marks) == (late.late, late.marks)


def test_the_system_closes_the_windows_of_a_burst_after_which_nothing_comes(
    system: System, kinesis: Any
) -> None:
    rows = [{"user_id": 1, "ts": f"2026-03-01 12:00:{second:02}"} for second in (1, 2, 3, 15)]
    kinesis.put_records(
        StreamName="activity",
        Records=[{"Data": json.dumps(row).encode(), "PartitionKey": "one"} for row in rows],
    )

    def found() -> list[Any]:
        read = system.call("front", "log_read", log="streams.found", position=0)
        return shown([record["data"] for record in read["records"]])

    system.until(lambda: found() == [(1, 3, "2026-03-01 12:00:10")])
