"""Bytes and names that are on disk when the call returns, so that no crash takes them back."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import IO, Any


def sync(file: IO[Any]) -> None:
    """Flush `file` and wait until its bytes are on disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in the folder are on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write(path: Path, data: bytes) -> None:
    """Have `data` at `path`, all of it or what was there before. A crash may leave a file named `.` and 32 digits."""
    partial = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with partial.open("xb") as file:
            file.write(data)
            sync(file)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
