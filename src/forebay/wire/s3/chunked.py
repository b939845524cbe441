"""`aws-chunked` bodies: data in chunks with or without signatures, and checksums that come after them.

    <hex size>[;chunk-signature=<hex>]\\r\\n <data> \\r\\n ... 0[;chunk-signature=...]\\r\\n
    [x-amz-checksum-crc32:<base64>\\r\\n [x-amz-trailer-signature:<hex>\\r\\n]] \\r\\n

Source: "Signature calculations: transferring payload in multiple chunks" (Amazon S3 API Reference).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator

from forebay.access.sigv4 import Refusal
from forebay.wire.protocol.message import AwsError, ChunkChecks

MAX_LINE = 4096
_SIGNATURE = b"x-amz-trailer-signature"
_HEAD = re.compile(rb"([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-fA-F]{1,64}))?\s*")


def incomplete() -> AwsError:
    """The refusal of a body that ended too soon, or went on."""
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", message, http=400)


def _torn() -> AwsError:
    """The refusal of chunks that do not parse."""
    return AwsError("IncompleteBody", "The request body terminated unexpectedly", http=400)


def _malformed() -> AwsError:
    message = "The request contained trailing data that was not well-formed or did not conform to our published schema."
    return AwsError("MalformedTrailerError", message, http=400)


class Chunked:
    """Decodes one body. `trailers` is complete when the data is: the one that was `announced`, if any."""

    def __init__(self, pieces: AsyncIterator[bytes], checks: ChunkChecks | None, announced: str) -> None:
        self._pieces = pieces
        self._checks = checks
        self._announced = [announced.strip().lower()] if announced else []
        self._buffer = bytearray()
        self.trailers: dict[str, str] = {}

    async def data(self) -> AsyncIterator[bytes]:
        """What was sent, without the framing.

        Raises AwsError `IncompleteBody`, `MalformedTrailerError`, `SignatureDoesNotMatch`.
        """
        while True:
            head = _HEAD.fullmatch(await self._line())
            if head is None:
                raise _torn()
            left = int(head[1], 16)
            final = left == 0
            digest = hashlib.sha256() if self._checks is not None else None
            while left:
                if not self._buffer:
                    await self._more()
                piece = bytes(self._buffer[:left])
                del self._buffer[:left]
                left -= len(piece)
                if digest is not None:
                    digest.update(piece)
                yield piece
            if self._checks is not None and digest is not None:
                self._check((head[2] or b"").decode(), digest.hexdigest())
            if final:
                break
            if await self._line():
                raise _torn()
        await self._end()

    def _check(self, signature: str, found: str) -> None:
        assert self._checks is not None
        try:
            self._checks.check(found, signature)
        except Refusal as refusal:
            raise AwsError("SignatureDoesNotMatch", str(refusal), http=403) from None

    async def _end(self) -> None:
        async for piece in self._pieces:
            self._buffer += piece
            if len(self._buffer) > MAX_LINE:
                raise _torn()
        # Some senders, minio's for one, end a trailer with a line break more before its signature.
        rest = b"\r\n" + self._buffer.replace(b"\n\r\n" + _SIGNATURE, b"\r\n" + _SIGNATURE)
        if not rest.endswith(b"\r\n\r\n"):
            raise _torn()
        signature = ""
        pairs: list[tuple[str, str]] = []
        for line in rest[2:-4].decode("latin-1").split("\r\n") if len(rest) > 4 else ():
            name, colon, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            if not colon:
                raise _malformed()
            if name == _SIGNATURE.decode():
                signature = value
            else:
                pairs.append((name, value))
        if [name for name, _ in pairs] != self._announced:
            raise _malformed()
        if self._checks is not None and pairs:
            try:
                self._checks.check_trailer(pairs, signature)
            except Refusal as refusal:
                raise AwsError("SignatureDoesNotMatch", str(refusal), http=403) from None
        self.trailers.update(pairs)

    async def _line(self) -> bytes:
        while (at := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise _torn()
            await self._more()
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 2]
        return line

    async def _more(self) -> None:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise _torn()
        self._buffer += piece
