"""Whether the disk has room for what is written beside the logs: asked once a second, as it changes slowly.

A little is left to those who must write to make room: who delivers, removes or checkpoints.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

RESERVE = 64 << 20
"""Bytes that are left free."""
EVERY = 1.0
"""Seconds between two looks."""


class Room:
    """Of the disk that has `folder`, which need not be there before it is asked about."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked = -EVERY
        self._roomy = True

    def __call__(self) -> bool:
        """Whether there is some, as of the last second. Raises OSError where the folder is not there."""
        now = time.monotonic()
        if now - self._asked >= EVERY:
            self._roomy = free(self._folder) > RESERVE
            self._asked = now
        return self._roomy


def free(folder: Path) -> int:
    """Bytes that are free on the disk that has `folder`."""
    return shutil.disk_usage(folder).free
