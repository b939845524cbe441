"""The console: its API, its live socket and its pages, on the console port.

    GET  /api/console                         project, time ranges, chart themes: what every page needs
    GET  /api/status                          as `forebay status --json`
    POST /api/query                           {sql, database?, format?: json|csv, max_rows?}
    POST /api/flush                           {name?}
    GET  /api/keyvalue[/NAME]                 key-value tables; the first items of one
    GET  /api/alerts[/NAME]                   alerts and their states; what one looks at, and its history
    GET  /api/topics                          topics and their subscriptions
    POST /api/topics/NAME/test                {message?, subject?}
    GET  /api/telemetry/..., /api/logs/...    see console_telemetry.py
    GET  /api/dashboards[/NAME]               what there is, with the findings of its files
    GET  /api/dashboards/NAME/filters/FILTER  the filter's choices
    GET  /api/dashboards/NAME/tiles/TILE.csv  (or .json) ?range=today&f.menu=x
    WS   /api/live                            see browser.py
    GET  /api/follow/tables                   what a live question may read
    WS   /api/follow                          see follow.py
    GET  /healthz, /readyz
    GET  /metrics                             for Prometheus

A failure answers `{"error": {code, message, where?, why?, fix?}}` with the error's HTTP status.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import forebay
from forebay.clock import now_us
from forebay.dashboards import parameters, ranges, reader
from forebay.dashboards.model import Dashboard, Filter, Tile
from forebay.dashboards.theme import theme
from forebay.errors import ForebayError, NotFound, UsageError
from forebay.keyvalue.store import Tables
from forebay.layout import Layout
from forebay.project.finding import Finding
from forebay.project.model import Project
from forebay.query.section import NamedQuerySpec
from forebay.streams.writer import Log
from forebay.telemetry.prometheus import CONTENT_TYPE
from forebay.web import follow
from forebay.web.alarm_tiles import alarms_of, as_rows
from forebay.web.browser import Browser, Statuses
from forebay.web.console_alerts import alert_routes
from forebay.web.console_answers import MAX_ROWS, body_of, broken, csv_of, failed, json_of, table_of
from forebay.web.console_tables import first_items, listed
from forebay.web.console_telemetry import TelemetryPages
from forebay.web.console_topics import Trial, publish_test, topics_listed
from forebay.web.graph import graph
from forebay.web.live import Asks, Hub, ask_rows, find
from forebay.web.sample import first_request
from forebay.web.static_files import StaticFiles
from forebay.web.waiting import awaited
from forebay.web.walls import Refuses, Walls

logger = logging.getLogger("forebay.console")

BodyT = TypeVar("BodyT")

MAX_CSV_ROWS = 200_000


@dataclass(slots=True)
class ConsoleContext:
    """What the console asks of the process it runs in. `project` may be replaced; then call `reloaded`.

    `page` is what Prometheus is answered.
    """

    project: Project
    layout: Layout
    status: Callable[[], Awaitable[dict[str, Any]]]
    query: Asks
    flow: Asks
    guard: Refuses
    tables: Tables | None = None
    logs: Mapping[str, Log] = field(default_factory=dict)
    page: Callable[[], str] = str
    telemetry: TelemetryPages | None = None
    findings: list[Finding] = field(default_factory=list)


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /api/query`."""

    sql: str
    database: str | None = None
    format: str = "json"
    max_rows: int = 1000


