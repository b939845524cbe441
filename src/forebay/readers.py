"""Who reads files that may be removed: a lock of their folder, between processes.

Readers share it from before they learn which files there are (a query plans, and opens them later) to their end. Who
removes files that nobody can learn of any more does so while nobody holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path


class Readers:
    """Those of this process. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._count = 0
        self._fd = -1

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """One more, meanwhile. Nothing is held where the folder's file system has no locks: nor is anything removed."""
        with self._lock:
            self._count += 1
            if self._fd < 0:
                self._fd = _locked(self._folder, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                if not self._count and self._fd >= 0:
                    os.close(self._fd)
                    self._fd = -1


@contextlib.contextmanager
def no_readers(folder: Path) -> Iterator[bool]:
    """Whether nobody reads there; who wants to begin waits meanwhile."""
    fd = _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield fd >= 0
    finally:
        if fd >= 0:
            os.close(fd)


def _locked(folder: Path, how: int) -> int:
    """The folder, open and locked; -1 where that cannot be had."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1
    try:
        fcntl.flock(fd, how)
    except OSError:
        os.close(fd)
        return -1
    return fd
