"""One running system per state folder: a lock that the kernel drops with the processes that hold it.

The supervisor takes it and hands it on to its children, so it is free only when the last of them is gone:
a system that starts right after the supervisor of the one before was killed waits for its processes to
end, instead of meeting them at the catalog or at a port.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from forebay.errors import ForebayError
from forebay.layout import Layout

PATIENCE = 10.0


class Lock:
    """Held by the supervisor from `take` until it and its children end, however they end."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._fd: int | None = None

    def take(self) -> None:
        """Raises ForebayError `AlreadyRunning`, naming the other's pid.

        A supervisor that is dead is not running: its children are waited for, up to `PATIENCE` seconds.
        """
        fd = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                other = _pid(fd)
                if (other is not None and not alive(other)) and time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                os.close(fd)
                raise ForebayError(
                    "AlreadyRunning",
                    f"a forebay is already running on this state (pid {other or 'unknown'})",
                    where=str(self._layout.root),
                    why="two systems on one state would each take the other's events for their own",
                    fix="stop it (forebay stop), or give this one another --state",
                ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self._fd = fd

    def fileno(self) -> int:
        """To be handed to children."""
        assert self._fd is not None
        return self._fd

    def release(self) -> None:
        """Let go; the file stays."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def holder(layout: Layout) -> int | None:
    """The pid of the supervisor whose system holds the state folder now, or None."""
    try:
        fd = os.open(layout.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid(fd)
    finally:
        os.close(fd)
    return None


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not waited for does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state != "Z"


def _pid(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None
