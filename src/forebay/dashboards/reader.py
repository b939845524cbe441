"""Reads `dashboards/*.yaml`: every finding at once, with its place, and the dashboards that can be shown.

title: Evening                     # the file's stem if left out
description: ...
range: today                       # what is shown first
timezone: Europe/Berlin            # the project's if left out; day_starts likewise
database: restaurant               # the project's if left out
filters:
  menu: {label: Menu, column: source_menu, sql: SELECT DISTINCT source_menu FROM clicks}
tiles:
  - title: Clicks
    kind: number
    query: SELECT count(*) FROM clicks     # or the name of a named query, or a .sql file
    compare: day
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from forebay.dashboards import parameters, ranges
from forebay.dashboards.model import COMPARES, FORMATS, KINDS, SORTS, STATES, Dashboard, Filter, Kind, Tile
from forebay.dashboards.source import Source, nearest
from forebay.errors import UsageError
from forebay.project.finding import Finding
from forebay.project.model import Project

TOP = ("title", "description", "range", "timezone", "day_starts", "database", "filters", "tiles")
FILTER = ("label", "type", "column", "options", "sql", "default")
TILE = (
    "id", "title", "kind", "query", "description", "text", "x", "y", "series", "value", "format", "unit",
    "compare", "horizontal", "width", "height", "sort", "limit", "timezone", "database", "alarms", "states", "sort_by",
)  # fmt: skip
_WITHOUT_QUERY = ("text", "alarm")
_OF_ALARMS = ("alarms", "states", "sort_by")
_HEIGHTS = {"number": 2, "text": 1}
_WIDTHS = {"number": 3, "text": 12, "alarm": 4}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_SORT = re.compile(r"(x|value)( (asc|desc))?")


def read(project: Project) -> tuple[dict[str, Dashboard], list[Finding]]:
    """The dashboards of `project` by name, and what is wrong with their files.

    A tile with an error is left out of its dashboard, so the others can still be shown.
    """
    made: dict[str, Dashboard] = {}
    findings: list[Finding] = []
    for name, spec in project.sections.get("dashboards", {}).items():
        file = str(getattr(spec, "file", f"dashboards/{name}.yaml"))
        source = Source(file)
        try:
            text = (Path(project.root) / file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            source.add("UnreadableFile", None, f"dashboard {name} cannot be read: {error}")
        else:
            dashboard = _Reader(source, project, name).dashboard(text)
            if dashboard is not None:
                made[name] = dashboard
        findings += source.findings
    return made, findings


class _Reader:
    """Reads one file."""

    def __init__(self, source: Source, project: Project, name: str) -> None:
        self._source = source
        self._project = project
        self._name = name

    def dashboard(self, text: str) -> Dashboard | None:
        source, project = self._source, self._project
        node = source.compose(text)
        if node is None:
            return None
        parts = source.mapping(node, "a dashboard", TOP)
        if not parts:
            return None
        timezone = self._valid(parts.get("timezone"), "timezone", ranges.zone) or project.timezone
        database = source.text(parts.get("database"), "database") or project.database
        filters = self._filters(parts.get("filters"))
        tiles: list[Tile] = []
        listed = parts.get("tiles")
        if not isinstance(listed, yaml.SequenceNode) or not listed.value:
            source.add("NoTiles", listed or node, "a dashboard needs a list of tiles", fix="add tiles:")
        else:
            for item in listed.value:
                tile = self._tile(item, timezone, database, filters, {each.id for each in tiles})
                if tile is not None:
                    tiles.append(tile)
        return Dashboard(
            name=self._name,
            title=source.text(parts.get("title"), "title") or self._name.replace("_", " ").capitalize(),
            file=source.file,
            description=source.text(parts.get("description"), "description") or "",
            range=self._valid(parts.get("range"), "range", ranges.check) or "today",
            timezone=timezone,
            day_starts=self._valid(parts.get("day_starts"), "day_starts", ranges.day_time)
            or project.day_starts,
            filters=tuple(filters.values()),
            tiles=tuple(tiles),
        )

    def _valid(self, node: yaml.Node | None, what: str, check: Any) -> str | None:
        """The text of `node` if `check` accepts it."""
        text = self._source.text(node, what)
        if text is None:
            return None
        try:
            check(text)
        except UsageError as error:
            self._source.add(error.code, node, error.message, why=error.why, fix=error.fix)
            return None
        return text

    def _filters(self, node: yaml.Node | None) -> dict[str, Filter]:
        source = self._source
        made: dict[str, Filter] = {}
        for name, entry in source.mapping(node, "filters", ()).items() if node is not None else ():
            if not _NAME.fullmatch(name):
                source.add("BadName", entry, f"filter {name!r} must be letters, digits, - and _")
                continue
            what = f"filter {name}"
            parts = source.mapping(entry, what, FILTER)
            filter_ = Filter(
                name=name,
                label=source.text(parts.get("label"), "label") or name.replace("_", " ").capitalize(),
                type="number"
                if source.choice(parts.get("type"), f"{what}: type", ("text", "number")) == "number"
                else "text",
                column=source.text(parts.get("column"), f"{what}: column"),
                options=source.texts(parts.get("options"), f"{what}: options"),
                sql=source.text(parts.get("sql"), f"{what}: sql"),
                default=source.text(parts.get("default"), f"{what}: default"),
            )
            if filter_.options and filter_.sql:
                source.add("TwoOptions", parts["sql"], f"{what} has both options and sql", fix="keep one")
            for value in (*filter_.options, *filter(None, (filter_.default,))):
                self._checked(entry, filter_, value)
            made[name] = filter_
        return made

    def _checked(self, node: yaml.Node, filter_: Filter, value: str) -> None:
        try:
            parameters.check_value(filter_, value)
        except UsageError as error:
            self._source.add(error.code, node, error.message)

    def _tile(
        self, node: yaml.Node, timezone: str, database: str, filters: Mapping[str, Filter], taken: set[str]
    ) -> Tile | None:
        source = self._source
        before = len(source.findings)
        parts = source.mapping(node, "a tile", TILE)
        if not parts:
            return None

        def text(key: str) -> str | None:
            return source.text(parts.get(key), f"a tile's {key}")

        kind = source.choice(parts.get("kind"), "a tile's kind", KINDS)
        title = text("title") or ("Alarm status" if kind == "alarm" else "")
        if kind is None:
            if "kind" not in parts:
                source.add("NoKind", node, "a tile needs a kind", fix="use one of: " + ", ".join(KINDS))
            return None
        own = text("database")
        query = self._query(parts, kind, node, own or database)
        if query is not None:
            self._placeholders(parts["query"], query[0], query[1], filters)
        id_ = text("id") or _slug(title or kind)
        if id_ in taken and "id" in parts:
            source.add("DuplicateId", parts["id"], f"two tiles have the id {id_!r}")
        base, number = id_, 2
        while id_ in taken:
            id_, number = f"{base}-{number}", number + 1
        sort = text("sort")
        if sort is not None and not _SORT.fullmatch(sort):
            source.add(
                "BadSort",
                parts["sort"],
                f"a tile cannot be sorted by {sort!r}",
                fix="x, value desc or value asc",
            )
        limit = source.integer(parts.get("limit"), "a tile's limit", 1, 10_000, 0)
        tile = Tile(
            id=id_,
            title=title,
            kind=cast("Kind", kind),
            line=node.start_mark.line + 1,
            sql=query[0] if query else "",
            query=query[1] if query else None,
            description=text("description") or "",
            text=text("text") or "",
            x=text("x"),
            y=source.texts(parts.get("y"), "a tile's y"),
            series=text("series"),
            value=text("value"),
            format=self._format(parts.get("format")),
            unit=text("unit") or "",
            compare=cast("Any", source.choice(parts.get("compare"), "a tile's compare", COMPARES)),
            horizontal=source.truth(parts.get("horizontal"), "a tile's horizontal"),
            width=source.integer(parts.get("width"), "a tile's width", 1, 12, _WIDTHS.get(kind, 6)),
            height=source.integer(parts.get("height"), "a tile's height", 1, 12, _HEIGHTS.get(kind, 4)),
            sort=sort,
            limit=limit or None,
            timezone=self._valid(parts.get("timezone"), "timezone", ranges.zone) or timezone,
            database=own or (query[2] if query else database),
            alarms=source.texts(parts.get("alarms"), "a tile's alarms"),
            states=source.texts(parts.get("states"), "a tile's states"),
            sort_by=source.choice(parts.get("sort_by"), "a tile's sort_by", SORTS) or SORTS[0],
        )
        self._fits(tile, parts, node)
        return tile if len(source.findings) == before else None

    def _fits(self, tile: Tile, parts: Mapping[str, yaml.Node], node: yaml.Node) -> None:
        """What a kind of tile needs or cannot have."""
        if tile.kind == "alarm":
            self._alarms(tile, parts)
        else:
            for key in _OF_ALARMS:
                if key in parts:
                    self._source.add(
                        "KeyOfOtherKind", parts[key], f"only an alarm tile has {key}", fix="use kind: alarm"
                    )
        if tile.kind == "text" and not tile.text:
            self._source.add("NoText", node, "a text tile needs its text", fix="add text:")
        if tile.kind != "text" and tile.text:
            self._source.add(
                "KeyOfOtherKind", parts["text"], f"a {tile.kind} tile shows no text", fix="use description"
            )
        if tile.compare and tile.kind != "number":
            self._source.add("KeyOfOtherKind", parts["compare"], "only a number tile compares")
        elif tile.compare and not parameters.uses_range(tile.sql):
            self._source.add(
                "NothingToCompare", parts["compare"], "the query does not use the time range",
                why="an earlier range would give the same number", fix="use ${start} and ${end} in it",
            )  # fmt: skip

    def _alarms(self, tile: Tile, parts: Mapping[str, yaml.Node]) -> None:
        """Of alarms there are, and in states there are."""
        declared = self._project.sections.get("alerts", {})
        for name in tile.alarms:
            if name not in declared:
                self._source.add(
                    "UnknownAlert", parts["alarms"], f"there is no alert {name!r}",
                    fix=nearest(name, declared) if declared else "declare it under alerts:",
                )  # fmt: skip
        for state in tile.states:
            if state not in STATES:
                self._source.add(
                    "UnknownWord", parts["states"], f"no alarm is ever {state!r}", fix=nearest(state, STATES)
                )

    def _format(self, node: yaml.Node | None) -> str:
        text = self._source.text(node, "a tile's format")
        if text is None or text in FORMATS or re.fullmatch(r"money:[A-Z]{3}", text):
            return text or "number"
        self._source.add("UnknownWord", node, f"a tile's format cannot be {text!r}",
                         fix=nearest(text, (*FORMATS, "money:EUR")))  # fmt: skip
        return "number"

    def _query(
        self, parts: Mapping[str, yaml.Node], kind: str, node: yaml.Node, database: str
    ) -> tuple[str, str | None, str] | None:
        """SQL, the file or name it came from (None: inline), and its database."""
        source = self._source
        at = parts.get("query")
        asked = source.text(at, "a tile's query")
        if kind in _WITHOUT_QUERY:
            if at is not None:
                source.add("KeyOfOtherKind", at, f"a tile of kind {kind} has no query")
            return None
        if asked is None:
            if at is None:
                source.add("NoQuery", node, f"a {kind} tile needs a query", fix="add query: SELECT …")
            return None
        asked = asked.strip()
        if re.search(r"\s", asked):
            return asked, None, database
        if asked.endswith(".sql"):
            sql = self._file(asked, at)
            return None if sql is None else (sql, asked, database)
        named = self._project.sections.get("query", {})
        if asked not in named:
            source.add("UnknownQuery", at, f"there is no named query {asked!r}",
                       fix=nearest(asked, named) if named else "declare it under query:, or write the SQL here")  # fmt: skip
            return None
        spec: Any = named[asked]
        sql = spec.sql if spec.sql is not None else self._file(spec.file, at)
        return None if sql is None else (sql, asked, spec.database or database)

    def _file(self, name: str | None, at: yaml.Node | None) -> str | None:
        root = Path(self._project.root).resolve()
        path = (root / (name or "")).resolve()
        try:
            if not path.is_relative_to(root):
                raise OSError("it lies outside the project")
            return path.read_text("utf-8").strip().rstrip(";")
        except (OSError, UnicodeDecodeError) as error:
            self._source.add("UnreadableFile", at, f"{name} cannot be read", why=str(error))
            return None

    def _placeholders(self, at: yaml.Node, sql: str, came: str | None, filters: Mapping[str, Filter]) -> None:
        for each in parameters.placeholders(sql):
            place = f" (line {sql.count(chr(10), 0, each.offset) + 1} of {came})" if came else ""
            if each.quoted:
                self._source.add("QuotedParameter", at, f"${{{each.name}}} stands inside quotes{place}",
                                 fix="write it without the quotes; text is quoted by itself")  # fmt: skip
            elif not parameters.known(each.name, filters):
                names = ["start", "end", "bucket", "unit", "timezone", "where"]
                names += [f"filter.{name}" for name in filters]
                names += [f"where.{name}" for name, filter_ in filters.items() if filter_.column]
                self._source.add("UnknownParameter", at, f"${{{each.name}}} is no parameter{place}",
                                 fix=nearest(each.name, names))  # fmt: skip


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "tile"
