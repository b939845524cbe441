"""Bytes to lines: decompression by the file's extension, and where each line came from."""

from __future__ import annotations

import bisect
import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import zstandard
from isal import igzip, isal_zlib

from forebay.errors import QueryFailed

BOM = b"\xef\xbb\xbf"
_TOO_LONG = 1 << 31
_BROKEN: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    zstandard.ZstdError,
    cast("type[Exception]", isal_zlib.error),
)


@dataclass(slots=True)
class Lines:
    """Lines of several files in order. `starts[i]` is the row at which the file `names[i]` begins.

    `skipped` are, per file, the physical line numbers (from 1) of the lines that are no rows.
    """

    rows: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    skipped: list[list[int]] = field(default_factory=list)
    before: list[int] = field(default_factory=list)

    def add(self, name: str, data: bytes, *, skip: int = 0, before: int = 0) -> int:
        """Split `data` and add its lines, without the first `skip` and the blank ones; how many were added.

        `before` lines of the file were read already (it is read in parts).
        """
        rows = data.removeprefix(BOM).split(b"\n")
        out: list[int] = []
        if not rows[-1]:
            rows.pop()
        if skip:
            out = list(range(1, min(skip, len(rows)) + 1))
            rows = rows[skip:]
        kept = [row for row in rows if row and not row.isspace()]
        if len(kept) != len(rows):
            out += [n for n, row in enumerate(rows, skip + 1) if not row or row.isspace()]
        self.names.append(name)
        self.starts.append(len(self.rows))
        self.skipped.append(out)
        self.before.append(before)
        self.rows += kept
        return len(kept)

    def place(self, row: int) -> str:
        """`<file> line <n>` for an error about `row`."""
        at = bisect.bisect_right(self.starts, row) - 1
        number = row - self.starts[at] + 1
        for gone in self.skipped[at]:
            if gone > number:
                break
            number += 1
        return f"{self.names[at]} line {number + self.before[at]}"

    def array(self) -> Any:
        """All rows as UTF-8 text; a byte that is none becomes U+FFFD."""
        try:
            return pa.array(self.rows, pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return pa.array([row.decode("utf-8", "replace") for row in self.rows], pa.string())


def decompress(data: bytes, key: str) -> bytes:
    """The content of the object `key`: gzip, zstd and snappy by extension, or as it is.

    Raises QueryFailed `HIVE_BAD_DATA` where the bytes are not what the extension says.
    """
    lower = key.lower()
    try:
        if lower.endswith((".gz", ".gzip")):
            return bytes(igzip.decompress(data)) if data else b""  # type: ignore[no-untyped-call]
        if lower.endswith((".zst", ".zstd")):
            return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
        if lower.endswith((".snappy", ".sz")):
            return _snappy(data)
        if lower.endswith(".bz2"):
            return bytes(pa.CompressedInputStream(pa.BufferReader(data), "bz2").read())
    except _BROKEN as error:
        raise QueryFailed("HIVE_BAD_DATA", f"HIVE_BAD_DATA: {key} cannot be decompressed: {error}") from None
    return data


def chunks(path: str, key: str, size: int) -> Iterator[bytes]:
    """The content of a large file in parts of about `size` bytes, each of whole lines.

    Raises QueryFailed `HIVE_BAD_DATA` as `decompress` does, and for a line that is longer than a part.
    """
    left = b""
    with _opened(path, key) as file:
        while True:
            try:
                data = file.read(size)
            except _BROKEN as error:
                raise QueryFailed(
                    "HIVE_BAD_DATA", f"HIVE_BAD_DATA: {key} cannot be decompressed: {error}"
                ) from None
            if not data:
                break
            data = left + data
            end = data.rfind(b"\n") + 1
            if not end and len(data) > size:
                raise QueryFailed(
                    "HIVE_BAD_DATA", f"HIVE_BAD_DATA: a line of {key} is longer than {size} bytes"
                )
            left = data[end:]
            if end:
                yield data[:end]
    if left:
        yield left


@contextlib.contextmanager
def _opened(path: str, key: str) -> Iterator[Any]:
    lower = key.lower()
    with Path(path).open("rb") as raw:
        if lower.endswith((".gz", ".gzip")):
            with igzip.IGzipFile(fileobj=raw, mode="rb") as file:  # type: ignore[no-untyped-call]
                yield file
        elif lower.endswith((".zst", ".zstd")):
            with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as file:
                yield file
        elif lower.endswith(".bz2"):
            yield pa.CompressedInputStream(raw, "bz2")
        elif lower.endswith((".snappy", ".sz")):
            yield io.BytesIO(decompress(raw.read(), key))
        else:
            yield raw


def _snappy(data: bytes) -> bytes:
    """Hadoop's block format (what Firehose writes as Snappy for text), or one raw block."""
    codec = pa.Codec("snappy")
    parts: list[bytes] = []
    at = 0
    try:
        while at < len(data):
            total = int.from_bytes(data[at : at + 4], "big")
            at += 4
            got = 0
            while got < total:
                size = int.from_bytes(data[at : at + 4], "big")
                block = data[at + 4 : at + 4 + size]
                if len(block) != size:
                    raise ValueError("a block ends early")
                length = _varint(block)
                parts.append(bytes(codec.decompress(block, length)))
                got += length
                at += 4 + size
        return b"".join(parts)
    except (ValueError, OSError):
        return bytes(codec.decompress(data, _varint(data)))


def _varint(block: bytes) -> int:
    value = shift = 0
    for byte in block[:5]:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    if value >= _TOO_LONG:
        raise ValueError("a block of more than 2 GiB")
    return value
