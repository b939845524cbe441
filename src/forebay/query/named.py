"""Named queries: those of the project's `query` section, found by name."""

from __future__ import annotations

from pathlib import Path

from forebay.errors import UsageError
from forebay.project.model import Project
from forebay.query.section import NamedQuerySpec


def find(project: Project, name: str) -> tuple[str, str] | None:
    """SQL and database of the named query; None if the project has none of that name.

    Raises UsageError `QueryUnreadable` if its file cannot be read.
    """
    spec = project.of(NamedQuerySpec).get(name)
    if spec is None:
        return None
    database = spec.database or project.database
    if spec.sql is not None:
        return spec.sql, database
    path = Path(project.root) / str(spec.file)
    try:
        return path.read_text("utf-8"), database
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "QueryUnreadable", f"{spec.file} cannot be read", where=str(path), why=str(error)
        ) from None
