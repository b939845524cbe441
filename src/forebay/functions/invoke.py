"""Call any function with any event, as Lambda's Invoke does: at once, with its answer or its error.

What becomes of a call is a `Result`; the payload of an error is the JSON that AWS hands back with
`X-Amz-Function-Error: Unhandled`. Calls that need no answer are kept in `forebay.functions.queue`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebay.errors import DataRejected, ForebayError, NotFound, Throttled, Unavailable
from forebay.functions.home import Home
from forebay.functions.log import FunctionLog, Tell
from forebay.functions.pool import Code, Invocation, LoadFailed, Note, Pool, Trace
from forebay.functions.process import OutOfMemory, TimedOut
from forebay.functions.section import FunctionSpec
from forebay.ports import Secrets

log = logging.getLogger(__name__)

REQUEST = 6 << 20
"""Bytes of an event at most."""

QUEUE = 32
"""Calls of one function that may wait for a worker; the next is refused at once."""

WAIT = 15.0
"""Seconds that a call waits for a worker at least; as long as the function may take, if that is more."""

IDLE = 300.0
"""Seconds after which a worker that nobody needs is ended."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a call. `error` is `Unhandled`, or None where the handler answered.

    `log` is the end of what the call wrote to the function's log (4 KiB), `kind` the error's type.
    """

    payload: bytes
    error: str | None
    log: bytes
    request_id: str
    seconds: float = 0.0
    kind: str | None = None

    def reason(self) -> str:
        """One line about the error."""
        try:
            said = json.loads(self.payload)
            return f"{said.get('errorType', self.kind)}: {said.get('errorMessage', '')}"
        except (ValueError, AttributeError):
            return self.kind or ""


@dataclass(frozen=True, slots=True)
class Host:
    """What the system gives to functions.

    `code` is the folder below which uploaded code lies. `secrets` looks a name up for the project in a folder, `environment` says
    what the system adds to a function's worker, `tell` who is handed the lines of its log, `note` who is told of
    each invocation.
    """

    logs: Path
    code: Path
    secrets: Callable[[Path], Secrets]
    environment: Callable[[str, FunctionSpec], Mapping[str, str]]
    watch: bool = False
    tell: Callable[[str], Tell | None] = lambda _: None
    note: Note | None = None


class Function:
    """One function, with its workers and the calls that wait for them."""

    def __init__(self, name: str, spec: FunctionSpec, root: Path, host: Host) -> None:
        self.name = name
        self.spec = spec
        self._home = Home(name, spec, root, host.code)
        self._free = spec.workers
        self._waiting = 0
        self._closed = False
        self._turn = threading.Condition()
        self._host = host
        base = name.partition(":")[0]
        code = Code(
            name=base,
            kind="invoke" if spec.kind == "lambda" else "invoke-plain",
            code=spec.handler,
            root=self._home.root,
            delivery_arn="",
            timeout=spec.timeout,
            memory=spec.memory,
            workers=max(1, spec.workers),
            watch=host.watch and spec.code is None,
        )
        self.pool = Pool(code, FunctionLog(host.logs / f"{base}.log", host.tell(base)), self._environment)
        self.pool.stats.note = host.note

    def _environment(self) -> tuple[dict[str, str], list[str]]:
        given = self._host.environment(self.name, self.spec)
        return self._home.environment(
            given, self._host.secrets(self._home.project), handler=self.spec.handler
        )

    def call(self, payload: bytes, trace: Trace, client_context: Mapping[str, Any] | None) -> Result:
        """Run it once. Raises Throttled, Unavailable."""
        self._home.ready()
        self._enter()
        try:
            head: dict[str, Any] = {"client_context": dict(client_context)} if client_context else {}
            answer, body = self.pool.invoke(head, payload, records=1, trace=trace)
        except LoadFailed as failed:
            return _unloaded(str(failed), trace)
        except Invocation as failed:
            return _dead(failed, trace, self.spec.timeout)
        finally:
            self._leave()
        error = None if answer.error is None else "Unhandled"
        kind = None if answer.error is None else answer.error[0]
        return Result(body, error, trace.log, trace.request_id, trace.seconds, kind)

    def _enter(self) -> None:
        with self._turn:
            if self.spec.workers < 1 or self._waiting >= QUEUE:
                raise self._throttled()
            self._waiting += 1
            try:
                patience = max(WAIT, self.spec.timeout)
                if not self._turn.wait_for(lambda: self._free > 0 or self._closed, patience):
                    raise self._throttled()
                if self._closed:
                    raise Unavailable("Closed", "the function's workers are being stopped")
                self._free -= 1
            finally:
                self._waiting -= 1

    def _throttled(self) -> Throttled:
        if self._host.note is not None:
            self._host.note(self.pool.code.name, None, True)
        return Throttled(
            "TooManyRequests", f"Rate Exceeded: all workers of the function {self.name} are busy"
        )

    def close(self) -> None:
        """End the workers; calls that wait or are under way raise Unavailable."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        self.pool.close()

    def _leave(self) -> None:
        with self._turn:
            self._free += 1
            self._turn.notify()

    @property
    def spare(self) -> int:
        """How many calls could begin now."""
        with self._turn:
            return max(0, self._free - self._waiting)


