"""A query's rows as files: Athena's result CSV, and the files of CTAS, INSERT INTO and UNLOAD.

A file is written whole and fsynced under a path of its own that nobody reads yet; who asked registers it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from forebay.durable import sync, sync_folder
from forebay.errors import UsageError
from forebay.query.decode.shape import Shape, shape
from forebay.query.result import Result, render_cell

MOST_PARTITIONS = 100
NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Written:
    """A file on disk: `folder` is its partition's (`a=1/`), '' without partitions."""

    path: str
    folder: str
    size: int
    etag: str
    rows: int


class _Hashing:
    """A file that knows its MD5."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def write(self, data: bytes) -> int:
        self.md5.update(data)
        self.size += len(data)
        return self.file.write(data)


def result_rows(result: Result, *, header: bool) -> Iterator[bytes]:
    """Athena's result file: every value quoted, NULL nothing at all; a header for SELECT, none for DDL."""
    if header:
        yield (",".join(_quoted(column.name) for column in result.columns) + "\n").encode()
    for number, cells in enumerate(result.cells()):
        if header:
            yield (",".join("" if cell is None else _quoted(cell) for cell in cells) + "\n").encode()
        else:  # no newline ends the last
            line = "\t".join("" if cell is None else cell for cell in cells)
            yield f"\n{line}".encode() if number else line.encode()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def write_bytes(path: Path, pieces: Iterable[bytes]) -> tuple[int, str]:
    """Write and fsync; (size, md5)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb", buffering=1 << 20) as file:
        sink = _Hashing(file)
        for piece in pieces:
            sink.write(piece)
        sync(file)
    sync_folder(path.parent)
    return sink.size, sink.md5.hexdigest()


def write_table(
    result: Result, paths: Iterator[Path], form: str, options: dict[str, Any], partitioned_by: list[str]
) -> list[Written]:
    """The rows as one file per partition, in `form` (parquet, json, csv, textfile).

    Raises UsageError for a form that is not offered, too many partitions, or partition columns that do not
    come last.
    """
    table = _named(result)
    names = [name.lower() for name in partitioned_by]
    if names and table.column_names[-len(names) :] != names:
        raise UsageError(
            "HIVE_COLUMN_ORDER_MISMATCH",
            "Partition keys must be the last columns in the table and in the same order as the table properties:"
            f" {names}",
        )
    written = []
    for folder, part in _parts(table, names):
        path = next(paths)
        size, etag = write_bytes(path, _encoded(part, form, options))
        written.append(Written(str(path), folder, size, etag, part.num_rows))
    return written


def _named(result: Result) -> pa.Table:
    names = [column.name for column in result.columns]
    if len(set(names)) < len(names) or any(name.startswith("_col") for name in names):
        missing = next((n for n in names if n.startswith("_col") or names.count(n) > 1), "")
        raise UsageError("MISSING_COLUMN_NAME", f"Column name not specified, or given twice: {missing}")
    return result.table.rename_columns([name.lower() for name in names])


def _parts(table: pa.Table, names: list[str]) -> Iterator[tuple[str, pa.Table]]:
    if not names:
        yield "", table
        return
    keys = table.select(names).group_by(names).aggregate([])
    if keys.num_rows > MOST_PARTITIONS:
        raise UsageError(
            "HIVE_TOO_MANY_OPEN_PARTITIONS",
            f"Exceeded limit of {MOST_PARTITIONS} open writers for partitions/buckets",
        )
    for row in keys.to_pylist():
        mask = None
        folder = ""
        for name in names:
            value = row[name]
            test = pc.is_null(table[name]) if value is None else pc.equal(table[name], pa.scalar(value))
            mask = test if mask is None else pc.and_(mask, test)
            shown = NULL_FOLDER if value is None else quote(str(render_cell(value)), safe=" -_.:")
            folder += f"{name}={shown}/"
        yield folder, table.filter(mask).drop_columns(names)


_CODECS: dict[str, Any] = {"snappy": "snappy", "gzip": "gzip", "zstd": "zstd", "none": "none"}


def _encoded(table: pa.Table, form: str, options: dict[str, Any]) -> Iterable[bytes]:
    match form:
        case "parquet":
            sink = pa.BufferOutputStream()
            codec = _CODECS.get(str(options.get("compression") or "snappy").lower(), "snappy")
            pq.write_table(table, sink, compression=codec)
            return [sink.getvalue().to_pybytes()]
        case "json":
            return (
                json.dumps(row, ensure_ascii=False, default=str, separators=(",", ":")).encode() + b"\n"
                for batch in table.to_batches()
                for row in batch.to_pylist()
            )
        case "csv" | "textfile" | "text":
            return _delimited(table, _lines_of(form, options))
        case _:
            raise UsageError(
                "NOT_SUPPORTED", f"files of the format {form} are not written here", fix="format = 'PARQUET'"
            )


def _lines_of(form: str, options: dict[str, Any]) -> Shape:
    """How the files are read again: by the table's SerDe, or as CTAS and UNLOAD say."""
    if "parameters" in options:
        serde, own = options.get("serde"), options.get("serde_parameters") or {}
        return shape(form, (), serde, own, options["parameters"] or {})
    given = {"field.delim": str(options.get("delimiter") or "")}
    return shape("csv", (), None if form == "csv" else "LazySimpleSerDe", given, {})


def _delimited(table: pa.Table, lines: Shape) -> Iterator[bytes]:
    """One line a row. A table whose readers skip a line gets one, with the columns' names."""
    if lines.skip:
        yield _line(table.column_names, lines)
    for batch in table.to_batches():
        for row in batch.to_pylist():
            yield _line([None if value is None else render_cell(value) for value in row.values()], lines)


def _line(cells: Sequence[str | None], lines: Shape) -> bytes:
    null = "" if lines.null is None else lines.null
    quote, escape = (None, None) if lines.kind == "text" else (lines.quote, lines.escape)
    shown = []
    for cell in cells:
        text = null if cell is None else cell
        if cell is not None and escape is not None:
            for char in dict.fromkeys((escape, quote or lines.delimiter)):
                text = text.replace(char, escape + char)
        elif quote is not None:
            text = text.replace(quote, quote * 2)
        shown.append(text if quote is None or cell is None else f"{quote}{text}{quote}")
    return (lines.delimiter.join(shown) + "\n").encode()
