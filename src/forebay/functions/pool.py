"""The workers of one function: started when needed, kept warm, replaced when they fail or the code changes."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError, Unavailable
from forebay.functions.log import TAIL, FunctionLog, Output
from forebay.functions.process import Answer, Died, Worker
from forebay.functions.shapes import RECYCLE_ANSWER

TRY_AGAIN = 10.0
"""Seconds after which code that could not be imported is tried again though no file changed."""

LOAD_TIMEOUT = 10.0
"""Seconds that importing the user's code may take at least: Lambda's bound of the init phase."""

KILLED_STARTS = 5
"""Starts in a row during which a worker was killed before that is held to be its code's fault."""

_GRAIN = 20_000_000
"""Nanoseconds by which a file's time may lag behind the clock."""

Signature = tuple[int, int, int] | None


class LoadFailed(Exception):
    """The user's code cannot be imported; the text is the traceback's last line, with the place."""


class Invocation(Exception):
    """A call that the worker did not survive: `died` says how, `fresh` if it was the worker's first."""

    def __init__(self, died: Died, fresh: bool) -> None:
        super().__init__(died.reason)
        self.died = died
        self.fresh = fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a pool's workers run, and within what bounds (seconds, bytes)."""

    name: str
    kind: str
    code: str
    root: Path
    delivery_arn: str
    timeout: float
    memory: int
    workers: int = 1
    watch: bool = False

    def config(self) -> dict[str, Any]:
        """What a worker is told when it starts."""
        return {
            "name": self.name,
            "kind": self.kind,
            "handler": self.code,
            "root": str(self.root),
            "delivery_arn": self.delivery_arn,
            "memory": self.memory,
        }

    def candidates(self) -> list[Path]:
        """Files whose change may mend code that could not be imported."""
        if self.kind == "sql":
            return []
        path = self.code.rpartition(":")[0] or self.code.rpartition(".")[0]
        folder = (self.root / path).parent
        file = self.root / f"{path.removesuffix('.py')}.py"
        return [file, *folder.glob("*.py"), *self.root.glob("*.py"), *self.root.glob("requirements*.txt")]


@dataclass(slots=True)
class Trace:
    """One invocation, for who wants to know more than its answer; `log` and what follows are filled in."""

    request_id: str
    log: bytes = b""
    peak: int = 0
    seconds: float = 0.0


Note = Callable[[str, float | None, bool], None]
"""Told of a function's invocation: its seconds, and whether it failed; None seconds if it was throttled."""


