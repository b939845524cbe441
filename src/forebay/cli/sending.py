"""Where `forebay send` sends to: a route over HTTP, or a log through the front's socket.

A batch carries an idempotency key, so that one whose answer was lost is sent again without becoming a
second event; that is why a send survives restarts of what it sends to.
"""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import orjson

from forebay.errors import DataRejected, ForebayError, NoServer, Unavailable
from forebay.ipc import Client

BATCH = 100
"""Events a request: as many refusals as an answer lists one by one."""
BATCH_BYTES = 1 << 20
PATIENCE = 60.0


@dataclass(slots=True)
class Outcome:
    """What became of a batch; `refused` has (index, code, path, reason) each."""

    accepted: int = 0
    duplicate: int = 0
    refused: list[tuple[int, str, str | None, str]] = field(default_factory=list)


class Target(Protocol):
    """Takes batches."""

    most_bytes: int

    def send(self, events: Sequence[bytes]) -> Outcome:
        """Send one batch until it is answered. Raises NoServer after `PATIENCE`, DataRejected if refused whole."""

    def close(self) -> None:
        """Hang up."""


class Route:
    """A route of the ingest port."""

    def __init__(self, url: str, method: str, path: str, key: str | None, max_body: int) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._method, self._path = method, path
        self._headers = {"Content-Type": "application/x-ndjson"}
        if key is not None:
            self._headers["X-Api-Key"] = key
        self.most_bytes = min(BATCH_BYTES, max_body)
        self._connection: http.client.HTTPConnection | None = None

    def send(self, events: Sequence[bytes]) -> Outcome:
        """See `Target`."""
        body = b"\n".join(events)
        headers = {**self._headers, "Idempotency-Key": str(uuid.uuid4())}
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                status, wait, text = self._request(body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if time.monotonic() > deadline:
                    raise _silent(error) from None
                time.sleep(0.2)
                continue
            if status in (429, 503):
                if time.monotonic() > deadline and status == 503:
                    raise Unavailable("Unavailable", _message(text))
                time.sleep(wait)
                continue
            return _understood(status, text)

    def _request(self, body: bytes, headers: dict[str, str]) -> tuple[int, float, bytes]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, self._port, timeout=30)
        self._connection.request(self._method, self._path, body, headers)
        response = self._connection.getresponse()
        wait = response.headers.get("Retry-After") or ""
        return response.status, float(wait) if wait.isdigit() else 0.5, response.read()

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Log:
    """The log of a stream, or of a delivery that is put to."""

    most_bytes = BATCH_BYTES

    def __init__(self, front: Client, name: str) -> None:
        self._front = front
        self._name = name

    def send(self, events: Sequence[bytes]) -> Outcome:
        """See `Target`."""
        key = str(uuid.uuid4())
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                done = self._front.call("append", target=self._name, records=list(events), once=key)
            except (NoServer, Unavailable):
                self._front.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
                continue
            return Outcome(accepted=done["count"])

    def close(self) -> None:
        """Hang up."""
        self._front.close()


def _understood(status: int, text: bytes) -> Outcome:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        answer = {}
    if "accepted" not in answer:
        raise DataRejected(
            answer.get("code", "Refused"),
            f"the route answered {status}: {_message(text)}",
            fix=answer.get("fix"),
        )
    refused = [(item["index"], item["code"], item.get("path"), item["reason"]) for item in answer["refused"]]
    return Outcome(answer["accepted"], answer["duplicate"], refused)


def _message(text: bytes) -> str:
    try:
        return str(orjson.loads(text)["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return text[:200].decode("utf-8", "replace")


def _silent(error: Exception) -> ForebayError:
    return NoServer("NoServer", f"the ingest port does not answer ({error})", fix="start it: forebay run")
