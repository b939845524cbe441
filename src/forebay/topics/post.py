"""POSTs to subscribers: bounded in time and in what is read of the answer; no redirect is followed.

As on SNS an answer of 2xx is a delivery; 4xx but 429 is the endpoint's last word; all else is tried again.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from forebay.errors import Unavailable
from forebay.topics.errors import Refused

TIMEOUT = 15.0
"""Seconds from the connection's beginning to the answer's end."""
MOST_READ = 16 << 10
_SHOWN = 200


class Poster:
    """A connection to one endpoint, kept while it lives. One request at a time; `expire` ends one that takes too long."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused("BadUrl", "this is no http or https URL")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._path = quote(path, safe="!#$%&'()*+,/:;=?@[]~")
        self._headers: dict[str, str] = {}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._connection: http.client.HTTPConnection | None = None
        self._until: float | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Send. Raises Refused, Unavailable."""
        fresh = self._connection is None
        try:
            self._once(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if fresh or isinstance(error, TimeoutError):
                raise self._unreachable(error) from None
            try:  # the endpoint hung up on a connection that was idle
                self._once(body, headers)
            except (OSError, http.client.HTTPException) as again:
                self.close()
                raise self._unreachable(again) from None

    def _once(self, body: bytes, headers: Mapping[str, str]) -> None:
        self._until = time.monotonic() + TIMEOUT
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request("POST", self._path, body, {**headers, **self._headers})
            answer = self._connection.getresponse()
            said = answer.read(MOST_READ)
            if answer.read(1) or answer.will_close:
                self.close()
        finally:
            expired = self._until is None
            self._until = None
        if expired:
            raise TimeoutError
        if 200 <= answer.status < 300:
            return
        shown = said[:_SHOWN].decode("utf-8", "replace").strip()
        message = f"the endpoint answered {answer.status} {answer.reason}" + (f": {shown}" if shown else "")
        if 300 <= answer.status < 400:
            raise Refused("Redirected", f"{message}; redirects are not followed")
        if 400 <= answer.status < 500 and answer.status != 429:
            raise Refused("EndpointRefused", message)
        raise Unavailable("EndpointFailed", message)

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)

    def _unreachable(self, error: Exception) -> Unavailable:
        if isinstance(error, TimeoutError):
            return Unavailable("EndpointTimeout", f"the endpoint did not answer within {TIMEOUT:g} s")
        return Unavailable(
            "EndpointUnreachable", f"the endpoint cannot be reached: {error or type(error).__name__}"
        )

    def expire(self, now: float) -> None:
        """End a request that is past its time, however slowly it drips. Called from another thread."""
        until, connection = self._until, self._connection
        if until is not None and now > until and connection is not None:
            self._until = None
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
