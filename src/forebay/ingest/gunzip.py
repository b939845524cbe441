"""gzip bodies, within a bound: a bomb stops as soon as it passes it."""

from __future__ import annotations

from typing import Any

from isal import isal_zlib

from forebay.errors import DataRejected, ForebayError

_GzipError: Any = isal_zlib.error  # a class, whatever its stubs say


class BodyTooLarge(ForebayError):
    """A body passes its route's `max_body` (HTTP 413)."""

    status = 413


def too_large(limit: int) -> BodyTooLarge:
    """The refusal of a body beyond `limit` bytes."""
    return BodyTooLarge(
        "BodyTooLarge",
        f"the body, decompressed, passes {limit:,} bytes",
        fix="send it in several requests, or raise the route's max_body",
    )


def gunzip(body: bytes, limit: int) -> bytes:
    """The decompressed body; members that follow one another are joined, as gzip means them.

    Raises BodyTooLarge beyond `limit` bytes, DataRejected `InvalidGzip` on anything that is not gzip.
    """
    parts: list[bytes] = []
    size = 0
    rest = body
    while rest:
        member = isal_zlib.decompressobj(wbits=31)
        try:
            while not member.eof:
                part = member.decompress(rest, limit + 1 - size)
                size += len(part)
                if size > limit:
                    raise too_large(limit)
                if not part and not member.eof and not member.unconsumed_tail:
                    raise DataRejected("InvalidGzip", "the gzip body ends too early")
                parts.append(part)
                rest = member.unconsumed_tail
        except _GzipError as error:
            raise DataRejected("InvalidGzip", f"the body is not gzip: {error}") from None
        rest = member.unused_data.lstrip(b"\0")
    return b"".join(parts)