@dataclass(slots=True)
class Stats:
    """Counts since the pool was opened; `seconds` is the sum of invocations' durations. `note` is told of each."""

    invocations: int = 0
    errors: int = 0
    seconds: float = 0.0
    starts: int = 0
    last_error: str | None = None
    note: Note | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For the status."""
        return {
            "invocations": self.invocations,
            "errors": self.errors,
            "seconds": round(self.seconds, 3),
            "starts": self.starts,
            "last_error": self.last_error,
        }


class Pool:
    """At most `code.workers` processes; `invoke` may be called from several threads."""

    def __init__(
        self, code: Code, log: FunctionLog, environment: Callable[[], tuple[Mapping[str, str], list[str]]]
    ) -> None:
        """`environment` makes a worker's environment and names the secret values in it, at each start."""
        self.code = code
        self.log = log
        self.stats = Stats()
        self.stop = threading.Event()
        self._environment = environment
        self._slots = threading.Semaphore(code.workers)
        self._lock = threading.Lock()
        self._idle: list[tuple[Worker, dict[str, Signature]]] = []
        self._busy: set[Worker] = set()
        self._broken: tuple[str, dict[str, Signature], float] | None = None

    def invoke(
        self,
        head: dict[str, Any],
        body: bytes,
        *,
        records: int,
        fresh: bool = False,
        progress: bool = False,
        trace: Trace | None = None,
    ) -> tuple[Answer, bytes]:
        """Have a worker process `records` events. `fresh`: one that has processed none before.

        Raises Invocation, LoadFailed, and Unavailable if no worker could be started.
        """
        with self._slots:
            worker, seen, loaded = self._take(fresh)
            request_id = trace.request_id if trace is not None else str(uuid.uuid4())
            head["request_id"] = request_id
            head["timeout"] = self.code.timeout
            self.log.write(request_id, b"START RequestId: %s Version: $LATEST" % request_id.encode())
            worker.output.begin(request_id)
            began = time.perf_counter()
            peak, error, keep = 0, None, True
            try:
                answer, data = worker.call(head, body, self.code.timeout, progress=progress)
                peak, keep = answer.peak, answer.size <= RECYCLE_ANSWER
                error = answer.error[1] if answer.error else None
                return answer, data
            except Died as died:
                error = f"the worker {died.reason}"
                raise Invocation(died, worker.calls == 1) from died
            finally:
                seconds = time.perf_counter() - began
                worker.output.finish()
                wrote = worker.output.tail
                self._give_back(worker, seen, keep)
                reported = self._report(
                    request_id,
                    seconds=seconds,
                    records=records,
                    peak=peak,
                    loaded=loaded,
                    error=error,
                )
                if trace is not None:
                    start = f"START RequestId: {request_id} Version: $LATEST\n".encode()
                    gap = b"" if not wrote or wrote.endswith(b"\n") else b"\n"
                    trace.log = (start + wrote + gap + reported + b"\n")[-TAIL:]
                    trace.peak, trace.seconds = peak, seconds

    def _report(
        self,
        request_id: str,
        *,
        seconds: float,
        records: int,
        peak: int,
        loaded: float | None,
        error: str | None,
    ) -> bytes:
        ms = seconds * 1000
        lines = [f"END RequestId: {request_id}"]
        if error is not None:
            lines.insert(0, f"ERROR {error}")
        report = f"REPORT RequestId: {request_id} Duration: {ms:.2f} ms Billed Duration: {-int(-ms // 1)} ms "
        report += (
            f"Memory Size: {self.code.memory >> 20} MB Max Memory Used: {peak >> 10} MB Records: {records}"
        )
        if loaded is not None:
            report += f" Init Duration: {loaded * 1000:.2f} ms"
        lines.append(report)
        text = "\n".join(lines).encode()
        self.log.write(request_id, text)
        with self.stats.lock:
            self.stats.invocations += 1
            self.stats.seconds += seconds
            if error is not None:
                self.stats.errors += 1
                self.stats.last_error = self.log.redact(error)
        if self.stats.note is not None:
            self.stats.note(self.code.name, seconds, error is not None)
        return self.log.redacted(text)

    def _take(self, fresh: bool) -> tuple[Worker, dict[str, Signature], float | None]:
        while True:
            with self._lock:
                if self.stop.is_set():
                    raise Unavailable("Closed", "the function's workers are being stopped")
                worker, seen = self._idle.pop() if self._idle else (None, {})
                if worker is not None:
                    self._busy.add(worker)
            if worker is None:
                return self._start()
            if worker.alive and not (fresh and worker.calls) and not (self.code.watch and _changed(seen)):
                return worker, seen, None
            self._discard(worker)

    def _start(self) -> tuple[Worker, dict[str, Signature], float]:
        if self._broken is not None:
            known, watched, until = self._broken
            if time.monotonic() < until and not _changed(watched):
                raise LoadFailed(known)
        for start in range(KILLED_STARTS):
            found = self._started(last=start == KILLED_STARTS - 1)
            if found is not None:
                return found
            self.stop.wait(0.05 * 2**start)
        raise AssertionError("the last start has an end")

    def _started(self, *, last: bool) -> tuple[Worker, dict[str, Signature], float] | None:
        """A worker that has imported the code; None if it was killed meanwhile, but for the `last` start."""
        began, since = time.perf_counter(), time.time_ns() - _GRAIN
        try:
            env, secret = self._environment()
            self.log.hide(secret)
            worker = Worker(
                env=env, cwd=self.code.root, output=Output(self.log), memory=self.code.memory, stop=self.stop
            )
        except ForebayError as error:
            raise Unavailable(error.code, error.message, why=error.why, fix=error.fix) from error
        except OSError as error:
            raise Unavailable(
                "WorkerNotStarted", f"a worker of {self.code.name} cannot be started: {error}"
            ) from error
        with self._lock:
            self._busy.add(worker)
        self.stats.starts += 1
        reason: str | None
        try:
            reason = worker.load(self.code.config(), max(self.code.timeout, LOAD_TIMEOUT))
        except Died as died:
            if died.killed and not last:
                self._discard(worker)
                return None
            reason = f"Runtime.ExitError: the worker {died.reason} while importing {self.code.code}"
        except BaseException:
            self._discard(worker)
            raise
        seen = _signatures(
            [*worker.files, *map(str, self.code.candidates())] if reason else worker.files, since
        )
        if reason is not None:
            self._discard(worker)
            reason = self.log.redact(reason)
            self.log.write("", reason.encode())
            self.stats.last_error = reason
            self._broken = (reason, seen, time.monotonic() + TRY_AGAIN)
            raise LoadFailed(reason)
        self._broken = None
        return worker, seen, time.perf_counter() - began

    def _give_back(self, worker: Worker, seen: dict[str, Signature], keep: bool) -> None:
        if not keep or not worker.alive:
            self._discard(worker)
            return
        for file in worker.files:  # what was imported since is watched from now on
            if file not in seen:
                seen[file] = _signature(file)
        worker.idle_since = time.monotonic()
        with self._lock:
            self._busy.discard(worker)
            if not self.stop.is_set():
                self._idle.append((worker, seen))
                return
        worker.close()

    def _discard(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
        worker.close()

    def pids(self) -> list[int]:
        """Of the workers that live."""
        with self._lock:
            workers = [*self._busy, *(worker for worker, _ in self._idle)]
        return [worker.pid for worker in workers if worker.alive]

    def reap(self, before: float) -> None:
        """End the workers that have been idle since `before` (monotonic seconds)."""
        with self._lock:
            old = [entry for entry in self._idle if entry[0].idle_since < before]
            self._idle = [entry for entry in self._idle if entry[0].idle_since >= before]
        for worker, _ in old:
            worker.close()

    def close(self) -> None:
        """End all workers; a call under way raises Unavailable."""
        self.stop.set()
        with self._lock:
            idle, self._idle = self._idle, []
        for worker, _ in idle:
            worker.close()


def _signature(file: str) -> Signature:
    try:
        stat = Path(file).stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _signatures(files: list[str], since: int) -> dict[str, Signature]:
    """The files as they are. One written after `since` may have been imported before: it counts as changed."""
    found = {file: _signature(file) for file in files}
    return {file: (0, 0, 0) if s is not None and s[0] >= since else s for file, s in found.items()}


def _changed(seen: dict[str, Signature]) -> bool:
    return any(_signature(file) != signature for file, signature in seen.items())
