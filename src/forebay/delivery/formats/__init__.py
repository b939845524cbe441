"""What objects are made of: one file a format, each with an encoder and a writer.

An encoder turns a transform's output into groups of final rows; a writer turns a buffer's segments into
an object's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from forebay.delivery.compress import compressor
from forebay.delivery.formats.lines import write_lines
from forebay.ports import Json, SegmentRow


def write(file: BinaryIO, segments: Iterable[SegmentRow], meta: Json) -> int:
    """Write an object's bytes, as the buffer's `meta` says; how many rows."""
    sink = compressor(file, meta.get("compression", "none"))
    rows = write_lines(sink, segments, meta)
    sink.close()
    return rows
