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
MAX_TRAILERS = 16
_HEAD = re.compile(rb"([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-fA-F]{1,64}))?\s*")


def incomplete() -> AwsError:
    """The refusal of a body that ended too soon, or went on."""
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", message, http=400)


class Chunked:
    """Decodes one body. `trailers` is complete when the data is."""

    def __init__(self, pieces: AsyncIterator[bytes], checks: ChunkChecks | None) -> None:
        self._pieces = pieces
        self._checks = checks
        self._buffer = bytearray()
        self.trailers: dict[str, str] = {}

    async def data(self) -> AsyncIterator[bytes]:
        """What was sent, without the framing. Raises AwsError `IncompleteBody`, `SignatureDoesNotMatch`."""
        while True:
            head = _HEAD.fullmatch(await self._line())
            if head is None:
                raise AwsError("InvalidRequest", "The aws-chunked body does not parse", http=400)
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
                raise AwsError("InvalidRequest", "The aws-chunked body does not parse", http=400)
        await self._end()

    def _check(self, signature: str, found: str) -> None:
        assert self._checks is not None
        try:
            self._checks.check(found, signature)
        except Refusal as refusal:
            raise AwsError("SignatureDoesNotMatch", str(refusal), http=403) from None

    async def _end(self) -> None:
        signature = ""
        pairs: list[tuple[str, str]] = []
        while (line := await self._line(last=True)) and len(pairs) < MAX_TRAILERS:
            name, _, value = line.decode("latin-1").partition(":")
            name, value = name.strip().lower(), value.strip()
            if name == "x-amz-trailer-signature":
                signature = value
            else:
                pairs.append((name, value))
        if self._checks is not None and pairs:
            try:
                self._checks.check_trailer(pairs, signature)
            except Refusal as refusal:
                raise AwsError("SignatureDoesNotMatch", str(refusal), http=403) from None
        self.trailers.update(pairs)
        async for _ in self._pieces:
            pass

    async def _line(self, *, last: bool = False) -> bytes:
        while (at := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise AwsError("InvalidRequest", "The aws-chunked body does not parse", http=400)
            if last and not self._buffer:
                piece = await anext(self._pieces, b"")
                if not piece:
                    return b""
                self._buffer += piece
            else:
                await self._more()
        line = bytes(self._buffer[:at]).rstrip(b"\r")
        del self._buffer[: at + 1]
        return line

    async def _more(self) -> None:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise incomplete()
        self._buffer += piece
