"""A console over a query process made of DuckDB in memory: what the front end's tests talk to.

Nothing here is forebay's own but the console: `FakeQuery` answers `rows` and `stamp` as query.sock does.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import decimal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from granian.constants import Interfaces
from granian.server.embed import Server

from forebay.dashboards.section import DashboardSpec
from forebay.errors import ForebayError, QueryFailed
from forebay.layout import Layout
from forebay.project.model import Project, Spec
from forebay.query.section import NamedQuerySpec
from forebay.web.console import ConsoleContext, console_app
from forebay.web.guard import Guard
from tests.harness import held_port

T = TypeVar("T")
TYPES = {"VARCHAR": "varchar", "BIGINT": "bigint", "INTEGER": "integer", "DOUBLE": "double", "HUGEINT": "bigint",
         "TIMESTAMP": "timestamp", "DATE": "date", "BOOLEAN": "boolean"}  # fmt: skip


def plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return str(value) if isinstance(value, dt.date | decimal.Decimal) else value


class FakeQuery:
    """`stamp` changes with `touch`; `asked` counts runs by SQL; `slow` and `broken` hold substrings of SQL."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        self.version = 0
        self.asked: list[str] = []
        self.stamps = 0
        self.slow: dict[str, float] = {}
        self.broken: dict[str, ForebayError] = {}
        self.down: ForebayError | None = None
        self.cost_ms: float | None = None

    def run(self, sql: str) -> None:
        self.db.cursor().execute(sql)
        self.version += 1

    async def call(self, op: str, /, timeout: float = 30.0, **args: Any) -> Any:
        if self.down is not None:
            raise self.down
        if op == "status":
            return {}
        if op == "stamp":
            self.stamps += 1
            return {"stamp": str(self.version)}
        assert op == "rows", op
        sql = args["sql"]
        self.asked.append(sql)
        for part, seconds in self.slow.items():
            if part in sql:
                await asyncio.sleep(seconds)
        for part, error in self.broken.items():
            if part in sql:
                raise error
        began = time.perf_counter()
        try:
            cursor = self.db.cursor().execute(sql)
        except duckdb.Error as error:
            raise QueryFailed("QueryFailed", str(error).splitlines()[0], line=1, column=8) from None
        columns = [[name, TYPES.get(str(kind), "varchar" if "DECIMAL" not in str(kind) else "decimal(38,2)")]
                   for name, kind, *_ in cursor.description or ()]  # fmt: skip
        rows = [[plain(value) for value in row] for row in cursor.fetchmany(args["max_rows"] + 1)]
        elapsed = (time.perf_counter() - began) * 1000
        return {
            "columns": columns,
            "values": rows[: args["max_rows"]],
            "truncated": len(rows) > args["max_rows"],
            "stats": {"elapsed_ms": elapsed if self.cost_ms is None else self.cost_ms, "scanned_bytes": 123456,
                      "tables": ["restaurant.clicks"]},
        }  # fmt: skip

    def asked_with(self, part: str) -> int:
        return sum(part in sql for sql in self.asked)


class FakeFlow:
    async def call(self, op: str, /, timeout: float = 30.0, **args: Any) -> Any:
        if op == "status":
            return {}
        assert op == "flush", op
        return {
            "objects": [
                {"delivery": args.get("name") or "clicks", "bucket": "b", "key": "k", "rows": 3, "bytes": 9}
            ]
        }


def project(root: Path, sections: dict[str, dict[str, Spec]] | None = None, **more: Any) -> Project:
    """A project whose dashboards and named queries are the files in `root`."""
    boards: dict[str, Spec] = {
        file.stem: DashboardSpec(file=f"dashboards/{file.name}")
        for file in sorted(root.glob("dashboards/*.yaml"))
    }
    queries: dict[str, Spec] = {
        file.stem: NamedQuerySpec(file=f"queries/{file.name}") for file in sorted(root.glob("queries/*.sql"))
    }
    made = {"dashboards": boards, "query": queries, **(sections or {})}
    return Project(**{"name": "restaurant", "root": str(root), "sections": made, **more})


class Site:
    """A served console; `url` is its address. `on_loop` runs work beside the server, `away` takes it away."""

    def __init__(self, made: Project, query: FakeQuery, status: dict[str, Any]) -> None:
        self.query = query
        self.status = status
        self._made = made
        self._held = held_port()
        self._port = self._held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    @property
    def console(self) -> Any:
        return self.app.state.console

    def on_loop(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        coroutine: Coroutine[Any, Any, T] = run()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens at `url` meanwhile; a new console does afterwards."""
        self.stop()
        yield
        self.start()

    def start(self) -> None:
        """Serve in a thread, as the front process does, and wait until it answers."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(60), "the console did not start"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(60)
        assert not self._thread.is_alive(), "the console did not end"

    def end(self) -> None:
        """Stop for good."""
        self._held.close()
        self.stop()

    async def _serve(self, ready: threading.Event) -> None:
        layout = Layout(Path(self._made.root) / ".forebay")
        ctx = ConsoleContext(self._made, layout, self._tell, self.query, FakeFlow(), Guard())
        self.app = console_app(ctx)
        self._loop = asyncio.get_running_loop()
        self._server = Server(
            self.app,
            address="127.0.0.1",
            port=self._port,
            interface=Interfaces.ASGI,
            websockets=True,
            log_enabled=False,
        )
        serving = asyncio.create_task(self._server.serve())
        while not serving.done():
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.close()
                break
            await asyncio.sleep(0.02)
        ready.set()
        await serving
        await self.app.state.console.close()

    async def _tell(self) -> dict[str, Any]:
        return self.status


STATUS: dict[str, Any] = {
    "name": "restaurant", "version": "0", "processes": [], "urls": {}, "doors": {}, "resources": [],
    "ledger": {"total": dict.fromkeys(("accepted", "delivered", "dropped", "rejected", "expired", "erased", "buffered"), 0)},
}  # fmt: skip


@contextlib.contextmanager
def served(
    made: Project, query: FakeQuery | None = None, status: dict[str, Any] | None = None
) -> Iterator[Site]:
    """Serve the console of `made` on a free port."""
    site = Site(made, query or FakeQuery(), status if status is not None else dict(STATUS))
    try:
        yield site
    finally:
        site.end()
        site.query.db.close()
