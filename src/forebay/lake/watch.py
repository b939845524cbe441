"""Files that people put into a bucket's folder, change there, or remove: objects, as if uploaded or deleted.

Looked for about once a second while somebody develops: a bucket's folder is walked, and what was changed
since the last look (by the inode's own time of change, which nobody can set) is held against the catalog.
A file counts once it has been still for a look. Names beginning with a dot are left alone. Where there is
much to look at, looks are further apart, so that they take a twentieth of a core at most.
"""

from __future__ import annotations

import hashlib
import logging
import mimetypes
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.lake.files import Files
from forebay.lake.keys import MAX_KEY, above, is_hidden, is_path
from forebay.lake.objects import Live, live
from forebay.ports import Catalog

log = logging.getLogger(__name__)

EVERY = 1.0
SHARE = 20
BATCH = 1000
_SLACK_NS = 3_000_000_000

Found = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder, as it was listed: the prefix of its keys, and when it was last changed (ns)."""

    path: Path
    prefix: str
    mtime: int
    files: list[os.DirEntry[str]]
    folders: set[str]


class Watch:
    """Looks at the folders of buckets. One thread looks; others may `settle` what they come upon.

    `put` and `delete` are told (bucket, key, ...) of what is to be registered or is gone.
    """

    def __init__(
        self,
        catalog: Catalog,
        files: Files,
        *,
        put: Callable[[str, str, dict[str, Any]], None],
        delete: Callable[[str, str], None],
    ) -> None:
        self._catalog = catalog
        self._files = files
        self._put = put
        self._delete = delete
        self._looked: dict[str, int] = {}
        self._moving: dict[tuple[str, str], Found] = {}
        self._missing: dict[tuple[str, str], int] = {}
        self._looks = 0
        self._folders: dict[Path, int] = {}
        self._next = 0.0
        self._registering = threading.Lock()

    def look(self, buckets: list[str]) -> None:
        """Look, if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._looks += 1
        for bucket in buckets:
            self._bucket(bucket)
        self._next = time.monotonic() + max(EVERY, SHARE * (time.monotonic() - now))

    def _bucket(self, bucket: str) -> None:
        top = self._files.lake / bucket
        begun = time.time_ns()
        since = self._looked.get(bucket, 0) - _SLACK_NS
        if not top.is_dir():
            if self._folders.get(top) != 0:
                self._gone(bucket, Folder(top, "", 0, [], set()))
            return
        for folder in _walk(top):
            for entry in folder.files:
                info = entry.stat(follow_symlinks=False)
                this = (bucket, folder.prefix + entry.name)
                if info.st_ctime_ns > since or this in self._moving:
                    self._candidate(this, info)
            if self._folders.get(folder.path) != folder.mtime or folder.mtime > since:
                self._gone(bucket, folder)
        self._looked[bucket] = begun

    def _candidate(self, this: tuple[str, str], info: os.stat_result) -> None:
        bucket, key = this
        if len(key.encode("utf-8", "surrogateescape")) > MAX_KEY or not key.isprintable():
            return
        seen = (info.st_size, info.st_mtime_ns, info.st_ino)
        if self._known(bucket, key, info):
            self._moving.pop(this, None)
            return
        if self._moving.get(this) != seen:  # new, or still being written
            self._moving[this] = seen
            return
        del self._moving[this]
        self.register(bucket, key)

    def register(self, bucket: str, key: str) -> None:
        """Make an object of the file, as it is now; once, also where two come upon it at the same time."""
        path = self._files.at(bucket, key, None)
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with path.open("rb") as file:
                before = os.fstat(file.fileno())
                while piece := file.read(1 << 20):
                    digest.update(piece)
                os.fsync(file.fileno())
                after = os.fstat(file.fileno())
        except OSError as error:
            log.debug("%s/%s could not be read: %s", bucket, key, error)
            return
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            return
        self._files.sync_folders(path)
        meta: dict[str, Any] = {"stat": after.st_mtime_ns}
        kind, encoding = mimetypes.guess_type(key)
        if kind is not None and encoding is None:
            meta["type"] = kind
        elif encoding == "gzip":
            meta["type"] = "application/gzip"
        with self._registering:
            if self._known(bucket, key, after):
                return
            try:
                self._put(bucket, key, {"size": after.st_size, "etag": digest.hexdigest(), "meta": meta})
                log.info("%s/%s was put into its folder by hand", bucket, key)
            except ForebayError as error:
                log.warning("%s/%s could not be registered: %s", bucket, key, error.message)

    def settle(self, bucket: str, key: str) -> None:
        """Make the catalog say at once what the file of this key is, or that it is gone."""
        path = self._files.at(bucket, key, None)
        try:
            info = path.lstat()
        except OSError:
            found = live(self._catalog.reader, bucket, key)
            if found is not None and found.path is None:
                self._delete(bucket, key)
            return
        if stat.S_ISREG(info.st_mode) and not self._known(bucket, key, info):
            self.register(bucket, key)

    def _known(self, bucket: str, key: str, info: os.stat_result) -> bool:
        """Whether the file is what the catalog says of the key, or is a delivery's own business."""
        db = self._catalog.reader
        found = live(db, bucket, key)
        if found is not None and same(self._files, found, info):
            return True
        where = "WHERE bucket = ?1 AND key = ?2"
        return (
            db.execute(
                f"SELECT 1 FROM intents {where} UNION ALL SELECT 1 FROM lake_views {where}"
                f" UNION ALL SELECT 1 FROM objects {where} AND state = 'replaced' AND path IS NULL"
                " AND etag != 'unlinked' AND size = ?3 AND modified >= ?4",
                (bucket, key, info.st_size, info.st_mtime_ns // 1000),
            ).fetchone()
            is not None
        )

    def _gone(self, bucket: str, folder: Folder) -> None:
        """Delete the objects below a folder whose file, or the folder it was in, is missing at two looks."""
        names = {entry.name for entry in folder.files}
        self._folders[folder.path] = folder.mtime
        start, end = folder.prefix, above(folder.prefix)
        bound = "AND key < :e" if end is not None else ""
        while True:
            rows: Any = self._catalog.reader.execute(
                f"SELECT key FROM objects o WHERE bucket = :b AND key >= :s {bound} AND state = 'live' AND NOT EXISTS"
                " (SELECT 1 FROM lake_views v WHERE v.bucket = o.bucket AND v.key = o.key) ORDER BY key LIMIT :n",
                {"b": bucket, "s": start, "e": end, "n": BATCH},
            ).fetchall()
            for (key,) in rows:
                if key < start:
                    continue
                name, slash, _ = key[len(folder.prefix) :].partition("/")
                if slash and name in folder.folders:  # looked at by itself
                    start = above(f"{folder.prefix}{name}/") or key
                elif slash or name not in names:
                    self._missed(bucket, key, folder)
            if len(rows) < BATCH:
                return
            start = max(start, rows[-1][0] + "\0")

    def _missed(self, bucket: str, key: str, folder: Folder) -> None:
        path = self._files.at(bucket, key, None)
        if is_hidden(key) or not is_path(key) or os.path.lexists(path):
            return
        if self._files.locate(bucket, key)[1] is not None:
            return  # something stands in its way: it never had a name
        if self._missing.pop((bucket, key), None) != self._looks - 1:
            self._missing[bucket, key] = self._looks
            self._folders.pop(folder.path, None)  # look again
            return
        try:
            self._delete(bucket, key)
            log.info("%s/%s was removed from its folder by hand", bucket, key)
        except ForebayError as error:
            log.warning("%s/%s could not be deleted: %s", bucket, key, error.message)


def same(files: Files, found: Live, info: os.stat_result) -> bool:
    """Whether a file of the bucket's folder is, unchanged, the object's."""
    if info.st_size != found.size:
        return False
    if found.path is not None:
        try:
            if (files.lake.parent / found.path).stat().st_ino != info.st_ino:
                return False
        except OSError:
            return False
    if "stat" in found.meta:
        return bool(info.st_mtime_ns == found.meta["stat"])
    return info.st_mtime_ns // 1000 <= found.modified


def _walk(top: Path) -> Iterator[Folder]:
    """A folder and all below it; hidden names and links are left out."""
    waiting = [(top, "")]
    while waiting:
        path, prefix = waiting.pop()
        files: list[os.DirEntry[str]] = []
        folders: set[str] = set()
        try:
            mtime = path.stat().st_mtime_ns
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.add(entry.name)
                    elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                        files.append(entry)
        except OSError:
            continue
        waiting += [(path / name, f"{prefix}{name}/") for name in folders]
        yield Folder(path, prefix, mtime, files, folders)
