"""The same rows as real Flink gave: `rows.json` has what it wrote for each case, made by `flink_rows.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forebay.streamsql.engine import Engine
from tests.streamsql.cases import SHAPES, case
from tests.streamsql.runner import in_order, ours, plans

STORED = json.loads((Path(__file__).parent / "rows.json").read_text())


def test_every_shape_has_rows_of_flink() -> None:
    assert {each["name"] for each in STORED} == set(SHAPES)


@pytest.mark.parametrize(
    ("stored", "cut"),
    # What an expression gives does not depend on the events around it.
    [(each, cut) for each in STORED for cut in ((1000,) if each["name"].startswith("expr") else (1000, 7))],
    ids=lambda given: f"{given['name']}-{given['seed']}" if isinstance(given, dict) else str(given),
)
def test_the_rows_are_those_of_flink_however_events_are_cut_into_batches(stored: dict, cut: int) -> None:  # type: ignore[type-arg]
    given = case(stored["name"], stored["seed"], stored["count"])
    assert ours(given, cut) == in_order(stored["rows"])


@pytest.mark.parametrize("name", SHAPES)
def test_a_check_has_nothing_against_what_runs_in_flink(name: str) -> None:
    """A check of a project rehearses every INSERT, over no events."""
    for plan in plans(case(name, 1, 1)):
        engine = Engine(plan)
        try:
            engine.rehearse()
        finally:
            engine.close()


def test_a_row_may_say_where_its_event_stands() -> None:
    """Metadata columns are the shard's, the offset's and the arrival's; no file that Flink reads has them."""
    given = {
        "ddl": [
            "CREATE TABLE activity (a BIGINT, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', s STRING METADATA FROM 'shard-id', "
            "`sequence-number` STRING METADATA, b AS a * 2) WITH ('connector' = 'kinesis', 'stream' = 'activity')",
            "CREATE TABLE found (b BIGINT, at TIMESTAMP(3), s STRING, n STRING) WITH ('connector' = 'kinesis', 'stream' = 'found')",
        ],
        "insert": "INSERT INTO found SELECT b, at, s, `sequence-number` FROM activity",
        "events": ['{"a": 1}', '{"a": "2"}'],
    }
    at, shard = "1970-01-01 00:00:00", "shardId-000000000000"
    assert ours(given, 2) == [
        {"b": 2, "at": at, "s": shard, "n": "0"},
        {"b": 4, "at": at, "s": shard, "n": "1"},
    ]
