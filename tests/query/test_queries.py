"""Aggregates, windows, joins, grouping and ordering give Trino's results; mistakes have Athena's codes and places.

The results are those that Trino's documentation states, or follow from a sentence of it.
"""

from __future__ import annotations

import pytest

from forebay.errors import QueryFailed
from tests.query.world import World

ROWS = "(VALUES (1, 'a', 10.5e0), (2, 'b', NULL), (2, 'c', 20.5e0), (3, NULL, 1.0e0)) AS t(k, s, v)"


AGGREGATES = [
    ("count(*), count(s), count(DISTINCT k)", ["4", "3", "3"]),
    ("sum(k), sum(v), avg(k), avg(v)", ["8", "32.0", "2.0", "10.666666666666666"]),
    ("sum(k) / count(*), max(k) / 2, sum(k) * 100.0 / count(*)", ["2", "1", "200.0"]),
    ("min(s), max(v), max(k, 2), min_by(s, v), max_by(s, v)", ["a", "20.5", "[3, 2]", None, "c"]),
    ("count_if(k > 1), bool_and(k > 0), bool_or(k > 2), every(k > 1)", ["3", "true", "true", "false"]),
    ("array_agg(k ORDER BY k DESC), array_agg(DISTINCT k ORDER BY k)", ["[3, 2, 2, 1]", "[1, 2, 3]"]),
    ("array_agg(s ORDER BY s), array_agg(s ORDER BY s) FILTER (WHERE s IS NOT NULL)", ["[a, b, c, null]", "[a, b, c]"]),
    ("listagg(s, '/') WITHIN GROUP (ORDER BY s DESC)", ["c/b/a"]),
    ("listagg(s) WITHIN GROUP (ORDER BY s), bitwise_xor_agg(k)", ["abc", "2"]),
    ("approx_distinct(k, 0.05)", ["3"]),
    ("histogram(k) FILTER (WHERE k > 1), geometric_mean(k) FILTER (WHERE k = 2)", ["{2=2, 3=1}", "2.0"]),
    ("map_union(MAP(ARRAY[k], ARRAY[s])) FILTER (WHERE k < 2)", ["{1=a}"]),
    ("approx_distinct(k), approx_percentile(k, 0.5)", ["3", "2"]),
    ("approx_percentile(k, ARRAY[0.0, 1.0])", ["[1, 3]"]),
    ("map_agg(s, k)", ["{a=1, b=2, c=2}"]),
    ("multimap_agg(k, v)", ["{1=[10.5], 2=[null, 20.5], 3=[1.0]}"]),
    ("histogram(k)", ["{1=1, 2=2, 3=1}"]),
    ("arbitrary(k) IS NOT NULL, any_value(k) IS NOT NULL", ["true", "true"]),
    ("sum(k) FILTER (WHERE s = 'a'), count(*) FILTER (WHERE false)", ["1", "0"]),
    ("stddev(k), variance(k), var_pop(k)", ["0.816496580927726", "0.6666666666666666", "0.5"]),
    ("sum(CAST(k AS decimal(5, 2))), avg(CAST(k AS decimal(5, 2)))", ["8.00", "2.00"]),
    ("bitwise_and_agg(k), bitwise_or_agg(k)", ["0", "3"]),
    ("geometric_mean(k)", ["1.8612097182041991"]),
    ("checksum(k) IS NOT NULL", ["error"]),
]  # fmt: skip


@pytest.mark.parametrize(("items", "expected"), AGGREGATES, ids=[items[:60] for items, _ in AGGREGATES])
def test_aggregates(lake: World, items: str, expected: list[str | None]) -> None:
    try:
        got = lake.cells(f"SELECT {items} FROM {ROWS}")
    except QueryFailed as error:
        got = [["error"]] if expected == ["error"] else [[str(error)]]
    assert got == [expected]


