"""What a crawl found, into the catalog: new tables and partitions, changed ones by policy, gone ones too.

All in one transaction, with a record of what changed. New tables and partitions are made whatever the
policy; see https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html. Tables that the project
declares are left as they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from forebay.catalog.crawl.classify import UNKNOWN
from forebay.catalog.crawl.docs import STATS, group_doc, part_doc
from forebay.catalog.crawl.files import Place
from forebay.catalog.crawl.group import Group, hashed, table_name
from forebay.catalog.crawl.types import Columns
from forebay.catalog.register import change_table, remove_table
from forebay.catalog.section import CrawlerSpec
from forebay.catalog.tables import create_database, make_way
from forebay.clock import now_us

Doc = dict[str, Any]
DEPRECATED = "DEPRECATED_BY_CRAWLER"
CRAWLED = "UPDATED_BY_CRAWLER"


@dataclass(slots=True)
class Changes:
    """What a crawl did to the catalog: names of tables, and how many partitions of each."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    deprecated: list[str] = field(default_factory=list)
    partitions_added: dict[str, int] = field(default_factory=dict)
    partitions_updated: dict[str, int] = field(default_factory=dict)
    partitions_deleted: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    def to_dict(self) -> Doc:
        """For the run's record."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


@dataclass(slots=True)
class _Table:
    id: int
    name: str
    doc: Doc


class Writer:
    """Writes one crawl, inside a transaction."""

    def __init__(self, db: apsw.Connection, crawler: str, spec: CrawlerSpec, database: str, run: str) -> None:
        self._db = db
        self._crawler = crawler
        self._spec = spec
        self._database = database
        self._run = run
        self.changes = Changes()
        rows: list[Any] = db.execute("SELECT id, name, doc FROM tables WHERE db = ?", (database,)).fetchall()
        self._tables = {row[1]: _Table(row[0], row[1], json.loads(row[2])) for row in rows}
        self._met: set[str] = set()
        self._quiet = spec.recrawl == "new"

    def write(self, groups: Sequence[Group], places: Sequence[Place]) -> Changes:
        """Make the catalog say what was found under `places`."""
        create_database(self._db, self._database)
        for found in groups:
            self._one(found)
        if not self._quiet:
            self._gone(places)
        return self.changes

    # --- one table ---

    def _one(self, found: Group) -> None:
        doc = group_doc(found, self._crawler, self._run, self._spec.exclude)
        name, old = self._named(found)
        if name is None:
            return
        self._met.add(name)
        self.changes.tables.append(name)
        if found.kind.name == UNKNOWN:
            reason = next((seen.kind.reason for seen in found.seen if seen.kind.reason), "no classifier fits")
            self.changes.notes.append(f"{found.location} is {UNKNOWN}: {reason}")
        if old is None:
            id_ = self._create(name, doc)
        else:
            id_ = old.id
            if not self._change(old, doc):
                return
        if found.keys:
            self._partitions(id_, name, found, doc)

    def _named(self, found: Group) -> tuple[str | None, _Table | None]:
        """The table's name and what is there under it; no name where it is to be left alone."""
        wanted = table_name(found, self._spec.prefix)
        location = found.location.rstrip("/")
        here = [
            table
            for table in self._tables.values()
            if str(table.doc.get("location") or "").rstrip("/") == location and table.name not in self._met
        ]
        for table in sorted(here, key=lambda table: (table.name != wanted, table.id)):
            crawled = (table.doc.get("parameters") or {}).get(CRAWLED)
            if table.name == wanted and table.doc.get("owner") in ("project", "delivery"):
                self.changes.notes.append(f"{table.name} is declared in the project and was left as it is")
                self._met.add(table.name)
                return None, None
            if crawled == self._crawler or table.name == wanted:
                return table.name, table
        if wanted in self._tables and self._tables[wanted].doc.get("owner") == "stream":
            make_way(self._db, self._database, wanted)
            del self._tables[wanted]
        for name in (wanted, hashed(wanted, found.location)):
            if name not in self._tables and name not in self._met:
                return name, None
        self.changes.notes.append(f"{found.location} has no table: {wanted} is another's")
        return None, None

    def _create(self, name: str, doc: Doc) -> int:
        now = now_us()
        self._db.execute(
            "INSERT INTO tables(db, name, kind, doc, created, updated) VALUES (?, ?, 'external', ?, ?, ?)",
            (self._database, name, json.dumps({**doc, "revision": 1}), now, now),
        )
        self.changes.created.append(name)
        return self._db.last_insert_rowid()

    def _change(self, old: _Table, doc: Doc) -> bool:
        """Bring a table to what was found, as the policy says; whether its partitions are still its own."""
        policy = "log" if self._quiet else self._spec.on_change
        keys_differ = [key for key, _ in old.doc.get("partition_keys") or ()] != [
            key for key, _ in doc["partition_keys"]
        ]
        if policy == "log":
            if _shape(old.doc) != _shape(doc):
                self.changes.notes.append(f"{old.name} differs from what is catalogued, and stays as it is")
            return not keys_differ
        if policy == "add":
            if keys_differ or not self._compatible(old, doc):
                self._deprecate(old)
                self.changes.notes.append(f"{old.name} has changed in more than its columns")
                return False
            doc = {**old.doc, "columns": _added(old.doc["columns"], doc["columns"]), **_stats(old.doc, doc)}
        if _shape(old.doc) == _shape(doc) and DEPRECATED not in (old.doc.get("parameters") or {}):
            # Counts only: no new revision, and nothing that a query has planned changes.
            text = json.dumps({**doc, "revision": old.doc.get("revision", 1)})
            self._db.execute("UPDATE tables SET doc = ? WHERE id = ?", (text, old.id))
            return True
        if keys_differ:
            self._db.execute("DELETE FROM partitions WHERE table_id = ?", (old.id,))
        change_table(self._db, self._database, old.name, "external", doc)
        self.changes.updated.append(old.name)
        return True

    def _compatible(self, old: _Table, doc: Doc) -> bool:
        before, now = old.doc.get("parameters") or {}, doc["parameters"]
        names = ("classification", "compressionType", "delimiter")
        return all(before.get(name, now.get(name)) == now.get(name) for name in names)

    # --- partitions ---

    def _partitions(self, id_: int, name: str, found: Group, doc: Doc) -> None:
        rows: list[Any] = self._db.execute(
            "SELECT vals, location, doc FROM partitions WHERE table_id = ?", (id_,)
        ).fetchall()
        known = {vals: (location, json.loads(text)) for vals, location, text in rows}
        new, moved, counted = [], [], []
        now = now_us()
        for part in found.parts:
            vals = json.dumps(list(part.values))
            location = f"s3://{found.bucket}/{part.folder}"
            made = part_doc(part, found, doc, self._crawler, inherit=self._spec.inherit)
            before = known.pop(vals, None)
            if before is None:
                new.append((id_, vals, location, json.dumps({**made, "created": now})))
                continue
            made["created"] = before[1].get("created", now)
            row = (location, json.dumps(made), id_, vals)
            if location != before[0] or made.get("columns") != before[1].get("columns"):
                moved.append(row)
            else:
                counted.append(row)
        self._db.executemany("INSERT INTO partitions VALUES (?, ?, ?, ?)", new)
        self._db.executemany(
            "UPDATE partitions SET location = ?, doc = ? WHERE table_id = ? AND vals = ?", moved + counted
        )
        gone = [] if self._quiet else self._partitions_gone(id_, known, found)
        for counts, rows_ in (
            (self.changes.partitions_added, new),
            (self.changes.partitions_updated, moved),
            (self.changes.partitions_deleted, gone),
        ):
            if rows_:
                counts[name] = len(rows_)
        if new or moved or gone:
            self._db.execute("UPDATE tables SET version = version + 1 WHERE id = ?", (id_,))

    def _partitions_gone(self, id_: int, known: dict[str, tuple[str, Doc]], found: Group) -> list[str]:
        # Those that lie elsewhere were put there by somebody else.
        gone = [vals for vals, (location, _) in known.items() if location.startswith(found.location)]
        match self._spec.on_delete:
            case "delete":
                self._db.executemany(
                    "DELETE FROM partitions WHERE table_id = ? AND vals = ?", [(id_, vals) for vals in gone]
                )
                return gone
            case "deprecate":
                rows = [(json.dumps(_deprecated(known[vals][1])), id_, vals) for vals in gone]
                self._db.executemany("UPDATE partitions SET doc = ? WHERE table_id = ? AND vals = ?", rows)
        return []

    # --- what is no longer there ---

    def _gone(self, places: Sequence[Place]) -> None:
        for table in list(self._tables.values()):
            parameters = table.doc.get("parameters") or {}
            location = str(table.doc.get("location") or "")
            mine = parameters.get(CRAWLED) == self._crawler
            if not mine or table.name in self._met or not any(_inside(location, place) for place in places):
                continue
            match self._spec.on_delete:
                case "delete":
                    remove_table(self._db, self._database, table.name)
                    self.changes.deleted.append(table.name)
                case "deprecate":
                    if DEPRECATED not in parameters:
                        self._deprecate(table)
                case "log":
                    self.changes.notes.append(f"{table.name} has no data any more")

    def _deprecate(self, table: _Table) -> None:
        change_table(self._db, self._database, table.name, "external", _deprecated(table.doc))
        self.changes.deprecated.append(table.name)


def _deprecated(doc: Doc) -> Doc:
    parameters = {**(doc.get("parameters") or {}), DEPRECATED: str(now_us() // 1000)}
    return {**doc, "parameters": parameters}


def _inside(location: str, place: Place) -> bool:
    folder = place.url if place.url.endswith("/") else place.url + "/"
    return (location.rstrip("/") + "/").startswith(folder)


def _shape(doc: Doc) -> tuple[Any, ...]:
    """What of a doc makes a new revision when it changes."""
    parameters = {k: v for k, v in (doc.get("parameters") or {}).items() if k not in STATS}
    names = ("columns", "partition_keys", "location", "format", "serde", "serde_parameters")
    return (*(json.dumps(doc.get(name)) for name in names), parameters)


def _stats(old: Doc, new: Doc) -> Doc:
    counted = {k: v for k, v in new["parameters"].items() if k in STATS}
    return {"parameters": {**(old.get("parameters") or {}), **counted, CRAWLED: new["parameters"][CRAWLED]}}


def _added(old: list[list[str]], new: list[list[str]]) -> list[list[str]]:
    known = {name for name, _ in old}
    return [*old, *([name, kind] for name, kind in new if name not in known)]


__all__ = ["Changes", "Columns", "Writer"]
