"""The beginning of an object, unpacked: what a classifier looks at.

AWS's crawler reads a file's first megabyte, and goes on by megabytes to ten where it finds no valid
record. Compression is told by the bytes, not by the name.
"""

from __future__ import annotations

import bz2
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import zstandard

STEP = 1 << 20
MOST = 10 << 20
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"\x04\x22\x4d\x18", "lz4"),
)


@dataclass(slots=True)
class Sample:
    """The first bytes of an object. `whole`: there are no more. `compression` is AWS's name, or `none`."""

    data: bytes
    whole: bool
    compression: str


def compression_of(head: bytes, key: str) -> str:
    """By the first bytes; Snappy, which has no sure mark, by the name too."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return "snappy" if key.lower().endswith((".snappy", ".sz")) else "none"


def take(path: Path, key: str, size: int) -> Sample:
    """`size` unpacked bytes of a file, from its beginning. Raises OSError.

    What cannot be unpacked is an empty sample that is whole.
    """
    with path.open("rb") as file:
        head = file.read(16)
        file.seek(0)
        compression = compression_of(head, key)
        if compression == "none":
            data = file.read(size + 1)
            return Sample(data[:size], len(data) <= size, "none")
        try:
            data = _unpacked(file, compression, size + 1)
        except (zlib.error, zstandard.ZstdError, zipfile.BadZipFile, pa.ArrowException, EOFError, ValueError):
            return Sample(b"", True, compression)
        return Sample(data[:size], len(data) <= size, compression)


def _unpacked(file: io.BufferedReader, compression: str, size: int) -> bytes:
    match compression:
        case "gzip":
            return _joined(_gunzip(file), size)
        case "bzip2":
            with bz2.BZ2File(file) as unpacked:
                return _read_some(unpacked, size)
        case "zstd":
            with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
                return _read_some(reader, size)
        case "zip":
            with zipfile.ZipFile(file) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                if len(names) != 1:
                    return b""
                with archive.open(names[0]) as member:
                    return member.read(size)
        case "lz4":
            with pa.CompressedInputStream(file, "lz4") as stream:
                return bytes(stream.read(size))
    return _joined(_unsnap(file), size)


def _read_some(
    reader: io.BufferedIOBase | zstandard.ZstdDecompressionReader | bz2.BZ2File, size: int
) -> bytes:
    parts = bytearray()
    try:
        while len(parts) < size and (part := reader.read(size - len(parts))):
            parts += part
    except (OSError, EOFError):
        if not parts:
            raise
    return bytes(parts)


def _joined(parts: Iterator[bytes], size: int) -> bytes:
    found = bytearray()
    for part in parts:
        found += part
        if len(found) >= size:
            break
    return bytes(found[:size])


def _gunzip(file: io.BufferedReader) -> Iterator[bytes]:
    unpack = zlib.decompressobj(31)
    while data := file.read(64 << 10):
        while data:
            # Bounded: a bomb is unpacked a step at a time and no further than is asked for.
            yield unpack.decompress(data, STEP)
            if unpack.eof:
                data = unpack.unused_data.lstrip(b"\0")
                unpack = zlib.decompressobj(31)
            else:
                data = unpack.unconsumed_tail


def _unsnap(file: io.BufferedReader) -> Iterator[bytes]:
    """Hadoop's blocks (as Firehose writes), the framing format, or one raw block."""
    raw = file.read(MOST)
    codec = pa.Codec("snappy")
    if raw.startswith(b"\xff\x06\x00\x00sNaPpY"):
        at = 10
        while at + 4 <= len(raw):
            kind, length = raw[at], int.from_bytes(raw[at + 1 : at + 4], "little")
            body = raw[at + 4 : at + 4 + length]
            at += 4 + length
            if kind == 0:
                yield codec.decompress(body[4:], decompressed_size=_length(body[4:]), asbytes=True)
            elif kind == 1:
                yield body[4:]
        return
    total, block = int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:8], "big")
    if 0 < block <= len(raw) - 8 and 0 < total <= MOST * 4 and _length(raw[8:]) <= total:
        at = 0
        while at + 8 <= len(raw):
            want, at = int.from_bytes(raw[at : at + 4], "big"), at + 4
            while want > 0 and at + 4 <= len(raw):
                length = int.from_bytes(raw[at : at + 4], "big")
                body = raw[at + 4 : at + 4 + length]
                at += 4 + length
                size = _length(body)
                yield codec.decompress(body, decompressed_size=size, asbytes=True)
                want -= size
        return
    yield codec.decompress(raw, decompressed_size=_length(raw), asbytes=True)


def _length(block: bytes) -> int:
    """What a raw block says it unpacks to. Raises ValueError where that is too much."""
    value = shift = 0
    for byte in block[:5]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if value > 4 * MOST:
        raise ValueError("a block unpacks to too much")
    return value
