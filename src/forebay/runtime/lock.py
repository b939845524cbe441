"""One running system per state folder: a lock that the kernel drops with the process that holds it."""

from __future__ import annotations

import fcntl
import os

from forebay.errors import ForebayError
from forebay.layout import Layout


class Lock:
    """Held by the supervisor from `take` until it ends, however it ends."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._fd: int | None = None

    def take(self) -> None:
        """Raises ForebayError `AlreadyRunning`, naming the other's pid."""
        fd = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.read(fd, 32).decode("ascii", "replace").strip()
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

    def release(self) -> None:
        """Let go; the file stays."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def holder(layout: Layout) -> int | None:
    """The pid of the supervisor that holds the state folder now, or None."""
    try:
        fd = os.open(layout.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(fd, 32).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(fd)
    return None
