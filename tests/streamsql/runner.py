"""Runs a case of `cases` here, as the flow would, cut into batches of any size."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from forebay.streamsql.engine import Engine, Events
from forebay.streamsql.job import compile_job
from forebay.streamsql.plan import Plan
from forebay.streamsql.references import Reference, flink_type
from forebay.streamsql.spans import ShardSpan


def ours(case: dict[str, Any], cut: int) -> list[Any]:
    """The rows of a case, in an order of their own."""
    found: list[bytes] = []
    shards = case.get("shards")
    spans = [ShardSpan(each) for each in range(shards["count"] if shards is not None else 1)]
    tables = case.get("tables", {})
    for plan in plans(case):
        engine = Engine(plan)
        try:
            for lookup in plan.lookups:
                rows = tables[lookup.reference.name]["rows"]
                engine.give(
                    lookup,
                    pa.table({name: [row.get(name) for row in rows] for name, _ in lookup.columns}),
                )
            for at in range(0, len(case["events"]), cut):
                given = some(case["events"], at, cut)
                if shards is not None:
                    given.shards = shards["of"][at : at + cut]
                    given.arrivals = [each * 1000 for each in shards["arrivals"][at : at + cut]]
                found += engine.feed(given, spans).records
            found += engine.finish().records
        finally:
            engine.close()
    return in_order(found)


def plans(case: dict[str, Any]) -> tuple[Plan, ...]:
    """What is to be done for a case."""
    known = tuple(reference(name, table["columns"]) for name, table in case.get("tables", {}).items())
    idle = case["shards"]["idle"] if "shards" in case else None
    return compile_job(";\n".join([*case["ddl"], case["insert"]]), idle, known)


def reference(name: str, columns: str) -> Reference:
    """A table of the catalog with these columns."""
    typed = [column.split() for column in columns.split(", ")]
    types = [(name, flink_type(kind.lower())) for name, kind in typed]
    return Reference("shop", name, "", tuple((name, type_) for name, type_ in types if type_ is not None))


def some(events: Sequence[str], at: int, count: int) -> Events:
    """The next events, all of one shard and of one moment."""
    data = [event.encode() for event in events[at : at + count]]
    return Events(data, list(range(at, at + len(data))), [0] * len(data), [0] * len(data))


def in_order(lines: Sequence[str | bytes]) -> list[Any]:
    """Rows as JSON, sorted: what order Flink writes them in says nothing."""
    return [json.loads(line, parse_float=Nearly) for line in sorted(lines, key=_roughly)]


class Nearly(float):
    """A number that is another where they differ by more than the last digits, which are the processor's own."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | float) and math.isclose(self, other, rel_tol=1e-11)

    __hash__ = None  # type: ignore[assignment]


def _roughly(line: str | bytes) -> str:
    return json.dumps(json.loads(line, parse_float=lambda text: float(f"{float(text):.12g}")), sort_keys=True)
