"""Files of events, read as lines of JSON: NDJSON, JSON, CSV, Parquet; gzip too; `-` is stdin.

A CSV's values are strings, as they stand in the file; its first row names them. Parquet's are JSON's
nearest: dates and times as ISO text, decimals and binary as text.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from forebay.errors import DataRejected, UsageError

FORMATS = ("ndjson", "json", "csv", "parquet")
_SUFFIXES = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(slots=True)
class Source:
    """An open file. `events` yields (line number or row, event); `size` and `read` are bytes, for a bar."""

    name: str
    events: Iterator[tuple[int, bytes]]
    size: int | None
    read: Callable[[], int]
    close: Callable[[], None]


def kind_of(path: Path) -> str | None:
    """What a file is, by its name."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return _SUFFIXES.get(suffixes[-1] if suffixes else "")


def open_source(name: str, format: str | None) -> Source:
    """Open a file, or stdin for `-`. Raises UsageError (`NoSuchFile`, `UnknownFormat`)."""
    if name == "-":
        stream: BinaryIO = sys.stdin.buffer
        return _source(name, stream, format or "ndjson", close=lambda: None)
    path = Path(name)
    zipped = path.suffix.lower() == ".gz"
    kind = format or kind_of(path)
    if kind is None:
        raise UsageError(
            "UnknownFormat",
            f"{name}: its name does not tell what it is",
            fix=f"say --format {'|'.join(FORMATS)}",
        )
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UsageError("NoSuchFile", f"{name}: {error.strerror}", where=str(path.absolute())) from None
    if not zipped:
        return _source(name, raw, kind, size=path.stat().st_size, close=raw.close)
    from isal import igzip  # noqa: PLC0415 - only for what is zipped

    unzipped: Any = igzip.IGzipFile(fileobj=raw)  # type: ignore[no-untyped-call]
    return _source(name, unzipped, kind, size=path.stat().st_size, close=raw.close, measured=raw)


def _source(
    name: str,
    stream: Any,
    kind: str,
    *,
    close: Callable[[], None],
    size: int | None = None,
    measured: BinaryIO | None = None,
) -> Source:
    read = {"ndjson": _lines, "json": _json, "csv": _csv, "parquet": _parquet}[kind]
    told = measured or stream

    def position() -> int:
        try:
            return int(told.tell())
        except (OSError, ValueError):
            return 0

    return Source(name, read(stream, name), size, position, close)


def _lines(stream: BinaryIO, _: str) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(stream, 1):
        event = line.strip()
        if event:
            yield number, event


def _json(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """One object, an array of them, or lines after all: many files called .json are NDJSON."""
    text = stream.read()
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield from _lines(io.BytesIO(text), name)
        return
    for number, event in enumerate(found if isinstance(found, list) else [found], 1):
        yield number, orjson.dumps(event)


def _csv(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
    try:
        rows = csv.DictReader(text, restkey="_rest")
        for row in rows:
            yield rows.line_num, orjson.dumps({key: value for key, value in row.items() if value is not None})
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataRejected("BadCsv", f"{name} cannot be read: {error}") from None
    finally:
        text.detach()


def _parquet(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    import pyarrow as pa  # noqa: PLC0415 - half a second, for Parquet only
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        file = pq.ParquetFile(stream if stream.seekable() else io.BytesIO(stream.read()))
        number = 0
        for batch in file.iter_batches(batch_size=2000):
            for row in batch.to_pylist():
                number += 1
                yield number, orjson.dumps(row, default=_text)
    except pa.ArrowException as error:
        raise DataRejected("BadParquet", f"{name} cannot be read: {error}") from None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
