"""A tile's parameters reach SQL as literals, and no value becomes code."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.clock import SECOND
from forebay.dashboards.model import Dashboard, Filter, Tile
from forebay.dashboards.parameters import fill, placeholders, uses_filter, uses_range
from forebay.dashboards.ranges import Range
from forebay.errors import UsageError

SPAN = Range("24h", "last 24 hours", 1_767_225_600 * SECOND, 1_767_312_000 * SECOND + 500_000, 900, "hour")
BOARD = Dashboard(
    name="b",
    title="B",
    file="dashboards/b.yaml",
    filters=(
        Filter(name="menu", label="Menu", column='odd"name'),
        Filter(name="least", label="Least", type="number"),
    ),
)


def filled(sql: str, **chosen: str) -> str:
    tile = Tile(id="t", title="T", kind="table", line=1, sql=sql, timezone="Europe/Berlin")
    return fill(sql, BOARD, tile, SPAN, chosen)


def test_times_are_utc_timestamp_literals() -> None:
    assert filled("a >= ${start} AND a < ${ end }") == (
        "a >= TIMESTAMP '2026-01-01 00:00:00.000' AND a < TIMESTAMP '2026-01-02 00:00:00.500'"
    )


def test_a_pattern_makes_text_for_partition_columns() -> None:
    assert filled("datehour >= ${start:%Y/%m/%d/%H}") == "datehour >= '2026/01/01/00'"


def test_bucket_unit_and_timezone() -> None:
    assert filled("${bucket} ${unit} ${timezone}") == "900 'hour' 'Europe/Berlin'"


def test_a_filter_is_a_literal_or_null() -> None:
    assert filled("${filter.menu}, ${filter.least}", menu="it's", least="-1.5e3") == "'it''s', -1.5e3"
    assert filled("${filter.menu}, ${filter.least}") == "NULL, NULL"


def test_a_filter_with_a_column_is_a_condition_or_true() -> None:
    assert filled("WHERE ${where.menu}", menu="x") == """WHERE ("odd""name" = 'x')"""
    assert filled("WHERE ${where}") == "WHERE (TRUE)"


def test_a_number_filter_takes_numbers_only() -> None:
    with pytest.raises(UsageError, match="takes a number"):
        filled("${filter.least}", least="1 OR 1=1")


@pytest.mark.parametrize(
    "sql", ["'${start}'", "x = 'a${filter.menu}b'", 'select "${filter.menu}"', "'open ${start}"]
)
def test_a_parameter_inside_quotes_is_refused(sql: str) -> None:
    with pytest.raises(UsageError, match="inside quotes"):
        filled(sql, menu="x")


@pytest.mark.parametrize("name", ["strat", "filter.nope", "where.least", "end:plain", "", "filter"])
def test_an_unknown_parameter_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no parameter"):
        filled("${" + name + "}")


def test_a_comment_is_left_as_it_stands() -> None:
    assert filled("1 -- ${nope}\n/* ${filter.menu} */", menu="*/ x") == "1 -- ${nope}\n/* ${filter.menu} */"


def test_what_a_query_depends_on_is_known() -> None:
    assert uses_range("a > ${start:%H}")
    assert not uses_range("a > ${filter.menu} -- ${start}")
    assert uses_filter("${where}", "menu")
    assert not uses_filter("${filter.least}", "menu")
    assert [each.name for each in placeholders("${a} '${b}'")] == ["a", "b"]


@given(st.text(max_size=60))
def test_any_text_comes_back_from_the_database_as_it_was(value: str) -> None:
    """The database's own parser is the judge of the quoting."""
    try:
        sql = filled("SELECT ${filter.menu}", menu=value)
    except UsageError:
        assert "\0" in value
        return
    with duckdb.connect() as database:
        row = database.execute(sql).fetchone()
    assert row == (value or None,)
