"""Loopback is no wall against a web page: which `Host` and `Origin` a port answers.

A page of any site can make its visitor's browser send requests to 127.0.0.1, and with DNS rebinding read
the answers under a name of its own. So, before a body is read, every port refuses

- a `Host` other than a loopback name, `*.localhost`, or one that was configured;
- an `Origin` other than the port's own (the request's Host) or one that was listed.

A request without an Origin is not a page's cross-site request that could be read or that carries JSON
unseen: command lines and SDKs send none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

_LOOPBACK = re.compile(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_HOST = re.compile(r"(?:https?://)?(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?")
_REMEMBERED = 1000


class Refusal(NamedTuple):
    """Why a request is refused before it is read: HTTP status, code, message, and what to do."""

    status: int
    code: str
    message: str
    fix: str


class Guard:
    """Checks Host and Origin. `hosts` are further names to answer to (without port), `origins` further
    origins (`https://shop.example`) whose pages may call; both beside the loopback names.
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = {host.lower().rstrip(".") for host in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._known: set[str] = set()

    def check(self, host: str | None, origin: str | None, listed: Collection[str] = ()) -> Refusal | None:
        """None if the request may go on. `listed` are origins that this very resource allows besides."""
        if host is None:
            return Refusal(400, "HostMissing", "the request has no Host", "send HTTP/1.1 with a Host header")
        if host not in self._known:
            if not self._answers(host):
                return Refusal(
                    421,
                    "HostNotAllowed",
                    f"this port does not answer to the name {host[:100]!r}",
                    "use localhost or 127.0.0.1, or allow the name when starting forebay",
                )
            if len(self._known) < _REMEMBERED:
                self._known.add(host)
        if origin is None or self.allows(origin, host, listed):
            return None
        return Refusal(
            403,
            "OriginNotAllowed",
            f"pages of {origin[:100]} may not send requests here",
            "list the origin under the route's cors, if you trust that site",
        )

    def allows(self, origin: str, host: str, listed: Collection[str] = ()) -> bool:
        """Whether a page of `origin` may call. `host` has been found good: its own pages may."""
        origin = origin.lower().rstrip("/")
        if origin in self._origins or origin in listed or "*" in listed:
            return True
        scheme, _, authority = origin.partition("://")
        return scheme in ("http", "https") and authority == host.lower()

    def _answers(self, host: str) -> bool:
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return False
        name = match[1].rstrip(".")
        return (
            name in ("localhost", "[::1]")
            or name.endswith(".localhost")
            or name in self._hosts
            or _LOOPBACK.fullmatch(name) is not None
        )
