"""What does not run is said when the project is checked, with its place in the SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import UsageError
from forebay.project.load import load
from forebay.sections import SECTIONS
from forebay.streamsql.job import compile_job
from tests.projects import project
from tests.streamsql import joined
from tests.streamsql.cases import SOURCE, TUMBLE, sink
from tests.streamsql.runner import reference

SINK = sink("a BIGINT, b BIGINT")
PRODUCTS = reference("products", joined.COLUMNS)
PAIRED = "CREATE VIEW paired AS SELECT a.ts, p.name FROM activity a JOIN products p ON a.kind = p.kind"
PROJECT = """\
name: shop
streams:
  activity: {}
  found: {}
streamsql:
  a: streams/a.sql
"""


def said(insert: str, *before: str) -> UsageError:
    with pytest.raises(UsageError) as raised:
        compile_job(";\n".join([SOURCE, SINK, *before, insert]), None, (PRODUCTS,))
    return raised.value


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT a.user_id, 1 FROM activity a JOIN activity b ON a.user_id = b.user_id", "a JOIN of streams"),
        ("SELECT user_id, 1 FROM activity, products", "a join by a comma"),
        ("SELECT user_id, 1 FROM activity ORDER BY ts", "ORDER BY a time without LIMIT"),
        ("SELECT user_id, 1 FROM activity CROSS JOIN products", "CROSS"),
        ("SELECT user_id, 1 FROM activity JOIN products USING (kind)", "USING"),
        (
            "SELECT user_id, 1 FROM products p LEFT JOIN activity a ON a.kind = p.kind",
            "a table of the catalog before the stream",
        ),
        (
            "SELECT user_id, 1 FROM activity a RIGHT JOIN products p ON a.kind = p.kind",
            "RIGHT JOIN with a table of the catalog",
        ),
        (
            "SELECT user_id, 1 FROM activity a LEFT JOIN products p ON a.kind = p.kind",
            "LEFT JOIN without FOR SYSTEM_TIME AS OF",
        ),
        (
            "SELECT user_id, 1 FROM activity a JOIN products FOR SYSTEM_TIME AS OF a.ts AS p ON a.kind = p.kind",
            "FOR SYSTEM_TIME AS OF event time",
        ),
        ("SELECT weight, 1 FROM products", "a query that reads no stream"),
        ("SELECT ROUND(price, 1.5), 1 FROM activity", "ROUND to 1.5 digits"),
        (
            "SELECT TRUNCATE(price, units), 1 FROM activity",
            "TRUNCATE to a number of digits that is no constant",
        ),
        ("SELECT user_id, 1 FROM activity UNION SELECT user_id, 2 FROM activity", "UNION"),
        ("SELECT user_id, LAG(units) OVER (PARTITION BY user_id ORDER BY ts) FROM activity", "LAG OVER"),
        (
            f"SELECT user_id, COLLECT(kind) FROM {TUMBLE} GROUP BY window_start, window_end, user_id",
            "the aggregate COLLECT",
        ),
        (
            f"SELECT user_id, LISTAGG(DISTINCT kind) FROM {TUMBLE} GROUP BY window_start, window_end, user_id",
            "LISTAGG of DISTINCT values",
        ),
        (
            "SELECT 1, ARRAY_AGG(units) FROM activity GROUP BY HOP(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)",
            "ARRAY_AGG in a HOP window",
        ),
        ("SELECT user_id, SOUNDEX(kind) FROM activity", "the function SOUNDEX"),
        ("SELECT user_id, 1 FROM activity MATCH_RECOGNIZE (x)", "MATCH_RECOGNIZE"),
        (
            "SELECT user_id, COUNT(*) FROM TABLE(SESSION(TABLE activity PARTITION BY kind, DESCRIPTOR(ts), "
            "INTERVAL '5' SECOND)) GROUP BY window_start, window_end, user_id",
            "a SESSION that is partitioned by other columns than it is grouped by",
        ),
        ("SELECT user_id, UUID() FROM activity", "the function UUID"),
    ],
)
def test_what_flink_has_and_we_have_not_is_named(query: str, what: str) -> None:
    error = said(f"INSERT INTO found {query}")
    assert error.code == "StreamSqlNotSupported"
    assert error.message == f"{what} does not run here"
    assert error.extra["line"] == 7


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nobody, 1 FROM activity", "there is no column nobody"),
        ("SELECT user_id, 1 FROM nowhere", "there is no table nowhere"),
        (
            "SELECT user_id, kind FROM activity a JOIN products p ON a.kind = p.kind",
            "the column kind is in a and in p",
        ),
        (
            "SELECT user_id, p.size FROM activity a JOIN products p ON a.kind = p.kind",
            "p has no column size",
        ),
        (
            "SELECT user_id, 1 FROM activity a JOIN products FOR SYSTEM_TIME AS OF a.kind AS p ON a.kind = p.kind",
            "FOR SYSTEM_TIME AS OF takes a column of the stream that is processing time",
        ),
        (
            "SELECT window_start, 1 FROM TABLE(TUMBLE(TABLE paired, DESCRIPTOR(ts), INTERVAL '5' SECOND)) "
            "GROUP BY window_start, window_end",
            "a window is over a column with a WATERMARK, which ts is not",
        ),
        ("SELECT user_id FROM activity", "found takes 2 columns, and the query gives 1"),
        (
            "SELECT user_id, 1 FROM activity ORDER BY units",
            "Sort on a non-time-attribute field is not supported",
        ),
        ("SELECT user_id, kind FROM activity", "kind is VARCHAR(30), and found.b is BIGINT"),
        ("SELECT user_id, units FROM activity WHERE kind", "a condition is BOOLEAN, not VARCHAR(30)"),
        (
            f"SELECT user_id, COUNT(*) FROM {TUMBLE} GROUP BY window_start, window_end",
            "user_id is neither grouped by nor in an aggregate",
        ),
        (
            "SELECT user_id, COUNT(*) FROM activity GROUP BY TUMBLE(kind, INTERVAL '5' SECOND), user_id",
            "a window is over a column with a WATERMARK, which kind is not",
        ),
    ],
)
def test_what_flink_would_not_take_either_is_said(query: str, message: str) -> None:
    error = said(f"INSERT INTO found {query}", PAIRED)
    assert (error.code, error.message) == ("StreamSqlInvalid", message)


@pytest.mark.parametrize(
    ("query", "kinds", "node"),
    [
        (
            "SELECT user_id, COUNT(*) FROM activity GROUP BY user_id",
            "update",
            "GroupAggregate(groupBy=[user_id])",
        ),
        ("SELECT 1, COUNT(*) FROM activity", "update", "GroupAggregate()"),
        (
            "SELECT DISTINCT user_id, units FROM activity",
            "update",
            "GroupAggregate(groupBy=[user_id, units])",
        ),
        (
            "SELECT user_id, units FROM activity ORDER BY units LIMIT 3",
            "update and delete",
            "SortLimit(fetch=[3])",
        ),
        (
            "SELECT user_id, units FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY units) AS n "
            "FROM activity) WHERE n < 3",
            "update and delete",
            "Rank(rankType=[ROW_NUMBER])",
        ),
    ],
)
def test_rows_that_change_are_refused_in_flinks_words_with_what_does_instead(
    query: str, kinds: str, node: str
) -> None:
    error = said(f"INSERT INTO found {query}")
    assert error.code == "StreamSqlInvalid"
    assert error.message == (
        f"Table sink 'found' doesn't support consuming {kinds} changes which is produced by node {node}"
    )
    assert error.extra["line"] == 7
    assert "GROUP BY TUMBLE(...)" in (error.fix or "")
    assert "forebay query --follow" in (error.fix or "")


def test_the_place_is_that_of_the_word() -> None:
    error = said("INSERT INTO found\n  SELECT user_id,\n    SOUNDEX(kind) FROM activity")
    assert (error.extra["line"], error.extra["column"]) == (9, 5)


def test_an_option_that_nothing_here_knows_is_refused() -> None:
    error = said(
        "INSERT INTO x SELECT 1 FROM activity",
        "CREATE TABLE x (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 'properties.group.id' = 'g')",
    )
    assert error.message == "the connector 'kafka' does not run here"


def test_a_statement_that_cannot_be_read_is_so_at_its_place() -> None:
    error = said("INSERT INTO found SELECT FROM activity")
    assert (error.code, error.message) == ("StreamSqlSyntax", "expected an expression, found 'FROM'")


def test_what_does_not_run_is_a_finding_in_the_file_of_sql(tmp_path: Path) -> None:
    good = project(
        tmp_path,
        PROJECT,
        **{"streams/a.sql": f"{SOURCE};\n{SINK};\nINSERT INTO found SELECT user_id, 1 FROM activity;"},
    )
    assert load(good, SECTIONS)[1] == []
    bad = project(
        tmp_path,
        PROJECT,
        **{
            "streams/a.sql": f"{SOURCE};\n{SINK};\nINSERT INTO found SELECT user_id, SOUNDEX(kind) FROM activity;"
        },
    )
    (finding,) = load(bad, SECTIONS)[1]
    assert (finding.code, finding.file, finding.line, finding.column) == (
        "StreamSqlNotSupported",
        "streams/a.sql",
        7,
        35,
    )


def test_a_stream_that_the_project_has_not_is_missed(tmp_path: Path) -> None:
    text = f"{SOURCE};\n{SINK};\nINSERT INTO found SELECT user_id, 1 FROM activity;"
    folder = project(tmp_path, PROJECT.replace("  found: {}\n", ""), **{"streams/a.sql": text})
    (finding,) = load(folder, SECTIONS)[1]
    assert "found" in finding.message
    assert finding.severity == "error"


def test_a_table_over_files_has_the_columns_of_the_catalogs(tmp_path: Path) -> None:
    """Where the project declares what is at the path; what a crawler will find there is known when it ran."""
    files = (
        "CREATE TABLE prices (product_id BIGINT, cost DOUBLE) WITH ('connector' = 'filesystem', "
        "'path' = 's3://shop-lake/{}', 'format' = 'json')"
    )
    asked = (
        "INSERT INTO found SELECT a.user_id, p.product_id FROM activity a JOIN prices p ON p.cost = a.price"
    )
    catalog = (
        "catalog:\n  prices: {location: lake.shop-lake/prices, format: json, columns: {product_id: bigint}}\n"
    )
    for path, wrong in (
        ("prices/", ["shop.prices, whose files prices is over, has no column cost"]),
        ("costs/", []),
    ):
        text = ";\n".join([SOURCE, SINK, files.format(path), asked])
        folder = project(tmp_path, PROJECT + "lake:\n  shop-lake: {}\n" + catalog, **{"streams/a.sql": text})
        assert [finding.message for finding in load(folder, SECTIONS)[1]] == wrong
