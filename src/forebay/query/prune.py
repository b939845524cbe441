"""Which partitions a query can want: decided by DuckDB itself, on the values of partition columns alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from forebay.query.copysql import typed
from forebay.query.partitions import Values
from forebay.query.snapshot import Table
from forebay.query.types import quote

Prune = Callable[[frozenset[Values]], frozenset[Values]]
_CLOCK = re.compile(r"current_|fb_now|localtime|random|uuid", re.IGNORECASE)


class Pruner:
    """Decides which partition values satisfy conditions; remembers it while it holds.

    What depends on the clock is remembered for a second.
    """

    def __init__(self) -> None:
        self._memo: dict[tuple[Any, ...], dict[Values, bool]] = {}

    def of(self, connection: duckdb.DuckDBPyConnection, table: Table, conditions: Sequence[str]) -> Prune:
        """Prune by `conditions` (SQL over the partition columns alone)."""
        where = " AND ".join(f"({condition})" for condition in conditions)
        turn = int(time.monotonic()) if _CLOCK.search(where) else 0
        if len(self._memo) > 256:
            self._memo.clear()
        memo = self._memo.setdefault((table.key, where, turn), {})

        def prune(every: frozenset[Values]) -> frozenset[Values]:
            new = [values for values in every if values not in memo]
            if new:
                places = _satisfying(connection, table, where, new)
                memo.update((values, i in places) for i, values in enumerate(new))
            return frozenset(values for values in every if memo[values])

        return prune


def _satisfying(
    connection: duckdb.DuckDBPyConnection, table: Table, where: str, values: Sequence[Values]
) -> set[int]:
    columns: dict[str, Any] = {
        name: pa.array([v[i] for v in values], pa.string())
        for i, (name, _) in enumerate(table.partition_keys)
    }
    columns["fb_place"] = pa.array(range(len(values)), pa.int64())
    keys = ", ".join(f"{typed(name, kind.duckdb)} AS {quote(name)}" for name, kind in table.partition_keys)
    connection.register("fb_places", pa.table(columns))
    try:
        kept = connection.sql(f"SELECT fb_place FROM (SELECT {keys}, fb_place FROM fb_places) WHERE {where}")
        found: list[Any] = kept.to_arrow_table().column(0).to_pylist()
        return set(found)
    except duckdb.Error:
        return set(range(len(values)))  # the query itself will say what is wrong
    finally:
        connection.unregister("fb_places")
