"""The ingest port: requests in, events on disk, answers out.

    Host, Origin → route → key → rate → Content-Length → body → door.admit → log → answer

A path that is no route's may be one below a stage: `staged` says what that answers.
A request costs a few tens of microseconds, so this is a bare RSGI application and the usual case has no
detour: every check that a route does not ask for is one comparison. Refusals before the body come first.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import msgspec

from forebay.access.keys import Keys
from forebay.errors import DataRejected, ForebayError, Unavailable
from forebay.functions.gateway import HttpAnswer, HttpRequest
from forebay.ingest.answer import answer, unpack
from forebay.ingest.door import Admitted, Counts, Door
from forebay.ingest.mapping import Seen
from forebay.ingest.routes import ANY
from forebay.project.model import Project
from forebay.streams.writer import Log, Once
from forebay.telemetry.meter import Meter
from forebay.telemetry.metric_rows import Metric
from forebay.web import staged
from forebay.web.access_log import Recorded, Route
from forebay.web.authenticate import authenticate
from forebay.web.context import Context
from forebay.web.cors import allowed
from forebay.web.gateway import Call, proxy
from forebay.web.guard import Guard, Refusal
from forebay.web.http import (
    JSON,
    Headers,
    RequestHeaders,
    Scope,
    Watch,
    read_body,
    request_id,
    respond,
    respond_error,
)
from forebay.web.mapped import Unfit
from forebay.web.once import keep_once, once_key_of, once_of
from forebay.web.routes import Routes
from forebay.web.staged import Gateway

logger = logging.getLogger("forebay.ingest")

# Bodies beyond this are read beside the event loop, so that one of them does not hold up the others.
_ASIDE = 1 << 20
_ASIDE_GZIP = 64 << 10
_MAX_IDEMPOTENCY_KEY = 255
SAMPLED = 16
_ANYBODY = "-"
_HEALTHY = b'{"status":"ok"}'
# An error whose HTTP status is not its class's.
_STATUS = {"IdempotencyKeyReused": 422}


class Refused(ForebayError):
    """What the guard refused; answered with the refusal's own status."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.message, fix=refusal.fix)
        self.its_status = refusal.status


