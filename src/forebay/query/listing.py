"""Foreign files: what somebody put into the lake's folders without telling the catalog.

Folders are listed again only when their time of change has moved. Where there are very many, looking at
each of them is spread out: a listing then may be as old as twenty times what looking costs.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from forebay.query.snapshot import Object

_SETTLED_NS = 2_000_000_000
"""A folder changed this short a time ago may change again without its time moving: list it again."""


@dataclass(slots=True)
class _Folder:
    mtime: int
    folders: list[str]
    files: list[str]
    sure: bool


@dataclass(slots=True)
class _Root:
    found: list[tuple[str, int, int]] = field(default_factory=list)
    taken: float = 0.0
    cost: float = 0.0


class Listing:
    """Files below the lake's folders, as (key, size, time of change)."""

    def __init__(self, lake: Path) -> None:
        self._lake = str(lake)
        self._folders: dict[str, _Folder] = {}
        self._roots: dict[tuple[str, str], _Root] = {}
        self._lock = threading.Lock()

    def files(self, bucket: str, prefix: str, *, fresh: bool = False) -> list[tuple[str, int, int]]:
        """Keys under a prefix with size and mtime (ns). Hidden names (`.`, `_`) are skipped, as by Athena."""
        with self._lock:
            root = self._roots.setdefault((bucket, prefix), _Root())
            now = time.monotonic()
            if not fresh and root.taken and now - root.taken < min(20 * root.cost - 0.2, 5.0):
                return root.found
            found: list[tuple[str, int, int]] = []
            self._walk(f"{self._lake}/{bucket}/{prefix}".rstrip("/"), prefix, found)
            root.found, root.taken = found, now
            root.cost = time.monotonic() - now
            return found

    def _walk(self, folder: str, prefix: str, found: list[tuple[str, int, int]]) -> None:
        try:
            mtime = os.stat(folder).st_mtime_ns  # noqa: PTH116 - ten thousands of them
        except OSError:
            self._folders.pop(folder, None)
            return
        known = self._folders.get(folder)
        if known is None or known.mtime != mtime or not known.sure:
            known = self._list(folder, mtime)
            self._folders[folder] = known
        for name in known.files:
            found.append((prefix + name, 0, 0))
        for name in known.folders:
            self._walk(f"{folder}/{name}", f"{prefix}{name}/", found)

    @staticmethod
    def _list(folder: str, mtime: int) -> _Folder:
        sure = time.time_ns() - mtime > _SETTLED_NS
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith((".", "_")):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
        except OSError:
            pass
        return _Folder(mtime, sorted(folders), sorted(files), sure)

    def objects(self, bucket: str, keys: list[str]) -> list[Object]:
        """Foreign files as objects; one that is gone meanwhile, or empty, is left out."""
        found = []
        for key in keys:
            path = f"{self._lake}/{bucket}/{key}"
            try:
                info = os.lstat(path)
            except OSError:
                continue
            if info.st_size and stat.S_ISREG(info.st_mode):
                etag = f"{info.st_mtime_ns:x}-{info.st_size:x}-{info.st_ino:x}"
                found.append(Object(bucket, key, etag, info.st_size, path, None, True))
        return found


def hidden(key: str, prefix: str) -> bool:
    """Whether a key below `prefix` has a part that Athena does not look at."""
    return any(part.startswith((".", "_")) for part in key[len(prefix) :].split("/"))
