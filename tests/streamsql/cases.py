"""Cases of Flink SQL and random events for them: ties, events that come late, values missing or written as text."""

from __future__ import annotations

import datetime
import json
import random
from typing import Any

from tests.streamsql import joined, words

SOURCE = """\
CREATE TABLE activity (
  user_id BIGINT, kind VARCHAR(30), price DOUBLE, units INT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '10' SECOND
) WITH ('connector' = 'kinesis', 'stream' = 'activity', 'aws.region' = 'us-east-1',
  'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json')"""


def sink(columns: str) -> str:
    return f"CREATE TABLE found ({columns}) WITH ('connector' = 'kinesis', 'stream' = 'found', 'format' = 'json')"


TUMBLE = "TABLE(TUMBLE(TABLE activity, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
HOP = "TABLE(HOP(TABLE activity, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '15' SECOND))"
CUMULATE = "TABLE(CUMULATE(TABLE activity, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND))"
SESSION = "TABLE(SESSION(TABLE activity PARTITION BY {}, DESCRIPTOR(ts), INTERVAL '{}' SECOND))"
EDGES = "s TIMESTAMP(3), e TIMESTAMP(3)"
LEGACY = "TUMBLE(ts, INTERVAL '10' SECOND)"

SHAPES: dict[str, tuple[str, str]] = {
    "filter": (
        "user_id BIGINT, kind STRING, price DOUBLE",
        "SELECT user_id, kind, price FROM activity WHERE price > 2 AND kind <> 'c'",
    ),
    "project": (
        "a STRING, b BIGINT, c INT, d BOOLEAN, t TIMESTAMP(3), f STRING",
        "SELECT UPPER(kind) || '!', user_id * 3 - 1, units / 2, price IS NULL, ts, "
        "CASE WHEN units > 5 THEN 'many' WHEN units IS NULL THEN 'none' ELSE 'few' END FROM activity",
    ),
    "functions": (
        "a STRING, b STRING, c INT, d BIGINT, f STRING, g BIGINT, h DOUBLE",
        "SELECT COALESCE(kind, '-'), SUBSTRING(kind, 1, 1), CHAR_LENGTH(kind), EXTRACT(MINUTE FROM ts), "
        "DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm'), CAST(price AS BIGINT), ABS(price - 2) FROM activity",
    ),
    "tumble": (
        f"{EDGES}, user_id BIGINT, n BIGINT, total DOUBLE",
        f"SELECT window_start, window_end, user_id, COUNT(*), SUM(price) FROM {TUMBLE} GROUP BY window_start, window_end, user_id",
    ),
    "tumble-all": (
        f"{EDGES}, n BIGINT",
        f"SELECT window_start, window_end, COUNT(*) FROM {TUMBLE} GROUP BY window_start, window_end",
    ),
    "tumble-legacy": (
        f"{EDGES}, r TIMESTAMP(3), user_id BIGINT, n BIGINT",
        "SELECT TUMBLE_START(ts, INTERVAL '10' SECOND), TUMBLE_END(ts, INTERVAL '10' SECOND), "
        f"TUMBLE_ROWTIME(ts, INTERVAL '10' SECOND), user_id, COUNT(1) FROM activity GROUP BY {LEGACY}, user_id HAVING COUNT(1) > 2",
    ),
    "whole-numbers": (
        "s TIMESTAMP(3), a INT, b INT, c INT, d INT, f BIGINT",
        f"SELECT window_start, SUM(units), AVG(units), MIN(units), MAX(units), SUM(user_id) FROM {TUMBLE} "
        "WHERE kind = 'a' GROUP BY window_start, window_end",
    ),
    "negative-average": (
        "s TIMESTAMP(3), a INT, b BIGINT, c DOUBLE",
        f"SELECT window_start, AVG(0 - units), AVG(user_id - 3), AVG(price) FROM {TUMBLE} GROUP BY window_start, window_end",
    ),
    "filtered": (
        "s TIMESTAMP(3), user_id BIGINT, a BIGINT, b DOUBLE, c BIGINT",
        "SELECT window_start, user_id, COUNT(*) FILTER (WHERE kind = 'a'), SUM(price) FILTER (WHERE units > 3), COUNT(kind) "
        f"FROM {TUMBLE} GROUP BY window_start, window_end, user_id",
    ),
    "distinct": (
        "s TIMESTAMP(3), kinds BIGINT, users BIGINT, dear BIGINT, n BIGINT",
        "SELECT window_start, COUNT(DISTINCT kind), COUNT(DISTINCT user_id), COUNT(DISTINCT user_id) FILTER (WHERE price > 2), "
        f"COUNT(*) FROM {TUMBLE} GROUP BY window_start, window_end",
    ),
    "distinct-hop": (
        f"{EDGES}, user_id BIGINT, kinds BIGINT",
        f"SELECT window_start, window_end, user_id, COUNT(DISTINCT kind) FROM {HOP} GROUP BY window_start, window_end, user_id",
    ),
    "hop": (
        f"{EDGES}, user_id BIGINT, n BIGINT, a INT",
        f"SELECT window_start, window_end, user_id, COUNT(*), AVG(units) FROM {HOP} GROUP BY window_start, window_end, user_id",
    ),
    "hop-legacy": (
        f"{EDGES}, n BIGINT",
        "SELECT HOP_START(ts, INTERVAL '4' SECOND, INTERVAL '10' SECOND), HOP_END(ts, INTERVAL '4' SECOND, INTERVAL '10' SECOND), "
        "COUNT(*) FROM activity GROUP BY HOP(ts, INTERVAL '4' SECOND, INTERVAL '10' SECOND)",
    ),
    "cumulate": (
        f"{EDGES}, n BIGINT, high DOUBLE",
        f"SELECT window_start, window_end, COUNT(*), MAX(price) FROM {CUMULATE} GROUP BY window_start, window_end",
    ),
    "cumulate-keys": (
        f"{EDGES}, kind STRING, n BIGINT",
        f"SELECT window_start, window_end, kind, COUNT(*) FROM {CUMULATE} GROUP BY window_start, window_end, kind HAVING COUNT(*) > 1",
    ),
    "top": (
        f"{EDGES}, kind STRING, n BIGINT, place BIGINT",
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC, kind) AS place FROM ("
        f"SELECT window_start, window_end, kind, COUNT(*) AS n FROM {TUMBLE} GROUP BY window_start, window_end, kind)) WHERE place <= 2",
    ),
    "session": (
        f"{EDGES}, user_id BIGINT, n BIGINT, total DOUBLE, kinds BIGINT",
        "SELECT window_start, window_end, user_id, COUNT(*), SUM(price), COUNT(DISTINCT kind) "
        f"FROM {SESSION.format('user_id', 4)} GROUP BY window_start, window_end, user_id",
    ),
    "session-keys": (
        f"{EDGES}, r TIMESTAMP(3), user_id BIGINT, kind STRING, n BIGINT, first_units INT",
        "SELECT window_start, window_end, window_time, user_id, kind, COUNT(*), MIN(units) "
        f"FROM {SESSION.format('(user_id, kind)', 12)} GROUP BY window_start, window_end, window_time, kind, user_id",
    ),
    "session-legacy": (
        f"{EDGES}, r TIMESTAMP(3), kind STRING, n BIGINT, a INT",
        "SELECT SESSION_START(ts, INTERVAL '5' SECOND), SESSION_END(ts, INTERVAL '5' SECOND), "
        "SESSION_ROWTIME(ts, INTERVAL '5' SECOND), kind, COUNT(*), AVG(units) FROM activity "
        "GROUP BY SESSION(ts, INTERVAL '5' SECOND), kind HAVING COUNT(*) > 1",
    ),
    "session-all": (
        f"{EDGES}, n BIGINT",
        "SELECT SESSION_START(ts, INTERVAL '1' SECOND), SESSION_END(ts, INTERVAL '1' SECOND), COUNT(*) FROM activity "
        "WHERE units > 2 GROUP BY SESSION(ts, INTERVAL '1' SECOND)",
    ),
    "ratio": (
        "s TIMESTAMP(3), a DECIMAL(38, 18), b DOUBLE, c BIGINT",
        "SELECT window_start, SUM(user_id) * 1.0 / COUNT(*), SUM(price) / COUNT(*), SUM(user_id) / COUNT(*) "
        f"FROM {TUMBLE} GROUP BY window_start, window_end",
    ),
    "spread": (
        "s TIMESTAMP(3), k STRING, a DOUBLE, b DOUBLE, c DOUBLE, d DOUBLE",
        "SELECT window_start, kind, STDDEV_POP(price), STDDEV_SAMP(price), VAR_POP(price), VAR_SAMP(price) "
        f"FROM {HOP} GROUP BY window_start, window_end, kind",
    ),
    "decimals": (
        "s TIMESTAMP(3), a DECIMAL(38, 2), b DECIMAL(38, 6), c DECIMAL(6, 2)",
        "SELECT window_start, SUM(CAST(price AS DECIMAL(6, 2))), AVG(CAST(price AS DECIMAL(6, 2))), "
        f"MAX(CAST(price AS DECIMAL(6, 2))) FROM {TUMBLE} GROUP BY window_start, window_end",
    ),
    "lists": (
        "s TIMESTAMP(3), user_id BIGINT, a STRING, b STRING, c ARRAY<INT>, d STRING",
        "SELECT window_start, user_id, LISTAGG(kind), LISTAGG(UPPER(kind), ' | ') FILTER (WHERE price > 2), ARRAY_AGG(units), "
        f"LISTAGG(CAST(units AS STRING), '') FROM {TUMBLE} GROUP BY window_start, window_end, user_id",
    ),
    "union": (
        "who BIGINT, what STRING",
        "SELECT who, UPPER(what) FROM (SELECT user_id AS who, kind AS what FROM activity WHERE price > 2 "
        "UNION ALL SELECT units, 'units' FROM activity UNION ALL SELECT user_id, kind FROM activity WHERE kind = 'a') "
        "WHERE who > 1",
    ),
    "union-windows": (
        "s TIMESTAMP(3), what STRING, n BIGINT",
        f"SELECT window_start, kind, COUNT(*) FROM {TUMBLE} GROUP BY window_start, window_end, kind UNION ALL "
        f"SELECT window_start, 'all', COUNT(*) FROM {HOP} GROUP BY window_start, window_end",
    ),
    "with": (
        f"{EDGES}, kind STRING, n BIGINT",
        "WITH dear AS (SELECT ts, kind, price FROM activity WHERE price > 1), "
        "counted AS (SELECT window_start AS s, window_end AS e, kind, COUNT(*) AS n FROM "
        "TABLE(TUMBLE(TABLE dear, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, kind) "
        "SELECT s, e, kind, n FROM counted WHERE n > 1",
    ),
    "expression-key": (
        "s TIMESTAMP(3), odd BIGINT, n BIGINT",
        f"SELECT window_start, MOD(user_id, 2), COUNT(*) FROM {TUMBLE} GROUP BY window_start, window_end, MOD(user_id, 2)",
    ),
    "inner-filter": (
        "e TIMESTAMP(3), n BIGINT",
        "SELECT TUMBLE_END(ts, INTERVAL '10' SECOND), COUNT(*) FROM (SELECT ts, kind FROM activity WHERE kind IN ('a', 'b')) "
        f"GROUP BY {LEGACY}",
    ),
    "outer-filter": (
        "s TIMESTAMP(3), n BIGINT",
        "SELECT s, n * 2 FROM (SELECT window_start AS s, window_end AS e, COUNT(*) AS n "
        f"FROM {TUMBLE} GROUP BY window_start, window_end) WHERE n BETWEEN 2 AND 8",
    ),
}


