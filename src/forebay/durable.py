"""Bytes and names that are on disk when the call returns, so that no crash takes them back."""

from __future__ import annotations

import ctypes
import os
import uuid
from pathlib import Path
from typing import IO, Any

from forebay import libc


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


def sync_data(fd: int) -> None:
    """Wait until the bytes of a file are on disk, and of what is said of it no more than it takes to read them."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:  # macOS
        os.fsync(fd)


_WRITE = 2  # SYNC_FILE_RANGE_WRITE


def begin(fd: int, start: int, length: int) -> None:
    """Have the disk begin with some bytes of a file that will be synced, so that there is less to wait for then.

    Where the system has no such call (`sync_file_range`, Linux), or the file system none, the sync does it all.
    """
    call = libc.function("sync_file_range", ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    if call is not None:
        call(fd, start, length, _WRITE)


def sync_system(path: Path) -> None:
    """Wait until all is on disk that was written to the file system which has the folder."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        call = libc.function("syncfs", ctypes.c_int)
        if call is None:
            os.sync()
        elif call(fd):
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), str(path))
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