class Invoker:
    """The functions of the project and those made over the wire, ready to be called from any thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._functions: dict[str, Function] = {}
        self._specs: dict[str, FunctionSpec] = {}
        self._root = Path()

    def apply(self, functions: Mapping[str, FunctionSpec], root: Path) -> None:
        """The functions there are from now on. A call under way ends with its old code."""
        with self._lock:
            changed = [
                name
                for name, running in self._functions.items()
                if root != self._root or not _same(running.spec, functions.get(name))
            ]
            gone = [self._functions.pop(name) for name in changed]
            self._specs, self._root = dict(functions), root
        for function in gone:
            threading.Thread(target=_retire, args=(function,), daemon=True).start()

    def spec(self, name: str) -> FunctionSpec | None:
        """A function, as it is specified; None if there is none."""
        return self._specs.get(name)

    def spare(self, name: str) -> int:
        """How many calls of `name` could begin now; 0 if there is no such function."""
        try:
            return self._function(name).spare
        except ForebayError:
            return 0

    def invoke(
        self,
        name: str,
        payload: bytes,
        *,
        request_id: str | None = None,
        client_context: Mapping[str, Any] | None = None,
    ) -> Result:
        """Call the function `name` with the event `payload` (JSON), and wait for its answer.

        Raises NotFound `NoSuchFunction`, DataRejected `RequestTooLarge`, Throttled if its workers are all
        busy for too long, Unavailable if none can be started.
        """
        if len(payload) > REQUEST:
            raise DataRejected("RequestTooLarge", f"an event of {len(payload)} bytes passes {REQUEST}")
        trace = Trace(request_id or str(uuid.uuid4()))
        return self._function(name).call(payload, trace, client_context)

    def _function(self, name: str) -> Function:
        with self._lock:
            function = self._functions.get(name)
            if function is None:
                spec = self._specs.get(name)
                if spec is None:
                    raise NotFound("NoSuchFunction", f"no function is named {name}")
                function = self._functions[name] = Function(name, spec, self._root, self._host)
            return function

    def status(self) -> dict[str, Any]:
        """For the status: per function that was called, its pool's counts and pids."""
        with self._lock:
            functions = dict(self._functions)
        return {
            name: {**function.pool.stats.as_dict(), "pids": function.pool.pids()}
            for name, function in functions.items()
        }

    def reap(self) -> None:
        """End workers that nobody has needed for a while."""
        with self._lock:
            functions = list(self._functions.values())
        for function in functions:
            function.pool.reap(time.monotonic() - IDLE)

    def close(self) -> None:
        """End all workers; calls under way raise Unavailable."""
        with self._lock:
            functions, self._functions = list(self._functions.values()), {}
            self._specs = {}
        for function in functions:
            function.close()


def _same(old: FunctionSpec, new: FunctionSpec | None) -> bool:
    """Whether workers of the one may go on as the other: what calls it is no matter of theirs."""
    names = ("handler", "timeout", "memory", "environment", "workers", "requirements", "code", "role")
    return new is not None and all(getattr(old, name) == getattr(new, name) for name in names)


def _retire(function: Function) -> None:
    """Let the calls under way end, as long as each may take, and close."""
    deadline = time.monotonic() + function.spec.timeout + WAIT
    while function.spare < function.spec.workers and time.monotonic() < deadline:
        time.sleep(0.05)
    function.close()


def _failed(kind: str, message: str, trace: Trace, **more: Any) -> Result:
    payload = json.dumps({"errorType": kind, "errorMessage": message, **more}).encode()
    return Result(payload, "Unhandled", trace.log, trace.request_id, trace.seconds, kind)


def _unloaded(reason: str, trace: Trace) -> Result:
    kind, colon, message = reason.partition(": ")
    if not colon or " " in kind:
        kind, message = "Runtime.ImportModuleError", reason
    trace.log = trace.log or f"[ERROR] {reason}\n".encode()
    return _failed(kind, message, trace, requestId=trace.request_id, stackTrace=[])


def _dead(failed: Invocation, trace: Trace, timeout: float) -> Result:
    prefix = f"RequestId: {trace.request_id} Error: "
    match failed.died:
        case TimedOut():
            return _failed("Sandbox.Timedout", f"{prefix}Task timed out after {timeout:.2f} seconds", trace)
        case OutOfMemory():
            return _failed("Runtime.ExitError", f"{prefix}Runtime exited with error: signal: killed", trace)
    reason = failed.died.reason
    how = reason.replace("exited with status", "exit status").replace("was killed by", "signal:")
    return _failed("Runtime.ExitError", f"{prefix}Runtime exited with error: {how}", trace)
