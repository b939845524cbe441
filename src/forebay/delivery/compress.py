"""Compression of whole objects, streamed: gzip, zstd, zip, and Snappy in Hadoop's framing, which Athena reads."""

from __future__ import annotations

import struct
import zipfile
from typing import Any, Protocol, cast

import pyarrow as pa
import zstandard
from isal import igzip

BLOCK = 256 << 10
GZIP_LEVEL = 2
ZSTD_LEVEL = 3
_BLOCK = struct.Struct(">II")


class Sink(Protocol):
    """What an object's bytes are written to; `close` ends the compressed stream, not the file below."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Take some bytes."""

    def close(self) -> None:
        """Write what is held back."""


class _Plain:
    def __init__(self, file: Sink) -> None:
        self._file = file

    def write(self, data: bytes | memoryview, /) -> int:
        return self._file.write(data)

    def close(self) -> None:
        pass


class _HadoopSnappy:
    """Blocks of (uncompressed size, compressed size, raw Snappy), sizes big-endian (Hadoop's SnappyCodec)."""

    def __init__(self, file: Sink) -> None:
        self._file = file
        self._codec = pa.Codec("snappy")
        self._held = bytearray()

    def write(self, data: bytes | memoryview, /) -> int:
        self._held += data
        while len(self._held) >= BLOCK:
            self._block(bytes(self._held[:BLOCK]))
            del self._held[:BLOCK]
        return len(data)

    def _block(self, raw: bytes) -> None:
        packed = self._codec.compress(raw, asbytes=True)
        self._file.write(_BLOCK.pack(len(raw), len(packed)) + packed)

    def close(self) -> None:
        if self._held:
            self._block(bytes(self._held))
            self._held.clear()


class _Zip:
    """An archive of one file, without knowing beforehand how large it gets."""

    def __init__(self, file: Sink) -> None:
        self._archive = zipfile.ZipFile(cast("Any", _Forward(file)), "w")
        entry = zipfile.ZipInfo("records")
        entry.compress_type = zipfile.ZIP_DEFLATED
        self._entry = self._archive.open(entry, "w", force_zip64=True)

    def write(self, data: bytes | memoryview, /) -> int:
        return self._entry.write(data)

    def close(self) -> None:
        self._entry.close()
        self._archive.close()


class _Forward:
    """A file that is only written to, from its beginning to its end."""

    def __init__(self, file: Sink) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        pass


def compressor(file: Sink, compression: str) -> Sink:
    """A sink that compresses into `file`."""
    match compression:
        case "gzip":
            return cast("Sink", igzip.IGzipFile("", "wb", GZIP_LEVEL, file, mtime=0))  # type: ignore[no-untyped-call]
        case "zstd":
            return zstandard.ZstdCompressor(level=ZSTD_LEVEL).stream_writer(cast("Any", file), closefd=False)
        case "snappy":
            return _HadoopSnappy(file)
        case "zip":
            return _Zip(file)
        case _:
            return _Plain(file)
