"""Sends batches of events to the running system: to a route over HTTP, or to a log through front's socket.

A batch carries a key of its own, so that one whose answer was lost is sent again without becoming a
second event; that is why sending survives restarts of what it sends to.
"""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from forebay.errors import DataRejected, ForebayError, NoServer, Unavailable
from forebay.ipc import Client

BATCH = 100
"""Events a request, where each refusal matters: as many as an answer lists one by one."""
BATCH_BYTES = 1 << 20
PATIENCE = 60.0
"""Seconds for which an absent system is waited for: its front is restarted after a crash."""

Refusal = tuple[int, str, str | None, str]
"""Index in the batch, code, path, reason."""


@dataclass(slots=True)
class Outcome:
    """What became of a batch. The first hundred refusals are in `refused`; `refusals` is how many there are."""

    accepted: int = 0
    duplicate: int = 0
    refused: list[Refusal] = field(default_factory=list)
    refusals: int = 0


def never() -> bool:
    """Nobody ends the sending."""
    return False


class Target(Protocol):
    """Takes batches."""

    most_bytes: int

    def send(self, events: Sequence[bytes], stopped: Callable[[], bool] = never) -> Outcome:
        """Send one batch until it is answered, or until `stopped` says so: then nothing of it counts.

        Raises NoServer after `PATIENCE`, Unavailable, and DataRejected if it is refused whole.
        """

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

    def send(self, events: Sequence[bytes], stopped: Callable[[], bool] = never) -> Outcome:
        """See `Target`."""
        body = b"\n".join(map(one_line, events))
        headers = {**self._headers, "Idempotency-Key": str(uuid.uuid4())}
        deadline = time.monotonic() + PATIENCE
        while not stopped():
            try:
                status, wait, text = self._request(body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if time.monotonic() > deadline:
                    raise _silent(error) from None
                _wait(0.2, stopped)
                continue
            if status not in (429, 503):
                return _understood(status, text)
            if time.monotonic() > deadline and status == 503:
                raise Unavailable("Unavailable", _message(text))
            _wait(wait, stopped)
        return Outcome()

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
    """The log of a stream (`streams.activity`), a bus, or a delivery that is put to (`delivery.clicks`)."""

    most_bytes = BATCH_BYTES

    def __init__(self, front: Client, name: str) -> None:
        self._front = front
        self._name = name

    def send(self, events: Sequence[bytes], stopped: Callable[[], bool] = never) -> Outcome:
        """See `Target`."""
        key = str(uuid.uuid4())
        deadline = time.monotonic() + PATIENCE
        while not stopped():
            try:
                done = self._front.call("append", target=self._name, records=list(events), once=key)
            except (NoServer, Unavailable):
                self._front.close()
                if time.monotonic() > deadline:
                    raise
                _wait(0.2, stopped)
                continue
            return Outcome(accepted=done["count"])
        return Outcome()

    def close(self) -> None:
        """Hang up."""
        self._front.close()


def one_line(event: bytes) -> bytes:
    """JSON may be pretty-printed; a line of NDJSON may not."""
    if b"\n" not in event:
        return event
    try:
        return orjson.dumps(orjson.loads(event))
    except orjson.JSONDecodeError:
        return event.replace(b"\n", b" ")


def _wait(seconds: float, stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not stopped() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))


def _understood(status: int, text: bytes) -> Outcome:
    answer = _parts(text)
    if "accepted" not in answer:
        error = answer.get("error", answer)
        raise DataRejected(
            error.get("code", "Refused"),
            f"the route answered {status}: {_message(text)}",
            fix=error.get("fix"),
        )
    refused = [(item["index"], item["code"], item.get("path"), item["reason"]) for item in answer["refused"]]
    return Outcome(
        answer["accepted"], answer["duplicate"], refused, answer.get("refused_total", len(refused))
    )


def _parts(text: bytes) -> dict[str, Any]:
    try:
        parts = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return parts if isinstance(parts, dict) else {}


def _message(text: bytes) -> str:
    parts = _parts(text)
    message = parts.get("error", parts).get("message")
    return str(message) if message is not None else text[:200].decode("utf-8", "replace")


def _silent(error: Exception) -> ForebayError:
    return NoServer("NoServer", f"the ingest port does not answer ({error})", fix="start it: forebay run")