QUERIES = [
    ("SELECT k, map_agg(s, k) OVER (PARTITION BY k) FROM {t} WHERE k < 3 AND s <> 'c' ORDER BY k", [["1", "{a=1}"], ["2", "{b=2}"]]),
    ("SELECT k, row_number() OVER (ORDER BY k, s) FROM {t} ORDER BY k, s", [["1", "1"], ["2", "2"], ["2", "3"], ["3", "4"]]),
    ("SELECT k, sum(k) OVER (ORDER BY k, s) / 2 AS h FROM {t} ORDER BY k, s", [["1", "0"], ["2", "1"], ["2", "2"], ["3", "4"]]),
    ("SELECT lag(s) OVER (ORDER BY k, s) FROM {t} ORDER BY k, s", [[None], ["a"], ["b"], ["c"]]),
    ("SELECT last_value(s) IGNORE NULLS OVER (ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM {t} WHERE k <> 2 ORDER BY k", [["a"], ["a"]]),
    ("SELECT s FROM {t} ORDER BY s", [["a"], ["b"], ["c"], [None]]),
    ("SELECT s FROM {t} ORDER BY s DESC", [["c"], ["b"], ["a"], [None]]),
    ("SELECT s FROM {t} ORDER BY s NULLS FIRST LIMIT 2", [[None], ["a"]]),
    ("SELECT k FROM {t} ORDER BY k OFFSET 1 LIMIT 2", [["2"], ["2"]]),
    ("SELECT k FROM {t} ORDER BY 1 OFFSET 3 ROWS FETCH FIRST 5 ROWS ONLY", [["3"]]),
    ("SELECT k, count(*) FROM {t} GROUP BY ROLLUP (k) ORDER BY k", [["1", "1"], ["2", "2"], ["3", "1"], [None, "4"]]),
    ("SELECT k, s, grouping(k, s) FROM {t} WHERE k = 1 GROUP BY GROUPING SETS ((k), (s)) ORDER BY 3", [["1", None, "1"], [None, "a", "2"]]),
    ("SELECT k FROM {t} GROUP BY k HAVING count(*) > 1", [["2"]]),
    ("SELECT DISTINCT k FROM {t} WHERE k IN (SELECT k FROM {t} WHERE v > 10) ORDER BY k", [["1"], ["2"]]),
    ("SELECT k FROM {t} WHERE EXISTS (SELECT 1 FROM (VALUES 3) x(y) WHERE y = k)", [["3"]]),
    ("SELECT 1 UNION ALL SELECT 2 UNION SELECT 2 ORDER BY 1", [["1"], ["2"]]),
    ("SELECT 1 INTERSECT SELECT 1 EXCEPT SELECT 2", [["1"]]),
    ("VALUES (1, 'a'), (2, 'b')", [["1", "a"], ["2", "b"]]),
    ("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3) SELECT x FROM n ORDER BY x", [["1"], ["2"], ["3"]]),
    ("WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b", [["1", "2"]]),
    ("SELECT K, T.S FROM {t} WHERE k = 1", [["1", "a"]]),
    ("SELECT t.k FROM {t} JOIN (VALUES (2, 'x')) AS u(k, z) USING (k) ORDER BY z", [["2"], ["2"]]),
    ("SELECT a.k, b.z FROM {a} LEFT JOIN (VALUES (2, 'x')) AS b(k, z) ON a.k = b.k ORDER BY a.k, a.s", [["1", None], ["2", "x"], ["2", "x"], ["3", None]]),
    ("SELECT x FROM UNNEST(ARRAY[3, 1, 2]) AS u(x)", [["3"], ["1"], ["2"]]),
    ("SELECT k, e FROM (VALUES (1, ARRAY[2, 3])) AS t(k, l) CROSS JOIN UNNEST(l) WITH ORDINALITY AS u(e, n) WHERE n = 2", [["1", "3"]]),
    ("SELECT m, v FROM UNNEST(MAP(ARRAY['a', 'b'], ARRAY[1, 2])) AS u(m, v)", [["a", "1"], ["b", "2"]]),
    ("SELECT x, y FROM UNNEST(ARRAY[ROW(1, 'a'), ROW(2, 'b')]) AS u(x, y)", [["1", "a"], ["2", "b"]]),
    ("SELECT * FROM (VALUES (1, ARRAY[5, 6])) AS t(k, l) CROSS JOIN UNNEST(l) AS u(e)", [["1", "[5, 6]", "5"], ["1", "[5, 6]", "6"]]),
    ("SELECT k, e FROM (VALUES (1, ARRAY[]), (2, ARRAY[7])) AS t(k, l) LEFT JOIN UNNEST(l) AS u(e) ON TRUE ORDER BY k", [["1", None], ["2", "7"]]),
    ("SELECT sum(e) AS s FROM (VALUES (ARRAY[1, 2])) AS t(l), UNNEST(l) AS u(e)", [["3"]]),
    ("SELECT (SELECT max(k) FROM {t}) AS top", [["3"]]),
    ("SELECT count(*) FROM {t} WHERE v > ALL (VALUES 5e0, 11e0)", [["1"]]),
    ("SELECT count(*) FROM (SELECT * FROM {t}) TABLESAMPLE BERNOULLI (100)", [["4"]]),
    ("SELECT ARRAY[4, 5, 6][x], ARRAY[4, 5, 6][x + 1], ARRAY[4, 5, 6][cardinality(ARRAY[1])] FROM (VALUES 2) AS u(x)", [["5", "6", "4"]]),
    ("SELECT date_trunc('month', d) AS m, count(*) FROM (VALUES date '2024-01-05', date '2024-01-06', date '2024-02-01') AS t(d) GROUP BY 1 ORDER BY 1", [["2024-01-01", "2"], ["2024-02-01", "1"]]),
    ("SELECT k / 2 AS h, count(*) FROM {t} GROUP BY k / 2 ORDER BY 1", [["0", "1"], ["1", "3"]]),
    ("SELECT sum(k) / count(DISTINCT s) AS r, CAST(avg(v) AS integer) AS a FROM {t} HAVING sum(k) / 3 > 1", [["2", "11"]]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[sql[:70] for sql, _ in QUERIES])
def test_a_query(lake: World, sql: str, expected: list[list[str | None]]) -> None:
    assert lake.cells(sql.replace("{t}", ROWS).replace("{a}", ROWS.replace(" AS t(", " AS a("))) == expected


def test_names_and_types_of_outputs(lake: World) -> None:
    result = lake.ask(
        f'SELECT count(*), K, 1 AS "MiXed", sum(v) OVER (), CAST(k AS varchar), ARRAY[1.5], now(), t.s FROM {ROWS} GROUP BY k, s, v'
    )
    assert [(c.name, c.type, c.athena_type) for c in result.columns] == [
        ("_col0", "bigint", "bigint"),
        ("k", "integer", "integer"),
        ("mixed", "integer", "integer"),
        ("_col3", "double", "double"),
        ("_col4", "varchar", "varchar"),
        ("_col5", "array(decimal(2,1))", "array"),
        ("_col6", "timestamp with time zone", "timestamp with time zone"),
        ("s", "varchar", "varchar"),
    ]


@pytest.mark.parametrize(
    ("sql", "code", "place"),
    [
        ("SELECT nope FROM {t}", "COLUMN_NOT_FOUND", (1, 8)),
        ("SELECT t.nope FROM {t}", "COLUMN_NOT_FOUND", (1, 8)),
        ("SELECT x.k FROM {t}", "COLUMN_NOT_FOUND", (1, 8)),
        ("SELECT k FROM {t} WHERE nope > 1", "COLUMN_NOT_FOUND", None),
        ("SELECT k, avg(nope) AS nope FROM {t} GROUP BY k", "COLUMN_NOT_FOUND", (1, 15)),
        ("SELECT k FROM nowhere", "TABLE_NOT_FOUND", (1, 15)),
        ("SELECT k\nFROM nodb.t", "SCHEMA_NOT_FOUND", (2, 6)),
        ("SELECT nofunction(1)", "FUNCTION_NOT_FOUND", (1, 8)),
        ("SELECT k, count(*) FROM {t}", "EXPRESSION_NOT_AGGREGATE", (1, 8)),
        ("SELECT FROM {t}", "SYNTAX_ERROR", None),
        ("SELECT FROM", "SYNTAX_ERROR", (1, 8)),
        ("SELECT 1 +", "SYNTAX_ERROR", None),
        ("SELEC 1", "SYNTAX_ERROR", (1, 1)),
        ("SELECT k FROM {t} a JOIN {t} b ON a.k = b.k", "AMBIGUOUS_NAME", (1, 8)),
        ("SELECT length(1, 2)", "FUNCTION_NOT_FOUND", (1, 8)),
        ("SELECT date_trunc('x', now())", "FUNCTION_NOT_FOUND", (1, 8)),
        ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT", None),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO", None),
    ],
)  # fmt: skip
def test_mistakes_have_athena_s_codes_and_places(
    lake: World, sql: str, code: str, place: tuple[int, int] | None
) -> None:
    sql = sql.replace("{t} a", ROWS.replace("AS t(", "AS a(")).replace(
        "{t} b", ROWS.replace("AS t(", "AS b(")
    )
    with pytest.raises(QueryFailed) as refused:
        lake.ask(sql.replace("{t}", ROWS))
    assert refused.value.code == code
    assert refused.value.message.startswith(f"{code}: ")
    assert "Token" not in refused.value.message
    if place is not None:
        assert (refused.value.extra["line"], refused.value.extra["column"]) == place
