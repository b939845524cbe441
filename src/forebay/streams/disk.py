"""Room on the disk: refuse while there is little, before there is none.

SQLite needs room for the WAL and its checkpoint, the lake for its objects. So appends are refused while
free space is below a reserve, with everything acknowledged intact and the rest of the system able to
deliver and to free space.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from forebay.db import disk_full
from forebay.errors import Unavailable

RESERVE = 256 << 20
ENV = "FOREBAY_DISK_RESERVE"
_EVERY = 0.1


def default_reserve() -> int:
    """256 MiB, or the bytes that `FOREBAY_DISK_RESERVE` says."""
    return int(os.environ.get(ENV) or RESERVE)


class Disk:
    """Free space where `path` lies, asked at most ten times a second."""

    def __init__(self, path: Path, reserve: int | None = None) -> None:
        self._path = path
        self.reserve = default_reserve() if reserve is None else reserve
        self._asked = -1.0
        self._refusal: Unavailable | None = None

    def refusal(self) -> Unavailable | None:
        """Why nothing may be written now, or None."""
        now = time.monotonic()
        if now - self._asked >= _EVERY:
            self._asked = now
            stat = os.statvfs(self._path.parent)
            free = stat.f_bavail * stat.f_frsize
            self._refusal = (
                disk_full(self._path, free=free, reserve=self.reserve) if free < self.reserve else None
            )
        return self._refusal

    def forget(self) -> None:
        """Ask again at the next question, however soon it comes."""
        self._asked = -1.0
