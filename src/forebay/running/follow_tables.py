"""What live questions are about: the streams and views that the project's SQL declares, and the questions of its notes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from forebay.errors import UsageError
from forebay.project.model import Project
from forebay.streamsql.job import compile_job, compile_question
from forebay.streamsql.nodes import Ask, CreateTable, CreateView, SetOption
from forebay.streamsql.parser import parse
from forebay.streamsql.plan import Plan
from forebay.streamsql.references import references
from forebay.streamsql.section import StreamSqlSpec


def planned(sql: str, project: Project) -> Plan:
    """The plan of a question. Unless it says it, shards are idle as in the job that reads the same table.

    Raises UsageError for what does not run, with line and column.
    """
    known = references(project)
    plan = compile_question(sql, _texts(project), known)
    if plan.idle is None:
        plan.idle = next(
            (
                each.idle
                for spec in project.of(StreamSqlSpec).values()
                if spec.sql is not None
                for each in compile_job(spec.sql, spec.idle_ms, known, note=spec.note)
                if each.idle is not None and each.source.table.name == plan.source.table.name
            ),
            None,
        )
    return plan


def tables(project: Project) -> list[dict[str, Any]]:
    """Each with its `log`, `columns` as [name, type], and in `time` the column that has a watermark.

    What nobody can read, such as a table that only a delivery is behind, is left out.
    """
    texts, known = _texts(project), references(project)
    made: dict[str, CreateTable | CreateView] = {}
    for text in texts:
        for statement in parse(text):
            if isinstance(statement, CreateTable | CreateView):
                made.setdefault(statement.name, statement)
    found = []
    for name, statement in made.items():
        written = name.replace("`", "``")
        try:
            plan = compile_question(f"SELECT * FROM `{written}`", texts, known)
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


def noted(project: Project) -> list[dict[str, str]]:
    """The SELECTs of the project's notes that run, each with its `name` and as `sql` with the SETs before it."""
    texts, known = _texts(project), references(project)
    found = []
    for name, spec in project.of(StreamSqlSpec).items():
        if not spec.note or spec.sql is None:
            continue
        for number, sql in enumerate(_selects(spec.sql), 1):
            try:
                compile_question(sql, texts, known)
            except UsageError:
                continue
            found.append({"name": f"{name} {number}", "sql": sql})
    return found


def _selects(text: str) -> Iterator[str]:
    statements = parse(text)
    places = [*(statement.at for statement in statements), len(text)]
    sets = ""
    for statement, (start, end) in zip(statements, pairwise(places), strict=True):
        written = text[start:end].strip().strip(";").strip()
        if isinstance(statement, SetOption):
            sets += f"{written};\n"
        elif isinstance(statement, Ask):
            yield sets + written


def _texts(project: Project) -> list[str]:
    return [spec.sql for spec in project.of(StreamSqlSpec).values() if spec.sql is not None]
