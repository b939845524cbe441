"""What live questions are about: the streams and views that the project's SQL declares as tables."""

from __future__ import annotations

from typing import Any

from forebay.errors import UsageError
from forebay.project.model import Project
from forebay.streamsql.job import compile_question
from forebay.streamsql.nodes import CreateTable, CreateView
from forebay.streamsql.parser import parse
from forebay.streamsql.section import StreamSqlSpec


def tables(project: Project) -> list[dict[str, Any]]:
    """Each with its `log`, `columns` as [name, type], and in `time` the column that has a watermark.

    What nobody can read, such as a table that only a delivery is behind, is left out.
    """
    texts = [spec.sql for spec in project.of(StreamSqlSpec).values() if spec.sql is not None]
    made: dict[str, CreateTable | CreateView] = {}
    for text in texts:
        for statement in parse(text):
            if isinstance(statement, CreateTable | CreateView):
                made.setdefault(statement.name, statement)
    found = []
    for name, statement in made.items():
        written = name.replace("`", "``")
        try:
            plan = compile_question(f"SELECT * FROM `{written}`", texts)
        except UsageError:
            continue
        table = plan.source.table
        if project.get(table.ref) is None:
            continue
        timed = table.watermark is not None and isinstance(statement, CreateTable)
        found.append(
            {
                "name": name,
                "log": str(table.ref),
                "columns": [[column, str(type_)] for column, type_ in plan.columns],
                "time": table.watermark[0] if timed and table.watermark is not None else None,
            }
        )
    return found
