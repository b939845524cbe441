"""A form with a file, as browsers post it (RFC 7578), read piece by piece: its fields, and then the file as it comes.

The file is the last field that counts, as on S3: what comes after it is read and passed over.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message

from forebay.wire.protocol.message import AwsError

MOST_BEFORE = 20 << 10
"""So many bytes may the fields before the file have together, their headers included."""
_BOUNDARY = re.compile(r"[\x20-\x7e]{1,70}")


def malformed_post() -> AwsError:
    """The refusal of a body that is no form."""
    message = "The body of your POST request is not well-formed multipart/form-data."
    return AwsError("MalformedPOSTRequest", message, http=400)


def boundary_of(content_type: str) -> bytes:
    """What stands between a form's fields. Raises AwsError `MalformedPOSTRequest`."""
    parsed = Message()
    parsed["content-type"] = content_type
    found = parsed.get_boundary()
    if not found or not _BOUNDARY.fullmatch(found):
        raise malformed_post()
    return found.encode()


@dataclass(slots=True)
class Form:
    """What comes before the file. Names are in lower case; `shown` has them as they were sent.

    `filename` is None where the file is a field like the others: then it stands in for nothing.
    """

    fields: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    type: str | None = None


class FormReader:
    """Reads one body: first `form`, then `file`, to its end."""

    def __init__(self, pieces: AsyncIterator[bytes], boundary: bytes) -> None:
        self._pieces = pieces
        self._end = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # the first boundary may come without a line's end before it
        self._read = 0

    async def form(self) -> Form:
        """The fields, up to the file's first byte. Raises AwsError."""
        form = Form()
        await self._until(self._end)
        while True:
            if await self._line() == b"--":
                message = "POST requires exactly one file upload per request."
                raise AwsError("InvalidArgument", message, http=400, ArgumentName="file", ArgumentValue="0")
            name, filename, kind = await self._headers()
            if name.lower() == "file":
                form.filename, form.type = filename, kind
                return form
            value = (await self._until(self._end)).decode("utf-8", "replace")
            form.fields[name.lower()] = value
            form.shown[name.lower()] = name

    async def file(self) -> AsyncIterator[bytes]:
        """The file's bytes. Raises AwsError `MalformedPOSTRequest` where it has no end."""
        while (at := self._buffer.find(self._end)) < 0:
            ready = len(self._buffer) - len(self._end)
            if ready > 0:
                piece = bytes(self._buffer[:ready])
                del self._buffer[:ready]
                yield piece
            await self._more()
        yield bytes(self._buffer[:at])
        async for _ in self._pieces:
            pass

    async def _headers(self) -> tuple[str, str | None, str | None]:
        parsed = Message()
        while line := await self._line():
            name, colon, value = line.decode("utf-8", "replace").partition(":")
            if not colon:
                raise malformed_post()
            parsed[name.strip()] = value.strip()
        found = parsed.get_param("name", header="content-disposition")
        if not isinstance(found, str):
            raise malformed_post()
        return found, parsed.get_filename(), parsed.get("content-type")

    async def _line(self) -> bytes:
        return await self._until(b"\r\n")

    async def _until(self, end: bytes) -> bytes:
        while (at := self._buffer.find(end)) < 0:
            await self._more()
            if self._read + len(self._buffer) > MOST_BEFORE + (1 << 20):
                raise _too_much()
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(end)]
        self._read += at + len(end)
        if self._read > MOST_BEFORE:
            raise _too_much()
        return found

    async def _more(self) -> None:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise malformed_post()
        self._buffer += piece


def _too_much() -> AwsError:
    message = "Your POST request fields preceeding the upload file was too large."  # S3's own words
    return AwsError("MaxPostPreDataLengthExceeded", message, http=400, MaxPostPreDataLengthBytes=MOST_BEFORE)
