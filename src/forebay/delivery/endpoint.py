"""POSTs of buffered records to an HTTP endpoint, as Data Firehose makes them.

A request is accepted when it is answered with 200 and its own id; all else is tried again, with pauses that grow, until
the delivery's patience is over. Then it is the caller's to keep the records: nothing is lost here.

Source: "Understand HTTP endpoint delivery request and response specifications" (Data Firehose Developer Guide).
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import queue
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import orjson

from forebay.clock import now_us
from forebay.delivery.endpoint_section import EndpointSpec
from forebay.errors import ForebayError

TIMEOUT = 180.0
MOST_READ = 1 << 20
PAUSE_FIRST, PAUSE_MOST = 1.0, 120.0
AGENT = "Amazon Kinesis Data Firehose Agent/1.0"
TOO_LARGE = 413
_SHOWN = 200


class Closed(Exception):
    """The sender was closed before the endpoint answered; another may go on."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why records were given up: AWS's code, what happened the last time, and how often it was tried."""

    code: str
    message: str
    attempts: int


class Sender:
    """One endpoint, with a thread of its own for what is to be sent there, in order.

    `reveal` puts secrets in their place; `say` is told what ails it, None when nothing does.
    """

    def __init__(
        self, spec: EndpointSpec, source: str, reveal: Callable[[str], str], say: Callable[[str | None], None]
    ) -> None:
        self.spec = spec
        self._source = source
        self._reveal = reveal
        self._say = say
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._submitting = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name=f"post {source}", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], None]) -> bool:
        """Run this when those before it are done; after `close` it is not taken. Whether it is."""
        with self._submitting:
            if self._closed.is_set():
                return False
            self._jobs.put(job)
            return True

    def close(self) -> None:
        """Stop trying; a request under way is cut."""
        with self._submitting:
            self._closed.set()
            self._jobs.put(None)
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:  # None comes last, with all before it done with
            job()

    def send(self, id: str, records: Sequence[str]) -> Failure | None:
        """Send base64 texts under an id that stays the same; None when they are accepted. Raises Closed."""
        begun = time.monotonic()
        pause = PAUSE_FIRST
        attempts = 0
        while True:
            if self._closed.is_set():
                raise Closed
            attempts += 1
            code, message = self._once(id, records)
            if not code:
                self._say(None)
                return None
            if self._closed.is_set():
                raise Closed
            self._say(f"{code}: {message}")
            left = begun + self.spec.retry - time.monotonic()
            if left <= 0 or code == "HttpEndpoint.RequestTooLarge":
                return Failure(code, message, attempts)
            self._closed.wait(min(left, pause * random.uniform(0.8, 1.2)))  # noqa: S311 - it spreads retries
            pause = min(pause * 2, PAUSE_MOST)

    def _once(self, id: str, records: Sequence[str]) -> tuple[str, str]:
        """One request: ("", "") when it is accepted, else what went wrong."""
        try:
            body, headers = self._request(id, records)
            status, kind, said = self._exchange(body, headers)
        except ForebayError as error:
            return "HttpEndpoint.ConfigurationError", error.message
        except ssl.SSLError as error:
            return "HttpEndpoint.SSLHandshakeFailure", f"{error.reason or error}"
        except TimeoutError:
            return "HttpEndpoint.RequestTimeout", f"the endpoint did not answer within {TIMEOUT:g} s"
        except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected) as error:
            return "HttpEndpoint.ConnectionReset", f"the endpoint hung up: {error}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            return "HttpEndpoint.ConnectionFailed", f"the endpoint cannot be reached: {error!r}"
        if status == TOO_LARGE:
            return (
                "HttpEndpoint.RequestTooLarge",
                "the endpoint answered 413: it takes no request of this size",
            )
        if len(said) > MOST_READ:
            return "HttpEndpoint.ResponseTooLarge", f"the endpoint's answer passes {MOST_READ:,} bytes"
        if status != 200:
            return "HttpEndpoint.DestinationException", f"the endpoint answered {status}{_told(said)}"
        return _judged(id, kind, said)

    def _request(self, id: str, records: Sequence[str]) -> tuple[bytes, dict[str, str]]:
        spec = self.spec
        document = {
            "requestId": id,
            "timestamp": now_us() // 1000,
            "records": [{"data": text} for text in records],
        }
        body = orjson.dumps(document)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            "X-Amz-Firehose-Protocol-Version": "1.0",
            "X-Amz-Firehose-Request-Id": id,
            "X-Amz-Firehose-Source-Arn": self._source,
        }
        if spec.access_key:
            headers["X-Amz-Firehose-Access-Key"] = self._reveal(spec.access_key)
        if spec.attributes:
            attributes = {name: self._reveal(value) for name, value in spec.attributes.items()}
            common = orjson.dumps({"commonAttributes": attributes}).decode()
            headers["X-Amz-Firehose-Common-Attributes"] = common.encode().decode("latin-1")
        if spec.encoding == "gzip":
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return body, headers

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Status, content type, and as much of the answer as is read. No redirect is followed."""
        parts = urlsplit(self._reveal(self.spec.url))
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=TIMEOUT, context=context
            )
        else:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection = connection
        try:
            connection.request("POST", quote(path, safe="!#$%&'()*+,/:;=?@[]~"), body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get_content_type(), answer.read(MOST_READ + 1)
        finally:
            self._connection = None
            connection.close()


def _told(said: bytes) -> str:
    """What the endpoint says went wrong, if it says something."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return f": {orjson.loads(said)['errorMessage']}"[:_SHOWN]
    shown = said[:_SHOWN].decode("utf-8", "replace").strip()
    return f": {shown}" if shown else ""


def _judged(id: str, kind: str, said: bytes) -> tuple[str, str]:
    code = "HttpEndpoint.InvalidResponseFromDestination"
    if kind != "application/json":
        return code, f"the endpoint's answer is {kind}, and not application/json"
    try:
        answer = orjson.loads(said)
        echoed, at = answer["requestId"], answer["timestamp"]
    except (ValueError, TypeError, KeyError):
        return code, "the endpoint's answer has no requestId and timestamp"
    if echoed != id:
        return code, "the endpoint's answer has the requestId of another request"
    if isinstance(at, bool) or not isinstance(at, int | float):
        return code, "the timestamp of the endpoint's answer is no number"
    return "", ""
