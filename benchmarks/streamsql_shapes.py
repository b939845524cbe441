"""The events and the queries that stream SQL is measured with: Flink's text, and what DuckDB is asked for the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

RATE = 20_000
"""Events a second of their own time."""
USERS = 10_000
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DUCK_COLUMNS = (
    "{event_type: 'VARCHAR', product_id: 'BIGINT', category_id: 'BIGINT', brand: 'VARCHAR', price: 'DOUBLE', "
    "user_id: 'BIGINT', user_session: 'VARCHAR', txn_timestamp: 'TIMESTAMP'}"
)


def lines_sql(count: int) -> str:
    """Events of a shop, 20 ‰ of them out of order by up to 3 s, as DuckDB makes them."""

    def any_of(seed: int, of: int) -> str:
        return f"CAST(hash(i * {seed}) % {of} AS BIGINT)"

    behind = f"CASE WHEN {any_of(19, 50)} = 0 THEN {any_of(23, 3000)} ELSE 0 END"
    at = f"TIMESTAMP '{BEGIN:%Y-%m-%d %H:%M:%S}' + to_milliseconds(i * 1000 // {RATE} - {behind})"
    return f"""
SELECT ['view', 'view', 'view', 'cart', 'remove_from_cart', 'purchase'][1 + {any_of(1, 6)}] AS event_type,
  {any_of(3, 50_000)} AS product_id, 2103807459595387000 + {any_of(5, 500)} AS category_id,
  ['shiseido', 'runail', 'irisk', ''][1 + {any_of(7, 4)}] AS brand, {any_of(11, 10_000)} / 100 AS price,
  {any_of(13, USERS)} AS user_id, printf('%016x', {any_of(17, 1 << 62)}) AS user_session,
  strftime({at}, '%Y-%m-%d %H:%M:%S.%g') AS txn_timestamp
FROM range({count}) t(i)"""


def event(n: int, user: int, second: float) -> bytes:
    """One event, so many seconds after the first."""
    at = BEGIN + timedelta(seconds=second)
    shown = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
    found = {
        "event_type": "view", "product_id": n, "category_id": 2103807459595387001, "brand": "irisk", "price": n % 100 / 4,
        "user_id": user, "user_session": f"{n:016x}", "txn_timestamp": shown,
    }  # fmt: skip
    return json.dumps(found).encode()


LAST = json.dumps({"event_type": "end", "txn_timestamp": "2026-03-02 12:00:00.000"})
"""Closes every window before it, and is in none of them."""

_SOURCE = """\
CREATE TABLE activity (
  event_type VARCHAR(30), product_id BIGINT, category_id BIGINT, brand STRING, price DOUBLE, user_id BIGINT,
  user_session STRING, txn_timestamp TIMESTAMP(3), proctime AS PROCTIME(), WATERMARK FOR txn_timestamp AS txn_timestamp - INTERVAL '10' SECOND
) WITH ({options})"""
_STREAM = "'connector' = 'kinesis', 'stream' = '{stream}', 'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json'"


@dataclass(frozen=True)
class Shape:
    """A query: what its sink has, its INSERT, and the same of raw DuckDB over `{events}`."""

    name: str
    title: str
    columns: str
    insert: str
    duck: str
    table: str = ""
    """What DuckDB makes the table `products` of, if there is one in the catalog; Flink looks nothing up in files."""

    def tables(self, source: str, sink: str) -> list[str]:
        """The two tables, with these options."""
        return [_SOURCE.format(options=source), f"CREATE TABLE found ({self.columns}) WITH ({sink})"]

    def ours(self) -> str:
        """A file of stream SQL."""
        tables = self.tables(_STREAM.format(stream="activity"), _STREAM.format(stream="found"))
        return ";\n".join([*tables, self.insert])


def table(kind: str, sizes: str) -> str:
    """A window function over the events."""
    return f"TABLE({kind}(TABLE activity, DESCRIPTOR(txn_timestamp), {sizes}))"


_SLIDING = table("HOP", "INTERVAL '5' SECOND, INTERVAL '15' SECOND")
_TEN = table("TUMBLE", "INTERVAL '10' SECOND")
_BUCKET = "time_bucket(INTERVAL 10 SECOND, txn_timestamp)"

SHAPES = (
    Shape(
        "tumble",
        "TUMBLE",
        "s TIMESTAMP(3), e TIMESTAMP(3), user_id BIGINT, n BIGINT, total DOUBLE",
        f"INSERT INTO found SELECT window_start, window_end, user_id, COUNT(*), SUM(price) FROM {_TEN} "
        "GROUP BY window_start, window_end, user_id",
        f"SELECT {_BUCKET} AS s, {_BUCKET} + INTERVAL 10 SECOND AS e, user_id, count(*) AS n, sum(price) AS total "
        "FROM {events} GROUP BY ALL",
    ),
    Shape(
        "hop",
        "HOP",
        "s TIMESTAMP(3), e TIMESTAMP(3), user_id BIGINT, n BIGINT, total DOUBLE",
        "INSERT INTO found SELECT window_start, window_end, user_id, COUNT(*), SUM(price) FROM "
        f"{_SLIDING} GROUP BY window_start, window_end, user_id",
        "SELECT s, s + INTERVAL 15 SECOND AS e, user_id, count(*) AS n, sum(price) AS total FROM (SELECT *, unnest(["
        "b - INTERVAL 10 SECOND, b - INTERVAL 5 SECOND, b]) AS s FROM (SELECT user_id, price, "
        "time_bucket(INTERVAL 5 SECOND, txn_timestamp) AS b FROM {events})) GROUP BY ALL",
    ),
    Shape(
        "distinct",
        "COUNT(DISTINCT)",
        "s TIMESTAMP(3), category_id BIGINT, users BIGINT",
        f"INSERT INTO found SELECT window_start, category_id, COUNT(DISTINCT user_id) FROM {_TEN} "
        "GROUP BY window_start, window_end, category_id",
        f"SELECT {_BUCKET} AS s, category_id, count(DISTINCT user_id) AS users FROM {{events}} GROUP BY ALL",
    ),
    Shape(
        "top",
        "Top-N",
        "s TIMESTAMP(3), product_id BIGINT, n BIGINT, place BIGINT",
        "INSERT INTO found SELECT window_start, product_id, n, place FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY "
        "window_start, window_end ORDER BY n DESC, product_id) AS place FROM (SELECT window_start, window_end, product_id, "
        f"COUNT(*) AS n FROM {_TEN} GROUP BY window_start, window_end, product_id)) WHERE place <= 10",
        f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY s ORDER BY n DESC, product_id) AS place FROM (SELECT {_BUCKET} "
        "AS s, product_id, count(*) AS n FROM {events} GROUP BY ALL)) WHERE place <= 10",
    ),
    Shape(
        "lookup",
        "TUMBLE over a lookup in 50,000 rows",
        "s TIMESTAMP(3), section STRING, n BIGINT, total DOUBLE",
        "INSERT INTO found WITH j AS (SELECT a.txn_timestamp, a.price, p.section FROM activity AS a LEFT JOIN products "
        "FOR SYSTEM_TIME AS OF a.proctime AS p ON a.product_id = p.product_id) SELECT window_start, section, COUNT(*), "
        f"SUM(price) FROM {_TEN.replace('activity', 'j')} GROUP BY window_start, window_end, section",
        f"SELECT {_BUCKET} AS s, section, count(*) AS n, sum(price) AS total FROM {{events}} LEFT JOIN products "
        "USING (product_id) GROUP BY ALL",
        "SELECT i AS product_id, 'section ' || i % 300 AS section FROM range(45_000) t(i)",
    ),
)
