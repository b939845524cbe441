"""Rows that change: the same rows at the end as Flink has (`changing.json`), forgotten in time, and bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forebay.errors import UsageError
from forebay.streamsql import groups
from forebay.streamsql.engine import Engine, Events
from forebay.streamsql.groups import Changes
from forebay.streamsql.job import LIVES, compile_question
from forebay.streamsql.spans import ShardSpan
from tests.streamsql.changing import QUESTIONS, question, rows_here

STORED = json.loads((Path(__file__).parent / "changing.json").read_text())
PLAYS = """\
CREATE TABLE plays (team STRING, points INT) WITH ('connector' = 'kinesis', 'stream' = 'plays', 'format' = 'json')"""
TEAMS = "SELECT team, COUNT(*) AS n, COUNT(DISTINCT points) AS p FROM plays GROUP BY team"


def test_every_question_has_rows_of_flink() -> None:
    assert {each["name"] for each in STORED} == set(QUESTIONS)


@pytest.mark.parametrize("cut", [1000, 7])
@pytest.mark.parametrize("stored", STORED, ids=lambda given: f"{given['name']}-{given['seed']}")
def test_the_rows_at_the_end_are_those_of_flink_however_events_are_cut_into_batches(
    stored: dict[str, Any], cut: int
) -> None:
    assert rows_here(question(stored["name"], stored["seed"], stored["count"]), cut) == stored["rows"]


class Asked:
    """A question over `plays`, with a clock."""

    def __init__(self, sql: str) -> None:
        self.engine = Engine(compile_question(sql, [PLAYS]))
        self.engine.rehearse()
        self.row = 0

    def put(self, at: int, *plays: tuple[str, int]) -> list[tuple[str, Any]]:
        data = [json.dumps({"team": team, "points": points}).encode() for team, points in plays]
        rows = range(self.row, self.row + len(data))
        self.row += len(data)
        given = Events(data, rows, [0] * len(data), [at * 1_000_000] * len(data))
        return told(self.engine.feed(given, [ShardSpan(0)]).changes)

    def tick(self, at: int) -> list[tuple[str, Any]]:
        return told(self.engine.tick(at * 1000).changes)


def told(changes: Changes | None) -> list[tuple[str, Any]]:
    assert changes is not None
    rows = [list(json.loads(each).values()) for each in changes.records]
    return list(zip(changes.ops, rows, strict=True))


@pytest.fixture
def asked() -> Iterator[Any]:
    made: list[Asked] = []

    def make(sql: str) -> Asked:
        made.append(Asked(sql))
        return made[-1]

    yield make
    for each in made:
        each.engine.close()


def test_a_row_changes_once_for_each_batch_and_says_what_it_was(asked: Any) -> None:
    plays = asked(TEAMS)
    assert plays.put(1, ("red", 1), ("blue", 2), ("red", 1)) == [
        ("+I", ["red", 2, 1]),
        ("+I", ["blue", 1, 1]),
    ]
    assert plays.put(2, ("blue", 3)) == [("-U", ["blue", 1, 1]), ("+U", ["blue", 2, 2])]
    assert asked("SELECT DISTINCT team FROM plays").put(1, ("red", 1), ("red", 2)) == [("+I", ["red"])]


def test_a_group_without_events_is_forgotten_after_its_time_to_live_and_begins_anew(asked: Any) -> None:
    plays = asked(f"SET 'table.exec.state.ttl' = '1 min'; {TEAMS}")
    plays.put(0, ("red", 1), ("blue", 1))
    plays.put(50, ("blue", 2))
    assert plays.tick(59) == []
    assert plays.tick(60) == [("-D", ["red", 1, 1])]
    assert plays.engine.held == 1
    assert plays.put(70, ("red", 1)) == [("+I", ["red", 1, 1])]
    assert plays.put(200, ("red", 1)) == [
        ("-D", ["blue", 2, 2]), ("-D", ["red", 1, 1]), ("+I", ["red", 1, 1]),
    ]  # fmt: skip


def test_unless_it_is_said_groups_are_forgotten_after_a_day(asked: Any) -> None:
    plays = asked(TEAMS)
    plays.put(0, ("red", 1))
    assert plays.tick(LIVES // 1000 - 1) == []
    assert plays.tick(LIVES // 1000) == [("-D", ["red", 1, 1])]
    always = asked(f"SET 'table.exec.state.ttl' = '0'; {TEAMS}")
    always.put(0, ("red", 1))
    assert always.tick(100 * LIVES) == []


def test_an_order_has_its_rows_first_to_last_and_holds_no_more_events_than_are_in_it(asked: Any) -> None:
    plays = asked("SELECT team, points FROM plays ORDER BY points DESC LIMIT 2")
    plays.put(0, *[("red", points) for points in range(50)])
    assert plays.engine.held == 2
    assert plays.put(1, ("blue", 48), ("blue", 60)) == [("-D", ["red", 48]), ("+I", ["blue", 60])]


@pytest.mark.parametrize(
    ("name", "sql", "what"),
    [
        ("MOST_GROUPS", TEAMS, "3 groups"),
        ("MOST_VALUES", "SELECT COUNT(DISTINCT team) FROM plays", "3 DISTINCT values"),
        (
            "MOST_GROUPS",
            "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY points) AS n FROM plays) WHERE n < 9",
            "3 groups",
        ),
    ],
)
def test_more_than_can_be_held_is_an_error_that_says_what_to_do(
    asked: Any, monkeypatch: pytest.MonkeyPatch, name: str, sql: str, what: str
) -> None:
    monkeypatch.setattr(groups, name, 3)
    plays = asked(sql)
    plays.put(0, ("a", 1), ("b", 2), ("c", 3))
    with pytest.raises(UsageError, match=f"there are more than {what}") as raised:
        plays.put(1, ("d", 4))
    assert raised.value.code == "TooManyGroups"
    assert "table.exec.state.ttl" in (raised.value.fix or "")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT n, COUNT(*) FROM (SELECT team, COUNT(*) AS n FROM plays GROUP BY team) GROUP BY n",
         "an aggregate over rows that change does not run here"),
        ("SELECT * FROM (SELECT team FROM plays ORDER BY team LIMIT 3)", "ORDER BY or LIMIT within FROM does not run here"),
        ("SELECT LISTAGG(team) FROM plays", "LISTAGG without a window, which grows for ever, does not run here"),
        ("SELECT team, ROW_NUMBER() OVER (ORDER BY points) AS n FROM plays WHERE points > 1",
         "OVER windows' ordering in stream mode must be defined on a time attribute"),
        ("SELECT team FROM plays ORDER BY team", "Sort on a non-time-attribute field is not supported"),
        ("SELECT team FROM plays ORDER BY team LIMIT 5000", "LIMIT 5000 does not run here"),
        ("SELECT team FROM plays ORDER BY nobody LIMIT 5", "there is no column nobody"),
    ],
)  # fmt: skip
def test_what_does_not_run_is_said(sql: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        compile_question(sql, [PLAYS])
    assert raised.value.message == message
    assert raised.value.extra["line"] == 1
