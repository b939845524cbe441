"""JSON lines into columns: inferred ones widen and lose nothing, declared ones refuse what does not fit."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from forebay.delivery.columns import MAX_COLUMNS, Columns, Read


def at(*parts: int) -> dt.datetime:
    return dt.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - Athena's timestamps have no zone


def lines(*events: Any) -> list[bytes]:
    return [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]


def read(columns: Columns, *events: Any) -> Read:
    return columns.read(lines(*events))


def inferred() -> Columns:
    return Columns((), declared=False)


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([1, 2], "bigint", [1, 2]),
        ([1, 2.5], "double", [1.0, 2.5]),
        ([2.5, 1], "double", [2.5, 1.0]),
        ([1, "a"], "string", ["1", "a"]),
        ([True, 1], "string", ["true", "1"]),
        ([True, None], "boolean", [True, None]),
        ([1 << 70, 1], "double", [float(1 << 70), 1.0]),
        (["2026-01-31", "2026-02-01"], "date", [dt.date(2026, 1, 31), dt.date(2026, 2, 1)]),
        (
            ["2026-01-31", "2022-09-11 23:00:00"],
            "timestamp",
            [at(2026, 1, 31), at(2022, 9, 11, 23)],
        ),
        (
            ["2026-01-31T10:00:00.25Z", "2026-01-31T10:00:00+02:00"],
            "timestamp",
            [at(2026, 1, 31, 10, 0, 0, 250000), at(2026, 1, 31, 8)],
        ),
        (["2026-01-31", "soon"], "string", ["2026-01-31", "soon"]),
        (["2026-13-31"], "string", ["2026-13-31"]),
        ([[1], [2.5], []], "array<double>", [[1.0], [2.5], []]),
        ([{"a": 1}, {"b": "x"}], "struct<a:bigint,b:string>", [{"a": 1, "b": None}, {"a": None, "b": "x"}]),
        ([{"a": 1}, 3], "string", ['{"a":1}', "3"]),
        ([{}, {"a": None}], None, None),
    ],
)
def test_a_column_is_the_least_type_that_holds_its_values(
    values: list[Any], kind: str | None, kept: Any
) -> None:
    """In one batch, and the same when every value comes in a batch of its own."""
    together = inferred()
    table = read(together, *({"id": 1, "v": value} for value in values)).table
    apart = inferred()
    for value in values:
        read(apart, {"id": 1, "v": value})
    last = read(apart, *({"id": 1, "v": value} for value in values)).table
    if kind is None:
        assert dict(together.listed()) == dict(apart.listed()) == {"id": "bigint"}
        return
    assert dict(together.listed())["v"] == dict(apart.listed())["v"] == kind
    assert table.column("v").to_pylist() == kept
    assert last.column("v").to_pylist() == kept


def test_a_field_that_comes_later_is_null_before_and_columns_say_that_they_changed() -> None:
    columns = inferred()
    assert read(columns, {"a": 1}).table.to_pylist() == [{"a": 1}]
    assert columns.changed
    columns.changed = False
    assert read(columns, {"a": 2}).table.to_pylist() == [{"a": 2}]
    assert not columns.changed
    assert read(columns, {"a": 3}, {"b": "x"}).table.to_pylist() == [
        {"a": 3, "b": None},
        {"a": None, "b": "x"},
    ]
    assert columns.changed


def test_names_are_lower_case_and_those_that_differ_in_case_only_are_one_column() -> None:
    columns = inferred()
    table = read(columns, {"createdAt": 1}, {"CREATEDAT": 2}, {"inner": {"Deep": {"A": 1}}}).table
    assert table.column("createdat").to_pylist() == [1, 2, None]
    assert table.column("inner").to_pylist()[2] == {"deep": {"a": 1}}
    assert dict(columns.listed()) == {"createdat": "bigint", "inner": "struct<deep:struct<a:bigint>>"}


@pytest.mark.parametrize(
    "bad",
    [b"{", b"nonsense", b"[1]", b"3", b'{"a":NaN}', b'{"a":1}{"a":2}', b'{"a":"\xff"}', b'{"a":"\\ud800"}'],
)
def test_what_is_no_json_object_is_a_misfit_and_the_rest_are_rows(bad: bytes) -> None:
    columns = inferred()
    for _ in range(2):
        got = read(columns, {"a": 1}, bad, {"a": 2})
        assert got.table.column("a").to_pylist() == [1, 2]
        assert got.kept == [0, 2]
        assert [row for row, _ in got.misfits] == [1]


def test_of_duplicate_keys_the_last_wins() -> None:
    assert read(inferred(), b'{"a":1,"a":2}').table.to_pylist() == [{"a": 2}]


def test_nesting_thousands_deep_is_text_or_a_misfit_never_a_crash() -> None:
    columns = inferred()
    read(columns, {"a": [1]})
    got = read(columns, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {"a": [2]})
    assert [row for row, _ in got.misfits] == [0]
    deep: Any = 1
    for _ in range(40):
        deep = {"x": deep}
    assert json.loads(json.dumps(read(columns, {"b": deep}).table.to_pylist()[0]["b"], default=str))


def test_past_a_thousand_columns_the_rest_is_json() -> None:
    columns = inferred()
    event = {f"c{i}": i for i in range(MAX_COLUMNS + 5)}
    for _ in range(2):
        (row,) = read(columns, event).table.to_pylist()
        assert row["c7"] == 7
        assert json.loads(row["_rest"]) == {f"c{i}": i for i in range(MAX_COLUMNS, MAX_COLUMNS + 5)}


def test_an_event_without_fields_is_a_row() -> None:
    columns = inferred()
    assert read(columns, {}).table.num_rows == 1
    assert read(columns, {}, {}).table.num_rows == 2


def test_declared_columns_refuse_what_does_not_fit_and_name_the_column() -> None:
    columns = Columns([("id", "string"), ("price", "double"), ("n", "int")], declared=True)
    for _ in range(2):
        got = read(
            columns,
            {"id": "a", "price": 1, "n": 1},
            {"id": "b", "price": "cheap", "n": 1},
            {"id": 3, "price": "1.5", "n": 1.0, "more": [{}]},
            {"id": "d", "n": 1 << 40},
            {"ID": "e", "price": "", "n": None},
        )
        assert got.table.to_pylist() == [
            {"id": "a", "price": 1.0, "n": 1},
            {"id": "3", "price": 1.5, "n": 1},
            {"id": "e", "price": None, "n": None},
        ]
        assert got.kept == [0, 2, 4]
        assert got.misfits == [
            (1, 'column price: "cheap" is no double'),
            (3, "column n: 1099511627776 is no int"),
        ]
    assert columns.listed() == [("id", "string"), ("price", "double"), ("n", "int")]


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("decimal(10,2)", 12.345, "12.35"),
        ("decimal(10,2)", "7", "7.00"),
        ("map<string,int>", {"a": 1}, "[('a', 1)]"),
        ("array<struct<a:int>>", [{"A": 1}, None], "[{'a': 1}, None]"),
        ("date", "2026-01-31", "2026-01-31"),
        ("timestamp", "2022-09-11 23:00:00", "2022-09-11 23:00:00"),
        ("boolean", "true", "True"),
        ("tinyint", 7, "7"),
        ("float", 1.5, "1.5"),
        ("binary", "aGk=", "b'hi'"),
        ("varchar(10)", "hi", "hi"),
        ("string", {"a": 1}, '{"a":1}'),
    ],
)
def test_every_declared_type_takes_what_json_can_say_of_it(kind: str, value: Any, kept: str) -> None:
    columns = Columns([("v", kind)], declared=True)
    for _ in range(2):
        assert str(read(columns, {"v": value}).table.column("v").to_pylist()[0]) == kept
