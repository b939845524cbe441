"""Keeps `lake/<bucket>/<key>` what the catalog says: a second name of the file of the key's current version.

What changed is noted in `lake_views` in the commit that changed it, so nothing is forgotten when the process
dies; bringing a name up to date can be done any number of times. A key that is no path, or for which a
folder or a file stands in the way, has no such name: `aws s3` and SQL see it all the same.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from pathlib import Path
from typing import Any

import apsw

from forebay.crash import crash_point
from forebay.lake.files import Files, copy
from forebay.lake.keys import is_path
from forebay.lake.objects import Live, live
from forebay.ports import Catalog

log = logging.getLogger(__name__)

AT_ONCE = 500


class View:
    """Mends names. One thread uses it."""

    def __init__(self, catalog: Catalog, files: Files) -> None:
        self._catalog = catalog
        self._files = files

    def catch_up(self) -> bool:
        """Mend up to a few hundred names; whether there may be more. Raises OSError as the disk does."""
        rows: Any = self._catalog.reader.execute(
            "SELECT id, bucket, key FROM lake_views ORDER BY id LIMIT ?", (AT_ONCE,)
        ).fetchall()
        if not rows:
            return False
        changed: set[Path] = set()
        for bucket, key in {(bucket, key) for _, bucket, key in rows}:
            path = self._mend(bucket, key)
            if path is not None:
                changed.add(path.parent)
        crash_point("view.placed")
        for folder in changed:
            self._sync(folder)
        crash_point("view.synced")
        ids = [(id,) for id, _, _ in rows]

        def work(db: apsw.Connection) -> None:
            db.executemany("DELETE FROM lake_views WHERE id = ?", ids)

        self._catalog.write(work)
        return len(rows) == AT_ONCE

    def _sync(self, folder: Path) -> None:
        while folder != self._files.lake and not folder.is_dir():  # pruned, or never made
            folder = folder.parent
        self._files.sync_folders(folder / "any")

    def _mend(self, bucket: str, key: str) -> Path | None:
        if not is_path(key):
            return None
        path = self._files.at(bucket, key, None)
        found = live(self._catalog.reader, bucket, key)
        try:
            if found is None:
                self._remove(bucket, key, path)
            elif found.path is not None:
                self._place(path, found)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            return None  # `a` is there, and this is `a/b`; or the other way round
        return path

    def _place(self, path: Path, found: Live) -> None:
        source = self._files.lake.parent / str(found.path)
        try:
            if path.lstat().st_ino == source.stat().st_ino:
                return
        except FileNotFoundError:
            pass
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # nothing is there: one step instead of two
            os.link(source, path)
            return
        temporary = self._files.temporary()
        try:
            try:
                os.link(source, temporary)
            except FileNotFoundError:
                return  # another version came meanwhile, and is noted
            except OSError:  # a file system without links: a copy, for people to look at
                copy(source, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _remove(self, bucket: str, key: str, path: Path) -> None:
        """Remove the name, unless it is a delivery's: one it is about to register, or has given way."""
        held = self._catalog.reader.execute(
            "SELECT 1 FROM intents WHERE bucket = ?1 AND key = ?2 UNION ALL SELECT 1 FROM objects WHERE bucket = ?1"
            " AND key = ?2 AND state = 'replaced' AND path IS NULL AND etag != 'unlinked'",
            (bucket, key),
        ).fetchone()
        if held is not None:
            return
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISREG(path.lstat().st_mode):
                path.unlink()
        folder = path.parent
        top = self._files.lake / bucket
        while folder != top:
            try:
                folder.rmdir()
            except OSError:  # not empty, or gone
                return
            folder = folder.parent
