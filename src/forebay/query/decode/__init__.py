"""The one decoder: what a table's SerDe makes of lines, as Arrow columns of the table's types.

Hot segments, cold objects and the hidden Parquet copies are all read through it, so a row looks the same
before and after its delivery.
"""

from __future__ import annotations

from typing import Protocol

import duckdb
import pyarrow as pa

from forebay.query.decode.csv import CsvDecoder, TextDecoder
from forebay.query.decode.json import JsonDecoder
from forebay.query.decode.lines import Lines, chunks, decompress
from forebay.query.decode.shape import Shape, shape

__all__ = ["Decoder", "Lines", "Shape", "chunks", "decoder", "decompress", "shape"]


class Decoder(Protocol):
    """Turns lines into rows, one for one."""

    def decode(self, connection: duckdb.DuckDBPyConnection, lines: Lines) -> pa.Table:
        """Columns in the table's order and types, as DuckDB exports them."""


def decoder(of: Shape) -> Decoder:
    """The decoder of a table's shape."""
    match of.kind:
        case "json":
            return JsonDecoder(of)
        case "text":
            return TextDecoder(of)
    return CsvDecoder(of)
