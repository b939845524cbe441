"""Foreign files: what somebody put into the lake's folders without telling the catalog.

Folders are listed again only when their time of change has moved. Where there are very many, a listing may
be as old as twenty times what looking at them costs.
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


MANY_FOLDERS = 500
"""Past so many below one prefix, they are not looked at for every query."""


@dataclass(slots=True)
class _Folder:
    mtime: int
    folders: list[str]
    files: list[str]
    sure: bool


@dataclass(slots=True)
class _Root:
    keys: list[str] = field(default_factory=list)
    taken: float = 0.0
    cost: float = 0.0
    folders: int = 0


class Listing:
    """The keys of files below the lake's folders."""

    def __init__(self, lake: Path) -> None:
        self._lake = str(lake)
        self._folders: dict[str, _Folder] = {}
        self._roots: dict[tuple[str, str], _Root] = {}
        self._lock = threading.Lock()

    def keys(self, bucket: str, prefix: str, *, fresh: bool = False) -> list[str]:
        """Keys under a prefix; the same list object while nothing has changed.

        Hidden names (`.`, `_`) are skipped, as by Athena.
        """
        with self._lock:
            root = self._roots.setdefault((bucket, prefix), _Root())
            now = time.monotonic()
            if not fresh and root.folders > MANY_FOLDERS and now - root.taken < min(20 * root.cost, 5.0):
                return root.keys
            seen: list[tuple[str, _Folder]] = []
            changed = self._walk(f"{self._lake}/{bucket}/{prefix}".rstrip("/"), prefix, seen)
            if changed or len(seen) != root.folders:
                root.keys = [own + name for own, folder in seen for name in folder.files]
            root.folders, root.taken = len(seen), now
            root.cost = time.monotonic() - now
            return root.keys

    def _walk(self, folder: str, prefix: str, seen: list[tuple[str, _Folder]]) -> bool:
        """Look at a folder and those below; whether anything is other than it was."""
        known = self._folders.get(folder)
        try:
            mtime = os.stat(folder).st_mtime_ns  # noqa: PTH116 - thousands of them
        except OSError:
            return self._folders.pop(folder, None) is not None
        changed = False
        if known is None or known.mtime != mtime or not known.sure:
            fresh = self._list(folder, mtime)
            changed = known is None or (fresh.files, fresh.folders) != (known.files, known.folders)
            self._folders[folder] = known = fresh
        seen.append((prefix, known))
        for name in known.folders:
            changed |= self._walk(f"{folder}/{name}", f"{prefix}{name}/", seen)
        return changed

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