def events(chance: random.Random, count: int) -> list[str]:
    """In the order in which they come; about one in six out of order, some too late for everything."""
    found = []
    now = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)
    for _ in range(count):
        now += datetime.timedelta(milliseconds=chance.choice([0, 0, 1, 250, 999, 1000, 1700, 2500]))
        behind = chance.choice([0] * 14 + [3, 5, 9, 10, 11, 16, 30])
        at = now - datetime.timedelta(seconds=behind)
        if chance.random() < 0.2:  # exactly at a window's edge
            at = at.replace(second=at.second // 5 * 5, microsecond=0)
        event: dict[str, Any] = {
            "user_id": chance.randrange(4),
            "kind": chance.choice(["a", "b", "c", None]),
            "price": chance.randrange(20) / 4,
            "units": chance.randrange(10),
            "ts": at.strftime("%Y-%m-%d %H:%M:%S") + chance.choice([f".{at.microsecond // 1000:03}", ""]),
        }
        for name in ("user_id", "price", "units"):
            if chance.random() < 0.3:
                event[name] = str(event[name])
        for name in ("kind", "price", "units"):
            if chance.random() < 0.1:
                del event[name]
        found.append(json.dumps(event))
    return found


SHAPES |= words.SHAPES | joined.SHAPES
SHARDED = (
    "tumble", "tumble-legacy", "filtered", "distinct", "distinct-hop", "hop", "cumulate", "cumulate-keys", "top",
    "session", "session-keys", "session-legacy", "union-windows",
)  # fmt: skip
SHAPES |= {f"shards-{name}": SHAPES[name] for name in SHARDED}
"""Over several shards, some of which have nothing for a while."""
DELAY = 10_000


def case(name: str, seed: int, count: int) -> dict[str, Any]:
    columns, query = SHAPES[name]
    made = words if name in words.SHAPES else None
    if name.startswith("shards-"):
        return sharded(name, seed, count)
    if name in joined.SHAPES:
        chance = random.Random(f"{name} {seed}")
        return {
            "name": name,
            "seed": seed,
            "ddl": [joined.SOURCE, sink(columns)],
            **joined.tables(query, chance),
            "events": events(chance, count),
        }
    return {
        "name": name,
        "seed": seed,
        "ddl": [made.SOURCE if made else SOURCE, sink(columns)],
        "insert": f"INSERT INTO found {query}",
        "events": (made.events if made else events)(random.Random(f"{name} {seed}"), count),
    }


def sharded(name: str, seed: int, count: int) -> dict[str, Any]:
    """A case whose events are of shards: each with a clock of its own, and spells in which it has nothing.

    `shards` says of each event its shard, its arrival and its time in milliseconds; the idle timeout is sometimes
    just met, and in one case of four there is none.
    """
    columns, query = SHAPES[name]
    chance = random.Random(f"{name} {seed}")
    number = chance.choice([2, 3, 4])
    skew = [chance.choice([0, 1000, 4000, 9000]) for _ in range(number)]
    texts: list[str] = []
    of: list[int] = []
    arrivals: list[int] = []
    times: list[int] = []
    arrival, busy = 1_772_366_400_000, list(range(number))
    for text in events(chance, count):
        if chance.random() < 0.06:  # those that are busy from now on
            busy = chance.sample(range(number), chance.randint(1, number))
        shard = chance.choice(busy)
        step = chance.choice([0, 0, 100, 500, 500, 1000, 2000])
        arrival += max(step, 1 if of and of[-1] != shard else 0)  # shards fall idle one after the other
        event = json.loads(text)
        at = datetime.datetime.fromisoformat(event["ts"]) - datetime.timedelta(milliseconds=skew[shard])
        event["ts"] = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
        texts.append(json.dumps(event))
        of.append(shard)
        arrivals.append(arrival)
        times.append(round(at.replace(tzinfo=datetime.UTC).timestamp() * 1000))
    idle = chance.choice([None, 1500, 3000, 6000])
    return {
        "name": name,
        "seed": seed,
        "ddl": [SOURCE, sink(columns)],
        "insert": f"INSERT INTO found {query}",
        "events": texts,
        "shards": {
            "count": number, "idle": idle, "delay": DELAY, "of": of, "arrivals": arrivals, "times": times,
        },
    }  # fmt: skip
