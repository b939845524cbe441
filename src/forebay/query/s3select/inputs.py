"""An object's bytes, block by block: decompressed, counted, and from the first record of a range on."""

from __future__ import annotations

import bz2
import io
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any, cast

from isal import igzip, isal_zlib

from forebay.query.s3select.errors import refused

BLOCK = 1 << 18
LONGEST_RECORD = 1 << 20
BOM = b"\xef\xbb\xbf"
_BROKEN: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    zlib.error,
    cast("type[Exception]", isal_zlib.error),
)

Turn = Callable[[bytes, int], bytes]
"""What makes bytes that were read at a place of a file what was put."""


class ObjectFile(io.RawIOBase):
    """An object's file, open. `scanned` counts what was read of it."""

    def __init__(self, fd: int, size: int, turn: Turn | None = None) -> None:
        self._fd = fd
        self.size = size
        self._turn = turn
        self._at = 0
        self.scanned = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go on elsewhere."""
        self._at = max(0, offset + (0, self._at, self.size)[whence])
        return self._at

    def readinto(self, into: Any) -> int:
        """Fill a buffer as far as there is something."""
        wanted = min(len(into), max(0, self.size - self._at))
        data = os.pread(self._fd, wanted, self._at)
        if self._turn is not None:
            data = self._turn(data, self._at)
        into[: len(data)] = data
        self._at += len(data)
        self.scanned += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._fd)
        super().close()


class Bytes:
    """What is in a file. `start` and `end` bound where the records that are read may begin; both ends count.

    `processed` counts what came out of it, `skipping` says that the beginning is left out.
    """

    def __init__(self, file: ObjectFile, compression: str, start: int = 0, end: int | None = None) -> None:
        self._file = file
        self._stream: Any = file
        if compression == "GZIP":
            self._stream = igzip.IGzipFile(fileobj=file, mode="rb")  # type: ignore[no-untyped-call]
        elif compression == "BZIP2":
            self._stream = bz2.BZ2File(file, "rb")
        self._compression = compression
        self._end = end
        self._start = start
        self.skipping = start > 0
        self.processed = 0

    def blocks(self) -> Iterator[bytes]:
        """All of it, without a byte order mark. Raises QueryFailed for what is not compressed as was said."""
        first = True
        while block := self._read():
            if first:
                first = False
                while len(block) < len(BOM) and (more := self._read()):
                    block += more
                block = block.removeprefix(BOM)
            yield block

    def _read(self) -> bytes:
        try:
            block: bytes = self._stream.read(BLOCK)
        except EOFError:
            raise refused("TruncatedInput") from None
        except _BROKEN:
            if self._compression == "NONE":
                raise
            if self.processed:
                raise refused("TruncatedInput") from None
            more = f"{self._compression} is not applicable to the queried object."
            raise refused("InvalidCompressionFormat", more) from None
        self.processed += len(block)
        return block

    def records(self, end: bytes) -> Iterator[bytes]:
        """Records without what ends them. One that is longer than any may be is refused."""
        held = b""
        at = 0
        blocks = self.blocks()
        if self.skipping:
            at = self._file.seek(max(0, self._start - len(end)))
            blocks = iter(self._read, b"")
            held = self._after_first(blocks, end)
            at = self._file.tell() - len(held)
        for block in blocks:
            held += block
            *whole, held = held.split(end)
            for record in whole:
                if self._end is not None and at > self._end:
                    return
                at += len(record) + len(end)
                yield record
            if len(held) > 4 * LONGEST_RECORD:
                raise refused("OverMaxRecordSize")
        *whole, held = held.split(end)
        for record in [*whole, held] if held else whole:
            if self._end is not None and at > self._end:
                return
            at += len(record) + len(end)
            yield record

    def _after_first(self, blocks: Iterator[bytes], end: bytes) -> bytes:
        """What comes after the first record's end, of what is read by then."""
        held = b""
        for block in blocks:
            held += block
            found = held.find(end)
            if found >= 0:
                return held[found + len(end) :]
            held = held[-len(end) :]
        return b""


def decoded(data: bytes, source: Bytes) -> str:
    """The text. Raises QueryFailed `InvalidTextEncoding`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise refused(
            "InvalidTextEncoding", f"The text encoding error was found near byte {source.processed:,}."
        ) from None
