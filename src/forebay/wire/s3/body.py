"""A body on its way to disk: hashed as it comes, fsynced, at a path of its own; never more in memory than a
few pieces of it.

Nothing of it is an object before the flow registers it, so a torn or refused body never shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from forebay.crash import crash_point
from forebay.durable import begin
from forebay.lake.files import Files
from forebay.layout import SEALED, Layout
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3 import sums
from forebay.wire.s3.base import THREADS, briefly, caller, in_thread, invalid
from forebay.wire.s3.chunked import Chunked, incomplete
from forebay.wire.s3.customer_key import Sealing
from forebay.wire.service import Asked, Json

MAX_PUT = 5 << 30
BLOCK = 1 << 20
SMALL = 1 << 17
_HASHING = ThreadPoolExecutor(4, thread_name_prefix="s3-md5")


@cache
def files_of(layout: Layout) -> Files:
    """The lake's files."""
    return Files(layout.lake)


@dataclass(slots=True)
class Received:
    """A body on disk. `path` as in `objects.path`; `stamp` is the file's mtime in ns; `nonce` if it is encrypted.

    One that is `held` is these bytes, and no file yet.
    """

    place: Path
    path: str
    size: int
    md5: bytes
    sums: dict[str, str]
    stamp: int
    tail: str | None = None
    nonce: str | None = None
    held: bytes | None = None

    @property
    def etag(self) -> str:
        """The ETag of an object that is this body: its MD5, or what is to be said in its place (`tail`)."""
        return self.tail or self.md5.hex()


def _update(hash: Any, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        hash.update(piece)


class Hashes:
    """The hashes of a body."""

    def __init__(self, expected: Expected) -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.hashes = {name: sums.new(name) for name in expected.algorithms}
        self.sha256 = hashlib.sha256() if expected.sha256 is not None else None

    def update(self, pieces: Iterable[bytes]) -> None:
        """Take more."""
        _update(self.md5, pieces)
        self.update_quick(pieces)

    def update_quick(self, pieces: Iterable[bytes]) -> None:
        """Take more of all but the MD5, the slowest."""
        for each in self.hashes.values():
            _update(each, pieces)
        if self.sha256 is not None:
            _update(self.sha256, pieces)


class Sink(Hashes):
    """A new file of the lake, and the hashes of what is written to it. Its methods block."""

    def __init__(self, files: Files, expected: Expected) -> None:
        super().__init__(expected)
        self.place, self.path = files.ready(SEALED if expected.sealing is not None else "")
        self._fd = os.open(self.place, os.O_WRONLY | os.O_CLOEXEC)
        self._cipher = expected.sealing.context if expected.sealing is not None else None
        self.size = 0
        self.stamp = 0
        self._hashing: Future[None] | None = None

    def write(self, *pieces: bytes) -> None:
        """Take more; the MD5 of much, the slowest of all, is computed beside the rest."""
        size = sum(map(len, pieces))
        if self._hashing is not None:
            self._hashing.result()
            self._hashing = None
        if size > SMALL:
            self._hashing = _HASHING.submit(_update, self.md5, pieces)
        else:
            _update(self.md5, pieces)
        for piece in pieces:
            view = memoryview(piece if self._cipher is None else self._cipher.update(piece))
            while view:
                view = view[os.write(self._fd, view) :]
        if size > SMALL:
            begin(self._fd, self.size, size)
        self.update_quick(pieces)
        self.size += size

    def finish(self) -> None:
        """Be on disk; the name is already."""
        crash_point("put.written")
        os.fsync(self._fd)
        self.stamp = os.fstat(self._fd).st_mtime_ns
        os.close(self._fd)
        self._fd = -1
        crash_point("put.synced")
        if self._hashing is not None:
            self._hashing.result()

    def end(self, *pieces: bytes) -> None:
        """Take the last of it."""
        self.write(*pieces)
        self.finish()

    def discard(self) -> None:
        """Leave nothing."""
        if self._hashing is not None:
            with contextlib.suppress(Exception):
                self._hashing.result()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with contextlib.suppress(OSError):
            self.place.unlink()


@dataclass(slots=True)
class Expected:
    """What a request says of its body: hashes, and checksums, one of which may come after it."""

    length: int
    md5: bytes | None
    algorithm: str | None
    stated: str | None
    sha256: str | None
    algorithms: list[str]
    sealing: Sealing | None = None
    part: bool = False

    def check(self, sink: Hashes, trailers: Mapping[str, str]) -> dict[str, str]:
        """Hold all of it against what was written. The checksums that were computed. Raises AwsError."""
        stated = self.stated
        if self.algorithm is not None and stated is None:
            stated = trailers.get(sums.header(self.algorithm))
            if stated is not None:
                sums.check_form(self.algorithm, stated, "trailing header")
        found = {name: sums.text(each.digest()) for name, each in sink.hashes.items()}
        if stated is not None and self.algorithm is not None and found[self.algorithm] != stated:
            raise sums.mismatch(self.algorithm)
        sums.check_md5(self.md5, sink.md5.digest(), part=self.part)
        if sink.sha256 is not None and sink.sha256.hexdigest() != self.sha256:
            raise AwsError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                http=400,
                ClientComputedContentSHA256=self.sha256,
                S3ComputedContentSHA256=sink.sha256.hexdigest(),
            )
        return found


