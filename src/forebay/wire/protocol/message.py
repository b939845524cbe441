"""A request and an answer, as the protocols see them; the HTTP server's own types stay outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from forebay.errors import ForebayError


@dataclass(slots=True)
class Request:
    """One HTTP request. `path` is as sent (percent-encoded), header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    request_id: str = ""

    def parameters(self) -> list[tuple[str, str]]:
        """The query string's pairs, in order, decoded; a name without `=` has the value ''."""
        return parse_qsl(self.query, keep_blank_values=True)


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
    status where the service's model does not say it.
    """

    def __init__(self, code: str, message: str, *, http: int | None = None, **members: Any) -> None:
        super().__init__(code, message)
        self.http = http
        self.members = members


def not_offered(service: str, operation: str) -> AwsError:
    """What an operation that forebay does not have answers: 501, and its name."""
    return AwsError("NotImplemented", f"forebay does not offer {service}.{operation}", http=501)
