"""What may stand in JSON, column by column: the quick reading of a whole column and the careful one of each value agree."""

from __future__ import annotations

import json
import random
from typing import Any

import pyarrow as pa
import pytest

from forebay.streamsql import decode
from forebay.streamsql.engine import Engine, Events
from forebay.streamsql.job import compile_job
from forebay.streamsql.marks import Marks
from forebay.streamsql.spans import ShardSpan

TYPES = {
    "TINYINT": ["1", "-128", '"7"', "128", '" 12"', "1.5", "true", "null", '"0x10"', '"+5"', '"007"', '""', "1e2", "[1]"],
    "INT": ["1", "-2147483648", '"44"', "2147483648", '"1 2"', "2.9", "-2.9", '"2.9"', "false", "null", "{}", '"0X1f"'],
    "BIGINT": ["9223372036854775807", "9223372036854775808", '"-1"', '"12 "', "1e3", "null", '"dear"', "1.0", '"_1"'],
    "FLOAT": ["1.5", '"2.25"', "1", '" 3"', "1e40", "null", '"x"', "true", "-0.0"],
    "DOUBLE": ["1.5", '"2.5"', "17", '" 2.5 "', "1e400", "null", '""', "false", "0.1", "123456789.123456789", "1e-7"],
    "STRING": ['"a"', "1", "1.50", "true", '{"b": 1}', "[1, 2]", "null", '"ü\\n\\u0001\\""', '""', "12345678901234567890"],
    "BOOLEAN": ["true", "false", '"TRUE"', '"no"', "1", "null"],
    "DECIMAL(10, 2)": ["1.25", '"3.5"', "7", "null", "1e20", '"x"'],
    "DATE": ['"2026-03-01"', '"2026-3-1"', '"2026-02-30"', "null", "5"],
    "TIMESTAMP(3)": [
        '"2026-03-01 12:00:00"', '"2026-03-01 12:00:00.5"', '"2026-03-01 12:00:00.123456"', '"2026-03-01T12:00:00"',
        '"2026-03-01 12:00"', '"2026-03-01"', '"2026-03-01 25:00:00"', '"2026-03-01 12:00:00Z"', '" 2026-03-01 12:00:00"',
        '"2026-03-01 12:00:00.1234567"', '"1969-12-31 23:59:59.999"', "null", "5", '"2026-03-01 12:00:00."', '"2026-03-01 1200:00.1"',
    ],
}  # fmt: skip
"""JSON values for each type: such as fit, such as fit if one is lenient, and such as do not."""


def plan_of(type_: str, options: str = "") -> Any:
    (plan,) = compile_job(
        f"CREATE TABLE a (v {type_}) WITH ('connector' = 'kinesis', 'stream' = 'a', 'format' = 'json'{options});"
        f"CREATE TABLE b (v {type_}) WITH ('connector' = 'kinesis', 'stream' = 'b', 'format' = 'json');"
        "INSERT INTO b SELECT v FROM a"
    )
    return plan


def rows(plan: Any, events: list[bytes], cut: int) -> tuple[list[bytes], int]:
    engine = Engine(plan)
    try:
        found = []
        for at in range(0, len(events), cut):
            some = events[at : at + cut]
            ones = [0] * len(some)
            found += engine.feed(Events(some, range(at, at + len(some)), ones, ones), [ShardSpan(0)]).records
        return found, engine.unreadable
    finally:
        engine.close()


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("options", ["", ", 'json.ignore-parse-errors' = 'true'"])
def test_a_value_is_read_the_same_whatever_stands_beside_it(
    type_: str, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(type_)
    events = [b"\xf3\x89\x9a\xc2\n\x02k0\x1a\x0c\x08\x00\x1a\x08W@\xb1\xfc"]  # as aggregated records begin
    events += [f'{{"v": {value}}}'.encode() for value in chance.choices(TYPES[type_], k=40)]
    events += [b"", b"[1]", b"{", b"{}", b'{"v": "\xff"}', b'{"w": 1}']
    plan = plan_of(type_, options)
    together, alone = rows(plan, events, 1000), rows(plan, events, 1)
    monkeypatch.setattr(decode, "quick", lambda *_: None)
    careful = rows(plan, events, 1000)
    assert together == alone == careful
    assert len(careful[0]) + careful[1] == len(events)


def test_rows_are_written_as_json_with_everything_in_them() -> None:
    values = ['a "b" \\ \n \u0001 ü 🎈 </', "", "2026"]
    events = [json.dumps({"v": value}).encode() for value in values]
    found, _ = rows(plan_of("STRING"), events, 10)
    assert [json.loads(each)["v"] for each in found] == values


def test_the_watermark_of_shards_does_not_depend_on_where_batches_end() -> None:
    chance = random.Random(11)
    spans = [ShardSpan(0), ShardSpan(1, 0, 300), ShardSpan(2, 250), ShardSpan(3)]
    count, arrival = 600, 1_000_000
    rows_, shards, arrivals, marks = [], [], [], []
    for row in range(count):
        arrival += chance.choice([0, 0, 10_000, 400_000, 2_500_000])
        open_ = [each for each in spans if each.first <= row and (each.closed is None or row < each.closed)]
        rows_.append(row)
        shards.append(chance.choice(open_[:2] if row % 50 < 40 else open_).number)
        arrivals.append(arrival)
        marks.append(None if chance.random() < 0.05 else arrival // 1000 - chance.randrange(4000))
    names = ["__row", "__shard", "__arrival", "__w"]
    events = pa.table([pa.array(each, pa.int64()) for each in (rows_, shards, arrivals, marks)], names=names)

    def before(cuts: list[int]) -> tuple[list[int], Marks]:
        found, at = Marks(), []
        found.known(spans, arrivals[0])
        for low, high in zip([0, *cuts], [*cuts, count], strict=True):
            at += found.passed(events.slice(low, high - low), spans, 1000).to_pylist()
        return at, found

    whole = before([])
    assert len(set(whole[0])) > 20
    for _ in range(20):
        assert before(sorted(chance.sample(range(1, count), chance.randrange(1, 60)))) == whole
    assert before(list(range(1, count))) == whole


@pytest.mark.parametrize("late", [False, True])
def test_a_window_without_a_distinct_value_counts_none(late: bool) -> None:
    (plan,) = compile_job(
        "CREATE TABLE a (v STRING, at TIMESTAMP(3), WATERMARK FOR at AS at)"
        " WITH ('connector' = 'kinesis', 'stream' = 'a', 'format' = 'json');"
        "CREATE TABLE b (n BIGINT, d BIGINT) WITH ('connector' = 'kinesis', 'stream' = 'b', 'format' = 'json');"
        "INSERT INTO b SELECT COUNT(*), COUNT(DISTINCT v) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(at),"
        " INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
    )
    times = ["00:01", "00:02", "00:25", *(["00:03", "00:40"] if late else [])]
    events = [f'{{"v": null, "at": "2026-03-01 12:{time}"}}'.encode() for time in times]
    assert [json.loads(row) for row in rows(plan, events, 1)[0]] == [
        {"n": 2, "d": 0},
        *([{"n": 1, "d": 0}] if late else []),
    ]
