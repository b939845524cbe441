"""The ingest port: requests in, events on disk, answers out.

    Host, Origin → route → key → rate → Content-Length → body → door.admit → log → answer

A request costs a few tens of microseconds, so this is a bare RSGI application and the usual case has no
detour: every check that a route does not ask for is one comparison. Refusals before the body come first.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from forebay.access.keys import Keys
from forebay.bus.wrap import Wrap
from forebay.errors import DataRejected, ForebayError, Unavailable
from forebay.functions.gateway import HttpAnswer, HttpRequest
from forebay.ingest.answer import answer, pack, unpack
from forebay.ingest.body import Refused as BadEvent
from forebay.ingest.door import Admitted, Counts, Door
from forebay.ingest.limits import RateLimit
from forebay.ingest.routes import MethodNotAllowed, Router
from forebay.ingest.section import RouteSpec
from forebay.ingest.validate import Schema
from forebay.project.model import Project
from forebay.streams.writer import Log, Once, Receipt, Unique
from forebay.web.gateway import Call, proxy
from forebay.web.guard import Guard, Refusal
from forebay.web.http import (
    JSON,
    Headers,
    RequestHeaders,
    Scope,
    Watch,
    bearer,
    read_body,
    request_id,
    respond_error,
)

logger = logging.getLogger("forebay.ingest")

# Bodies beyond this are read beside the event loop, so that one of them does not hold up the others.
_ASIDE = 1 << 20
_ASIDE_GZIP = 64 << 10
_MAX_IDEMPOTENCY_KEY = 255
_ANYBODY = "-"
_HEALTHY = b'{"status":"ok"}'
# An error whose HTTP status is not its class's.
_STATUS = {"IdempotencyKeyReused": 422}


class AccessDenied(ForebayError):
    """No key, or one that is not valid (HTTP 401)."""

    status = 401


class KeyNotForRoute(ForebayError):
    """A valid key that does not open this route (HTTP 403)."""

    status = 403


class Refused(ForebayError):
    """What the guard refused; answered with the refusal's own status."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.message, fix=refusal.fix)
        self.its_status = refusal.status


@dataclass(slots=True)
class IngestOptions:
    """`body_timeout`: seconds in which a body must have come. `ready`: what is not ready, by name, beside
    the logs; empty if all is. `call` calls a function.
    """

    body_timeout: float = 30.0
    ready: Callable[[], Mapping[str, str]] = field(default=dict)
    call: Call | None = None


