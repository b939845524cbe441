"""Processing time is when an event arrived, as the log says: windows on it are the same whenever it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.streamsql.engine import Engine, Events
from forebay.streamsql.job import compile_job
from forebay.streamsql.processing import GRACE_MS
from forebay.streamsql.spans import ShardSpan

SQL = """\
CREATE TABLE activity (user_id BIGINT, at AS PROCTIME())
WITH ('connector' = 'kinesis', 'stream' = 'activity', 'format' = 'json');
CREATE TABLE found (s TIMESTAMP(3), user_id BIGINT, n BIGINT)
WITH ('connector' = 'kinesis', 'stream' = 'found', 'format' = 'json');
INSERT INTO found SELECT window_start, user_id, COUNT(*)
FROM TABLE(TUMBLE(TABLE activity, DESCRIPTOR(at), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, user_id
"""
BASE = 1_772_366_400_000_000  # 2026-03-01 12:00:00
SECONDS = [1.0, 2.5, 9.999, 9.5, 10.0, 14.0, 13.0, 21.0]
"""When they arrive, in the log's order; over two shards that is not quite that of time."""
SHARDS = [ShardSpan(0), ShardSpan(1)]


def engine() -> Engine:
    (plan,) = compile_job(SQL)
    return Engine(plan)


def some(first: int, end: int) -> Events:
    rows = list(range(first, end))
    data = [json.dumps({"user_id": row % 2}).encode() for row in rows]
    return Events(data, rows, [row % 2 for row in rows], [BASE + round(SECONDS[row] * 1e6) for row in rows])


def shown(records: list[bytes]) -> list[Any]:
    return [tuple(json.loads(each).values()) for each in records]


WINDOWS = [
    ("2026-03-01 12:00:00", 0, 2),
    ("2026-03-01 12:00:00", 1, 2),
    ("2026-03-01 12:00:10", 0, 2),
    ("2026-03-01 12:00:10", 1, 1),
]


@pytest.mark.parametrize("cut", [1, 3, 8])
def test_windows_are_of_arrival_times_and_nothing_is_late(cut: int) -> None:
    made = engine()
    found: list[Any] = []
    for at in range(0, len(SECONDS), cut):
        found += shown(made.feed(some(at, min(at + cut, len(SECONDS))), SHARDS).records)
    assert made.late == 0
    made.close()
    assert found == WINDOWS


def test_the_clock_closes_what_no_event_does_and_not_again_after_a_crash() -> None:
    made = engine()
    made.feed(some(0, 4), SHARDS)
    ended = BASE // 1000 + 10_000
    assert made.tick(ended + GRACE_MS - 2).records == []
    assert shown(made.tick(ended + GRACE_MS - 1).records) == WINDOWS[:2]
    assert made.tick(ended + GRACE_MS).records == []
    made.feed(some(4, 6), SHARDS)
    state = made.state(6)
    made.close()
    again = engine()
    again.restore(state)
    again.feed(some(int(state["replay"]), 6), SHARDS, quiet=True)
    again.resume(state)
    assert shown(again.feed(some(6, 8), SHARDS).records) == WINDOWS[2:]
    again.close()


def test_a_crash_after_the_clock_closed_a_window_gives_it_no_second_time() -> None:
    made = engine()
    made.feed(some(0, 4), SHARDS)
    before = made.state(4)
    assert len(made.tick(BASE // 1000 + 10_000 + GRACE_MS).records) == 2
    after = made.state(4)
    made.close()
    for state, rows in ((before, 2), (after, 0)):
        again = engine()
        again.restore(state)
        if state["replay"] < 4:
            again.feed(some(int(state["replay"]), 4), SHARDS, quiet=True)
        again.resume(state)
        assert len(again.tick(BASE // 1000 + 10_000 + GRACE_MS).records) == rows
        again.close()
