"""A child's end of the pipe that only its supervisor holds: when it closes, the supervisor is gone.

A pipe closes however its owner dies, SIGKILL included. The child then ends at once, without tidying up:
every file of the state is made to be left at any instant, and a port that is still held would be worse.
"""

from __future__ import annotations

import contextlib
import os
import threading


def watch(fd: int) -> None:
    """End this process with exit code 1 within a moment of the other end of `fd` closing."""
    threading.Thread(target=_wait, args=(fd,), name="lifeline", daemon=True).start()


def _wait(fd: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(fd, 1):
            pass
    os._exit(1)
