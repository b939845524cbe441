"""What a transform's SQL may be, found before it runs."""

from __future__ import annotations

import pytest

from forebay.errors import UsageError
from forebay.functions.sqlcheck import compile_transform


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT count(*) FROM events", "an aggregate"),
        ("SELECT a FROM events GROUP BY a", "GROUP BY"),
        ("SELECT DISTINCT a FROM events", "DISTINCT"),
        ("SELECT a FROM events ORDER BY a", "ORDER BY"),
        ("SELECT a FROM events LIMIT 3", "LIMIT"),
        ("SELECT a FROM events OFFSET 3", "OFFSET"),
        ("SELECT a FROM events JOIN other ON true", "a join"),
        ("SELECT a FROM events, other", "a join"),
        ("SELECT a FROM events CROSS JOIN UNNEST(tags) AS t(tag)", "a join"),
        ("SELECT row_number() OVER () FROM events", "a window function"),
        ("SELECT (SELECT max(a) FROM events) FROM events", "an aggregate"),
        ("SELECT (SELECT 1) FROM events", "a subquery"),
        ("SELECT a FROM events WHERE a IN (SELECT 1)", "a subquery"),
        ("SELECT a FROM events WHERE EXISTS (SELECT 1)", "a subquery"),
        ("SELECT a FROM (SELECT * FROM events)", "a subquery"),
        ("WITH e AS (SELECT * FROM events) SELECT a FROM e", "WITH"),
        ("SELECT a FROM clicks", "reads from clicks"),
        ("SELECT a FROM other.events", "reads from other.events"),
        ("SELECT a FROM read_csv('/etc/passwd')", "reads from"),
        ("SELECT a FROM '/etc/passwd'", "reads from"),
        ("SELECT 1", "reads from nothing"),
        ("SELECT a FROM events HAVING a > 1", "HAVING"),
        ("SELECT a INTO t FROM events", "INTO"),
    ],
)
def test_what_needs_more_than_one_event_or_another_table_is_a_finding(sql: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        compile_transform(sql)
    assert caught.value.code in ("SqlNotATransform", "SqlNotSelect", "SqlSyntax")
    assert what in caught.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE events",
        "SELECT 1 FROM events; SELECT 2 FROM events",
        "SELECT a FROM events UNION SELECT b FROM events",
        "INSERT INTO events VALUES (1)",
        "COPY events TO '/tmp/x'",
        "",
        "-- nothing",
    ],
)
def test_only_one_select_is_a_transform(sql: str) -> None:
    with pytest.raises(UsageError):
        compile_transform(sql)


def test_a_typing_mistake_has_its_place() -> None:
    with pytest.raises(UsageError) as caught:
        compile_transform("SELECT a,\n  FROM events WHERE (b > 1")
    assert caught.value.code == "SqlSyntax"
    assert caught.value.extra["line"] == 2


@pytest.mark.parametrize(
    ("sql", "fields"),
    [
        ("SELECT a, b.c FROM events", {("a",), ("b", "c")}),
        ("SELECT events.a, e FROM events", {("a",), ("e",)}),
        ("SELECT x.a.b.c.d.e.f FROM events x", {("a", "b", "c", "d", "e", "f")}),
        ("SELECT a.b.c.d.e.f FROM events", {("a", "b", "c", "d", "e", "f")}),
        ("SELECT * FROM events WHERE a > 1", {("a",)}),
    ],
)
def test_the_fields_that_are_used_are_known(sql: str, fields: set[tuple[str, ...]]) -> None:
    assert set(compile_transform(sql).fields) == fields
