"""The query's process: answers SQL over the lake on query.sock.

query {sql, database?, seconds?, max_rows?, id?}   columns, Arrow rows and statistics, or QueryFailed
rows  {sql, database?, seconds?, max_rows?, caller?}   the same with plain values instead of Arrow
export, unload                                results as files: `query_export`
select, select_next, select_close             S3 Select: `query_select`
cancel {id}                                    end the query that was given this id
stamp {sql, database?}                        a text that changes when a table of the query does
status {}                                     what it has done and holds
reload {}                                     read the applied project again
drain {}                                      finish what runs, then end
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa

from forebay.errors import QueryFailed
from forebay.ipc import Handler, Server
from forebay.layout import Layout
from forebay.query.engine import QueryEngine
from forebay.query.permit import Permit
from forebay.query.plain import plain_rows
from forebay.query.result import Result
from forebay.runtime.options import Options
from forebay.runtime.query_export import Exports
from forebay.runtime.query_insights import Insights
from forebay.runtime.query_rights import permit_of
from forebay.runtime.query_select import Selects
from forebay.streams.reader import opener
from forebay.telemetry.log import follow

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

WORKERS = 8
MEMORY = 1 << 30
TIMEOUT = 60.0
LONGEST = 3600.0
WARM_EVERY = 0.2
DECLARED = 10.0
"""Seconds after which the flow has declared the tables of a project that was applied, or is in trouble."""
UNKNOWN = {"SCHEMA_NOT_FOUND", "TABLE_NOT_FOUND", "COLUMN_NOT_FOUND"}
MOST_ROWS = 1_000_000
"""Rows that one answer may have; more are cut and the answer says so."""


async def main(layout: Layout, options: Options) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(layout, stop, options)


async def serve(layout: Layout, stop: asyncio.Event, options: Options) -> None:
    """Answer on query.sock until `stop` is set. Raises ForebayError if the state cannot be opened."""
    tune()
    desk = Desk(layout)
    server = Server(layout.socket("query"), desk.handlers(stop), on_error=_on_error)
    try:
        await server.start()
        warming = asyncio.create_task(desk.warm())
        try:
            await stop.wait()
        finally:
            warming.cancel()
            await server.stop()
    finally:
        await asyncio.to_thread(desk.close)


def tune() -> None:
    """Settings of the whole process: memory goes back when it is free, and SQL may nest deep."""
    pa.set_memory_pool(pa.system_memory_pool())
    threading.stack_size(16 << 20)
    sys.setrecursionlimit(5000)
    pa.set_cpu_count(max(1, min(2, os.cpu_count() or 1)))


class Desk:
    """Runs queries in threads and counts them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._engine = QueryEngine(
            layout,
            memory_bytes=MEMORY,
            threads=os.cpu_count() or 2,
            timeout=TIMEOUT,
            open_log=opener(layout),
        )
        self._pool = ThreadPoolExecutor(WORKERS, "query")
        self._queries = 0
        self._failed = 0
        self._running = 0
        self._since = time.time()
        self._database: str | None = None

    def handlers(self, stop: asyncio.Event) -> dict[str, Handler]:
        """The operations of query.sock."""
        exports = Exports(self._layout, self._answer)
        self._insights = Insights(self._layout)
        self._selects = Selects(self._layout)

        async def query(args: dict[str, Any]) -> Any:
            return await self._run(lambda: self.query(**args))

        async def rows(args: dict[str, Any]) -> Any:
            return await self._run(lambda: self.rows(**args))

        async def cancel(args: dict[str, Any]) -> Any:
            return {"cancelled": self._engine.cancel(str(args["id"]))}

        async def stamp(args: dict[str, Any]) -> Any:
            return await self._run(lambda: self.stamp(**args))

        async def export(args: dict[str, Any]) -> Any:
            return await self._run(lambda: exports.export(args))

        async def unload(args: dict[str, Any]) -> Any:
            return await self._run(lambda: exports.unload(args))

        async def keep(args: dict[str, Any]) -> Any:
            return await self._run(lambda: exports.keep(args))

        async def status(_: dict[str, Any]) -> Any:
            return self.status()

        async def reload(_: dict[str, Any]) -> Any:
            self._database = None
            follow(self._layout.applied)
            return {}

        async def drain(_: dict[str, Any]) -> Any:
            stop.set()
            return {}

        return {
            "query": query,
            "rows": rows,
            "cancel": cancel,
            "stamp": stamp,
            "export": export,
            "unload": unload,
            "keep": keep,
            "status": status,
            "reload": reload,
            "drain": drain,
            **self._insights.operations(),
            **self._selects.operations(),
        }

    async def _run(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def warm(self) -> None:
        """Keep the hot rows of tables that are being watched decoded, so that no query waits for them."""
        while True:
            await asyncio.sleep(WARM_EVERY)
            try:
                await asyncio.to_thread(self._engine.warm)
            except Exception:  # the next query will say what is wrong
                log.exception("warming")

    def query(
        self,
        sql: str,
        database: str | None = None,
        timeout: float | None = None,
        max_rows: int | None = None,
        seconds: float | None = None,
        *,
        id: str | None = None,
    ) -> dict[str, Any]:
        """One answer, its rows as an Arrow IPC stream.

        `seconds` is `timeout` under a name that `ipc.Client.call` does not take for itself.
        """
        result = self._answer(sql, database, max_rows, timeout or seconds, id)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, result.table.schema) as writer:
            writer.write_table(result.table)
        return {
            "columns": [[column.name, column.type] for column in result.columns],
            "arrow": sink.getvalue().to_pybytes(),
            "rows": result.table.num_rows,
            "truncated": result.truncated,
            "stats": result.stats.to_dict(),
        }

    def rows(
        self,
        sql: str,
        database: str | None = None,
        max_rows: int | None = None,
        seconds: float | None = None,
        *,
        caller: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One answer with its rows as plain values, for a process that does not load Arrow.

        `caller` bounds it by somebody's rights: see `query_rights`.
        """
        spent, beside = time.process_time(), self._running + 1
        permit = permit_of(self._layout, caller)
        result = self._answer(sql, database, max_rows, seconds, permit=permit)
        values = plain_rows(result)
        # What this process worked meanwhile, shared with the queries beside: waiting for a core costs nothing.
        cpu_ms = (time.process_time() - spent) * 1000 / max(beside, self._running + 1)
        return {
            "columns": [[column.name, column.type] for column in result.columns],
            "values": values,
            "truncated": result.truncated,
            **({} if permit is None else {"decided": permit.decided()}),
            "stats": {**result.stats.to_dict(), "cpu_ms": round(cpu_ms, 3)},
        }

    def _answer(
        self,
        sql: str,
        database: str | None,
        max_rows: int | None,
        asked: float | None,
        id_: str | None = None,
        *,
        permit: Permit | None = None,
    ) -> Result:
        self._queries += 1
        self._running += 1
        try:
            most = min(MOST_ROWS, MOST_ROWS if max_rows is None else max(0, int(max_rows)))
            limit = min(float(asked), LONGEST) if asked else TIMEOUT
            return self._once_declared(
                lambda: self._engine.query(
                    sql, database or self.database(), most, limit, id_=id_, permit=permit
                )
            )
        except Exception:
            self._failed += 1
            raise
        finally:
            self._running -= 1

    def stamp(self, sql: str, database: str | None = None) -> dict[str, str]:
        """The stamp of a query's tables."""
        asked = database or self.database()
        return {"stamp": self._once_declared(lambda: self._engine.stamp(sql, asked))}

    def _once_declared(self, ask: Callable[[], Answer]) -> Answer:
        """Ask again what is unknown as long as the flow has yet to declare the tables of the applied project."""
        deadline = time.monotonic() + DECLARED
        while True:
            try:
                return ask()
            except QueryFailed as error:
                if error.code not in UNKNOWN or time.monotonic() > deadline:
                    raise
                if self._applied("revision") in (None, self._engine.revision()):
                    deadline = 0.0  # declared between the asking and now, perhaps: one more time
                else:
                    time.sleep(0.05)

    def database(self) -> str:
        """The project's own database."""
        if self._database is None:
            name = self._applied("name")
            if name is None:
                return "default"
            self._database = name
        return self._database

    def _applied(self, key: str) -> str | None:
        """What the project says of itself, as it was last applied; None if it never was."""
        try:
            return str(json.loads(self._layout.applied.read_bytes())[key])
        except (OSError, ValueError, KeyError):
            return None

    def status(self) -> dict[str, Any]:
        """Counts since the start, and what is held in memory."""
        return {
            "queries": self._queries,
            "failed": self._failed,
            "running": self._running,
            "seconds": round(time.time() - self._since, 3),
            "memory": self._engine.memory,
        }

    def close(self) -> None:
        """Let what runs finish (each within its time), then close."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._engine.close()


def _on_error(operation: str, error: Exception) -> None:
    log.error("%s failed", operation, exc_info=error)
