"""One owner per log."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from forebay.errors import ForebayError

# How long a predecessor that was just killed may take to be gone.
PATIENCE = 5.0


def own(path: Path) -> int:
    """Hold the log's lock file, for as long as the process lives or the descriptor that is returned is open.

    Two writers would number events twice. Raises ForebayError `LogInUse`.
    """
    fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                raise ForebayError(
                    "LogInUse",
                    f"{path.name} is being written by another process",
                    where=str(path),
                    fix="stop the other forebay that runs on this state folder",
                ) from None
            time.sleep(0.02)
        else:
            return fd
