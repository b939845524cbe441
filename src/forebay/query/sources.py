"""From a table to its rows: the SQL that stands for it in one query, at one moment.

listing of foreign files ─ taken first
snapshot ─ objects, hot segments, partitions, in one read transaction
pruning ─ by what the query says of partition columns
retained ─ a table over a stream has the log's events instead
body ─ Parquet files, hidden copies, and one Arrow view of hot and not yet copied rows
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from forebay.query.cache import Copies
from forebay.query.cold import Cold, Finder, Listed
from forebay.query.copysql import PATH, Entry, columns_sql, copy_sql, with_places
from forebay.query.hot import Hot
from forebay.query.listing import Listing, hidden
from forebay.query.partitions import Values
from forebay.query.prune import Prune
from forebay.query.retained import Retained
from forebay.query.snapshot import Buffer, Object, Snapshot, Table
from forebay.query.types import literal, quote


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

    def places(self) -> Iterator[tuple[str, str]]:
        """Bucket and key of each object; hot rows will be in one whose key begins so."""
        for item, _ in self.wanted:
            yield item.bucket, item.key
        for url, _, _ in self.hot:
            bucket, _, prefix = url.removeprefix("s3://").partition("/")
            yield bucket, prefix


class Sources:
    """Plans tables. Shared by all queries; what it remembers is keyed by the state it holds for."""

    def __init__(self, listing: Listing, hot: Hot, copies: Copies, retained: Retained) -> None:
        self.finder = Finder(listing)
        self._hot = hot
        self._retained = retained
        self._copies = copies
        self._lock = threading.Lock()

    @staticmethod
    def buffers(snapshot: Snapshot, cold: Cold) -> list[tuple[Buffer, Values]]:
        """The buffers whose rows a table shows."""
        found = []
        for root in cold.partitioning.roots:
            for buffer in snapshot.buffers(*root):
                key = buffer.prefix + "x"
                values = cold.partitioning.values(buffer.bucket, key)
                if values is not None and not hidden(key, root[1]):
                    found.append((buffer, values))
        return found

    def gather(
        self,
        snapshot: Snapshot,
        table: Table,
        listed: Listed,
        prune: Prune | None,
        check: Callable[[], None] = lambda: None,
    ) -> Gathered:
        """What a query wants of `table` at this moment; its hot rows already read. `check` raises when that is to end."""
        if table.log is not None:
            rows = self._retained.rows(table, table.log, check)
            return Gathered(table, frozenset(), [], [(f"kinesis://{table.log}/", (), rows)])
        cold = self.finder.cold(snapshot, table, listed)
        buffers = self.buffers(snapshot, cold)
        keep: frozenset[Values] | None = None
        if prune is not None and table.partition_keys:
            every = frozenset(cold.by_values) | {values for _, values in buffers}
            keep = prune(every) if every else None
        chosen = [(b, values) for b, values in buffers if keep is None or values in keep]
        parts = self._hot.rows(snapshot, table, [buffer for buffer, _ in chosen])
        hot = [
            (f"s3://{buffer.bucket}/{buffer.prefix}", values, part)
            for (buffer, values), part in zip(chosen, parts, strict=True)
        ]
        if table.format != "parquet":
            for (buffer, values), part in zip(chosen, parts, strict=True):
                if buffer.becomes is not None:
                    self._copies.of(table).expect(f"s3://{buffer.bucket}/{buffer.becomes}", values, part)
        return Gathered(table, cold.live, cold.select(keep), hot)

    def body(self, gathered: Gathered, name: str, *, path: bool, check: Callable[[], None]) -> Body:
        """The rows as SQL, whose Arrow view is named after `name`; with `"$path"` last where `path` is asked for.

        Decodes objects that are new; `check` raises when that is to end.
        """
        table, wanted = gathered.table, gathered.wanted
        body = Body("", scanned=sum(item.size for item, _ in wanted))
        selects: list[str] = []
        columns = ", ".join(quote(name) for name in [*table.all_columns, *([PATH] if path else [])])
        pieces = list(gathered.hot)
        body.hot_rows = sum(part.num_rows for _, _, part in pieces)
        if table.format == "parquet":
            if wanted:
                selects.append(_parquet(table, wanted, path=path))
        elif wanted:
            parts = self._copies.of(table).parts(wanted, gathered.live, check)
            pieces += [(item.url, values, rows) for item, values, rows in parts.memory]
            whole = [copy.path for copy, gone in parts.copies if not gone]
            if whole:
                files = ", ".join(map(literal, whole))
                selects.append(f"SELECT {columns} FROM read_parquet([{files}])")
            selects += [copy_sql(copy, gone, columns) for copy, gone in parts.copies if gone]
        if pieces:
            view = f"{name}_rows"
            body.views[view] = with_places(pieces, table)
            selects.append(f"SELECT {columns_sql(table, path=path)} FROM {quote(view)}")
        if not selects:
            selects.append(_nothing(table, path=path))
        body.sql = " UNION ALL ".join(selects)
        return body

    def warm(self, snapshot: Snapshot, table: Table, listed: Listed) -> None:
        """Decode what is new of a table's hot rows, so that no query waits for it."""
        self.gather(snapshot, table, listed, None)

    def mark(self, snapshot: Snapshot, table: Table, listed: Listed) -> tuple[object, ...]:
        """Changes whenever the table's rows may have."""
        if table.log is not None:
            return self._retained.mark(table, table.log)
        cold = self.finder.cold(snapshot, table, listed)
        hot = [snapshot.hot_mark(*root) for root in cold.partitioning.roots]
        return (table.key, cold.mark[:2], hot)


def _parquet(table: Table, wanted: Sequence[tuple[Object, Values]], *, path: bool) -> str:
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
        told_as = (
            value if kind.duckdb == "VARCHAR" and value != "NULL" else f"TRY_CAST({value} AS {kind.duckdb})"
        )
        items.append(f"{told_as} AS {quote(name)}")
    if path:
        urls = ", ".join(literal(item.url) for item, _ in wanted)
        items.append(f"list_extract([{urls}], {index}) AS {quote(PATH)}")
    return f"SELECT {', '.join(items)} FROM read_parquet([{files}], schema = MAP {{{schema}}})"


def _no_glob(path: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in path)


def _nothing(table: Table, *, path: bool) -> str:
    kinds = {**table.all_columns, **({PATH: "VARCHAR"} if path else {})}
    listed = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in kinds.items())
    return f"SELECT {listed} WHERE false"
