"""The entry of a worker process: `python -P -m forebay.functions.worker CHANNEL LIFELINE PROGRESS`.

The arguments are file descriptors: a socket to forebay, the read end of a pipe that forebay's process
holds open as long as it lives, and a page of shared memory for the index of the event under way.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import mmap
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Protocol

from forebay.functions import protocol
from forebay.functions.worker.load import LoadFailed, project_files, report

_HIGH = 700
"""Our descriptors are moved up here, where code that closes "all" descriptors seldom reaches."""

_F_SETSIG = 10  # Linux; not in the fcntl module before 3.12 on every build


class Runner(Protocol):
    """One kind of transform: a request in, an answer out."""

    def run(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Process a batch. Never raises for what the user's code does."""


def _up(fd: int) -> int:
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:  # a small limit of open files
        os.set_inheritable(fd, False)
        return fd
    os.close(fd)
    return high


def _die_with_parent(lifeline: int) -> None:
    """Have the whole process group killed when the pipe's other end closes, whatever the user's code does.

    The kernel does it (a signal on I/O), so it also reaches code that holds the interpreter's lock and
    children that were forked. Elsewhere than on Linux a thread does what it can.
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpid())
        fcntl.fcntl(lifeline, _F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
        try:
            gone = os.read(lifeline, 1) == b""  # it may have closed before we asked for the signal
        except BlockingIOError:
            gone = False
        if gone:
            os._exit(1)
    else:
        import threading  # noqa: PLC0415 - not needed, so not paid for, on Linux

        def watch() -> None:
            os.read(lifeline, 1)
            os.killpg(0, signal.SIGKILL)

        threading.Thread(target=watch, daemon=True).start()


def _bound(memory: int) -> None:
    """Limits that hold for forked children as well; forebay itself watches resident memory."""
    ceiling = memory * 2 + (1 << 30)  # what one allocation may ask for; threads' stacks and arenas count too
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def _runner(config: dict[str, Any], progress: mmap.mmap) -> Runner:
    # Each kind is imported alone: a function's worker must not pay for DuckDB.
    kind = config["kind"]
    if kind == "lambda":
        from forebay.functions.worker.firehose import LambdaRunner  # noqa: PLC0415

        return LambdaRunner(config)
    if kind in ("invoke", "invoke-plain"):
        from forebay.functions.worker.invoke import InvokeRunner  # noqa: PLC0415

        return InvokeRunner(config)
    if kind == "function":
        from forebay.functions.worker.plain import PlainRunner  # noqa: PLC0415

        return PlainRunner(config, memoryview(progress).cast("Q"))
    from forebay.functions.worker.sql import SqlRunner  # noqa: PLC0415

    return SqlRunner(config)


def _lambda_logging() -> None:
    """Lambda's runtime gives the root logger a handler, so that `logger.info` is seen without set-up."""
    logging = sys.modules.get("logging")
    if logging is None or logging.root.handlers:
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(name)s\t%(message)s"))
    logging.root.addHandler(handler)


def _peak() -> int:
    """The most memory this process has had resident, in KiB. (getrusage would count the parent's, from before exec.)"""
    try:
        with open("/proc/self/status", "rb") as status:  # noqa: PTH123 - for each invocation
            return int(status.read().partition(b"VmHWM:")[2].split(None, 1)[0])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _flush() -> None:
    for name in ("stdout", "stderr"):
        with contextlib.suppress(Exception):  # the user's code may have closed or replaced it
            getattr(sys, name).flush()


def main() -> None:
    """Serve requests until forebay hangs up."""
    lifeline = _up(int(sys.argv[2]))
    _die_with_parent(lifeline)
    channel = socket.socket(fileno=_up(int(sys.argv[1])))
    page = int(sys.argv[3])
    progress = mmap.mmap(page, mmap.PAGESIZE)
    os.close(page)
    pid = os.getpid()
    protocol.send(channel, {"kind": "ready"})
    config, _ = protocol.receive(channel)
    _bound(config["memory"])
    root = Path(config["root"])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    try:
        runner = _runner(config, progress)
    except LoadFailed as error:
        if error.__cause__ is not None:
            report(error.__cause__)
        _flush()
        protocol.send(channel, {"kind": "failed", "reason": str(error), "files": project_files(root)})
        return
    _lambda_logging()
    gc.freeze()  # what is imported by now stays: collections need not walk it
    _flush()
    protocol.send(channel, {"kind": "loaded", "files": project_files(root)})
    modules = len(sys.modules)
    while True:
        try:
            head, body = protocol.receive(channel)
        except EOFError:
            return
        try:
            answer, data = runner.run(head, body)
        finally:
            if os.getpid() != pid:  # the user's code forked, and this is the child: it has no say here
                os._exit(0)
        _flush()
        answer["kind"] = "done"
        answer["peak"] = _peak()
        if len(sys.modules) != modules:
            modules = len(sys.modules)
            answer["files"] = project_files(root)
            _lambda_logging()
        protocol.send(channel, answer, data)


if __name__ == "__main__":
    # forebay may go away, or not want the answer any more
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        main()
    _flush()
    os._exit(0)  # not through the user's atexit handlers and non-daemon threads, which could hang
