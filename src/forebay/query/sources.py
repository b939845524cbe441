"""From a table to its rows: the SQL that stands for it in one query, at one moment.

listing of foreign files ─ taken first
snapshot ─ objects, hot segments, partitions, in one read transaction
pruning ─ by what the query says of partition columns, decided by DuckDB itself
body ─ Parquet files, hidden copies, and one Arrow view of hot and not yet copied rows
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from forebay.query.copies import Copies, Entry, columns_sql, copy_sql, entry, typed, with_places
from forebay.query.hot import Hot
from forebay.query.listing import Listing, hidden
from forebay.query.partitions import Partitioning, Values, moving
from forebay.query.snapshot import Buffer, Object, Snapshot, Table, after
from forebay.query.types import literal, quote

Files = list[tuple[str, int, int]]
Prune = Callable[[Sequence[Values]], set[Values]]
"""Which partition values may hold rows that a query wants."""


@dataclass(slots=True)
class Cold:
    """A table's objects as of one state of the catalog and the folders."""

    mark: tuple[Any, ...]
    partitioning: Partitioning
    by_values: dict[Values, list[Object]]
    live: frozenset[Entry]
    count: int


@dataclass(slots=True)
class Body:
    """The rows of a table: SQL, the Arrow views it names, and what it reads."""

    sql: str
    views: dict[str, pa.Table] = field(default_factory=dict)
    scanned: int = 0
    hot_rows: int = 0


@dataclass(slots=True)
class Gathered:
    """What of a table a query wants: objects, and hot rows in memory (with their place and values)."""

    table: Table
    live: frozenset[Entry]
    wanted: list[tuple[Object, Values]]
    hot: list[tuple[str, Values, pa.Table]]


class Sources:
    """Plans tables. Shared by all queries; what it remembers is keyed by the state it holds for."""

    def __init__(self, listing: Listing, hot: Hot, copies: Copies) -> None:
        self._listing = listing
        self._hot = hot
        self._copies = copies
        self._cold: dict[tuple[int, int], Cold] = {}
        self._partitionings: dict[tuple[int, int], tuple[list[tuple[Values, str]], Partitioning]] = {}
        self._lock = threading.Lock()

    def roots(self, snapshot: Snapshot, table: Table) -> list[tuple[str, str]]:
        """Where a table's files may be."""
        return self._partitioning(table, self._listed(snapshot, table)).roots

    @staticmethod
    def _listed(snapshot: Snapshot, table: Table) -> list[tuple[Values, str]]:
        return snapshot.partitions(table) if table.partition_keys else []

    def _partitioning(self, table: Table, partitions: list[tuple[Values, str]]) -> Partitioning:
        known = self._partitionings.get(table.key)
        if known is None or known[0] != partitions:
            known = (partitions, Partitioning(table, partitions))
            if len(self._partitionings) > 1000:
                self._partitionings.clear()
            self._partitionings[table.key] = known
        return known[1]

    def foreign(
        self, roots: Sequence[tuple[str, str]], *, fresh: bool = False
    ) -> dict[tuple[str, str], Files]:
        """List the folders. To be called before the snapshot that decides (a file that is being registered
        has its intent in every later snapshot)."""
        return {root: self._listing.files(*root, fresh=fresh) for root in roots}

    def cold(self, snapshot: Snapshot, table: Table, listed: dict[tuple[str, str], Files]) -> Cold:
        """The objects of a table, by partition values."""
        partitions = self._listed(snapshot, table)
        partitioning = self._partitioning(table, partitions)
        known = self._cold.get(table.key)
        marks: list[Any] = []
        foreign: list[Object] = []
        for root in partitioning.roots:
            marks.append(snapshot.objects_mark(*root))
            files = listed.get(root) or []
            if files:
                taken = snapshot.known_keys(*root)
                keys = [key for key, _, _ in files if key not in taken]
                foreign += self._listing.objects(root[0], keys)
        turn = int(time.monotonic() / 10) if moving(table) else 0
        mark = (partitions, marks, [(item.key, item.etag) for item in foreign], turn)
        if known is not None and known.mark == mark:
            return known
        by_values: dict[Values, list[Object]] = {}
        live: set[Entry] = set()
        count = 0
        seen: set[str] = set()
        for root in partitioning.roots:
            own = [item for item in foreign if item.bucket == root[0] and item.key.startswith(root[1])]
            for item in [*snapshot.objects(*root), *own]:
                values = partitioning.values(item.bucket, item.key)
                if values is None or item.url in seen or not item.size or hidden(item.key, root[1]):
                    continue
                seen.add(item.url)
                by_values.setdefault(values, []).append(item)
                live.add(entry(item, values))
                count += 1
        fresh = Cold(mark, partitioning, by_values, frozenset(live), count)
        with self._lock:
            if len(self._cold) > 1000:
                self._cold.clear()
            self._cold[table.key] = fresh
        return fresh

    def buffers(self, snapshot: Snapshot, table: Table, cold: Cold) -> list[tuple[Buffer, Values]]:
        """The buffers whose rows a table shows."""
        found = []
        for root in cold.partitioning.roots:
            for buffer in snapshot.buffers(*root):
                if hidden(buffer.prefix + "x", root[1]):
                    continue
                values = cold.partitioning.values(buffer.bucket, buffer.prefix + "x")
                if values is not None:
                    found.append((buffer, values))
        return found

    def gather(
        self,
        snapshot: Snapshot,
        table: Table,
        listed: dict[tuple[str, str], Files],
        prune: Prune | None,
    ) -> Gathered:
        """What a query wants of `table` at this moment; its hot rows already read."""
        cold = self.cold(snapshot, table, listed)
        buffers = self.buffers(snapshot, table, cold)
        keep: set[Values] | None = None
        if prune is not None and table.partition_keys:
            every = set(cold.by_values) | {values for _, values in buffers}
            keep = prune(list(every)) if every else None
        wanted = [
            (item, values)
            for values, items in cold.by_values.items()
            if keep is None or values in keep
            for item in items
        ]
        chosen = [(b, values) for b, values in buffers if keep is None or values in keep]
        rows = self._hot.rows(snapshot, table, [buffer for buffer, _ in chosen])
        hot = [
            (f"s3://{buffer.bucket}/{buffer.prefix}", values, part)
            for (buffer, values), part in zip(chosen, rows, strict=True)
        ]
        return Gathered(table, cold.live, wanted, hot)

    def body(self, gathered: Gathered, name: str, *, path: bool) -> Body:
        """The rows as SQL, whose Arrow view is named after `name`. Decodes objects that are new."""
        table, wanted = gathered.table, gathered.wanted
        body = Body("", scanned=sum(item.size for item, _ in wanted))
        selects: list[str] = []
        pieces = list(gathered.hot)
        body.hot_rows = sum(part.num_rows for _, _, part in pieces)
        if table.format == "parquet":
            if wanted:
                selects.append(_parquet(table, wanted))
        elif wanted:
            parts = self._copies.of(table).parts(wanted, gathered.live)
            pieces += [(item.url, values, rows) for item, values, rows in parts.memory]
            whole = [copy.path for copy, gone in parts.copies if not gone]
            if whole:
                files = ", ".join(map(literal, whole))
                selects.append(f"SELECT * FROM read_parquet([{files}])")
            selects += [copy_sql(copy, gone) for copy, gone in parts.copies if gone]
        if pieces:
            view = f"{name}_rows"
            body.views[view] = with_places(pieces, table)
            selects.append(f"SELECT {columns_sql(table)} FROM {quote(view)}")
        if not selects:
            selects.append(_nothing(table))
        inner = " UNION ALL ".join(selects)
        columns = ", ".join([*(quote(c) for c in table.all_columns), *([quote("$path")] if path else [])])
        body.sql = f"SELECT {columns} FROM ({inner})"
        return body

    def mark(self, snapshot: Snapshot, table: Table, listed: dict[tuple[str, str], Files]) -> tuple[Any, ...]:
        """Changes whenever the table's rows may have."""
        cold = self.cold(snapshot, table, listed)
        hot = [snapshot.hot_mark(*root) for root in cold.partitioning.roots]
        return (table.key, cold.mark[:3], hot)


