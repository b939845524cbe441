"""The tile runner: each tile's query runs once however many browsers watch, and only when it has to.

A tile is due when a table of its query changed (the query process's `stamp`), when its time window moved
on, or when a failed run may be tried again; never sooner than its interval. Intervals begin at one second
and grow with what the queries are measured to cost, so that all tiles together stay under BUDGET of a
core; a dear tile waits longer than a cheap one. What a tile costs and how long it waits is in its message.
A tile of alarms has no query: it is asked for once a second, and told of when something is different.

Nothing is asked while nobody watches. A query that fails or hangs shows so on its own tile.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from forebay.clock import now_us
from forebay.dashboards import parameters, ranges
from forebay.dashboards.model import Dashboard, Tile
from forebay.dashboards.render import MAX_TABLE_ROWS, Rendered, render
from forebay.dashboards.shape import Result
from forebay.errors import ForebayError, NotFound, Unavailable

logger = logging.getLogger("forebay.console")

BUDGET = 0.20
"""The share of one core that all tiles together may take."""
POLL = 0.25
"""Seconds between two looks at whether tables changed."""
LEAST = 1.0
"""Seconds between two runs of one tile, at least."""
TIMEOUT = 20.0
MAX_ROWS = 10_000
_AGAIN = 2.0
_PARALLEL = 2
_IN_LOOP = 400  # rows; more are rendered in a thread, since this process also takes the events


class Asks(Protocol):
    """What is asked of the query process; `forebay.ipc.AsyncClient` is one."""

    async def call(self, op: str, /, timeout: float = 30.0, **args: Any) -> Any:
        """The answer of `op`."""


class Watcher(Protocol):
    """A browser, as the runner sees it."""

    def put(self, tile: str, message: bytes, brief: bytes | None) -> None:
        """Take the newest message of a tile; must not block.

        `brief`, where given, is enough for who has got every message before: only times changed.
        """


def result_of(answer: Mapping[str, Any]) -> Result:
    """The query process's answer to `rows`."""
    columns = [(str(name), str(kind)) for name, kind in answer["columns"]]
    return Result(columns, answer["values"], bool(answer.get("truncated")))


async def ask_rows(query: Asks, sql: str, database: str, most: int) -> dict[str, Any]:
    """{columns: [[name, type]], values: [[...]], truncated, stats} of at most `most` rows."""
    answer: dict[str, Any] = await query.call(
        "rows", timeout=TIMEOUT + 5, sql=sql, database=database, seconds=TIMEOUT, max_rows=most
    )
    return answer


Key = tuple[str, str, str, tuple[tuple[str, str], ...]]


@dataclass(eq=False, slots=True)
class Shared:
    """A tile under one range and choice of filters, for everybody who watches it."""

    key: Key
    dashboard: Dashboard
    tile: Tile
    range: str
    chosen: Mapping[str, str]
    watchers: set[Watcher] = field(default_factory=set)
    tables: tuple[str, ...] | None = None
    stamp: str | None = None  # as last seen
    ran_stamp: str | None = None  # as seen before the last run
    ran_sql: str = ""
    rev: int = 0
    message: bytes = b""
    shown: bytes = b""
    started: float = -math.inf
    retry_at: float = math.inf
    cost: float = 0.0  # seconds, smoothed
    spent: float = 0.0  # by the last run
    interval: float = field(default_factory=lambda: LEAST)
    changed_at: int | None = None
    running: asyncio.Task[None] | None = None
    before: tuple[str, Result] | None = None

    def sql(self, now: int) -> tuple[str, ranges.Range]:
        """The query as it stands at `now`, and its range. Raises UsageError."""
        board = self.dashboard
        span = ranges.resolve(self.range, now=now, timezone=self.tile.timezone, day_starts=board.day_starts)
        return parameters.fill(self.tile.sql, board, self.tile, span, self.chosen), span


