"""Asks the lake: SQL in Athena's dialect, rows as of one moment, behind two walls.

    query ─ plan (kept by text) ─ list foreign files ─ snapshot ─ gather ─ bodies ─ DuckDB

The first wall is the plan: one statement of a permitted kind, relations from the catalog alone, functions
from an allow-list, and only our own SQL names files. The second is DuckDB's own: no file outside the lake
and the cache, no extension, no change of settings, bounded memory and threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from forebay.errors import QueryFailed
from forebay.layout import Layout
from forebay.query import output, show
from forebay.query.cache import Copies
from forebay.query.cold import Listed
from forebay.query.connection import connect
from forebay.query.copysql import Vanished
from forebay.query.errors import translate
from forebay.query.hot import Hot
from forebay.query.listing import Listing
from forebay.query.permit import Permit
from forebay.query.plan import Plan, Planner
from forebay.query.prune import Pruner
from forebay.query.result import Column, Result, Stats
from forebay.query.retained import OpenLog, Retained
from forebay.query.snapshot import Catalog, Snapshot, Table
from forebay.query.sources import Gathered, Sources
from forebay.query.store import Memory
from forebay.query.watchdog import Watchdog
from forebay.readers import Readers

WARM = 120.0
"""Seconds for which a table's hot rows are kept decoded after somebody asked for it."""
REPLANS = 8
"""How often a query is planned again because files it planned have gone."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. `began` is of time.perf_counter, `deadline` of time.monotonic, `limit` in seconds."""

    sql: str
    database: str
    max_rows: int | None
    began: float
    deadline: float
    limit: float
    id_: str | None = None
    permit: Permit | None = None


