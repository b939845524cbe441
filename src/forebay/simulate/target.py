"""Where simulated events go: a route of the running system over HTTP, or a log through front's socket.

Only ever this machine: a simulator is no load generator against anybody else's server, so an address
that is not a loopback one is refused.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from forebay.errors import DataRejected, NoServer, UsageError
from forebay.ipc import Client

PATIENCE = 30.0
"""Seconds for which an absent front is waited for: it is restarted after a crash."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one batch: counts, and the reasons of what was refused."""

    accepted: int
    duplicate: int = 0
    refused: int = 0
    reasons: Sequence[str] = field(default_factory=tuple)


class Target(Protocol):
    """Takes batches of events."""

    def send(self, events: Sequence[bytes], stopped: Callable[[], bool]) -> Answer:
        """Send them and wait until they are durable.

        Repeats while the system asks to wait or is being restarted, until `stopped` says so (then
        nothing of the batch counts). Raises NoServer, or DataRejected if the route refuses the caller.
        """

    def close(self) -> None:
        """Hang up."""


def loopback(url: str) -> tuple[str, int]:
    """Host and port of `url`. Raises UsageError unless the host is a literal loopback address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost":
        host = "127.0.0.1"
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if parts.scheme not in ("http", "https") or not local:
        raise UsageError(
            "NotLocal",
            f"a simulator sends to this machine only, not to {url}",
            fix="run it beside forebay run",
        )
    return host, parts.port or (443 if parts.scheme == "https" else 80)


class Route:
    """A route of the ingest port: each batch is one NDJSON request with an idempotency key of its own."""

    def __init__(self, url: str, path: str, *, method: str = "POST", key: str | None = None) -> None:
        if "{" in path:
            raise UsageError(
                "BadSimulator",
                f"the route {path} has path parameters, which a simulator cannot fill",
                fix="simulate into its stream or delivery",
            )
        self._host, self._port = loopback(url)
        self._tls = ssl._create_unverified_context() if url.startswith("https") else None  # noqa: S323 - it is this machine
        self._path = path
        self._method = method
        self._headers = {"Content-Type": "application/x-ndjson"}
        if key is not None:
            self._headers["X-Api-Key"] = key
        self._connection: http.client.HTTPConnection | None = None

    def send(self, events: Sequence[bytes], stopped: Callable[[], bool]) -> Answer:
        """One request, repeated under the same idempotency key until it is answered."""
        body = b"\n".join(_one_line(event) for event in events) + b"\n"
        headers = {**self._headers, "Idempotency-Key": str(uuid.uuid4())}
        until = time.monotonic() + PATIENCE
        while not stopped():
            try:
                status, retry_after, text = self._request(body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if time.monotonic() > until:
                    raise NoServer(
                        "NoServer", f"the ingest port does not answer ({error})", fix="start it: forebay run"
                    ) from None
                _wait(0.2, stopped)
                continue
            if status in (429, 503):
                _wait(retry_after, stopped)
                until = time.monotonic() + PATIENCE
                continue
            return _understand(status, text)
        return Answer(0)

    def _request(self, body: bytes, headers: dict[str, str]) -> tuple[int, float, bytes]:
        if self._connection is None:
            if self._tls is not None:
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=30, context=self._tls
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
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
    """The log of a stream (`streams.activity`) or of a delivery that is put to (`delivery.clicks`)."""

    def __init__(self, front: Client, name: str) -> None:
        self._front = front
        self._name = name

    def send(self, events: Sequence[bytes], stopped: Callable[[], bool]) -> Answer:
        """One append. It is not repeated: without a key at this door, a repeat could be a second event."""
        if stopped():
            return Answer(0)
        result = self._front.call("append", target=self._name, records=list(events))
        return Answer(int(result["count"]))

    def close(self) -> None:
        """Hang up."""
        self._front.close()


def _one_line(event: bytes) -> bytes:
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


def _understand(status: int, text: bytes) -> Answer:
    try:
        answer: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        answer = {}
    if "accepted" not in answer:
        error = answer.get("error", answer)
        message = error.get("message") if isinstance(error, dict) else None
        raise DataRejected(
            "RouteRefused", f"the route answered {status}: {message or text[:200].decode(errors='replace')}"
        )
    refused = answer.get("refused") or []
    return Answer(
        accepted=int(answer["accepted"]),
        duplicate=int(answer.get("duplicate") or 0),
        refused=int(answer.get("refused_total") or len(refused)),
        reasons=[
            f"{item.get('path') or ''} {item.get('reason') or item.get('code')}".strip() for item in refused
        ],
    )
