"""A function's log: what it printed, its tracebacks, and Lambda's START, END and REPORT lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from forebay.clock import iso, now_us

ROTATE = 8 << 20
"""Bytes after which the log becomes `<name>.log.1`; with the older `.2` at most 3 x this is kept."""

KEPT = 2

TAIL = 4096
"""Bytes of an invocation's log that Lambda hands back to who asks for it."""

PER_INVOCATION = 1 << 20
"""Bytes of one invocation's output that are kept; the rest is counted and said."""


Tell = Callable[[str, bytes], None]


class FunctionLog:
    """Appends lines, each with time and request id; hides the values of secrets.

    The file is opened for each write: several pools (two deliveries that share a function) may write
    to it, and an operator may move it away.
    """

    def __init__(self, path: Path, tell: Tell | None = None) -> None:
        """`tell` is handed what is written, too: (request id, whole lines)."""
        self._path = path
        self._tell = tell
        self._lock = threading.Lock()
        self._hidden: list[bytes] = []

    @property
    def path(self) -> Path:
        """The file that is being written."""
        return self._path

    def hide(self, values: Iterable[str]) -> None:
        """Write `***` wherever one of these stands. Values under 4 characters would garble everything."""
        self._hidden = sorted({value.encode() for value in values if len(value) >= 4}, key=len, reverse=True)

    def redacted(self, text: bytes) -> bytes:
        """`text` without the values of secrets."""
        for value in self._hidden:
            text = text.replace(value, b"***")
        return text

    def redact(self, text: str) -> str:
        """`text` without the values of secrets."""
        for value in self._hidden:
            text = text.replace(value.decode(), "***")
        return text

    def write(self, request_id: str, text: bytes) -> None:
        """Append `text`, whole lines, each behind the time and `request_id` (`-` where there is none)."""
        if not text:
            return
        text = self.redacted(text)
        prefix = f"{iso(now_us())} {request_id or '-'} ".encode()
        body = prefix + text.removesuffix(b"\n").replace(b"\n", b"\n" + prefix) + b"\n"
        with self._lock:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(body)
                size = file.tell()
            if size >= ROTATE:
                self._rotate()
        if self._tell is not None:
            self._tell(request_id, text)

    def _rotate(self) -> None:
        for n in range(KEPT, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{n}")
            newer = self._path.with_name(f"{self._path.name}.{n - 1}") if n > 1 else self._path
            if newer.exists():
                newer.replace(older)


class Output:
    """What a worker writes to stdout and stderr, cut into lines and bounded per invocation."""

    def __init__(self, log: FunctionLog) -> None:
        self._log = log
        self._request_id = ""
        self._partial = b""
        self._kept = 0
        self._lost = 0
        self._tail = bytearray()

    @property
    def tail(self) -> bytes:
        """The end of what the invocation wrote so far."""
        return self._log.redacted(bytes(self._tail))

    def begin(self, request_id: str) -> None:
        """What comes from now on belongs to this invocation."""
        self.finish()
        self._request_id = request_id
        self._tail.clear()

    def feed(self, chunk: bytes) -> None:
        """Take what the worker wrote."""
        self._tail += chunk
        if len(self._tail) > 4 * TAIL:
            del self._tail[:-TAIL]
        room = PER_INVOCATION - self._kept
        if len(chunk) > room:
            self._lost += len(chunk) - room
            chunk = chunk[:room]
        self._kept += len(chunk)
        lines, newline, rest = (self._partial + chunk).rpartition(b"\n")
        self._partial = rest
        self._log.write(self._request_id, lines + newline)

    def finish(self) -> None:
        """Write a last line without newline, and how much was not kept."""
        self._log.write(self._request_id, self._partial)
        if self._lost:
            self._log.write(self._request_id, b"(%d bytes more of output not kept)\n" % self._lost)
        self._partial, self._kept, self._lost = b"", 0, 0
