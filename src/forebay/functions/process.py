"""One worker process, seen from forebay: start it, ask it, bound it in time and memory, end it."""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from forebay.errors import Unavailable
from forebay.functions import protocol
from forebay.functions.log import Output

TICK = 0.05
"""Seconds between two looks at a busy worker's memory, life and progress."""

START_TIMEOUT = 30.0
"""Seconds for a fresh interpreter to say `ready`, on a machine under load."""

LAST_WORDS = 1.0
"""Seconds that a worker that cannot be asked any more has to end, or to write where it hangs."""

_PAGE = os.sysconf("SC_PAGESIZE")


class Answer(msgspec.Struct):
    """What a worker says; a worker runs the user's code, so it is checked like any input."""

    kind: str
    reason: str = ""
    files: list[str] | None = None
    error: tuple[str, str] | None = None
    failed: list[tuple[int, str, str]] = []
    dropped: list[int] = []
    source: list[int] | None = None
    partition_keys: list[dict[str, str] | None] | None = None
    warnings: list[str] = []
    unknown: int = 0
    size: int = 0
    peak: int = 0


_decode = msgspec.json.Decoder(Answer).decode


class Died(Exception):
    """The worker is gone. `index` is the event it was at, where it said so.

    `killed`: somebody sent it SIGKILL, and not we: the kernel in need of memory, or a hand.
    """

    def __init__(self, reason: str, index: int | None = None, *, killed: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.index = index
        self.killed = killed


class TimedOut(Died):
    """It did not answer in time, and was killed."""


class OutOfMemory(Died):
    """It passed its memory bound, and was killed."""


class Worker:
    """A process of its own (and a process group, so that what it forks ends with it)."""

    def __init__(
        self, *, env: Mapping[str, str], cwd: Path, output: Output, memory: int, stop: threading.Event
    ) -> None:
        """Starts it. `memory` in bytes; `stop` set ends whatever call is under way. Raises OSError."""
        self.files: list[str] = []
        self.calls = 0
        self.idle_since = 0.0
        self.memory = memory
        self.output = output
        self._stop = stop
        with tempfile.TemporaryFile() as page:
            page.truncate(mmap.PAGESIZE)
            self._page = mmap.mmap(page.fileno(), mmap.PAGESIZE)
            ours, theirs = socket.socketpair()
            lifeline_read, self._lifeline = os.pipe()
            self._out, out_write = os.pipe()
            fds = (theirs.fileno(), lifeline_read, page.fileno())
            try:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",
                        "-X",
                        "faulthandler",
                        "-m",
                        "forebay.functions.worker",
                        *map(str, fds),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=out_write,
                    stderr=out_write,
                    pass_fds=fds,
                    env=dict(env),
                    cwd=cwd,
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                os.close(self._lifeline)
                os.close(self._out)
                raise
            finally:
                theirs.close()
                os.close(lifeline_read)
                os.close(out_write)
        self._channel = ours
        ours.setblocking(False)
        os.set_blocking(self._out, False)
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._poll.register(ours, select.POLLIN)
        self._closed = False
        self._silent = False

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._closed and self._process.poll() is None

    def load(self, config: dict[str, Any], timeout: float) -> str | None:
        """Have it import the user's code. None, or why that failed. Raises Died, Unavailable."""
        try:
            ready, _ = self._receive(time.monotonic() + START_TIMEOUT, START_TIMEOUT, progress=False)
        except Died as died:
            raise Unavailable(
                "WorkerNotStarted", f"a function's worker did not start: {died.reason}"
            ) from died
        if ready.kind != "ready":
            raise self._nonsense(f"said {ready.kind!r} first")
        deadline = time.monotonic() + timeout
        self._send(config, b"", deadline, timeout)
        answer, _ = self._receive(deadline, timeout, progress=False)
        self.files = answer.files or []
        self._drain()
        if answer.kind == "loaded":
            return None
        self.close()
        return answer.reason or "the worker did not load"

    def call(
        self, head: dict[str, Any], body: bytes, timeout: float, *, progress: bool = False
    ) -> tuple[Answer, bytes]:
        """One invocation. `timeout` in seconds is for the whole of it or, with `progress`, for each event.

        Raises Died, TimedOut, OutOfMemory; after any of them the worker is closed.
        """
        self.calls += 1
        deadline = time.monotonic() + timeout
        self._index(protocol.NOT_STARTED)
        self._send(head, body, deadline, timeout)
        answer, data = self._receive(deadline, timeout, progress=progress)
        self._drain()
        if answer.kind != "done":
            raise self._nonsense(f"answered {answer.kind!r}")
        if answer.files is not None:
            self.files = answer.files
        return answer, data

    def _send(self, head: dict[str, Any], body: bytes, deadline: float, timeout: float) -> None:
        for part in protocol.pack(head, body):
            view = memoryview(part)
            while view:
                try:
                    view = view[self._channel.send(view) :]
                except BlockingIOError:
                    self._poll.modify(self._channel, select.POLLOUT)
                    self._wait(deadline, timeout)
                except OSError:
                    raise self._died() from None
        self._poll.modify(self._channel, select.POLLIN)

    def _receive(self, deadline: float, timeout: float, *, progress: bool) -> tuple[Answer, bytes]:
        self._at = protocol.NOT_STARTED
        sizes = self._exactly(protocol.SIZES.size, deadline, timeout, progress)
        head_size, body_size = protocol.SIZES.unpack(sizes)
        if head_size > protocol.MAX_FRAME or body_size > protocol.MAX_FRAME:
            raise self._nonsense(f"announced {head_size + body_size} bytes")
        head = self._exactly(head_size, deadline, timeout, progress)
        body = self._exactly(body_size, deadline, timeout, progress)
        try:
            return _decode(head), bytes(body)
        except msgspec.DecodeError as error:
            raise self._nonsense(str(error)) from None

    def _exactly(self, size: int, deadline: float, timeout: float, progress: bool) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            try:
                n = self._channel.recv_into(view)
            except BlockingIOError:
                deadline = self._wait(deadline, timeout, progress)
                continue
            except OSError:
                n = 0
            if not n:
                raise self._died()
            view = view[n:]
        return data

    def _wait(self, deadline: float, timeout: float, progress: bool = False) -> float:
        """Until the channel is ready or a tick has passed. Returns the deadline, moved on by progress."""
        events = self._poll.poll(TICK * 1000)
        ready = {fd for fd, _ in events}
        if self._out in ready:
            self._drain()
        if self._channel.fileno() in ready:
            return deadline
        if self._stop.is_set():
            self.close()
            raise Unavailable("Closed", "the function's workers are being stopped")
        used = _resident(self.pid)
        if used > self.memory:
            at = self._current()
            self.close()
            raise OutOfMemory(f"used {used >> 20} MiB, its bound is {self.memory >> 20} MiB", at)
        now = time.monotonic()
        if progress and (index := self._index()) != self._at:
            self._at = index
            deadline = now + timeout
        if now >= deadline:
            at = self._current()
            self._abort()
            self.close()
            raise TimedOut(f"did not answer within {timeout:g} s", at)
        if self._process.poll() is not None and not self._channel_ready():
            raise self._died()  # a forked child may hold the channel open
        return deadline

    def _channel_ready(self) -> bool:
        return bool(select.select([self._channel], [], [], 0)[0])

    def _index(self, value: int | None = None) -> int:
        if value is not None:
            protocol.PROGRESS.pack_into(self._page, 0, value)
            return value
        return int(protocol.PROGRESS.unpack_from(self._page, 0)[0])

    def _current(self) -> int | None:
        index = self._index()
        return None if index == protocol.NOT_STARTED else index

    def _drain(self) -> None:
        """Take what it printed. Bounded, so that one that prints for ever does not keep us here."""
        for _ in range(0 if self._silent else 64):
            try:
                chunk = os.read(self._out, 1 << 16)
            except BlockingIOError:
                return
            if not chunk:
                self._silent = True
                self._poll.unregister(self._out)
                return
            self.output.feed(chunk)

    def _died(self) -> Died:
        """The channel broke: it died, or closed it; either way it is ended."""
        index = self._current()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LAST_WORDS)
        code = self._process.poll()
        self.close()
        return Died(_how(code), index, killed=code == -signal.SIGKILL)

    def _nonsense(self, what: str) -> Died:
        index = self._current()
        self.close()
        return Died(f"broke the protocol: {what}", index)

    def _abort(self) -> None:
        """Have it write to the log where it hangs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LAST_WORDS)

    def close(self) -> None:
        """End it, and what it forked."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._drain()
        self.output.finish()
        self._channel.close()
        os.close(self._lifeline)
        os.close(self._out)
        self._page.close()


def _how(code: int | None) -> str:
    if code is None:
        return "closed its channel"
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"exited with status {code}"


def _resident(pid: int) -> int:
    """Resident bytes that are the process's own; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - 20 times a second, for each busy worker
            fields = file.read().split()
        return (int(fields[1]) - int(fields[2])) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0