class Hub:
    """All tiles that somebody watches, and the loop that runs them."""

    def __init__(
        self,
        query: Asks,
        awaited: Callable[[ForebayError], dict[str, Any] | None] = lambda _: None,
        alarms: Callable[[Tile], Awaitable[list[dict[str, Any]]]] | None = None,
    ) -> None:
        """`awaited` tells what is still to come where a table is missing; None where nothing is.

        `alarms` gives what a tile of alarms shows.
        """
        self._query = query
        self._awaited = awaited
        self._alarms = alarms
        self._tiles: dict[Key, Shared] = {}
        self._loop: asyncio.Task[None] | None = None
        self._slots = asyncio.Semaphore(_PARALLEL)

    @property
    def watched(self) -> list[Shared]:
        """The tiles that run now."""
        return [each for each in self._tiles.values() if each.watchers]

    def watch(
        self, watcher: Watcher, dashboard: Dashboard, range_: str, chosen: Mapping[str, str]
    ) -> list[Shared]:
        """Begin to run a dashboard's tiles for `watcher`, who gets at once what is known already.

        Raises UsageError if the range or a filter's value is none.
        """
        ranges.check(range_)
        for filter_ in dashboard.filters:
            if chosen.get(filter_.name):
                parameters.check_value(filter_, chosen[filter_.name])
        shared = [self._shared(dashboard, tile, range_, chosen) for tile in dashboard.tiles if tile.live]
        for each in shared:
            each.watchers.add(watcher)
            if each.message:
                watcher.put(each.tile.id, each.message, None)
        if shared and (self._loop is None or self._loop.done()):
            self._loop = asyncio.create_task(self._run())
        return shared

    def leave(self, watcher: Watcher) -> None:
        """`watcher` watches nothing any more. A tile without watchers is forgotten, its query abandoned."""
        for key, each in list(self._tiles.items()):
            each.watchers.discard(watcher)
            if not each.watchers:
                del self._tiles[key]
                if each.running is not None:
                    each.running.cancel()

    async def close(self) -> None:
        """Stop everything."""
        tasks = [each.running for each in self._tiles.values() if each.running is not None]
        tasks += [self._loop] if self._loop is not None else []
        self._tiles.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _shared(self, dashboard: Dashboard, tile: Tile, range_: str, chosen: Mapping[str, str]) -> Shared:
        mine = {
            each.name: chosen[each.name]
            for each in dashboard.filters
            if chosen.get(each.name) and parameters.uses_filter(tile.sql, each.name)
        }
        span = range_ if parameters.uses_range(tile.sql) else "all"
        key = (dashboard.name, tile.id, span, tuple(sorted(mine.items())))
        found = self._tiles.get(key)
        if found is None or found.dashboard is not dashboard:
            found = self._tiles[key] = Shared(key, dashboard, tile, span, mine)
        return found

    async def _run(self) -> None:
        while self.watched:
            try:
                await self._look()
                now = time.monotonic()
                for each in self.watched:
                    if each.running is None and self._due(each, now):
                        each.started = now
                        each.running = asyncio.create_task(self._update(each))
            except Exception:  # a bug in one round must not stop every page for good
                logger.exception("a round of the tile runner failed")
            await asyncio.sleep(POLL)

    def _due(self, each: Shared, now: float) -> bool:
        if now < each.started + each.interval:
            return False
        if each.tile.kind == "alarm" or not each.message:
            return True
        if now >= each.retry_at or each.stamp != each.ran_stamp:
            return True
        try:
            return each.sql(now_us())[0] != each.ran_sql
        except ForebayError:
            return False

    async def _look(self) -> None:
        """Ask once per set of tables whether they changed."""
        groups: dict[tuple[str, tuple[str, ...]], list[Shared]] = {}
        for each in self.watched:
            if each.running is None and each.tile.sql:
                groups.setdefault((each.tile.database, each.tables or (each.tile.sql,)), []).append(each)
        await asyncio.gather(*(self._stamp(group) for group in groups.values()))

    async def _stamp(self, group: list[Shared]) -> None:
        try:
            sql, _ = group[0].sql(now_us())
            answer = await self._query.call("stamp", timeout=5.0, sql=sql, database=group[0].tile.database)
            stamp = str(answer["stamp"])
        except Unavailable:
            return  # the process restarts; what is shown stays
        except ForebayError as error:
            stamp = f"{error.code}: {error.message}"  # a table may not be there yet
        for each in group:
            if each.stamp is not None and each.stamp != stamp:
                each.changed_at = now_us()
            each.stamp = stamp

    async def _update(self, each: Shared) -> None:
        """Run one tile and tell its watchers."""
        parts: dict[str, Any]
        began = time.perf_counter()
        try:
            async with _Slot(self._slots):
                began, each.started = time.perf_counter(), time.monotonic()
                each.ran_stamp, each.retry_at = each.stamp, math.inf
                parts, spent = await self._answer(each)
        except ForebayError as error:
            waits = self._awaited(error)
            parts = (
                {"state": "waiting", "waits": waits}
                if waits
                else {"state": "error", "error": error.to_dict()}
            )
            # What only waits cost nothing, however long a busy machine took to say so.
            spent = 0.0 if waits or isinstance(error, Unavailable) else time.perf_counter() - began
            if isinstance(error, Unavailable):
                each.retry_at = time.monotonic() + _AGAIN
        except Exception as error:  # a tile must not take the others with it
            logger.exception("tile %s of dashboard %s failed", each.tile.id, each.dashboard.name)
            parts, spent = {"state": "error", "error": {"code": "Internal", "message": repr(error)}}, 0.0
        finally:
            each.running = None
        each.cost = 0.7 * each.cost + 0.3 * min(spent, each.spent)  # a first run plans, the next ones do not
        each.spent = spent
        self._pace()
        self._tell(each, parts)

    async def _answer(self, each: Shared) -> tuple[dict[str, Any], float]:
        """What to show, and the seconds of work it took."""
        if each.tile.kind == "alarm":
            found = [] if self._alarms is None else await self._alarms(each.tile)
            return {"state": "ok" if found else "empty", "alarms": found}, 0.0
        now = now_us()
        each.ran_sql, span = each.sql(now)
        result, spent = await self._ask(each, each.ran_sql)
        before = None
        if each.tile.compare is not None:
            earlier = ranges.shifted(span, each.tile.compare, now=now, timezone=each.tile.timezone)
            sql = parameters.fill(each.tile.sql, each.dashboard, each.tile, earlier, each.chosen)
            if each.before is None or each.before[0] != sql:
                before, more = await self._ask(each, sql)
                each.before, spent = (sql, before), spent + more
            before = each.before[1]
        began = time.perf_counter()
        zone = ranges.zone(each.tile.timezone)
        if len(result.rows) > _IN_LOOP:
            rendered = await asyncio.to_thread(render, each.tile, result, zone, before)
        else:
            rendered = render(each.tile, result, zone, before)
        return _parts(rendered, span), spent + time.perf_counter() - began

    async def _ask(self, each: Shared, sql: str) -> tuple[Result, float]:
        most = MAX_TABLE_ROWS if each.tile.kind == "table" else MAX_ROWS
        answer = await ask_rows(self._query, sql, each.tile.database, most)
        stats = answer.get("stats") or {}
        each.tables = tuple(sorted(str(table) for table in stats.get("tables") or ())) or None
        return result_of(answer), float(stats.get("cpu_ms") or stats.get("elapsed_ms") or 0.0) / 1000

    def _pace(self) -> None:
        """Share BUDGET: with weights by the root of the cost, the mean wait is the least there is."""
        roots = {id(each): math.sqrt(each.cost) for each in self.watched}
        total = sum(roots.values())
        for each in self.watched:
            each.interval = max(LEAST, roots[id(each)] * total / BUDGET)

    def _tell(self, each: Shared, parts: dict[str, Any]) -> None:
        shown = orjson.dumps(parts, option=orjson.OPT_NON_STR_KEYS)
        if each.tile.kind == "alarm" and each.shown:
            if shown == each.shown:
                return
            each.changed_at = now_us()
        news = {
            "tile": each.tile.id,
            "ran_at": now_us(),
            "changed_at": each.changed_at,
            "cost_ms": round(each.cost * 1000, 1),
            "interval": round(each.interval, 2),
        }
        each.rev += 1
        head = orjson.dumps({**news, "rev": each.rev})[:-1]
        each.message = head + b',"shown":' + shown + b"}"
        same, each.shown = shown == each.shown, shown
        for watcher in each.watchers:
            watcher.put(each.tile.id, each.message, head + b"}" if same else None)


class _Slot:
    """Holds one of few places, for at most SLOW seconds: a slow query must not keep the quick ones waiting."""

    SLOW = 0.5

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        self._timer = asyncio.get_running_loop().call_later(self.SLOW, self._give)

    def _give(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._slots.release()

    async def __aexit__(self, *_: object) -> None:
        self._give()


def _parts(rendered: Rendered, span: ranges.Range) -> dict[str, Any]:
    return {**rendered.to_dict(), "range": span.label}


def find(dashboards: Mapping[str, Dashboard], name: str) -> Dashboard:
    """The dashboard called `name`. Raises NotFound."""
    if name not in dashboards:
        raise NotFound("NoSuchDashboard", f"there is no dashboard {name!r}", fix=_list(dashboards))
    return dashboards[name]


def _list(names: Iterable[str]) -> str:
    return "there are: " + (", ".join(sorted(names)) or "none; put one under dashboards/")
