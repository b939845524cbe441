"""Room on the disk: refuse while there is little, before there is none.

SQLite needs room for the WAL and its checkpoint, the lake for its objects. So appends are refused while
free space is below a reserve, with everything acknowledged intact and the rest of the system able to
deliver and to free space.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from forebay.db import disk_full
from forebay.errors import Unavailable

RESERVE = 256 << 20
ENV = "FOREBAY_DISK_RESERVE"
_EVERY = 0.1
_COST = 2  # bytes of disk that a byte takes: in the WAL, then in the database


def default_reserve() -> int:
    """256 MiB, or the bytes that `FOREBAY_DISK_RESERVE` says."""
    return int(os.environ.get(ENV) or RESERVE)


class Disk:
    """Free space where `path` lies, asked ten times a second, or sooner if what was written may have used it.

    `owed` tells how many bytes of the WAL are still to be copied into the database.
    """

    def __init__(self, path: Path, reserve: int | None = None) -> None:
        self._path = path
        self.reserve = default_reserve() if reserve is None else reserve
        self._asked = -1.0
        self._refusal: Unavailable | None = None
        self._room = 0
        self.owed: Callable[[], int] = int

    def refusal(self, size: int = 0) -> Unavailable | None:
        """Why nothing may be written now, or None; `size` bytes are about to be."""
        now = time.monotonic()
        self._room -= _COST * size
        if now - self._asked >= _EVERY or (self._room < 0 and self._refusal is None):
            self._asked = now
            stat = os.statvfs(self._path.parent)
            free = stat.f_bavail * stat.f_frsize
            self._room = free - self.owed() - self.reserve - _COST * size
            self._refusal = disk_full(self._path, free=free, reserve=self.reserve) if self._room < 0 else None
        return self._refusal

    def forget(self) -> None:
        """Ask again at the next question, however soon it comes."""
        self._asked = -1.0
