"""What objects are made of: one file a format, each with an encoder and a writer.

An encoder turns a transform's output into groups of final rows; a writer turns a buffer's segments into
an object's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from forebay.delivery.columns import Columns
from forebay.delivery.compress import Sink, compressor
from forebay.delivery.formats.csv import CsvEncoder
from forebay.delivery.formats.lines import LineEncoder, write_lines
from forebay.delivery.formats.parquet import ParquetEncoder, write_parquet
from forebay.delivery.formats.posted import PostEncoder
from forebay.delivery.route import Router
from forebay.ports import Json, SegmentRow

Encoder = LineEncoder | CsvEncoder | ParquetEncoder | PostEncoder


def encoder(
    format: str,
    compression: str,
    router: Router,
    columns: Columns,
    *,
    table: bool,
    extension: str | None = None,
) -> Encoder:
    """The encoder of a format. `table`: whether somebody wants to know the columns of JSON lines."""
    meta: Json = {"format": format, "compression": compression}
    if extension is not None:
        meta["extension"] = extension
    match format:
        case "parquet":
            return ParquetEncoder(router, columns, meta)
        case "csv":
            return CsvEncoder(router, columns, meta)
        case _:
            known = columns if table and format == "json" and not columns.declared else None
            return LineEncoder(format, router, known, meta)


def write(file: Sink, segments: Iterable[SegmentRow], meta: Json) -> int:
    """Write an object's bytes, as the buffer's `meta` says; how many rows."""
    if meta["format"] == "parquet":
        return write_parquet(file, segments, meta)
    sink = compressor(file, meta.get("compression", "none"))
    rows = write_lines(sink, segments, meta)
    sink.close()
    return rows
