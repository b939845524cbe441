"""The folder of a system that keeps nothing: gone when it ends, and if it was killed, when the next one starts."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from forebay.layout import Layout
from forebay.runtime.lock import holder

PREFIX = "forebay-ephemeral-"
YOUNG = 60.0
"""Seconds in which another may still be about to take its folder."""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder of one's own, removed at the end."""
    sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as made:
        yield Path(made)


def sweep(place: Path) -> None:
    """Remove what systems left that were killed: folders of this user that no process holds."""
    for path in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            stat = path.lstat()
            ours = stat.st_uid == os.getuid() and path.is_dir() and not path.is_symlink()
            if ours and stat.st_mtime < time.time() - YOUNG and holder(Layout(path)) is None:
                shutil.rmtree(path, ignore_errors=True)