def _parquet(table: Table, wanted: Sequence[tuple[Object, Values]]) -> str:
    """Parquet files read directly: fields by name, cast to the table's types, missing ones NULL."""
    files = ", ".join(literal(_no_glob(item.path)) for item, _ in wanted)
    schema = ", ".join(
        f"{literal(name)}: {{name: {literal(name)}, type: {literal(kind.duckdb)}, default_value: NULL}}"
        for name, kind in table.columns
    )
    items = [quote(name) for name, _ in table.columns]
    index = "CAST(file_index AS BIGINT) + 1"
    for i, (name, kind) in enumerate(table.partition_keys):
        told = [values[i] for _, values in wanted]
        if len(set(told)) == 1:
            value = "NULL" if told[0] is None else literal(told[0])
        else:
            value = f"list_extract([{', '.join('NULL' if v is None else literal(v) for v in told)}], {index})"
        items.append(f"TRY_CAST({value} AS {kind.duckdb}) AS {quote(name)}")
    urls = ", ".join(literal(item.url) for item, _ in wanted)
    items.append(f"list_extract([{urls}], {index}) AS {quote('$path')}")
    return f"SELECT {', '.join(items)} FROM read_parquet([{files}], schema = MAP {{{schema}}})"


def _no_glob(path: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in path)


def _nothing(table: Table) -> str:
    listed = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in table.all_columns.items())
    return f"SELECT {listed}{', ' if listed else ''}CAST(NULL AS VARCHAR) AS {quote('$path')} WHERE false"


def pruner(connection: duckdb.DuckDBPyConnection, table: Table, conditions: Sequence[str]) -> Prune:
    """Decides with DuckDB which partition values satisfy all `conditions` (SQL over the partition columns)."""
    memo: dict[Values, bool] = {}

    def prune(every: Sequence[Values]) -> set[Values]:
        new = [values for values in every if values not in memo]
        if new:
            columns: dict[str, Any] = {
                name: pa.array([v[i] for v in new], pa.string())
                for i, (name, _) in enumerate(table.partition_keys)
            }
            columns["fb_place"] = pa.array(range(len(new)), pa.int64())
            keys = ", ".join(
                f"{typed(name, kind.duckdb)} AS {quote(name)}" for name, kind in table.partition_keys
            )
            where = " AND ".join(f"({condition})" for condition in conditions)
            connection.register("fb_places", pa.table(columns))
            try:
                kept = connection.sql(
                    f"SELECT fb_place FROM (SELECT {keys}, fb_place FROM fb_places) WHERE {where}"
                )
                places = set(kept.to_arrow_table().column(0).to_pylist())
            except duckdb.Error:
                places = set(range(len(new)))  # the query itself will say what is wrong
            finally:
                connection.unregister("fb_places")
            memo.update((values, i in places) for i, values in enumerate(new))
        return {values for values in every if memo[values]}

    return prune


__all__ = ["Body", "Cold", "Sources", "after", "pruner"]
