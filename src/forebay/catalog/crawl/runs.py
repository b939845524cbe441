"""The rows of `crawls`: every run of every crawler, with what it changed or why it failed."""

from __future__ import annotations

import json
from typing import Any

import apsw

from forebay.clock import now_us

KEPT = 1000
"""Runs of one crawler that are kept."""
_ROW = "id, crawler, state, started, ended, doc"
Doc = dict[str, Any]


def begin(db: apsw.Connection, id: str, crawler: str, trigger: str) -> None:
    """A run begins."""
    doc = json.dumps({"trigger": trigger})
    db.execute("INSERT INTO crawls VALUES (?, ?, 'running', ?, NULL, ?)", (id, crawler, now_us(), doc))
    db.execute(
        "DELETE FROM crawls WHERE crawler = ?1 AND id NOT IN"
        " (SELECT id FROM crawls WHERE crawler = ?1 ORDER BY started DESC LIMIT ?2)",
        (crawler, KEPT),
    )


def end(db: apsw.Connection, id: str, state: str, doc: Doc) -> None:
    """A run ended: completed, failed or cancelled."""
    db.execute(
        "UPDATE crawls SET state = ?, ended = ?, doc = ? WHERE id = ?", (state, now_us(), json.dumps(doc), id)
    )


def ended_now(db: apsw.Connection, id: str) -> None:
    """A run that ended is over for those who watch."""
    db.execute("UPDATE crawls SET ended = ? WHERE id = ?", (now_us(), id))


def interrupt(db: apsw.Connection) -> list[tuple[str, str]]:
    """Record as failed what ran when the process died; (crawler, trigger) of each."""
    rows: list[Any] = db.execute("SELECT id, crawler, doc FROM crawls WHERE state = 'running'").fetchall()
    found = []
    for id_, crawler, text in rows:
        doc = json.loads(text)
        end(db, id_, "failed", {**doc, "error": "forebay ended while the crawler ran"})
        found.append((str(crawler), str(doc.get("trigger"))))
    return found


def forget(db: apsw.Connection, crawler: str) -> None:
    """A crawler is no more, nor are its runs."""
    db.execute("DELETE FROM crawls WHERE crawler = ?", (crawler,))


def of(db: apsw.Connection, crawler: str) -> list[Doc]:
    """The runs of a crawler, newest first."""
    rows = db.execute(f"SELECT {_ROW} FROM crawls WHERE crawler = ? ORDER BY started DESC, id", (crawler,))
    return [_run(row) for row in rows]


def last(db: apsw.Connection, crawler: str) -> Doc | None:
    """The last run that ended."""
    row = db.execute(
        f"SELECT {_ROW} FROM crawls WHERE crawler = ? AND ended IS NOT NULL ORDER BY started DESC LIMIT 1",
        (crawler,),
    ).fetchone()
    return None if row is None else _run(row)


def last_mark(db: apsw.Connection, crawler: str) -> str | None:
    """What the last completed run saw under the crawler's places."""
    row: Any = db.execute(
        "SELECT doc FROM crawls WHERE crawler = ? AND state = 'completed' ORDER BY started DESC LIMIT 1",
        (crawler,),
    ).fetchone()
    return None if row is None else json.loads(row[0]).get("mark")


def _run(row: Any) -> Doc:
    id_, crawler, state, started, ended, text = row
    return {
        **json.loads(text),
        "id": id_,
        "crawler": crawler,
        "state": state,
        "started": started,
        "ended": ended,
    }
