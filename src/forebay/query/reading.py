"""Reading objects: small ones together, large ones in parts straight into a copy, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from forebay.errors import QueryFailed
from forebay.query.copysql import Copy, Vanished, columns_sql, entry, with_places
from forebay.query.decode import Decoder, Lines, chunks, decompress
from forebay.query.partitions import Values
from forebay.query.snapshot import Object, Table

PART = 32 << 20
"""Bytes, decompressed, that are decoded at once."""
BATCH = 48 << 20
"""Bytes, decompressed, of small objects that are decoded together."""
PLAIN, COMPRESSED = 48 << 20, 6 << 20
_PACKED = (".gz", ".gzip", ".zst", ".zstd", ".snappy", ".sz", ".bz2")


def is_large(item: Object) -> bool:
    """Whether an object is not to be held in memory whole."""
    return item.size > (COMPRESSED if item.key.lower().endswith(_PACKED) else PLAIN)


def batches(missing: Iterable[tuple[Object, Values]]) -> Iterator[list[tuple[Object, Values, bytes]]]:
    """Small objects with their content, as many at a time as are decoded together.

    Raises Vanished if a file is gone, QueryFailed `HIVE_BAD_DATA` where one cannot be decompressed.
    """
    batch: list[tuple[Object, Values, bytes]] = []
    size = 0
    for item, values in missing:
        try:
            data = decompress(Path(item.path).read_bytes(), item.key)
        except FileNotFoundError:
            raise Vanished(item.path) from None
        except QueryFailed as error:
            error.where = item.url
            raise
        batch.append((item, values, data))
        size += len(data)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def copy_large(
    whole: tuple[Object, Values],
    table: Table,
    decoder: Decoder,
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    check: Callable[[], None],
) -> Copy:
    """Write the copy of one object to `path` (by way of a `.part` beside it).

    `check` raises when it is to end. Raises Vanished if the object's file is gone.
    """
    from pyarrow import parquet  # noqa: PLC0415 - large objects are rare, and it is not small

    item, values = whole
    partial = path.with_suffix(".part")
    writer = None
    rows = before = 0
    try:
        for data in chunks(item.path, item.key, PART):
            check()
            lines = Lines()
            lines.add(item.url, data, skip=0 if before else table.shape.skip, before=before)
            before += data.count(b"\n")
            part = _placed(connection, decoder.decode(connection, lines), item, values, table)
            writer = writer or parquet.ParquetWriter(partial, part.schema, compression="zstd")
            writer.write_table(part, row_group_size=122_880)
            rows += part.num_rows
        if writer is None:
            empty = _placed(connection, decoder.decode(connection, Lines()), item, values, table)
            writer = parquet.ParquetWriter(partial, empty.schema)
        one = entry(item, values)
        writer.add_key_value_metadata({"forebay": json.dumps([[one[0], one[1], list(values)]])})
        writer.close()
        partial.replace(path)
        return Copy(str(path), rows, frozenset([one]))
    except FileNotFoundError:
        raise Vanished(item.path) from None
    finally:
        if writer is not None:
            writer.close()
        partial.unlink(missing_ok=True)


def _placed(
    connection: duckdb.DuckDBPyConnection, rows: pa.Table, item: Object, values: Values, table: Table
) -> pa.Table:
    connection.register("kept", with_places([(item.url, values, rows)], table))
    try:
        found: pa.Table = connection.sql(f"SELECT {columns_sql(table)} FROM kept").to_arrow_table()
        return found
    finally:
        connection.unregister("kept")