class QueryEngine:
    """Answers SQL over one state folder. Thread-safe; several queries run at once.

    `memory_bytes` and `threads` bound all queries together, `timeout` (seconds) each one. `open_log` opens the log
    of a stream, by its name, for the table over it.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        memory_bytes: int = 1 << 30,
        threads: int = 2,
        timeout: float = 60.0,
        open_log: OpenLog,
    ) -> None:
        self._timeout = timeout
        layout.lake.mkdir(parents=True, exist_ok=True)
        layout.cache.mkdir(parents=True, exist_ok=True)
        self._warming = threading.Lock()
        self._closed = False
        self._root = connect(layout, memory_bytes=memory_bytes, threads=threads)
        self._planner = Planner(self._root)
        self._catalog = Catalog(layout.catalog, layout.root.absolute())
        self._memory = Memory(max(memory_bytes // 2, 64 << 20))
        self._copies = Copies(layout.cache.absolute(), self._root.cursor)
        self._retained = Retained(self._root.cursor, open_log)
        self._sources = Sources(
            Listing(layout.lake.absolute()),
            Hot(self._memory, self._root.cursor),
            self._copies,
            self._retained,
        )
        self._pruner = Pruner()
        self._warmed: int | None = None
        self._asked: dict[tuple[int, int], tuple[Table, float]] = {}
        self._watchdog = Watchdog()
        self._readers = Readers(layout.lake)
        with self._catalog.snapshot() as snapshot:
            self._copies.keep({table.id for table in snapshot.tables()})

    def query(
        self,
        sql: str,
        database: str,
        max_rows: int | None = None,
        timeout: float | None = None,
        *,
        id_: str | None = None,
        permit: Permit | None = None,
    ) -> Result:
        """Run one statement. At most `max_rows` rows come back; `id_` is for `cancel`, `permit` bounds who asks.

        Raises QueryFailed with Athena's code (`COLUMN_NOT_FOUND`, `TABLE_NOT_FOUND`, `SYNTAX_ERROR`, ...)
        and, where they are known, `line`, `column` and `hint`.
        """
        limit = timeout or self._timeout
        began, deadline = time.perf_counter(), time.monotonic() + limit
        ask = Ask(sql, database.lower(), max_rows, began, deadline, limit, id_, permit)
        with self._readers.one():
            for attempt in range(REPLANS):
                try:
                    return self._once(ask, fresh=attempt > 0)
                except Vanished:
                    continue
        raise QueryFailed(
            "HIVE_CANNOT_OPEN_SPLIT", "HIVE_CANNOT_OPEN_SPLIT: files of the table keep vanishing"
        )

    def revision(self) -> str:
        """Which revision of the project the tables are those of; empty before the first."""
        with self._catalog.snapshot() as snapshot:
            return snapshot.revision()

    def cancel(self, id_: str) -> bool:
        """End the query that was given this id; whether it was running. It raises QueryFailed `QUERY_CANCELLED`."""
        return self._watchdog.cancel(id_)

    def stamp(self, sql: str, database: str) -> str:
        """A text that changes when a table of the query does. Raises QueryFailed as `query` does."""
        for _ in range(REPLANS):
            with self._catalog.snapshot() as snapshot:
                plan = self._planner.plan(sql, database.lower(), snapshot)
                listed = self._list(plan, snapshot)
            with self._catalog.snapshot() as snapshot:
                if not plan.holds(snapshot):
                    continue
                marks = [self._sources.mark(snapshot, table, listed) for table in plan.tables.values()]
                if plan.rewritten is None or plan.virtual:
                    marks.append(tuple((t.db, t.name, t.key) for t in snapshot.tables()))
            return hashlib.sha256(repr(marks).encode()).hexdigest()[:32]
        raise QueryFailed("GENERIC_INTERNAL_ERROR", "GENERIC_INTERNAL_ERROR: its tables keep changing")

    def warm(self) -> None:
        """Decode what is new of the tables that were asked of late. Cheap where nothing is."""
        with self._warming:
            if not self._closed:
                self._warm()

    def _warm(self) -> None:
        if not self._asked or (version := self._catalog.version()) == self._warmed:
            return
        self._warmed = version
        now = time.monotonic()
        for key, (table, asked) in list(self._asked.items()):
            if now - asked > WARM:
                self._asked.pop(key, None)
                continue
            roots = self._sources.finder.known_roots(table)
            if roots is None:
                continue
            listed = self._sources.finder.look(roots)
            with contextlib.suppress(Vanished, QueryFailed), self._catalog.snapshot() as snapshot:
                current = snapshot.table(table.db, table.name)
                if current is not None and current.key == key:
                    self._sources.warm(snapshot, table, listed)

    def close(self) -> None:
        """End the background work and close everything."""
        with self._warming:  # in a thread that nobody can stop
            self._closed = True
        self._watchdog.close()
        self._copies.close()
        self._retained.close()
        self._catalog.close()
        self._root.close()

    def wait(self) -> None:
        """Until the background work is done."""
        self._copies.wait()

    @property
    def memory(self) -> int:
        """Bytes of decoded rows that are kept."""
        return self._memory.bytes

    def _list(self, plan: Plan, snapshot: Snapshot, *, fresh: bool = False) -> Listed:
        roots: set[tuple[str, str]] = set()
        for table in plan.tables.values():
            roots.update(self._sources.finder.roots(snapshot, table))
        return self._sources.finder.look(sorted(roots), fresh=fresh)

    def _prepare(self, ask: Ask, *, fresh: bool) -> tuple[Plan, Listed]:
        """The plan, and what lies in its folders. A plan that is known is taken on trust: the snapshot that
        decides will tell if it no longer holds."""
        finder = self._sources.finder
        plan = None if fresh else self._planner.known(ask.sql, ask.database)
        if plan is not None:
            roots = [finder.known_roots(table) for table in plan.tables.values()]
            if None not in roots:
                return plan, finder.look(sorted({root for some in roots for root in some or ()}))
        with self._catalog.snapshot() as snapshot:
            plan = self._planner.plan(ask.sql, ask.database, snapshot, ask.permit)
            if plan.rewritten is None:
                if ask.permit is not None:
                    show.permitted(plan.statement, snapshot, ask.database, ask.permit)
                plan.shown = show.answer(plan.statement, snapshot, ask.database)
                return plan, {}
            return plan, self._list(plan, snapshot, fresh=fresh)

    def _once(self, ask: Ask, *, fresh: bool) -> Result:
        plan, listed = self._prepare(ask, fresh=fresh)
        if plan.rewritten is None:
            assert plan.shown is not None
            return _finish(ask, plan.shown, Stats())
        if ask.permit is not None:
            plan.permitted(ask.permit)
        cursor = self._root.cursor()
        guard = self._watchdog.guard(cursor, ask.limit, ask.deadline, ask.id_)
        try:
            stats = Stats(tables=sorted({f"{t.db}.{t.name}" for t in plan.tables.values()}))
            text = self._text(plan, listed, cursor, stats, guard.check, permit=ask.permit)
            stats.planning_ms = (time.perf_counter() - ask.began) * 1000
            if plan.statement.kind == "explain":
                return _finish(ask, output.explain(cursor, text), stats)
            columns, table, cut = output.collect(cursor, text, plan.rewritten, ask.max_rows)
            stats.elapsed_ms = (time.perf_counter() - ask.began) * 1000
            return Result(columns, table, stats, cut)
        except duckdb.Error as error:
            if guard.why is not None:
                raise guard.why from None
            self._lost(error)
            raise translate(error, plan.statement, plan.columns) from None
        finally:
            guard.done()
            cursor.close()

    def _text(
        self,
        plan: Plan,
        listed: Listed,
        cursor: duckdb.DuckDBPyConnection,
        stats: Stats,
        check: Callable[[], None],
        *,
        permit: Permit | None,
    ) -> str:
        """The SQL to run, its views registered with `cursor`."""
        assert plan.rewritten is not None
        gathered, views = self._gather(plan, listed, cursor, check)
        if permit is not None:
            for found in gathered.values():
                if found.table.log is not None:
                    permit.log(found.table.log)
                else:
                    permit.files(found.table, found.places())
        paths = {use.name: use.needs_path for use in plan.rewritten.uses}
        bodies = {name: f'SELECT * FROM "{name}_rows"' for name in plan.virtual}
        for name, found in gathered.items():
            body = self._sources.body(found, name, path=paths[name], check=check)
            bodies[name] = body.sql
            views |= body.views
            stats.scanned_bytes += body.scanned
            stats.hot_rows += body.hot_rows
        for name, rows in views.items():
            cursor.register(name, rows)
        return plan.rewritten.sql(bodies)

    def _gather(
        self,
        plan: Plan,
        listed: Listed,
        cursor: duckdb.DuckDBPyConnection,
        check: Callable[[], None],
    ) -> tuple[dict[str, Gathered], dict[str, pa.Table]]:
        views: dict[str, pa.Table] = {}
        gathered: dict[str, Gathered] = {}
        if not plan.tables and not plan.virtual:
            return gathered, views
        with self._catalog.snapshot() as snapshot:
            if not plan.holds(snapshot):
                raise Vanished("a table changed")
            for name, table in plan.tables.items():
                self._asked[table.key] = (table, time.monotonic())
                conditions = plan.conditions.get(name)
                prune = self._pruner.of(cursor, table, conditions) if conditions else None
                gathered[name] = self._sources.gather(snapshot, table, listed, prune, check)
            for name, what in plan.virtual.items():
                views[f"{name}_rows"] = show.information(what, snapshot)
        return gathered, views

    def _lost(self, error: duckdb.Error) -> None:
        """Plan again if a file went between the plan and its reading."""
        text = str(error)
        if self._copies.broken(text):
            raise Vanished(text)
        if isinstance(error, duckdb.IOException) and ("No files found" in text or "No such file" in text):
            raise Vanished(text)


def _finish(ask: Ask, rows: pa.Table, stats: Stats) -> Result:
    stats.elapsed_ms = (time.perf_counter() - ask.began) * 1000
    columns: list[Any] = [Column(name, "varchar") for name in rows.column_names]
    if ask.max_rows is not None and rows.num_rows > ask.max_rows:
        return Result(columns, rows.slice(0, ask.max_rows), stats, truncated=True)
    return Result(columns, rows, stats)