class Flush(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /api/flush`."""

    name: str | None = None


class Console:
    """The routes, and what they share."""

    def __init__(self, ctx: ConsoleContext) -> None:
        self.ctx = ctx
        self.hub = Hub(
            ctx.query, lambda error: awaited(self.ctx.project, error), partial(alarms_of, ctx.flow)
        )
        self.statuses = Statuses(self._status_message)
        self._browsers: set[Browser] = set()
        self._static = StaticFiles()
        self._read: tuple[object, dict[str, Dashboard], list[Finding]] | None = None

    def app(self) -> Starlette:
        """The ASGI application, guarded."""
        dashboard = "/api/dashboards/{name}"
        app = Starlette(
            routes=[
                Route("/healthz", self._health),
                Route("/readyz", self._ready),
                Route("/metrics", self._metrics),
                Route("/api/console", self._console),
                Route("/api/status", self._status),
                Route("/api/query", self._query, methods=["POST"]),
                Route("/api/flush", self._flush, methods=["POST"]),
                *(self.ctx.telemetry.routes() if self.ctx.telemetry is not None else ()),
                Route("/api/keyvalue", self._tables),
                Route("/api/keyvalue/{name}", self._items),
                *alert_routes(lambda: self.ctx),
                Route("/api/topics", self._topics),
                Route("/api/topics/{name}/test", self._test_topic, methods=["POST"]),
                Route("/api/dashboards", self._dashboards),
                Route(dashboard, self._dashboard),
                Route(dashboard + "/filters/{filter}", self._filter),
                Route(dashboard + "/tiles/{tile}.{format}", self._tile),
                WebSocketRoute("/api/live", self._live),
                Route("/api/follow/tables", self._followed),
                WebSocketRoute("/api/follow", self._follow),
                Route("/api/{rest:path}", self._nothing, methods=["GET", "POST", "PUT", "DELETE"]),
                Route("/{rest:path}", self._page),
            ],
            exception_handlers={ForebayError: failed, Exception: broken},
            lifespan=self._lifespan,
        )
        app.state.console = self
        app.add_middleware(Walls, guard=self.ctx.guard)
        return app

    def reloaded(self, project: Project) -> None:
        """The project was applied anew: every open page asks again for what it shows."""
        self.ctx.project = project
        self._found()

    def dashboards(self) -> Mapping[str, Dashboard]:
        """The project's dashboards, read again when one of their files changed."""
        return self._found()[0]

    async def close(self) -> None:
        """Stop every tile and hang up."""
        for browser in self._browsers:
            browser.hang_up()
        await self.hub.close()
        await self.statuses.close()

    def _found(self) -> tuple[dict[str, Dashboard], list[Finding]]:
        root = Path(self.ctx.project.root)
        files = [*root.glob("dashboards/*.y*ml"), *root.glob("queries/*.sql")]
        seen = (id(self.ctx.project), tuple(sorted((str(file), file.stat().st_mtime_ns) for file in files)))
        if self._read is None or self._read[0] != seen:
            self._read = (seen, *reader.read(self.ctx.project))
            for browser in self._browsers:
                browser.send("changed", b'{"type":"changed"}')
        return self._read[1], self._read[2]

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.close()

    async def _status_message(self) -> bytes:
        try:
            return orjson.dumps({"type": "status", "at": now_us(), "data": await self.ctx.status()})
        except ForebayError as error:
            parts = error.to_dict()
        except Exception as error:  # a bug must not end the page's status for good
            logger.exception("the status could not be put together")
            parts = {"code": "Internal", "message": repr(error)}
        return orjson.dumps({"type": "status", "at": now_us(), "error": parts})

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        """Whether all of it is up; the ingest port's own says whether events are accepted."""
        problems = {}
        for name, process in (("query", self.ctx.query), ("flow", self.ctx.flow)):
            try:
                await process.call("status", timeout=2.0)
            except ForebayError as error:
                problems[name] = error.message
        if problems:
            return JSONResponse({"status": "starting", "problems": problems}, 503, {"retry-after": "1"})
        return JSONResponse({"status": "ready"})

    async def _metrics(self, _: Request) -> Response:
        return Response(self.ctx.page(), headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    async def _console(self, _: Request) -> Response:
        project = self.ctx.project
        return json_of(
            {
                "name": project.name,
                "description": project.description,
                "version": forebay.__version__,
                "timezone": project.timezone,
                "day_starts": project.day_starts,
                "database": project.database,
                "ranges": [
                    {"text": each, "label": self._span(each, project.timezone, project.day_starts).label}
                    for each in ranges.COMMON
                ],
                "themes": {name: theme(name) for name in ("light", "dark")},
                "first": first_request(project),
                "queries": self._queries(),
                "graph": graph(project, self.dashboards()),
                "dashboards": self._listed(),
            }
        )

    async def _status(self, _: Request) -> Response:
        return json_of(await self.ctx.status())

    async def _query(self, request: Request) -> Response:
        asked = await body_of(request, Ask)
        if asked.format not in {"json", "csv"}:
            raise UsageError("UnknownFormat", f"{asked.format!r} is no format", fix="use json or csv")
        most = MAX_CSV_ROWS if asked.format == "csv" else max(1, min(asked.max_rows, MAX_ROWS))
        answer = await ask_rows(self.ctx.query, asked.sql, asked.database or self.ctx.project.database, most)
        if asked.format == "csv":
            return await csv_of(answer, "query")
        return json_of(table_of(answer))

    async def _flush(self, request: Request) -> Response:
        asked = await body_of(request, Flush)
        return json_of(await self.ctx.flow.call("flush", timeout=120.0, name=asked.name))

    async def _tables(self, _: Request) -> Response:
        return json_of({"tables": await listed(self.ctx.tables, self.ctx.project)})

    async def _items(self, request: Request) -> Response:
        return json_of(await first_items(self.ctx.tables, request.path_params["name"]))

    async def _topics(self, _: Request) -> Response:
        ctx = self.ctx
        ledger = (await ctx.status()).get("ledger") or {}
        return json_of({"topics": await topics_listed(ctx.project, ctx.logs, ctx.flow, ledger)})

    async def _test_topic(self, request: Request) -> Response:
        asked = await body_of(request, Trial)
        return json_of(await publish_test(self.ctx.logs, request.path_params["name"], asked))

    def _listed(self) -> list[dict[str, Any]]:
        made, findings = self._found()
        listed = [
            {
                "name": each.name,
                "title": each.title,
                "description": each.description,
                "tiles": [{"title": tile.title, "kind": tile.kind} for tile in each.tiles],
                "findings": [found.to_dict() for found in findings if found.file == each.file],
            }
            for each in made.values()
        ]
        files = {each.file for each in made.values()}
        broken = sorted({found.file for found in findings} - files)
        return listed + [
            {
                "name": Path(file).stem, "title": Path(file).stem, "description": "", "tiles": [],
                "findings": [found.to_dict() for found in findings if found.file == file],
            }
            for file in broken
        ]  # fmt: skip

    def _queries(self) -> list[dict[str, Any]]:
        """The named queries, with their SQL."""
        root = Path(self.ctx.project.root)
        found = []
        for name, spec in self.ctx.project.of(NamedQuerySpec).items():
            with contextlib.suppress(OSError, UnicodeDecodeError):
                sql = (root / spec.file).read_text("utf-8").strip() if spec.file is not None else spec.sql
                found.append({"name": name, "sql": sql, "description": spec.description})
        return found

    async def _dashboards(self, _: Request) -> Response:
        return json_of({"dashboards": self._listed()})

    async def _dashboard(self, request: Request) -> Response:
        made, findings = self._found()
        board = find(made, request.path_params["name"])
        chosen = request.query_params.get("range") or board.range
        return json_of(
            {
                **msgspec.to_builtins(board),
                "timed": any(parameters.uses_range(tile.sql) for tile in board.tiles),
                "range_label": self._span(chosen, board.timezone, board.day_starts).label,
                "ranges": [
                    {"text": each, "label": self._span(each, board.timezone, board.day_starts).label}
                    for each in dict.fromkeys((*ranges.COMMON, board.range, chosen))
                ],
                "findings": [found.to_dict() for found in findings if found.file == board.file],
            }
        )

    async def _filter(self, request: Request) -> Response:
        board = find(self.dashboards(), request.path_params["name"])
        name = request.path_params["filter"]
        filter_ = next((each for each in board.filters if each.name == name), None)
        if filter_ is None:
            raise NotFound("NoSuchFilter", f"dashboard {board.name} has no filter {name!r}")
        return json_of({"options": await self._options(board, filter_, request)})

    async def _options(self, board: Dashboard, filter_: Filter, request: Request) -> list[str]:
        if filter_.sql is None:
            return list(filter_.options)
        sql = parameters.fill(filter_.sql, board, filter_, self._chosen(request, board, None)[0], {})
        try:
            answer = await ask_rows(self.ctx.query, sql, self.ctx.project.database, 500)
        except ForebayError as error:
            if awaited(self.ctx.project, error) is None:
                raise
            return []
        return [str(row[0]) for row in answer["values"] if row and row[0] not in (None, "")]

    def _chosen(
        self, request: Request, board: Dashboard, tile: Tile | None
    ) -> tuple[ranges.Range, dict[str, str]]:
        asked = request.query_params
        zone = tile.timezone if tile is not None else board.timezone
        chosen = {each.name: asked.get(f"f.{each.name}", "") for each in board.filters}
        return self._span(asked.get("range") or board.range, zone, board.day_starts), chosen

    async def _tile(self, request: Request) -> Response:
        board = find(self.dashboards(), request.path_params["name"])
        tile = board.tile(request.path_params["tile"])
        kind = request.path_params["format"]
        if tile is None or not tile.live or kind not in {"csv", "json"}:
            raise NotFound("NoSuchTile", f"dashboard {board.name} has no such tile of data")
        if tile.kind == "alarm":
            answer = await as_rows(self.ctx.flow, tile)
        else:
            span, chosen = self._chosen(request, board, tile)
            sql = parameters.fill(tile.sql, board, tile, span, chosen)
            most = MAX_CSV_ROWS if kind == "csv" else 1000
            answer = await ask_rows(self.ctx.query, sql, tile.database, most)
        if kind == "csv":
            return await csv_of(answer, f"{board.name}-{tile.id}")
        return json_of(table_of(answer, ranges.zone(tile.timezone)))

    async def _live(self, websocket: WebSocket) -> None:
        await websocket.accept()
        browser = Browser(websocket, self.hub, self.statuses, self.dashboards)
        self._browsers.add(browser)
        try:
            await browser.serve()
        finally:
            self._browsers.discard(browser)

    async def _followed(self, _: Request) -> Response:
        return json_of(await self.ctx.flow.call("follow_tables"))

    async def _follow(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await follow.serve(websocket, self.ctx.flow)

    async def _nothing(self, request: Request) -> Response:
        raise NotFound("NoSuchOperation", f"the console's API has no {request.method} {request.url.path}")

    async def _page(self, request: Request) -> Response:
        return self._static.respond(request)

    def _span(self, text: str, timezone: str, day_starts: str) -> ranges.Range:
        return ranges.resolve(text, now=now_us(), timezone=timezone, day_starts=day_starts)


def console_app(ctx: ConsoleContext) -> Starlette:
    """The console as an ASGI application; `app.state.console` is its `Console`."""
    return Console(ctx).app()
