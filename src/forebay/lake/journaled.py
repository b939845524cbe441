"""Objects that the front acknowledged (`puts`), as the flow takes them: files, and one commit for many.

A journal's number up to which all is taken commits with the objects, so what is told twice is taken once. The files
are not synced: until they are, the front keeps their bytes, and what a crash took of them is `restored` from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import apsw

from forebay.crash import crash_point
from forebay.errors import ForebayError
from forebay.lake import journal, objects
from forebay.lake.files import Files
from forebay.lake.objects import Change, Json, World
from forebay.ports import Catalog

log = logging.getLogger(__name__)

Refused = list[tuple[int, str]]
Do = Callable[[Callable[[apsw.Connection], tuple[Refused, list[str]]]], Awaitable[tuple[Refused, list[str]]]]


class Journaled:
    """Takes what the front tells. `do` commits work, `after` is given the paths of files that nobody needs then."""

    def __init__(
        self, catalog: Catalog, world: World, do: Do, after: Callable[[Iterable[str]], None]
    ) -> None:
        self._catalog = catalog
        self._world = world
        self._do = do
        self._after = after
        self._one = asyncio.Lock()
        self._known: tuple[str, int] | None = None

    async def take(self, args: Json) -> Refused:
        """Make objects of {journal, puts: [[number, doc, body], ...], upto}: what is not known yet of them, in order.

        `doc` is packed: the arguments of `objects.put`; a body is None where a later one of these overwrites it.
        Answers [[number, why], ...] of what could become none, as its bucket is no more.
        """
        async with self._one:
            return await self._take(args["journal"], args["puts"], args["upto"])

    async def _take(self, name: str, puts: list[Any], upto: int) -> Refused:
        known = self._known_of(name)
        new = [(number, journal.unpack(doc), body) for number, doc, body in puts if number > known]
        crash_point("lake.puts.asked")
        if any(body is not None for _, _, body in new):
            await asyncio.to_thread(self._write, new)
            crash_point("lake.puts.filed")

        def work(db: apsw.Connection) -> tuple[Refused, list[str]]:
            refused: Refused = []
            unlink: list[str] = []
            for number, doc, body in new:
                change = Change(db, self._world, doc)
                try:
                    if body is None:
                        objects.overwritten(change)
                    else:
                        objects.put(change)
                except ForebayError as error:
                    refused.append((number, error.message))
                    unlink.append(doc["path"])
                unlink += change.unlink
            if known < upto:
                db.execute("INSERT OR REPLACE INTO lake_journal(journal, known) VALUES (?, ?)", (name, upto))
            if self._known is None or self._known[0] != name:  # whose files are there no more
                db.execute("DELETE FROM lake_journal WHERE journal != ?", (name,))
            return refused, unlink

        refused, unlink = await self._do(work)
        self._known = (name, max(known, upto))
        crash_point("lake.puts.committed")
        self._after(unlink)
        return refused

    def _known_of(self, name: str) -> int:
        if self._known is None or self._known[0] != name:
            return known_of(self._catalog, name)
        return self._known[1]

    def _write(self, puts: Iterable[tuple[int, Json, bytes | None]]) -> None:
        for _, doc, body in puts:
            if body is not None:
                doc["meta"]["stat"] = self._world.files.put(doc["path"], body)


def known_of(catalog: Catalog, name: str) -> int:
    """Up to which number the entries of a journal are taken."""
    row: Any = catalog.reader.execute("SELECT known FROM lake_journal WHERE journal = ?", (name,)).fetchone()
    return int(row[0]) if row is not None else 0


def restore(catalog: Catalog, files: Files, folder: Path) -> None:
    """Give objects their files again that a crash took before they were on disk. Raises OSError."""
    restored: list[tuple[str, str]] = []
    for left in journal.left(folder):
        known = known_of(catalog, left.journal)
        for entry in left.entries:
            if entry.number <= known and _restore(catalog, files, entry.put):
                restored.append((entry.put.bucket, entry.put.key))
    if restored:
        log.warning("%d files of objects were not on disk, and are again", len(restored))
        names = "INSERT INTO lake_views(bucket, key) VALUES (?, ?)"  # which are of other files, or of none
        catalog.write(lambda db: db.executemany(names, restored))


def _restore(catalog: Catalog, files: Files, put: journal.Put) -> bool:
    path: str = journal.unpack(put.doc)["path"]
    row: Any = catalog.reader.execute(
        "SELECT json_extract(meta, '$.stat') FROM objects WHERE path = ?1 UNION ALL"
        " SELECT json_extract(meta, '$.stat') FROM lake_versions WHERE path = ?1",
        (path,),
    ).fetchone()
    if row is None or files.holds(path, put.body):
        return False
    files.put(path, put.body, stamp=row[0])
    return True
