"""Cases of streams joined with a table of the catalog.

Flink looks nothing up in files, so it is asked for the same with what its table has written out: `{lookup}` and `{left}`
are a join as of processing time here, and there the rows of the key by UNNEST. A plain JOIN is asked as it is.
"""

from __future__ import annotations

import random
from typing import Any

SOURCE = """\
CREATE TABLE activity (
  user_id BIGINT, kind VARCHAR(30), price DOUBLE, units INT, ts TIMESTAMP(3), proctime AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '10' SECOND
) WITH ('connector' = 'kinesis', 'stream' = 'activity', 'aws.region' = 'us-east-1',
  'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json')"""
COLUMNS = "kind STRING, name STRING, weight INT"
NAMES = ("pen", "ink", "tea", "cup", None)
HOP = "TABLE(HOP(TABLE j, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '15' SECOND))"
TUMBLE = "TABLE(TUMBLE(TABLE {}, DESCRIPTOR(ts), INTERVAL '10' SECOND))"

SHAPES: dict[str, tuple[str, str]] = {
    "lookup": (
        "user_id BIGINT, kind STRING, name STRING, weight INT, dear DOUBLE",
        "SELECT a.user_id, a.kind, p.name, weight, a.price * p.weight FROM activity AS a {lookup}",
    ),
    "lookup-left": (
        "user_id BIGINT, a STRING, b STRING, name STRING",
        "SELECT user_id, a.kind, p.kind, UPPER(name) FROM activity AS a {left} WHERE p.weight > 2 OR p.weight IS NULL",
    ),
    "lookup-window": (
        "s TIMESTAMP(3), e TIMESTAMP(3), name STRING, n BIGINT, total INT",
        "WITH j AS (SELECT a.ts, a.units, p.name FROM activity AS a {left}) "
        "SELECT window_start, window_end, name, COUNT(*), SUM(units) "
        f"FROM {TUMBLE.format('j')} GROUP BY window_start, window_end, name",
    ),
    "lookup-hop": (
        "s TIMESTAMP(3), e TIMESTAMP(3), kinds BIGINT, names BIGINT, n BIGINT, high INT",
        "WITH j AS (SELECT a.ts, a.kind, p.name, p.weight FROM activity AS a {lookup} WHERE a.units > 2) "
        "SELECT window_start, window_end, COUNT(DISTINCT kind), COUNT(DISTINCT name), COUNT(*), MAX(weight) "
        f"FROM {HOP} GROUP BY window_start, window_end",
    ),
    "lookup-session": (
        "s TIMESTAMP(3), name STRING, kind STRING, n BIGINT, total DOUBLE",
        "SELECT SESSION_START(a.ts, INTERVAL '5' SECOND), p.name, a.kind, COUNT(*), SUM(a.price * p.weight) "
        "FROM activity AS a {left} GROUP BY SESSION(a.ts, INTERVAL '5' SECOND), p.name, a.kind HAVING COUNT(*) > 1",
    ),
    "lookup-top": (
        "s TIMESTAMP(3), name STRING, n BIGINT, place BIGINT",
        "WITH j AS (SELECT a.ts, p.name FROM activity AS a {lookup}) "
        "SELECT s, name, n, place FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY s, e ORDER BY n DESC, name) AS place "
        "FROM (SELECT window_start AS s, window_end AS e, name, COUNT(*) AS n "
        f"FROM {TUMBLE.format('j')} GROUP BY window_start, window_end, name)) WHERE place <= 2",
    ),
    "lookup-of-windows": (
        "s TIMESTAMP(3), name STRING, n BIGINT, place BIGINT",
        "WITH a AS (SELECT window_start AS s, window_end AS e, kind, COUNT(*) AS n, PROCTIME() AS proctime "
        f"FROM {TUMBLE.format('activity')} GROUP BY window_start, window_end, kind) "
        "SELECT a.s, p.name, a.n, p.weight * a.n FROM a {left} WHERE a.n > 1",
    ),
    "join": (
        "user_id BIGINT, name STRING, dear DOUBLE, ts TIMESTAMP(3)",
        "SELECT a.user_id, p.name, a.price * p.weight, a.ts FROM activity a JOIN products p "
        "ON a.kind = p.kind AND a.units > p.weight WHERE a.price IS NOT NULL",
    ),
    "join-less": (
        "user_id BIGINT, units INT, weight INT",
        "SELECT user_id, units, weight FROM activity INNER JOIN products ON activity.units < products.weight",
    ),
    "join-star": (
        "user_id BIGINT, kind STRING, kind0 STRING, name STRING, weight INT, other STRING",
        "SELECT user_id, kind, kind0, name, weight, other FROM (SELECT a.user_id, a.kind, p.*, q.name AS other FROM activity a "
        "JOIN products p ON a.kind = p.kind JOIN (SELECT name, weight FROM products WHERE weight > 1) AS q "
        "ON q.weight = p.weight)",
    ),
    "join-table-first": (
        "kind STRING, name STRING, weight INT, user_id BIGINT, units INT",
        "SELECT * FROM (SELECT p.*, a.user_id, a.units FROM products AS p JOIN activity AS a "
        "ON a.kind = p.kind AND a.units <> p.weight)",
    ),
    "join-windows": (
        "s TIMESTAMP(3), name STRING, n BIGINT",
        "WITH w AS (SELECT window_start AS s, kind, COUNT(*) AS n "
        f"FROM {TUMBLE.format('activity')} GROUP BY window_start, window_end, kind) "
        "SELECT w.s, p.name, w.n * p.weight FROM w JOIN products AS p ON w.kind = p.kind",
    ),
}


def tables(query: str, chance: random.Random) -> dict[str, Any]:
    """The table, the INSERT, and the INSERT that Flink is asked."""
    rows = [
        {"kind": chance.choice("aabbd"), "name": chance.choice(NAMES), "weight": chance.randrange(5)}
        for _ in range(chance.randrange(2, 7))
    ]
    looked = "products FOR SYSTEM_TIME AS OF a.proctime AS p ON p.kind = a.kind"
    listed = f"UNNEST({_written(rows)}) AS p (kind, name, weight)"
    here = query.format(lookup=f"JOIN {looked}", left=f"LEFT JOIN {looked}")
    there = query.format(lookup=f"CROSS JOIN {listed}", left=f"LEFT JOIN {listed} ON TRUE")
    return {
        "tables": {"products": {"columns": COLUMNS, "rows": rows}},
        "insert": f"INSERT INTO found {here}",
        "asked": f"INSERT INTO found {there}",
    }


def _written(rows: list[dict[str, Any]]) -> str:
    """What the table has of `a.kind`, as an array."""
    whens = ""
    for kind in sorted({row["kind"] for row in rows}):
        items = ", ".join(
            f"ROW('{kind}', {_text(row['name'])}, {row['weight']})" for row in rows if row["kind"] == kind
        )
        whens += (
            f" WHEN '{kind}' THEN CAST(ARRAY[{items}] AS ARRAY<ROW<kind STRING, name STRING, weight INT>>)"
        )
    return f"CASE a.kind{whens} END"


def _text(value: str | None) -> str:
    return "CAST(NULL AS STRING)" if value is None else f"CAST('{value}' AS STRING)"