class IngestApp:
    """The RSGI application of the ingest port. `logs` are by name (`delivery.clicks`) and may change."""

    def __init__(
        self,
        project: Project,
        logs: Mapping[str, Log],
        keys: Keys,
        guard: Guard,
        options: IngestOptions | None = None,
    ) -> None:
        self._logs = logs
        self._keys = keys
        self._guard = guard
        self._options = options or IngestOptions()
        self._watch = Watch(self._options.body_timeout)
        self._counts: dict[str, Counts] = {}
        self._limits: dict[str, tuple[float, RateLimit]] = {}
        self._router: Router[Door] = Router(())
        self.reload(project)

    def reload(self, project: Project) -> None:
        """Serve `project`'s routes from the next request on. Raises ForebayError, changing nothing."""
        doors = [self._door(project, name, spec) for name, spec in project.of(RouteSpec).items()]
        self._router = Router((door.spec.method, door.spec.path, door) for door in doors)

    def doors(self) -> dict[str, dict[str, int]]:
        """`ingest.<route>` → accepted, duplicate, refused, since the process started."""
        return {
            f"ingest.{name}": {
                "accepted": counts.accepted,
                "duplicate": counts.duplicate,
                "refused": counts.refused,
            }
            for name, counts in self._counts.items()
        }

    def _door(self, project: Project, name: str, spec: RouteSpec) -> Door:
        schema = None
        if spec.schema is not None:
            path = Path(project.root) / spec.schema
            try:
                schema = Schema(path.read_bytes(), spec.schema)
            except OSError as error:
                raise ForebayError(
                    "InvalidSchema", f"{spec.schema} cannot be read: {error.strerror}", where=str(path)
                ) from None
        limit = None
        if spec.limit is not None:
            rate, limit = self._limits.get(name, (0.0, None))
            if limit is None or rate != spec.limit:
                limit = RateLimit(spec.limit)
            self._limits[name] = (spec.limit, limit)
        target = project.sections.get(spec.to.noun, {}).get(spec.to.name)
        return Door(
            name,
            spec,
            partition_key=getattr(target, "key", None),
            schema=schema,
            counts=self._counts.setdefault(name, Counts()),
            limit=limit,
            wrap=wrapper(project.name, name, spec) if spec.to.noun == "bus" else None,
        )

    async def __rsgi__(self, scope: Scope, proto: Any) -> None:
        """Answer one request."""
        if scope.proto != "http":
            proto.close(403)
            return
        headers = scope.headers
        id = request_id(headers)
        extra: Headers = []
        try:
            await self._answer(scope, proto, headers, id, extra)
        except Refused as error:
            respond_error(proto, error, id, status=error.its_status)
        except ForebayError as error:
            respond_error(proto, error, id, status=_STATUS.get(error.code), headers=extra)
        except Exception:
            logger.exception("request %s failed", id)
            said = ForebayError("Internal", "the request failed; the log of front says why")
            respond_error(proto, said, id, headers=extra)

    async def _answer(
        self, scope: Scope, proto: Any, headers: RequestHeaders, id: str, extra: Headers
    ) -> None:
        host = headers.get("host") or scope.authority
        if (refusal := self._guard.check(host, None)) is not None:
            raise Refused(refusal)
        method, path = scope.method, scope.path
        origin = headers.get("origin")
        if origin is not None:
            self._check_origin(origin, host, scope, headers, extra)
            if method == "OPTIONS" and headers.get("access-control-request-method"):
                proto.response_empty(204, [("x-request-id", id), *extra])
                return
        try:
            door, parameters = self._router.find(method, path)
        except ForebayError:
            if method in ("GET", "HEAD") and path in ("/healthz", "/readyz"):
                self._health(proto, path, id)
                return
            raise
        caller = _ANYBODY
        if door.spec.key == "required":
            caller = self._authenticate(headers, door.name)
        if door.limit is not None:
            door.limit.admit(caller)
        if door.spec.to.noun == "functions":
            said = await self._proxy(scope, proto, door, parameters, id)
            proto.response_bytes(said.status, [*said.headers, ("x-request-id", id), *extra], said.body)
            return
        log = self._logs.get(door.target)
        if log is None:
            raise Unavailable("TargetDown", f"{door.target}, where this route leads, is not running")
        once_key = headers.get("idempotency-key")
        if once_key is not None and not 0 < len(once_key) <= _MAX_IDEMPOTENCY_KEY:
            raise DataRejected("BadIdempotencyKey", f"1 to {_MAX_IDEMPOTENCY_KEY} characters, please")

        body = await read_body(proto, headers, door.max_body, self._watch)
        kind, encoding = headers.get("content-type"), headers.get("content-encoding")
        if len(body) > (_ASIDE if encoding is None else _ASIDE_GZIP):
            loop = asyncio.get_running_loop()
            admitted = await loop.run_in_executor(None, door.admit, body, kind, encoding, parameters)
        else:
            admitted = door.admit(body, kind, encoding, parameters)
        if not admitted.total:
            raise DataRejected("EmptyBody", "the body holds no event", fix="send a JSON object")
        if door.limit is not None:
            door.limit.charge(caller, admitted.total)

        repeated = False
        if not admitted.records:
            door.counts.refused += len(admitted.refused)
            status, text = answer(0, 0, admitted.refused)
        elif once_key is None and admitted.unique is None:
            receipt = await log.submit(admitted.records, admitted.keys, size=admitted.size)
            door.counts.accepted += receipt.count
            door.counts.refused += len(admitted.refused)
            status, text = answer(receipt.count, 0, admitted.refused)
        else:
            once = None if once_key is None else _once(once_key, caller, door, body, admitted.refused)
            receipt = await self._keep_once(log, door, admitted, once)
            repeated = receipt.repeated
            if receipt.answer is not None:
                status, text = unpack(receipt.answer)
            else:
                status, text = answer(receipt.count, len(receipt.duplicates), admitted.refused)
        out = [("content-type", JSON), ("x-request-id", id)]
        if repeated:
            out.append(("idempotency-replayed", "true"))
        if extra:
            out += extra
        proto.response_bytes(status, out, text)

    async def _proxy(
        self, scope: Scope, proto: Any, door: Door, parameters: Mapping[str, str], id: str
    ) -> HttpAnswer:
        """Have a function answer."""
        body = b""
        if scope.method in ("POST", "PUT", "PATCH", "DELETE"):
            body = await read_body(proto, scope.headers, door.max_body, self._watch)
        if self._options.call is None:
            raise Unavailable("TargetDown", f"{door.target}, where this route leads, is not running")
        request = HttpRequest(
            method=scope.method,
            path=scope.path,
            resource=door.spec.path,
            query=scope.query_string,
            headers=list(scope.headers.items()),
            body=body,
            client=scope.client.rpartition(":")[0],
            id=id,
            parameters=parameters,
        )
        return await proxy(self._options.call, door, request)

    async def _keep_once(self, log: Log, door: Door, admitted: Admitted, once: Once | None) -> Receipt:
        """Append what is new by the request's idempotency key and by the route's unique field."""
        unique = None
        spec = door.spec.unique
        if spec is not None and admitted.unique is not None:
            unique = Unique(f"ingest.{door.name}", admitted.unique, spec.within, spec.max_keys)
        receipt = await log.submit(
            admitted.records, admitted.keys, unique=unique, once=once, size=admitted.size
        )
        counts = door.counts
        if receipt.repeated:
            counts.duplicate += len(admitted.records)
        else:
            counts.accepted += receipt.count
            counts.duplicate += len(receipt.duplicates)
            counts.refused += len(admitted.refused)
        return receipt

    def _authenticate(self, headers: RequestHeaders, route: str) -> str:
        secret = bearer(headers)
        if secret is None:
            raise AccessDenied(
                "KeyMissing",
                "this route takes requests with an API key only",
                fix="send it as x-api-key; make one with: forebay keys create",
            )
        key = self._keys.verify(secret)
        if key is None:
            raise AccessDenied("KeyInvalid", "the API key is not valid, or was revoked")
        if not key.opens(route):
            raise KeyNotForRoute("KeyNotForRoute", f"this API key does not open the route {route}")
        return key.id

    def _check_origin(
        self, origin: str, host: str | None, scope: Scope, headers: RequestHeaders, extra: Headers
    ) -> None:
        """Refuse a page that is not listed; for one that is, put CORS headers into `extra`."""
        method = scope.method
        if method == "OPTIONS":
            method = headers.get("access-control-request-method") or method
        try:
            door = self._router.find(method, scope.path)[0]
        except ForebayError as error:
            listed: frozenset[str] = frozenset()
            methods = error.extra.get("allow", []) if isinstance(error, MethodNotAllowed) else []
        else:
            listed, methods = door.cors, [method]
        if (refusal := self._guard.check(host, origin, listed)) is not None:
            raise Refused(refusal)
        extra += [
            ("access-control-allow-origin", origin),
            ("access-control-expose-headers", "x-request-id, retry-after, idempotency-replayed"),
            ("vary", "Origin"),
        ]
        if headers.get("access-control-request-method"):
            extra += [
                ("access-control-allow-methods", ", ".join(methods)),
                (
                    "access-control-allow-headers",
                    "content-type, content-encoding, x-api-key, authorization, idempotency-key, x-request-id",
                ),
                ("access-control-max-age", "600"),
            ]

    def _health(self, proto: Any, path: str, id: str) -> None:
        headers = [("content-type", JSON), ("x-request-id", id), ("cache-control", "no-store")]
        problems: dict[str, str] = {}
        if path == "/readyz":
            for name, log in self._logs.items():
                if (problem := log.problem) is not None:
                    problems[name] = problem.message
            problems |= self._options.ready()
        if not problems:
            proto.response_bytes(200, headers, _HEALTHY)
            return
        body = msgspec.json.encode({"status": "unavailable", "problems": problems})
        proto.response_bytes(503, [*headers, ("retry-after", "1")], body)


def wrapper(project: str, route: str, spec: RouteSpec) -> Wrap:
    """What makes an event of what is posted to a bus: from `forebay.<project>`, of the route's name."""
    return Wrap(spec.source or f"forebay.{project}", spec.detail_type or route)


def _once(key: str, caller: str, door: Door, body: bytes, refused: Sequence[BadEvent]) -> Once:
    return Once(
        f"{caller}\0ingest.{door.name}",
        key,
        hashlib.sha256(body).digest(),
        lambda accepted, duplicate: pack(*answer(accepted, duplicate, refused)),
    )
