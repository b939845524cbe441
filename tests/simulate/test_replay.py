"""Files are replayed with the pauses that they had, faster, and stamped anew; what is no time is told by its line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from forebay.errors import DataRejected
from forebay.simulate.replay import Replay, read_time

ROWS = [
    {"event_time": "2019-10-01 00:00:00 UTC", "n": 1},
    {"event_time": "2019-10-01 00:00:10 UTC", "n": 2},
    {"event_time": "2019-10-01 00:00:05 UTC", "n": 3},
    {"event_time": "2019-10-01 00:01:00 UTC", "n": 4},
]


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def replay(rows: list[dict[str, Any]], clock: Clock, **options: Any) -> Replay:
    def opened() -> Iterator[tuple[str, int, bytes]]:
        for line, row in enumerate(rows, 2):
            yield "events.csv", line, json.dumps(row).encode()

    given = {"time": "event_time", "speed": 1.0, "restamp": None, "loop": False, **options}
    return Replay(opened, clock=clock, **given)


def numbers(source: Replay) -> list[int]:
    return [json.loads(event)["n"] for event in source.take(500).events]


def test_rows_come_with_the_pauses_they_had_and_one_out_of_order_at_once() -> None:
    clock = Clock()
    source = replay(ROWS, clock)
    assert source.own_pace
    found = []
    for at in (0, 9.9, 10, 59.9, 60):
        clock.now = Clock.now + at
        found.append(numbers(source))
    assert found == [[1], [], [2, 3], [], [4]]
    assert source.take(1).ended


def test_faster() -> None:
    clock = Clock()
    source = replay(ROWS, clock, speed=60.0)
    assert numbers(source) == [1]
    clock.now += 1.0
    assert numbers(source) == [2, 3, 4]


def test_a_loop_begins_again_a_usual_pause_after_the_end() -> None:
    clock = Clock()
    source = replay(ROWS, clock, loop=True)
    clock.now += 60
    assert numbers(source) == [1, 2, 3, 4]
    clock.now += 14.9
    assert numbers(source) == []
    clock.now += 0.1
    assert numbers(source) == [1]


def test_a_stamp_is_the_moment_that_the_row_is_due_in_the_columns_own_form() -> None:
    clock = Clock()
    source = replay(ROWS, clock, restamp="event_time", speed=10.0)
    clock.now += 6
    stamps = [json.loads(event)["event_time"] for event in source.take(500).events]
    assert stamps == [
        "2023-11-14 22:13:20 UTC", "2023-11-14 22:13:21 UTC", "2023-11-14 22:13:21 UTC", "2023-11-14 22:13:26 UTC",
    ]  # fmt: skip


def test_a_new_column_has_milliseconds() -> None:
    (event,) = replay(ROWS[:1], Clock(), restamp="txn_timestamp").take(1).events
    assert json.loads(event) == {**ROWS[0], "txn_timestamp": "2023-11-14 22:13:20.000"}


@pytest.mark.parametrize(
    "written",
    ["2019-10-01 00:00:04 UTC", "2019-10-01T00:00:04Z", "2019-10-01T00:00:04.000+00:00", "2019-10-01 00:00:04.123456", 1569888004, 1569888004000],
)  # fmt: skip
def test_a_time_is_written_in_the_form_that_it_was_read_in(written: Any) -> None:
    found = read_time(written)
    assert found is not None
    assert found[1].write(found[0]) == written


def test_without_a_time_rows_come_at_the_rate() -> None:
    source = replay(ROWS, Clock(), time=None)
    assert not source.own_pace
    assert [json.loads(event)["n"] for event in source.take(3).events] == [1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "options", "message", "where"),
    [
        ([{"event_time": "soon", "n": 1}], {}, "event_time is no time: 'soon'", "events.csv:2"),
        ([*ROWS[:2], {"n": 3}], {}, "there is no column event_time", "events.csv:4"),
        ([], {"loop": True}, "have no rows", None),
    ],
)
def test_what_cannot_be_replayed(
    rows: list[dict[str, Any]], options: dict[str, Any], message: str, where: str | None
) -> None:
    clock = Clock()
    source = replay(rows, clock, **options)
    clock.now += 3600
    with pytest.raises(DataRejected, match=message) as raised:
        source.take(500)
    assert raised.value.where == where
