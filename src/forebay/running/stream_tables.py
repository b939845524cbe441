"""The columns of tables over streams, where nothing declares them: taken from the newest events, and only ever widened."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import apsw

from forebay.beat import Beat
from forebay.catalog.crawl import json as json_
from forebay.catalog.crawl.stream import newest
from forebay.catalog.crawl.types import Columns, merge_columns, said
from forebay.catalog.store import Store
from forebay.catalog.tables import add_columns, get_table
from forebay.ports import LogReader, TableChange
from forebay.project.model import Project
from forebay.streams.section import StreamSpec

EVERY = 0.25
SOON, SELDOM = 1.0, 30.0
"""Seconds between two looks at a stream's events: fewer and fewer looks while they show nothing new."""


@dataclass(slots=True)
class _Known:
    """What is known of a stream's events."""

    reader: LogReader
    head: int = -1
    columns: Columns = field(default_factory=dict)
    pause: float = SOON
    due: float = 0.0


class StreamTables:
    """Looks at the streams of the project, between `start` and `stop` of its `beat`."""

    def __init__(
        self, store: Store, open_log: Callable[[str], LogReader], project: Callable[[], Project]
    ) -> None:
        self._store = store
        self._open_log = open_log
        self._project = project
        self._known: dict[str, _Known] = {}
        self.beat = Beat("stream tables", self._look, retry=SOON, first=EVERY)

    def close(self) -> None:
        """Let go of the logs, once its `beat` is stopped."""
        for known in self._known.values():
            known.reader.close()

    def _look(self) -> float:
        project = self._project()
        streams = project.of(StreamSpec)
        for gone in self._known.keys() - streams.keys():
            self._known.pop(gone).reader.close()
        for stream in streams:
            if self.beat.stopping:
                break
            if stream not in self._known:
                self._known[stream] = _Known(self._open_log(f"streams.{stream}"))
            self._look_at(project.database, stream, self._known[stream])
        return EVERY * (1 + len(streams) / 50)

    def _look_at(self, database: str, stream: str, known: _Known) -> None:
        if time.monotonic() < known.due or (head := known.reader.head()) == known.head:
            return
        table = stream.lower().replace(".", "_")
        doc = get_table(self._store.reader, database, table)
        if doc is None or doc.get("owner") != "stream" or not doc["inferred"]:
            known.due = time.monotonic() + SOON
            return
        events = newest(known.reader)
        found = json_.classify("\n".join(events), whole=True) if events else None
        merged = merge_columns(known.columns, found.columns if found is not None else {})
        known.head = head
        if merged != known.columns:
            self._store.write(lambda db: _widen(db, database, table, merged))
            known.columns, known.pause = merged, SOON
        else:
            known.pause = min(known.pause * 2, SELDOM)
        known.due = time.monotonic() + known.pause


def _widen(db: apsw.Connection, database: str, table: str, found: Columns) -> None:
    """The columns found, in the place of those of the same name; others stay."""
    doc = get_table(db, database, table)
    if doc is None:
        return
    columns = dict(map(tuple, doc["columns"])) | {name: said(kind) for name, kind in found.items()}
    if list(columns.items()) != [tuple(column) for column in doc["columns"]]:
        add_columns(db, TableChange(database, table, list(columns.items())))
