"""Hot rows: what a delivery has taken and not yet written, read from the catalog's segments.

A segment is decoded once per version of the table that shows it, and kept. A query reads only the
segments that are new to it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import duckdb
import pyarrow as pa

from forebay.errors import QueryFailed
from forebay.event import decode_records
from forebay.query.decode import Decoder, Lines, decoder
from forebay.query.snapshot import Buffer, Snapshot, Table
from forebay.query.store import Memory
from forebay.query.types import quote

Connect = Callable[[], duckdb.DuckDBPyConnection]


class Hot:
    """Decodes segments for tables and keeps them in `memory`."""

    def __init__(self, memory: Memory, connect: Connect) -> None:
        self._memory = memory
        self._connect = connect
        self._latest: dict[tuple[int, tuple[int, int]], Hashable] = {}

    def rows(self, snapshot: Snapshot, table: Table, buffers: Sequence[Buffer]) -> list[pa.Table]:
        """The rows of each buffer in order, in the table's own columns."""
        found: list[pa.Table] = []
        for buffer in buffers:
            ids = [id_ for id_, _ in buffer.segments]
            whole = (buffer.id, ids[-1], len(ids), table.key)
            kept = self._memory.get(whole)
            if kept is None:
                kept = self._buffer(snapshot, table, buffer, ids)
                self._memory.drop(self._latest.pop((buffer.id, table.key), None))
                self._latest[buffer.id, table.key] = whole
                self._memory.put(whole, kept, 64 * len(ids))
            found.append(kept)
        if len(self._latest) > 10_000:
            self._latest.clear()
        return found

    def _buffer(self, snapshot: Snapshot, table: Table, buffer: Buffer, ids: list[int]) -> pa.Table:
        if buffer.meta.get("format") == "raw":  # a line may go on in the next segment
            return self._raw(snapshot, table, buffer, ids)
        kept = {id_: self._memory.get((id_, table.key)) for id_ in ids}
        missing = [id_ for id_, rows in kept.items() if rows is None]
        if missing:
            kept |= self._decode(snapshot, table, buffer, missing)
        parts = [part for id_ in ids if (part := kept[id_]) is not None]
        return pa.concat_tables(parts)

    def _decode(
        self, snapshot: Snapshot, table: Table, buffer: Buffer, ids: list[int]
    ) -> dict[int, pa.Table]:
        payloads = snapshot.payloads(ids)
        name = f"hot rows of {buffer.delivery} ({buffer.bucket}/{buffer.prefix})"
        lines = Lines()
        counts: list[tuple[int, int]] = []
        found: dict[int, pa.Table] = {}
        for id_ in ids:
            encoding, payload = payloads[id_]
            if encoding == "arrow":
                found[id_] = self._conform(table, payload)
                continue
            data = b"\n".join(decode_records(payload).records())
            skip = 0
            if id_ == buffer.segments[0][0] and table.shape.kind == "csv":
                header = buffer.meta.get("header")  # the file will begin with it
                if header:
                    data = str(header).encode() + b"\n" + data
                skip = table.shape.skip
            counts.append((id_, lines.add(name, data, skip=skip)))
        if counts:
            rows = self._lines(table, lines)
            at = 0
            for id_, count in counts:
                found[id_] = rows.slice(at, count)
                at += count
        size = sum(rows.nbytes for rows in found.values())
        for id_, rows in found.items():
            self._memory.put((id_, table.key), rows, size // len(found) + 512)
        return found

    def _lines(self, table: Table, lines: Lines) -> pa.Table:
        connection = self._connect()
        try:
            made: Decoder = decoder(table.shape)
            return made.decode(connection, lines)
        finally:
            connection.close()

    def _raw(self, snapshot: Snapshot, table: Table, buffer: Buffer, ids: list[int]) -> pa.Table:
        payloads = snapshot.payloads(ids)
        data = b"".join(bytes(decode_records(payloads[id_][1]).data) for id_ in ids)
        lines = Lines()
        lines.add(
            f"hot rows of {buffer.delivery} ({buffer.bucket}/{buffer.prefix})", data, skip=table.shape.skip
        )
        return self._lines(table, lines)

    def _conform(self, table: Table, payload: bytes) -> pa.Table:
        """Columns in the table's types and order, by name; what is missing is NULL."""
        try:
            rows = pa.ipc.open_stream(pa.py_buffer(payload)).read_all()
        except pa.ArrowInvalid as error:
            raise QueryFailed(
                "HIVE_BAD_DATA", f"HIVE_BAD_DATA: a hot segment cannot be read: {error}"
            ) from None
        connection = self._connect()
        try:
            return conform(connection, rows, table)
        finally:
            connection.close()


def conform(connection: duckdb.DuckDBPyConnection, rows: pa.Table, table: Table) -> pa.Table:
    """`rows` with the columns of `table`, matched by name without regard to case."""
    there = {name.lower(): name for name in rows.column_names}
    items = [
        f"TRY_CAST({quote(there[name])} AS {kind.duckdb}) AS {quote(name)}"
        if name in there
        else f"CAST(NULL AS {kind.duckdb}) AS {quote(name)}"
        for name, kind in table.columns
    ]
    connection.register("segment", rows)
    try:
        found: pa.Table = connection.sql(f"SELECT {', '.join(items)} FROM segment").to_arrow_table()
        return found
    finally:
        connection.unregister("segment")
