"""A sealed buffer becomes an object, safe at every instruction.

    seal        one commit: the buffer takes no more rows, and an intent names the object's key
    write       a temporary file, fsync, rename, fsync of the folders
    register    one commit: the object is live, its buffer, segments and intent are gone, it is counted

Killed anywhere in between, what is on disk is an intent: `recover` removes the file it may have left,
before anybody lists or asks, and the object is written again from the segments, under the same key.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from forebay.crash import crash_point
from forebay.delivery.compress import Sink
from forebay.delivery.formats import write
from forebay.durable import begin
from forebay.ports import BufferRow, LakeFiles, ObjectRow, Registration, Seal, SegmentRow

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer  # collections.abc has it from 3.12 on

CRASH_POINTS = (
    "commit.before",
    "commit.after",
    "flush.sealed",
    "flush.written",
    "flush.synced",
    "flush.renamed",
    "flush.folders",
    "flush.registered",
    "compact.intended",
    "compact.written",
    "compact.registered",
    "replay.intended",
    "replay.archived",
)
"""Where a test may kill the process (`forebay.crash`)."""


PIECE = 256 << 10
"""Bytes that are hashed and written in one go, as a processor's cache has them."""
BEGUN = 1 << 20
"""Bytes of which the disk begins with in one go."""


class Hashed(io.RawIOBase):
    """Writes through to a file, whose size and MD5 (S3's ETag) it then knows. Closing it is not closing that.

    The disk begins with what is written as it comes, so that the sync at its end does not keep it from others for long.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size = self._begun = 0

    def writable(self) -> bool:
        """It is for nothing else."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Write and count."""
        view = memoryview(data).cast("B")
        for at in range(0, len(view), PIECE):
            piece = view[at : at + PIECE]
            self._md5.update(piece)
            self._file.write(piece)
            self.size += len(piece)
            if self.size - self._begun >= BEGUN:
                self._file.flush()
                begin(self._file.fileno(), self._begun, self.size - self._begun)
                self._begun = self.size
        return len(view)

    @property
    def etag(self) -> str:
        """The MD5, as S3 writes it, without quotes."""
        return self._md5.hexdigest()


def write_object(
    files: LakeFiles, buffer: BufferRow, seal: Seal, segments: Iterable[SegmentRow]
) -> Registration:
    """Write the object of a sealed buffer, of its segments; it is durable on return.

    Raises OSError as the disk does.
    """
    crash_point("flush.sealed")
    target = files.at(seal.bucket, seal.key, seal.path)
    temporary = files.temporary()
    inputs = 0

    def counted() -> Iterator[SegmentRow]:
        nonlocal inputs
        for segment in segments:
            inputs += segment.inputs
            yield segment

    compression = buffer.meta.get("compression", "none")
    try:
        with files.create(temporary) as file:
            hashed = Hashed(file)
            rows = write(cast("Sink", hashed), counted(), buffer.meta)
            crash_point("flush.written")
            files.sync(file)
        crash_point("flush.synced")
        if rows:
            files.rename(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            files.remove(temporary)
    if not rows:
        return Registration(buffer.id, None)
    crash_point("flush.renamed")
    files.sync_folders(target)
    crash_point("flush.folders")
    return Registration(
        buffer.id,
        ObjectRow(
            bucket=seal.bucket,
            key=seal.key,
            path=seal.path,
            size=hashed.size,
            etag=hashed.etag,
            format=buffer.meta["format"],
            compression=compression,
            rows=rows,
            inputs=inputs,
            source=f"delivery.{buffer.delivery}",
            meta={"kind": buffer.kind},
        ),
    )


def recover(files: LakeFiles, seals: Sequence[Seal]) -> None:
    """Remove the files of objects that were never registered; they are written again later."""
    for seal in seals:
        files.remove(files.at(seal.bucket, seal.key, seal.path))
