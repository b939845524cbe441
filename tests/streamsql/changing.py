"""Questions whose rows change, over the events of `cases`: what rows there are at the end."""

from __future__ import annotations

import json
import random
from typing import Any

from forebay.streamsql.engine import Engine
from forebay.streamsql.job import compile_question
from forebay.streamsql.spans import ShardSpan
from tests.streamsql.cases import SOURCE, events
from tests.streamsql.runner import some

SUMS = "SELECT kind, COUNT(*) AS n, SUM(units) AS total FROM activity GROUP BY kind"

QUESTIONS: dict[str, str] = {
    "groups": "SELECT user_id, COUNT(*), SUM(units), AVG(units), MIN(price), MAX(kind), COUNT(price) FROM activity GROUP BY user_id",
    "all": "SELECT COUNT(*), SUM(user_id), COUNT(DISTINCT kind) FROM activity",
    "none": "SELECT COUNT(*) FROM activity WHERE units > 1000000",
    "distinct-values": "SELECT kind, COUNT(DISTINCT user_id), SUM(DISTINCT units), "
    "COUNT(DISTINCT user_id) FILTER (WHERE price > 2) FROM activity GROUP BY kind",
    "having": "SELECT user_id, kind, SUM(units) AS total FROM activity WHERE price > 1 GROUP BY user_id, kind HAVING SUM(units) > 6",
    "expressions": "SELECT UPPER(kind), units / 2, COUNT(*) * 10 FROM activity GROUP BY kind, units / 2",
    "distinct": "SELECT DISTINCT kind, user_id FROM activity",
    "first": f"{SUMS} ORDER BY total DESC, kind LIMIT 2",
    "last-nulls": f"{SUMS} ORDER BY kind DESC NULLS LAST LIMIT 3",
    "events": "SELECT user_id, kind, price, units FROM activity WHERE price IS NOT NULL "
    "ORDER BY price DESC, user_id, kind, units LIMIT 5",
    "numbered": f"SELECT kind, total, place FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY total DESC, kind) AS place FROM ({SUMS})) "
    "WHERE place <= 2",
    "numbered-groups": "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY total DESC, user_id) AS place FROM ("
    "SELECT kind, user_id, SUM(units) AS total FROM activity GROUP BY kind, user_id)) WHERE place <= 2",
    "latest": "SELECT user_id, kind, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC, units, kind) "
    "AS place FROM activity) WHERE place = 1",
}


def question(name: str, seed: int, count: int) -> dict[str, Any]:
    return {
        "name": name,
        "seed": seed,
        "ddl": [SOURCE],
        "query": QUESTIONS[name],
        "events": events(random.Random(f"{name} {seed}"), count),
    }


def rows_here(given: dict[str, Any], cut: int) -> list[list[Any]]:
    """The rows at the end, sorted; on the way each change is checked against the row that it is of."""
    engine = Engine(compile_question(given["query"], given["ddl"]))
    there: dict[int, bytes] = {}
    order = None
    try:
        for at in range(0, len(given["events"]), cut):
            changes = engine.feed(some(given["events"], at, cut), [ShardSpan(0)]).changes
            if changes is None:  # no event of these can be read
                continue
            for op, group, record in zip(changes.ops, changes.groups, changes.records, strict=True):
                if op in ("-U", "-D"):
                    assert there.pop(group) == record
                else:
                    assert group not in there
                    there[group] = record
            order = changes.order
    finally:
        engine.close()
    if order is not None:
        assert set(order) == set(there)
    return by_text([list(json.loads(each).values()) for each in there.values()])


def by_text(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows in an order of their own, numbers as near as floats are."""
    near = [[float(f"{each:.12g}") if isinstance(each, float) else each for each in row] for row in rows]
    return sorted(near, key=json.dumps)