_TRAILED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_PAYLOAD = re.compile(
    r"[0-9a-fA-F]{64}|UNSIGNED-PAYLOAD|STREAMING-UNSIGNED-PAYLOAD-TRAILER|"
    r"STREAMING-AWS4-(?:HMAC-SHA256|ECDSA-P256-SHA256)-PAYLOAD(?:-TRAILER)?"
)


def _payload(headers: Mapping[str, str]) -> str:
    """What `x-amz-content-sha256` says. Raises AwsError `InvalidArgument`."""
    text = headers.get("x-amz-content-sha256", "")
    if text and not _PAYLOAD.fullmatch(text):
        message = (
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid "
            "sha256 value."
        )
        raise invalid(message, "x-amz-content-sha256", text)
    return text


def _expected(asked: Asked, given: Json, more: tuple[str, ...], sealing: Sealing | None) -> Expected:
    headers = asked.request.headers
    algorithm, stated = sums.asked_for(given, headers)
    payload = _payload(headers)
    return Expected(
        _length(headers),
        sums.md5_of(headers),
        algorithm,
        stated,
        payload if len(payload) == 64 else None,
        list(dict.fromkeys([algorithm or "CRC64NVME", *more])),
        sealing,
        asked.operation == "UploadPart",
    )


async def receive(
    asked: Asked,
    given: Json,
    more: tuple[str, ...] = (),
    sealing: Sealing | None = None,
    holds: Callable[[int], bool] | None = None,
) -> Received:
    """The request's body on disk, held against every length, hash and checksum that came with it.

    With `sealing` the file has it encrypted; the hashes are of what came. Without a checksum asked for CRC64NVME is computed, as S3 does; beside it, those of `more`.
    A little one of so many bytes is only held where `holds` says so, and nothing is awaited from then on.
    """
    request = asked.request
    expected = _expected(asked, given, more, sealing)
    chunked = None
    pieces = request.pieces()
    payload = request.headers.get("x-amz-content-sha256", "")
    if payload.startswith("STREAMING-"):  # whatever Content-Encoding says
        chunked = Chunked(pieces, request.chunks, request.headers.get("x-amz-trailer", ""))
        pieces = chunked.data()
    files = files_of(asked.system.layout)
    trailers = chunked.trailers if chunked is not None else {}
    # The length of what is in chunks may be unsaid: they have an end of their own.
    exact = chunked is None or "x-amz-decoded-content-length" in request.headers
    pieces = _bounded(pieces, expected.length, exact=exact)
    if expected.length <= SMALL:
        whole = b"".join([piece async for piece in pieces])
        if holds is not None and holds(len(whole)):
            return _hold(files, expected, whole, trailers)
        received = await briefly(_write_whole, files, expected, whole, trailers)
        if files.few:
            THREADS.submit(files.make_ready)
        return received
    return await take(asked, pieces, expected, trailers)


