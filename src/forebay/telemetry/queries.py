"""Questions to log groups and their results, kept with the groups for a week: what StartQuery began.

A query that was under way when the front ended has failed: it can be asked again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from forebay.telemetry.groups import DAY, Groups, now

DDL = (
    "CREATE TABLE IF NOT EXISTS queries(id TEXT PRIMARY KEY, created INTEGER NOT NULL, doc TEXT NOT NULL,"
    " results TEXT NOT NULL DEFAULT '[]')"
)
KEPT = 7 * DAY
MOST = 1000
UNDER_WAY = ("Scheduled", "Running")


@dataclass(slots=True)
class Asked:
    """A query: what was asked, and how it is. Times in UTC milliseconds, `took` in milliseconds."""

    id: str
    text: str
    groups: list[str]
    start: int
    end: int
    limit: int | None = None
    status: str = "Running"
    created: int = field(default_factory=now)
    took: int = 0
    matched: int = 0
    scanned: int = 0
    bytes: int = 0
    error: str | None = None


class Queries:
    """The queries in the database of `groups`. Blocks, as groups do."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        groups.ask(DDL)
        for each in self.listed():
            if each.status in UNDER_WAY:
                each.status, each.error = "Failed", "the front ended meanwhile"
                self.put(each)

    def put(self, asked: Asked, results: list[list[list[str]]] | None = None) -> None:
        """Keep a query as it is, with its results once there are some; forget what is old."""
        doc = json.dumps(asdict(asked))
        if results is None:
            self._groups.ask(
                "INSERT INTO queries(id, created, doc) VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc",
                (asked.id, asked.created, doc),
            )
        else:
            self._groups.ask(
                "UPDATE queries SET doc = ?, results = ? WHERE id = ?",
                (doc, json.dumps(results), asked.id),
            )
        self._groups.ask(
            "DELETE FROM queries WHERE created < ? OR id IN"
            " (SELECT id FROM queries ORDER BY created DESC LIMIT -1 OFFSET ?)",
            (now() - KEPT, MOST),
        )

    def get(self, id: str) -> tuple[Asked, list[Any]] | None:
        """A query with its results; None if there is none."""
        rows = self._groups.ask("SELECT doc, results FROM queries WHERE id = ?", (id,))
        return (Asked(**json.loads(rows[0][0])), json.loads(rows[0][1])) if rows else None

    def listed(self) -> list[Asked]:
        """All of them, newest first."""
        rows = self._groups.ask("SELECT doc FROM queries ORDER BY created DESC, id")
        return [Asked(**json.loads(doc)) for (doc,) in rows]
