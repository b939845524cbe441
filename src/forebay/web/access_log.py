"""Access logs of routes: a line for each request, in the format that the project chose, kept in a log group.

    answer ─▶ line ─▶ gathered for a moment ─▶ the group /aws/apigateway/ROUTE

Contract of formats and variables: "Set up CloudWatch logging for REST APIs" and "Customize HTTP API access logs"
(API Gateway developer guide). Lines are not events: they are kept a moment after the answer, and a disk that does
not take them loses lines, never a request.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebay.errors import ForebayError
from forebay.ingest.door import Door
from forebay.ingest.section import RouteSpec
from forebay.project.model import Project
from forebay.telemetry.section import TelemetrySpec
from forebay.web.context import Context
from forebay.web.http import Headers, Scope

logger = logging.getLogger("forebay.ingest")

GROUP = "/aws/apigateway/"
STREAM = "access"
GATHER = 0.25
MOST = 20_000
"""Lines that may wait for the disk; more are counted and said."""

_VARIABLE = re.compile(r"\$context\.([A-Za-z][A-Za-z0-9.]*[A-Za-z0-9])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LEAST = {"debug": 0, "info": 0, "warning": 400, "error": 500}
_WHO = {"rest": "$context.identity.caller $context.identity.user", "http": "- -"}
_WHAT = {"rest": "$context.resourcePath", "http": "$context.routeKey"}
_WHAT_CALLED = {"rest": "resourcePath", "http": "routeKey"}
_FIELDS = (
    ("requestId", "requestId"),
    ("ip", "identity.sourceIp"),
    ("requestTime", "requestTime"),
    ("httpMethod", "httpMethod"),
    ("", ""),
    ("status", "status"),
    ("protocol", "protocol"),
    ("responseLength", "responseLength"),
)


def format_of(name: str, api: str) -> str:
    """The text of a format by its name, as AWS's console proposes it; a text of one's own is itself."""
    what = _WHAT[api]
    pairs = [(a or _WHAT_CALLED[api], f"$context.{b}" if b else what) for a, b in _FIELDS]
    match name:
        case "json":
            return "{" + ",".join(f'"{a}":"{b}"' for a, b in pairs) + "}"
        case "clf":
            line = f'[$context.requestTime] "$context.httpMethod {what} $context.protocol"'
            return f"$context.identity.sourceIp {_WHO[api]} {line} $context.status $context.responseLength $context.requestId"
        case "csv":
            return ",".join(b for _, b in [*pairs[1:], pairs[0]])
        case "xml":
            inside = "".join(f"<{a}>{b}</{a}>" for a, b in pairs[1:])
            return f'<request id="$context.requestId">{inside}</request>'
    return name


class Format:
    """A format, compiled. A value never ends its line or its quotes: what would is escaped."""

    def __init__(self, text: str) -> None:
        self._pieces: list[tuple[str, str]] = []
        last = 0
        for match in _VARIABLE.finditer(text):
            self._pieces.append((text[last : match.start()], match[1]))
            last = match.end()
        self._rest = text[last:]
        self._quoted = text.lstrip().startswith("{")

    def line(self, context: Context) -> str:
        """The line of a request; `-` stands for what it does not have."""
        return "".join([before + self._safe(context(name)) for before, name in self._pieces]) + self._rest

    def _safe(self, value: str | None) -> str:
        if value is None:
            return "-"
        if self._quoted:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", value)


@dataclass(frozen=True, slots=True)
class Route:
    """A route's access log: its group, its format, and the least status that is written down."""

    group: str
    format: Format
    least: int


def access_logs(project: Project) -> Mapping[str, Route]:
    """The routes that keep an access log, by name."""
    telemetry = project.one(TelemetrySpec)
    found = {}
    for name, spec in project.of(RouteSpec).items():
        own = telemetry.groups.get(f"ingest.{name}")
        text = (own.format if own is not None else None) or telemetry.access_log
        if text != "none":
            level = (own.level if own is not None else None) or "info"
            found[name] = Route(GROUP + name, Format(format_of(text, spec.gateway)), _LEAST[level])
    return found


class Recorded:
    """Stands in for the server's side of a request, and remembers what was answered."""

    def __init__(self, proto: Any, scope: Scope, id: str) -> None:
        self._proto = proto
        self._scope = scope
        self._id = id
        self._began = time.perf_counter()
        self._context: Context | None = None
        self._status = 0
        self._size = 0

    def met(self, door: Door, stage: str | None) -> None:
        """The route that the request is for."""
        self._context = Context(self._scope, self._id, door, stage)

    def note(self, routes: Mapping[str, Route], keep: Callable[[Route, str], None]) -> None:
        """Write the request down, if its route keeps a log of such."""
        context = self._context
        route = None if context is None else routes.get(context.route)
        if context is None or route is None or self._status < route.least:
            return
        context.status, context.size = self._status, self._size
        context.latency = int((time.perf_counter() - self._began) * 1000)
        keep(route, route.format.line(context))

    # What the server's side has.

    def __call__(self) -> Any:
        """The whole body."""
        return self._proto()

    def __aiter__(self) -> Any:
        return aiter(self._proto)

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with a body."""
        self._status, self._size = status, len(body)
        self._proto.response_bytes(status, headers, body)

    def response_empty(self, status: int, headers: Headers) -> None:
        """Answer without one."""
        self._status = status
        self._proto.response_empty(status, headers)


class AccessLog:
    """Gathers lines and hands them over: `keep(group, stream, [(UTC milliseconds, text), ...])`, a call a group."""

    def __init__(self, keep: Callable[[str, str, Sequence[tuple[int, str]]], Awaitable[None]]) -> None:
        self._keep = keep
        self._waiting: dict[str, list[tuple[int, str]]] = {}
        self._count = 0
        self._lost = 0
        self._task: asyncio.Task[None] | None = None

    def note(self, route: Route, line: str) -> None:
        """One more line."""
        if self._count >= MOST:
            self._lost += 1
            return
        self._count += 1
        self._waiting.setdefault(route.group, []).append((time.time_ns() // 1_000_000, line))
        if self._task is None:
            self._task = asyncio.create_task(self._later())

    async def close(self) -> None:
        """Keep what is waiting."""
        while self._task is not None:
            await self._task

    async def _later(self) -> None:
        try:
            await asyncio.sleep(GATHER)
            await self._write()
        finally:
            self._task = None
        if self._count:
            self._task = asyncio.create_task(self._later())

    async def _write(self) -> None:
        waiting, self._waiting, self._count = self._waiting, {}, 0
        lost, self._lost = self._lost, 0
        if lost:
            logger.warning(
                "%d lines of access logs were not kept: they came faster than the disk takes them", lost
            )
        for group, lines in waiting.items():
            try:
                await self._keep(group, STREAM, lines)
            except ForebayError as error:
                logger.warning("%d lines of %s were not kept: %s", len(lines), group, error)