async def take(
    asked: Asked, pieces: AsyncIterator[bytes], expected: Expected, trailers: Mapping[str, str] = {}
) -> Received:
    """What comes, however much, on disk and held against every hash and checksum that is `expected` of it."""
    sink = await in_thread(Sink, files_of(asked.system.layout), expected)
    try:
        await _fill(sink, pieces)
        return await in_thread(_checked, sink, expected, trailers)
    except BaseException:
        await asyncio.shield(in_thread(sink.discard))
        raise


def _hold(files: Files, expected: Expected, body: bytes, trailers: Mapping[str, str]) -> Received:
    hashes = Hashes(expected)
    hashes.update([body])
    found = expected.check(hashes, trailers)
    place, path = files.name()
    return Received(place, path, len(body), hashes.md5.digest(), found, 0, held=body)


def _write_whole(files: Files, expected: Expected, body: bytes, trailers: Mapping[str, str]) -> Received:
    sink = Sink(files, expected)
    try:
        sink.write(body)
        sink.finish()
        return _checked(sink, expected, trailers)
    except BaseException:
        sink.discard()
        raise


def _checked(sink: Sink, expected: Expected, trailers: Mapping[str, str]) -> Received:
    return written(sink, expected, expected.check(sink, trailers))


def written(sink: Sink, expected: Expected, found: dict[str, str]) -> Received:
    """What was written, with the checksums that were `found` of it."""
    sealing, md5 = expected.sealing, sink.md5.digest()
    nonce, tail = (None, None) if sealing is None else (sealing.nonce, sealing.etag(md5))
    return Received(sink.place, sink.path, sink.size, md5, found, sink.stamp, tail, nonce)


async def _bounded(pieces: AsyncIterator[bytes], length: int, *, exact: bool) -> AsyncIterator[bytes]:
    """The pieces, which are `length` bytes together, or no more than that. Raises AwsError `IncompleteBody`."""
    total = 0
    async for piece in pieces:
        total += len(piece)
        if total > length:
            raise incomplete()
        yield piece
    if exact and total != length:
        raise incomplete()


def _length(headers: Mapping[str, str]) -> int:
    """How many bytes of data are to come. Raises AwsError `MissingContentLength`, `EntityTooLarge`."""
    text = headers.get("x-amz-decoded-content-length")
    if text is None and headers.get("x-amz-content-sha256") != _TRAILED:
        text = headers.get("content-length")
    elif text is None or not text.isdecimal():
        raise _unsaid()
    if text is None and "transfer-encoding" in headers:
        message = "A header you provided implies functionality that is not implemented"
        raise AwsError("NotImplemented", message, http=501, Header="Transfer-Encoding")
    if text is None:
        raise _unsaid()
    if not text.isdecimal():
        raise AwsError("InvalidArgument", "Content-Length is no number", http=400)
    if int(text) > MAX_PUT:
        raise AwsError(
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            http=400,
            ProposedSize=int(text),
            MaxSizeAllowed=MAX_PUT,
        )
    return int(text)


def _unsaid() -> AwsError:
    return AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", http=411)


async def _fill(sink: Sink, pieces: AsyncIterator[bytes]) -> None:
    """Write what comes, a block at a time while the next is coming."""
    block: list[bytes] = []
    size = 0
    writing: asyncio.Future[Any] | None = None
    try:
        async for piece in pieces:
            block.append(piece)
            size += len(piece)
            if size >= BLOCK:
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(in_thread(sink.write, *block))
                block, size = [], 0
    except BaseException:
        if writing is not None:
            await asyncio.wait({writing})
        raise
    if writing is not None:
        await writing
    await in_thread(sink.end, *block)


def noted(meta: Json, received: Received) -> Json:
    """`meta` of the object that a body becomes."""
    found = meta | {"sums": received.sums, "stat": received.stamp}
    if received.nonce is not None:
        found["ssec"] = {**meta["ssec"], "pieces": [[received.size, received.nonce]]}
    return found


def described(asked: Asked, bucket: str, key: str, received: Received, meta: Json) -> Json:
    """What the flow is told of the object that a body becomes."""
    return {
        "bucket": bucket,
        "key": key,
        "path": received.path,
        "size": received.size,
        "etag": received.etag,
        "meta": meta,
        "caller": caller(asked),
    }


def discard(received: Received) -> None:
    """Remove a body that became no object."""
    with contextlib.suppress(OSError):
        received.place.unlink()
