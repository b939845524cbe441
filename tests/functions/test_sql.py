"""A SQL transform: columnar, each event's fate its own."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.ports import Outcome, Table
from tests.functions.conftest import Project, events, failed, only_failure, origins


def table(outcome: Outcome) -> list[dict[str, Any]]:
    assert isinstance(outcome.output, Table)
    assert outcome.output.rows.num_rows == len(outcome.output.source)
    return outcome.output.rows.to_pylist()


def ask(project: Project, sql: str, *documents: object) -> Outcome:
    return project.sql(sql).apply(events(*documents), origins(len(documents)))


def test_rows_are_projected_filtered_and_know_their_event(project: Project) -> None:
    outcome = ask(
        project,
        "SELECT id, price * 2 AS twice FROM events WHERE price > 1",
        *({"id": f"e{n}", "price": n} for n in range(4)),
    )
    assert table(outcome) == [{"id": "e2", "twice": 4}, {"id": "e3", "twice": 6}]
    assert list(outcome.output.source) == [2, 3]
    assert (outcome.dropped, outcome.failed) == ([0, 1], [])


def test_a_cast_that_fails_fails_its_row_alone(project: Project) -> None:
    outcome = ask(
        project,
        "SELECT CAST(n AS INTEGER) AS n FROM events WHERE n <> 'skip'",
        *({"n": n} for n in ("1", "one", "skip", None, "3")),
    )
    assert table(outcome) == [{"n": 1}, {"n": 3}]
    assert only_failure(outcome).index == 1
    assert only_failure(outcome).code == "SQL.Error"
    assert only_failure(outcome).reason.startswith(
        "Conversion Error: Could not convert string 'one' to INT32"
    )
    assert outcome.dropped == [2, 3]


def test_a_condition_that_fails_fails_its_row_alone(project: Project) -> None:
    outcome = ask(
        project, "SELECT n FROM events WHERE CAST(n AS INTEGER) > 1", {"n": "1"}, {"n": "x"}, {"n": "2"}
    )
    assert table(outcome) == [{"n": "2"}]
    assert failed(outcome) == [(1, "SQL.Error")]


def test_many_failing_rows_are_found_at_once(project: Project) -> None:
    documents = [{"n": "x" if n % 2 else str(n)} for n in range(10_000)]
    outcome = ask(project, "SELECT CAST(n AS BIGINT) AS n FROM events", *documents)
    assert list(outcome.output.source) == list(range(0, 10_000, 2))
    assert [f.index for f in outcome.failed] == list(range(1, 10_000, 2))


def test_a_name_given_in_the_select_is_not_known_inside_it(project: Project) -> None:
    outcome = ask(project, "SELECT n + 1 AS x, x + 1 AS y FROM events", {"n": 1})
    assert table(outcome) == [{"x": 2, "y": None}]
    assert "as in Athena" in outcome.warnings[0]
    outcome = ask(project, "SELECT a AS b, b AS a FROM events", {"a": 1, "b": 2})
    assert table(outcome) == [{"b": 1, "a": 2}]


def test_what_is_no_json_object_fails_alone(project: Project) -> None:
    transform = project.sql("SELECT a FROM events")
    records = [b'{"a":1}', b"{", b"[1]", b"7", b"null", b'{"a":NaN}', b"\xff", b"", b'{"a":2}']
    outcome = transform.apply(records, origins(len(records)))
    assert table(outcome) == [{"a": 1}, {"a": 2}]
    assert failed(outcome) == [(n, "Function.NotJson") for n in range(1, 8)]


def test_a_field_that_events_lack_is_null_and_a_name_that_none_has_is_said(project: Project) -> None:
    transform = project.sql("SELECT time_spent, created_at, creatd_at, session.page.id AS page FROM events")
    documents = events({"time_spent": 1, "createdAt": "x"}, {"time_spent": 2, "created_at": "2022–09–11"})
    outcome = transform.apply(documents, origins(2))
    assert table(outcome) == [
        {"time_spent": 1, "created_at": None, "creatd_at": None, "page": None},
        {"time_spent": 2, "created_at": "2022–09–11", "creatd_at": None, "page": None},
    ]
    assert outcome.warnings == (
        "no event has had a field creatd_at so far: it is NULL; did you mean created_at?",
        "no event has had a field session so far: it is NULL",
    )
    assert transform.apply(documents, origins(2)).warnings == (), "said once"


def test_the_star_shows_the_events_own_fields_only(project: Project) -> None:
    outcome = ask(
        project, "SELECT *, upper(kind) AS kind, missing IS NULL AS m FROM events", {"id": 1, "kind": "a"}
    )
    assert table(outcome) == [{"id": 1, "kind": "A", "m": True}]


def test_nested_fields_are_reached_with_dots(project: Project) -> None:
    outcome = ask(
        project,
        "SELECT e.user.name, user.address.city AS city, tags[1] AS first FROM events e WHERE e.user.age >= 18",
        {"user": {"name": "Ann", "age": 30, "address": {"city": "Ulm"}}, "tags": ["x", "y"]},
        {"user": {"name": "Bob", "age": 7}, "tags": []},
        {"user": {"name": "Cid", "age": 40}},
        {"user": None},
    )
    assert table(outcome) == [
        {"name": "Ann", "city": "Ulm", "first": "x"},
        {"name": "Cid", "city": None, "first": None},
    ]


def test_a_struct_that_lacks_a_field_in_the_whole_batch_gives_null(project: Project) -> None:
    outcome = ask(project, "SELECT user.name, user.geo.lat AS lat FROM events", {"user": {"name": "Ann"}})
    assert table(outcome) == [{"name": "Ann", "lat": None}]


def test_events_whose_types_differ_do_not_spoil_each_other(project: Project) -> None:
    outcome = ask(
        project,
        "SELECT id, time_spent + 1 AS t FROM events",
        {"id": 1, "time_spent": 67},
        {"id": 2, "time_spent": {"seconds": 3}},
        {"id": 3, "time_spent": 2.5},
        {"id": 4, "time_spent": None},
        {"id": 5, "time_spent": [1, "a"]},
        {"id": 6, "time_spent": 1},
    )
    assert table(outcome) == [
        {"id": 1, "t": 68},
        {"id": 3, "t": 3.5},
        {"id": 4, "t": None},
        {"id": 6, "t": 2},
    ]
    assert failed(outcome) == [(1, "SQL.Error"), (4, "SQL.Error")]


def test_columns_that_differ_between_events_become_text_where_they_meet(project: Project) -> None:
    outcome = ask(project, "SELECT v FROM events", {"v": 1}, {"v": "two"}, {"v": {"three": 3}}, {"v": None})
    assert table(outcome) == [{"v": "1"}, {"v": "two"}, {"v": '{"three":3}'}, {"v": None}]


def test_numbers_keep_what_json_can_say(project: Project) -> None:
    outcome = ask(
        project,
        "SELECT n FROM events",
        *({"n": n} for n in (1, 2.5, 2**53 + 1)),
    )
    assert [row["n"] for row in table(outcome)][:2] == [1, 2.5]
    assert not outcome.failed


def test_athenas_words_are_understood(project: Project) -> None:
    outcome = ask(
        project,
        """SELECT date_format(CAST(at AS timestamp), '%Y-%m') AS month, n / 2, json_extract_scalar(doc, '$.a') AS a,
                  regexp_like(doc, 'a') AS r, element_at(tags, 1) AS tag, try_cast(doc AS integer) AS nothing
           FROM events""",
        {"at": "2022-09-11 23:00:00", "n": 5, "doc": '{"a": "x"}', "tags": ["t"]},
    )
    assert table(outcome) == [
        {"month": "2022-09", "_col1": 2, "a": "x", "r": True, "tag": "t", "nothing": None}
    ]


def test_keys_that_differ_in_case_only_do_not_break_the_batch(project: Project) -> None:
    outcome = ask(project, "SELECT b FROM events", {"a": 1, "A": 2, "b": 3})
    assert table(outcome) == [{"b": 3}]


@pytest.mark.parametrize("name", ["a b", "select", "", "a.b", "é", "__forebay_row", 'q"uote'])
def test_odd_field_names_are_columns(project: Project, name: str) -> None:
    outcome = ask(project, "SELECT * FROM events", {name: 1, "n": 2})
    (row,) = table(outcome)
    assert row["n"] == 2


def test_a_thousand_fields_are_columns(project: Project) -> None:
    outcome = ask(project, "SELECT * FROM events", {f"f{n}": n for n in range(1000)})
    assert len(table(outcome)[0]) == 1000


@pytest.mark.parametrize(
    "expression",
    [
        "getenv('HOME')",
        "read_text('/etc/passwd')",
        "(SELECT 1)",
        "pg_read_file('/etc/passwd')",
        "current_setting('home_directory') = '' ",
        "nextval('s')",
    ],
)
def test_sql_reaches_nothing_but_its_events(project: Project, expression: str) -> None:
    outcome = ask(project, f"SELECT {expression} AS x FROM events", {"a": 1})
    if not outcome.failed:
        assert table(outcome) in ([{"x": None}], [{"x": True}], [{"x": False}])


def test_a_query_that_runs_for_ever_is_stopped(project: Project) -> None:
    transform = project.sql(
        "SELECT list_sum(list_transform(range(CAST(n AS BIGINT)), x -> x * 2)) AS s FROM events",
        timeout=3.0,
        memory=512 << 20,
    )
    outcome = transform.apply(events({"n": 3}, {"n": 40_000_000_000}, {"n": 4}), origins(3))
    assert table(outcome) == [{"s": 6}, {"s": 12}]
    assert only_failure(outcome).index == 1
    assert table(transform.apply(events({"n": 2}), origins(1))) == [{"s": 2}]


def test_sql_that_does_not_parse_says_so_for_every_event(project: Project) -> None:
    outcome = ask(project, "SELECT FROM WHERE", {"a": 1}, {"a": 2})
    assert failed(outcome) == [(0, "SQL.Error"), (1, "SQL.Error")]
    assert "SqlSyntax" in outcome.failed[0].reason or "Sql" in outcome.failed[0].reason


def test_an_unknown_function_is_named(project: Project) -> None:
    outcome = ask(project, "SELECT frobnicate(a) AS a FROM events", {"a": 1})
    assert "frobnicate" in only_failure(outcome).reason
