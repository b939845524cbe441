"""What is made over the AWS wire and must outlive the process: documents by kind and id, in `state.db`.

A kind is `noun` for what is also a resource of the project's model (its document has a `spec`), `noun.part`
for what belongs to one (a bus's rules), or
`service.kind` for what only the wire knows (`athena.execution`, `lambda.mapping`). Front writes; flow and
the offline commands read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import orjson

from forebay.clock import now_us
from forebay.db import open_db, told
from forebay.errors import UsageError
from forebay.project.model import Decoder, Project, Spec

DDL = """
CREATE TABLE IF NOT EXISTS documents(
  kind TEXT NOT NULL, id TEXT NOT NULL, doc TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
  PRIMARY KEY(kind, id)
) WITHOUT ROWID;
"""

Json = dict[str, Any]


class Documents:
    """The documents of one `state.db`. Every change is on disk when its call returns."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        if not db.readonly("main"):
            db.execute(DDL)

    def get(self, kind: str, id: str) -> Json | None:
        """One document; None if there is none."""
        row = self._db.execute("SELECT doc FROM documents WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def put(self, kind: str, id: str, doc: Mapping[str, Any]) -> None:
        """Make or replace a document."""
        now = now_us()
        self._db.execute(
            "INSERT INTO documents VALUES(?, ?, ?, ?, ?) ON CONFLICT(kind, id)"
            " DO UPDATE SET doc = excluded.doc, updated = excluded.updated",
            (kind, id, orjson.dumps(doc).decode(), now, now),
        )

    def delete(self, kind: str, id: str) -> bool:
        """Remove a document; whether there was one."""
        self._db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id))
        return self._db.changes() > 0

    def delete_all(self, kind: str, prefix: str = "") -> None:
        """Remove every document of a kind whose id begins so."""
        self._db.execute(
            "DELETE FROM documents WHERE kind = ? AND substr(id, 1, ?) = ?", (kind, len(prefix), prefix)
        )

    def all(self, kind: str, prefix: str = "") -> Iterator[tuple[str, Json]]:
        """(id, document) of a kind, by id; of those whose id begins with `prefix`."""
        rows: list[Any] = self._db.execute(
            "SELECT id, doc FROM documents WHERE kind = ? AND substr(id, 1, ?) = ? ORDER BY id",
            (kind, len(prefix), prefix),
        ).fetchall()
        return ((row[0], orjson.loads(row[1])) for row in rows)


def effective(project: Project, documents: Documents | None, sections: Sequence[Decoder]) -> Project:
    """`project` with the resources that were made over the wire, if any; what it declares itself wins."""
    merged: dict[str, dict[str, Spec]] = {}
    for section in sections:
        noun = section.noun
        declared = project.sections.get(noun, {})
        kept = () if documents is None else documents.all(noun)
        parts = () if documents is None else documents.all(f"{noun}.part")
        made = {id: section.decode(doc["spec"]) for id, doc in kept if id not in declared}
        merged[noun] = section.extended({**declared, **made}, parts)
    rest = {name: getattr(project, name) for name in project.__struct_fields__ if name != "sections"}
    return Project(**rest, sections={**project.sections, **merged})


def effective_at(path: Path, project: Project, sections: Sequence[Decoder]) -> Project:
    """`effective`, for who does not own the database at `path`, or where there is none yet."""
    if not path.exists():
        return effective(project, None, sections)
    db = open_db(path, readonly=True)
    try:
        if not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'documents'").get:
            return effective(project, None, sections)
        return effective(project, Documents(db), sections)
    except apsw.Error as error:
        raise told(error, path) from error
    finally:
        db.close()


def refuse_declared(project: Project, noun: str, name: str) -> None:
    """Raise UsageError if `name` is the project's own: such a resource is changed in `forebay.yaml` only."""
    if name in project.sections.get(noun, {}):
        raise UsageError(
            "DeclaredInProject",
            f"{noun}.{name} is declared in the project and is changed there only",
            fix=f"edit {noun}.{name} in forebay.yaml",
        )
