"""What only the engines can say of a project: whether its queries are SQL, whether a service can be told.

Beside `check.py`, which asks it of a project that has nothing else to mend: the engines are slow to load.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from forebay.alerts.section import AlertSpec
from forebay.clock import SECOND
from forebay.dashboards.model import Dashboard, Tile
from forebay.errors import ForebayError, QueryFailed
from forebay.project.files import FileTrouble, read_inside
from forebay.project.finding import Finding
from forebay.project.load import FILE
from forebay.project.model import Project
from forebay.project.secrets import USE
from forebay.query.section import NamedQuerySpec
from forebay.topics.section import TopicSpec

Text = tuple[str, str, int, int, str]
"""A query, the file it is in, the line and column that a finding names, and what it is."""


def engine_findings(project: Project) -> list[Finding]:
    """Every query that is no SQL that Athena takes, and every address that no service is known by."""
    texts = [*_alerts(project), *_named(project), *_tiles(project)]
    return [*_not_sql(texts), *_unknown_services(project)]


def _alerts(project: Project) -> Iterator[Text]:
    for name, spec in project.of(AlertSpec).items():
        if spec.sql is not None:
            yield spec.sql, FILE, *project.place("alerts", name, "sql"), f"the query of alerts.{name}"


def _named(project: Project) -> Iterator[Text]:
    """Named queries. Those that are other statements are read when they are run."""
    for name, spec in project.of(NamedQuerySpec).items():
        sql, file = spec.sql, spec.file
        if file is not None:
            try:
                sql = read_inside(Path(project.root), file).decode()
            except (FileTrouble, UnicodeDecodeError):
                continue  # said before
        words = (sql or "").split(None, 1)
        if sql is None or not words or words[0].upper() not in ("SELECT", "WITH", "VALUES"):
            continue
        if file is not None:
            yield sql, file, 0, 0, f"the query {name}"
        else:
            yield sql, FILE, *project.place("query", name), f"the query {name}"


def _tiles(project: Project) -> Iterator[Text]:
    """Tiles and filters, with their parameters put in as a page that was just opened does."""
    if not project.sections.get("dashboards"):
        return
    from forebay.dashboards.reader import read  # noqa: PLC0415 - only for projects that have some

    for dashboard in read(project)[0].values():
        for tile in dashboard.tiles:
            if tile.sql and tile.query is None:
                yield _filled(dashboard, tile), dashboard.file, tile.line, 1, f"the query of tile {tile.id}"


def _filled(dashboard: Dashboard, tile: Tile) -> str:
    from forebay.dashboards import parameters, ranges  # noqa: PLC0415

    now = int(time.time()) * SECOND
    span = ranges.resolve(
        dashboard.range, now=now, timezone=dashboard.timezone, day_starts=dashboard.day_starts
    )
    chosen = {each.name: each.default for each in dashboard.filters if each.default is not None}
    return parameters.fill(tile.sql, dashboard, tile, span, chosen)


def _not_sql(texts: list[Text]) -> Iterator[Finding]:
    if not texts:
        return
    from forebay.query.sql.parse import parse  # noqa: PLC0415 - it is large

    for sql, file, line, column, what in texts:
        try:
            parse(sql)
        except QueryFailed as error:
            at, beside = error.extra.get("line", 0), error.extra.get("column", 0)
            said = error.message.partition(f"line {at}:{beside}: ")[2] or error.message
            where = f"line {at} of the SQL, column {beside}" if at else None
            if not line:  # a file of its own
                line, column, where = at, beside, None  # noqa: PLW2901
            yield Finding(
                code="NotSql",
                file=file,
                line=line,
                column=column,
                message=f"{what} is no SQL: {said}",
                why=where,
                fix=error.fix or "queries are in Athena's SQL",
            )


def _unknown_services(project: Project) -> Iterator[Finding]:
    addresses = [
        (project.place("topics", name, "services", index), address)
        for name, spec in project.of(TopicSpec).items()
        for index, address in enumerate(spec.services)
        if not USE.search(address)
    ]
    if not addresses:
        return
    from forebay.topics.services import knows  # noqa: PLC0415 - it is large

    for (line, column), address in addresses:
        try:
            knows(address)
        except ForebayError as error:
            yield Finding(
                code="UnknownService",
                file=FILE,
                line=line,
                column=column,
                message=error.message,
                why="the notification library (Apprise) has no service of this form",
                fix="slack://tokenA/tokenB/tokenC; its pages list every service with its address",
            )
