"""The lake's files, written so that what is registered survives a power cut.

A file gets its name only when its bytes are on disk (write, fsync, rename), and counts as there only
when its name is: every folder on the way is synced as well, those made on the way in particular.
Implements `ports.LakeFiles`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import uuid
from pathlib import Path
from typing import BinaryIO

from forebay.durable import sync, sync_folder
from forebay.lake.keys import TEMPORARY, locate
from forebay.lake.schema import STORE

MOST_KNOWN = 10_000
READY = 32
READY_FOR = 300.0
"""Seconds after which a name made in advance is left to be swept (`lake.LEFT_OVER`, which is more)."""


class Files:
    """The files below one lake folder. Safe to share between threads."""

    def __init__(self, lake: Path) -> None:
        self.lake = lake
        self._temporary = lake / TEMPORARY
        self._known: set[Path] = set()
        self._lock = threading.Lock()
        self._ready: list[tuple[float, Path, str]] = []
        self._making = False

    def locate(self, bucket: str, key: str) -> tuple[Path, str | None]:
        """Where an object's bytes lie, and its `objects.path`. Raises UsageError for what is no key."""
        return locate(self.lake, bucket, key)

    def at(self, bucket: str, key: str, path: str | None) -> Path:
        """Where the bytes lie of an object with this `objects.path`."""
        return self.lake / bucket / key if path is None else self.lake.parent / path

    def temporary(self) -> Path:
        """A path for a file in the making, on the lake's disk and in no bucket."""
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        return self._temporary / uuid.uuid4().hex

    def clear_temporary(self) -> int:
        """Remove what a process left that died while writing; how many files."""
        count = 0
        with contextlib.suppress(FileNotFoundError):
            for path in self._temporary.iterdir():
                path.unlink(missing_ok=True)
                count += 1
        return count

    def fresh(self, ending: str = "") -> tuple[Path, str]:
        """Where an object's bytes may lie that nobody has yet, and what `objects.path` says of it."""
        path, relative = self.name(ending)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path, relative

    def name(self, ending: str = "") -> tuple[Path, str]:
        """As `fresh`, of a file that somebody else is to make, with `put`."""
        name = uuid.uuid4().hex + ending
        path = f"{self.lake.name}/{STORE}/{name[:2]}/{name[2:]}"
        return self.lake.parent / path, path

    def put(self, path: str, body: bytes, stamp: int | None = None) -> int:
        """Have these bytes at an `objects.path`, in no file that is on disk yet; its mtime (ns), `stamp` if said."""
        place = self.lake.parent / path
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        try:
            fd = os.open(place, flags, 0o600)
        except FileNotFoundError:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(place, flags, 0o600)
        try:
            view = memoryview(body)
            while view:
                view = view[os.write(fd, view) :]
            if stamp is not None:
                os.utime(fd, ns=(stamp, stamp))
            return os.fstat(fd).st_mtime_ns
        finally:
            os.close(fd)

    def holds(self, path: str, body: bytes) -> bool:
        """Whether these bytes are at an `objects.path`."""
        try:
            return (self.lake.parent / path).read_bytes() == body
        except FileNotFoundError:
            return False

    def ready(self, ending: str = "") -> tuple[Path, str]:
        """As `fresh`, but the file is there, empty, and its name is on disk where names were made in advance.

        Names are made in advance, many with one sync of their folder, while files are being asked for.
        """
        now = time.monotonic()
        with self._lock:
            while self._ready and not ending:
                made, path, relative = self._ready.pop()
                if now - made < READY_FOR:
                    return path, relative
        path, relative = self.fresh(ending)
        path.touch(mode=0o600, exist_ok=False)
        self.sync_folders(path)
        return path, relative

    @property
    def few(self) -> bool:
        """Whether names should be made in advance."""
        return not self._making and len(self._ready) <= READY // 4

    def make_ready(self) -> None:
        """Make names in advance, if there are few."""
        with self._lock:
            if not self.few:
                return
            self._making = True
        try:
            folder = self.fresh()[0].parent
            made = []
            for _ in range(READY):
                path = folder / uuid.uuid4().hex[2:]
                path.touch(mode=0o600, exist_ok=False)
                made.append((time.monotonic(), path, str(path.relative_to(self.lake.parent))))
            self.sync_folders(made[0][1])
            with self._lock:
                self._ready += made
        finally:
            self._making = False

    def keep(self, path: Path) -> str:
        """Another name below `.objects` for the file at `path`, durably; its `objects.path`."""
        target, relative = self.fresh()
        with path.open("rb") as file:
            os.fsync(file.fileno())  # of a small object the journal of puts has the bytes, under one name
        try:
            os.link(path, target)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV):
                raise
            copy(path, target)
        self.sync_folders(target)
        return relative

    def create(self, path: Path) -> BinaryIO:
        """A new file to write to."""
        return path.open("xb", buffering=256 << 10)

    def sync(self, file: BinaryIO) -> None:
        """Flush `file` and wait until its bytes are on disk."""
        sync(file)

    def rename(self, source: Path, target: Path) -> None:
        """Move a file to its place, making folders as needed."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.replace(target)

    def sync_folders(self, path: Path) -> None:
        """Wait until the names of `path` and of every folder above it, up to the lake's, are on disk.

        A folder above needs this once a process: its name cannot be lost after that.
        """
        sync_folder(path.parent)
        at = path.parent
        while True:
            with self._lock:
                if at in self._known:
                    return
            sync_folder(at.parent)
            with self._lock:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known.add(at)
            if at == self.lake:
                return
            at = at.parent

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there, and wait until its name is gone."""
        try:
            path.unlink()
        except FileNotFoundError:
            return
        sync_folder(path.parent)


def copy(source: Path, target: Path, start: int = 0, size: int | None = None) -> int:
    """Copy a file, or `size` bytes of it from `start` on, to a new file; durable but for its name. Its size."""
    with source.open("rb") as given, target.open("xb") as taken:
        copied = append(given.fileno(), taken.fileno(), start, size)
        os.fsync(taken.fileno())
    return copied


def append(source: int, target: int, start: int = 0, size: int | None = None) -> int:
    """Copy bytes between open files, in the kernel where it can; how many."""
    left = os.fstat(source).st_size - start if size is None else size
    copied = 0
    while left > 0:
        try:
            n = os.copy_file_range(source, target, min(left, 1 << 26), start + copied)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            n = os.write(target, os.pread(source, min(left, 1 << 22), start + copied))
        if not n:
            break
        copied += n
        left -= n
    return copied
