"""A request and an answer, as the protocols see them; the HTTP server's own types stay outside."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

from forebay.errors import ForebayError
from forebay.ingest.gunzip import gunzip

CODE = "/_forebay/code/"
"""The path below which the code of functions is fetched."""
MAX_BODY = 64 << 20
"""What is read into memory of one body; a service's streaming operations take more."""
IDLE = 30.0
"""A body may pause this many seconds between two pieces."""


class ChunkChecks(Protocol):
    """Checks the signatures of an `aws-chunked` body (`forebay.access.sigv4.ChunkSigner`); raises its Refusal."""

    def check(self, chunk_sha256: str, signature: str) -> None:
        """The next chunk, by its hash in hex."""

    def check_trailer(self, headers: Iterable[tuple[str, str]], signature: str) -> None:
        """The trailing headers, in the order they came."""


@dataclass(slots=True)
class Request:
    """One HTTP request. `path` is as sent (percent-encoded), header names are in lower case.

    Where `stream` is set the body is still to come: `load` makes it `body`, or a streaming operation takes
    `pieces`. `chunks`, where set, is what signed chunks are held against. `client` is the caller's address.
    `sent` is the path before a bucket in the host's name was put in front of it; `secure`, whether it came by TLS;
    `website`, the bucket of which a page is asked for; `foreign`, whether a page of any site may have sent it.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    request_id: str = ""
    stream: AsyncIterator[bytes] | None = None
    chunks: ChunkChecks | None = None
    client: str = "127.0.0.1"
    sent: str = ""
    secure: bool = False
    website: str = ""
    foreign: bool = False

    def hoist(self) -> None:
        """Take the headers that a presigned URL has in its query, as S3 does: those that begin with `x-amz-`.

        But for checksums, which S3 passes over there: SDKs sign that of the empty body they had when they made it.
        Raises AwsError `InvalidRequest` where a header says another thing than the query: "Error responses".
        """
        if "X-Amz-Signature=" not in self.query and "Signature=" not in self.query:
            return
        found = {
            name.lower(): value for name, value in self.parameters() if name.lower().startswith("x-amz-")
        }
        taken = {k: v for k, v in found.items() if k not in _OF_SIGNATURE and not k.startswith(_CHECKSUMS)}
        both = taken.keys() & self.headers.keys() - {"x-amz-content-sha256"}
        if any(taken[name] != self.headers[name] for name in both):
            message = "Conflicting values provided in HTTP headers and query parameters."
            raise AwsError("InvalidRequest", message, http=400)
        self.headers = {**taken, **self.headers}

    @property
    def is_form(self) -> bool:
        """Whether a form with a file is posted."""
        kind = self.headers.get("content-type", "")
        return self.method == "POST" and kind.startswith("multipart/form-data")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, piece by piece, once. Raises AwsError `RequestTimeout` if it stops coming."""
        stream, self.stream = self.stream, None
        if stream is None:
            if self.body:
                yield self.body
            return
        while True:
            try:
                async with asyncio.timeout(IDLE):
                    piece = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise AwsError("RequestTimeout", TOO_SLOW, http=400) from None
            yield piece

    async def load(self, most: int = MAX_BODY) -> None:
        """Read the body into memory. Raises AwsError: `EntityTooLarge`, `RequestTimeout`."""
        if self.stream is None:
            return
        length = self.headers.get("content-length", "0")
        parts: list[bytes] = []
        size = int(length) if length.isdigit() and int(length) > most else 0
        if not size:
            async for piece in self.pieces():
                size += len(piece)
                if size > most:
                    break
                parts.append(piece)
        if size > most:
            raise AwsError("EntityTooLarge", f"the body passes {most:,} bytes", http=413)
        self.body = b"".join(parts)

    def unpacked(self) -> bytes:
        """The body as it was before its client made it smaller, as SDKs do with metrics. Raises ForebayError."""
        if self.headers.get("content-encoding", "").lower() != "gzip":
            return self.body
        return gunzip(self.body, MAX_BODY)

    def parameters(self) -> list[tuple[str, str]]:
        """The query string's pairs, in order, decoded; a name without `=` has the value ''."""
        return parse_qsl(self.query, keep_blank_values=True)


_OF_SIGNATURE = {
    f"x-amz-{name}"
    for name in ("algorithm", "credential", "date", "expires", "signedheaders", "signature", "security-token")
}

_CHECKSUMS = ("x-amz-checksum-", "x-amz-sdk-checksum-")

TOO_SLOW = (
    "Your socket connection to the server was not read from or written to within the timeout period. "
    "Idle connections will be closed."
)


@dataclass(slots=True)
class Response:
    """One HTTP answer. A `stream` is sent after `body`, piece by piece."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None


class AwsError(ForebayError):
    """An error that AWS documents: `code` is its code, `message` what clients and test suites match on.

    `members` are further members of the error's shape (`Resource`, `BucketName`, ...). `http` is the
    status where the service's model does not say it. `headers` go with the answer.
    """

    def __init__(self, code: str, message: str, *, http: int | None = None, **members: Any) -> None:
        super().__init__(code, message)
        self.http = http
        self.members = members
        self.headers: dict[str, str] = {}


def not_offered(service: str, operation: str) -> AwsError:
    """What an operation that forebay does not have answers: 501, and its name."""
    return AwsError("NotImplemented", f"forebay does not offer {service}.{operation}", http=501)


def s3_ids(request_id: str) -> dict[str, str]:
    """The headers by which S3 names a request, which has two names there."""
    return {"x-amz-request-id": request_id, "x-amz-id-2": base64.b64encode(request_id.encode()).decode()}