@dataclass(slots=True)
class IngestOptions:
    """`body_timeout`: seconds in which a body must have come. `ready`: what is not ready, by name, beside
    the logs; empty if all is. `call` calls a function, `note` keeps a line of a route's access log, `meter` how long
    requests took: those that fail or call a function, and one of `SAMPLED` of the others.
    """

    body_timeout: float = 30.0
    ready: Callable[[], Mapping[str, str]] = field(default=dict)
    call: Call | None = None
    note: Callable[[Route, str], None] | None = None
    meter: Meter | None = None


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
        self._routes = Routes(project)

    def reload(self, project: Project) -> None:
        """Serve `project`'s routes from the next request on. Raises ForebayError, changing nothing."""
        self._routes.reload(project)

    def traffic(self) -> dict[str, Counts]:
        """Requests and errors by route, since the process started."""
        return self._routes.traffic()

    def doors(self) -> dict[str, dict[str, int]]:
        """`ingest.<route>` → accepted, duplicate, refused, since the process started."""
        return self._routes.counted()

    async def __rsgi__(self, scope: Scope, proto: Any) -> None:
        """Answer one request."""
        if scope.proto != "http":
            proto.close(403)
            return
        headers = scope.headers
        id = request_id(headers)
        extra: Headers = []
        recorded = None
        if self._routes.logged:
            proto = recorded = Recorded(proto, scope, id)
        try:
            await self._answer(scope, proto, headers, id, extra)
        except Gateway as error:
            said = error.answer(id)
            self._failed(scope, said.status)
            proto.response_bytes(said.status, [*said.headers, *extra], said.body)
        except Refused as error:
            respond_error(proto, error, id, status=error.its_status)
        except ForebayError as error:
            self._failed(scope, _STATUS.get(error.code, error.status))
            respond_error(proto, error, id, status=_STATUS.get(error.code), headers=extra)
        except Exception:
            logger.exception("request %s failed", id)
            self._failed(scope, 500)
            internal = ForebayError("Internal", "the request failed; the log of front says why")
            respond_error(proto, internal, id, headers=extra)
        if recorded is not None and self._options.note is not None:
            recorded.note(self._routes.logged, self._options.note)

    async def _answer(
        self, scope: Scope, proto: Any, headers: RequestHeaders, id: str, extra: Headers
    ) -> None:
        host = headers.get("host") or scope.authority
        if (refusal := self._guard.check(host, None)) is not None:
            raise Refused(refusal)
        began = perf_counter()
        method, path = scope.method, scope.path
        origin = headers.get("origin")
        if origin is not None:
            status = self._check_origin(origin, host, scope, headers, extra)
            if method == "OPTIONS" and headers.get("access-control-request-method"):
                proto.response_empty(status, [("x-request-id", id), *extra])
                return
        found = self._routes.router.match(method, path)
        if found is None:
            if method in ("GET", "HEAD") and path in ("/healthz", "/readyz"):
                self._health(proto, path, id)
                return
            below = self._routes.stages.find(method, path)
            if below is not None:
                await self._stage(scope, proto, below, id, extra)
                return
            self._routes.router.find(method, path)  # which says what there is instead
            return
        door, parameters = found
        door.counts.requests += 1
        if self._routes.logged:
            proto.met(door, None)
        caller = _ANYBODY
        if door.spec.key == "required":
            caller = authenticate(self._keys, headers, door.name)
        if door.limit is not None:
            door.limit.admit(caller)
        if door.spec.to.noun == "functions":
            said = await self._proxy(scope, proto, door, parameters, id=id)
            self._took(door, said.status, began)
            respond(proto, method, said.status, [*said.headers, ("x-request-id", id), *extra], said.body)
            return
        log = self._log(door)
        once_key = once_key_of(headers)
        body = await read_body(proto, headers, door.max_body, self._watch)
        kind, encoding = headers.get("content-type"), headers.get("content-encoding")
        if len(body) > (_ASIDE if encoding is None else _ASIDE_GZIP):
            loop = asyncio.get_running_loop()
            admitted = await loop.run_in_executor(None, door.admit, body, kind, encoding, parameters)
        else:
            admitted = door.admit(body, kind, encoding, parameters)
        if door.mapped is not None and admitted.records:
            door.mapped(admitted, self._seen(scope, door, parameters, id, None))
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
            once = None if once_key is None else once_of(once_key, caller, door, body, admitted.refused)
            receipt = await keep_once(log, door, admitted, once)
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
        if status >= 400 or not door.counts.requests % SAMPLED:
            self._took(door, status, began)

    async def _stage(
        self, scope: Scope, proto: Any, found: tuple[Door, dict[str, str], str], id: str, extra: Headers
    ) -> None:
        """Answer a request below a stage."""
        door, parameters, stage = found
        began = perf_counter()
        door.counts.requests += 1
        if self._routes.logged:
            proto.met(door, stage)
        api = door.spec.gateway
        try:
            said = await self._behind(scope, proto, door, parameters, id=id, stage=stage)
        except Gateway:
            raise
        except Unfit as error:
            door.counts.refused += 1
            said = staged.unfit(door, error)
        except ForebayError as error:
            raise staged.translated(error, api, _STATUS.get(error.code, error.status)) from None
        except Exception:
            logger.exception("request %s failed", id)
            raise staged.translated(ForebayError("Internal", ""), api, 500) from None
        self._took(door, said.status, began)
        headers = [*said.headers, *staged.identified(api, id), *extra]
        respond(proto, scope.method, said.status, headers, said.body)

    def _failed(self, scope: Scope, status: int) -> None:
        """Count a request that was refused, where it is of a route."""
        with contextlib.suppress(Gateway):  # below a stage, where no route is
            asked = (scope.method, scope.path)
            if (found := self._routes.router.match(*asked) or self._routes.stages.find(*asked)) is not None:
                found[0].counts.failed(status)

    def _took(self, door: Door, status: int, began: float) -> None:
        """Count how a request was answered, and how long that took."""
        door.counts.failed(status)
        if self._options.meter is not None:
            latency = Metric("AWS/ApiGateway", "Latency", (("ApiName", door.name),))
            self._options.meter.count(latency, round((perf_counter() - began) * 1000, 2), "Milliseconds")

    async def _behind(
        self, scope: Scope, proto: Any, door: Door, parameters: Mapping[str, str], *, id: str, stage: str
    ) -> HttpAnswer:
        """What the route's target answers, as behind API Gateway."""
        headers = scope.headers
        caller = authenticate(self._keys, headers, door.name) if door.spec.key == "required" else _ANYBODY
        if door.limit is not None:
            door.limit.admit(caller)
        if door.spec.to.noun == "functions":
            return await self._proxy(scope, proto, door, parameters, id=id, stage=stage)
        log = self._log(door)
        once_key = once_key_of(headers)
        body = await read_body(proto, headers, door.max_body, self._watch)
        seen = self._seen(scope, door, parameters, id, stage)

        def admit() -> Admitted:
            return staged.admitted(
                door, door.admit_whole(body, headers.get("content-encoding"), parameters), seen
            )

        try:
            admitted = await asyncio.to_thread(admit) if len(body) > _ASIDE else admit()
        except Gateway:
            door.counts.refused += 1
            raise
        if door.limit is not None:
            door.limit.charge(caller, 1)
        tell = staged.told(door, admitted, log.map)
        if once_key is None and admitted.unique is None:
            receipt = await log.submit(admitted.records, admitted.keys, size=admitted.size)
            door.counts.accepted += receipt.count
        else:
            once = None
            if once_key is not None:
                scope_ = f"{caller}\0ingest.{door.name}\0{stage}"
                digest = hashlib.sha256(body).digest()
                once = Once(scope_, once_key, digest, lambda *_: b"", answer_placed=tell)
            receipt = await keep_once(log, door, admitted, once)
        text = receipt.answer or tell(receipt.arrival, receipt.places)
        replayed = [("idempotency-replayed", "true")] if receipt.repeated or receipt.duplicates else []
        return HttpAnswer(200, [("content-type", JSON), *replayed], text)

    def _seen(
        self, scope: Scope, door: Door, parameters: Mapping[str, str], id: str, stage: str | None
    ) -> Seen:
        """A request as the route's mappings see it."""
        context = Context(scope, id, door, stage)
        return Seen(scope.headers, scope.query_string, parameters, context, door.variables(stage))

    def _log(self, door: Door) -> Log:
        log = self._logs.get(door.target)
        if log is None:
            raise Unavailable("TargetDown", f"{door.target}, where this route leads, is not running")
        return log

    async def _proxy(
        self,
        scope: Scope,
        proto: Any,
        door: Door,
        parameters: Mapping[str, str],
        *,
        id: str,
        stage: str | None = None,
    ) -> HttpAnswer:
        """Have a function answer."""
        body = b""
        if scope.method in ("POST", "PUT", "PATCH", "DELETE"):
            body = await read_body(proto, scope.headers, door.max_body, self._watch)
        if self._options.call is None:
            raise Unavailable("TargetDown", f"{door.target}, where this route leads, is not running")
        request = HttpRequest(
            method=scope.method,
            path=scope.path if stage is None else scope.path.removeprefix(f"/{stage}"),
            resource=door.spec.path,
            query=scope.query_string,
            headers=list(scope.headers.items()),
            body=body,
            client=scope.client.rpartition(":")[0],
            id=id,
            parameters=parameters,
            stage=stage,
            variables=door.variables(stage),
            any=door.spec.method == ANY,
        )
        return await proxy(self._options.call, door, request)

    def _check_origin(
        self, origin: str, host: str | None, scope: Scope, headers: RequestHeaders, extra: Headers
    ) -> int:
        """Refuse a page that is not listed; for one that is, put CORS headers into `extra`.

        Returns the status that its question beforehand is answered with.
        """
        method = scope.method
        if method == "OPTIONS":
            method = headers.get("access-control-request-method") or method
        path, stage = scope.path, None
        found = self._routes.router.match(method, path)
        if found is None and (below := self._routes.stages.find(method, path)) is not None:
            stage, found = below[2], below[:2]
        if found is None:
            listed: frozenset[str] = frozenset()
            methods = self._routes.router.methods(path)
        else:
            listed, methods = found[0].cors, [method]
        door = None if found is None else found[0]
        if (refusal := self._guard.check(host, origin, listed)) is not None:
            if stage is not None and door is not None:
                raise staged.translated(Refused(refusal), door.spec.gateway, refusal.status)
            raise Refused(refusal)
        extra += allowed(origin, headers, methods, door, stage)
        return 200 if stage is not None and door is not None and door.spec.gateway == "rest" else 204

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
