"""Stream SQL in a running flow: a thread for each INSERT, from its source's log into its sink's.

    log ─▶ engine (windows) ─▶ rows, appended to the sink's log in one commit with the position and with what is
                               needed to have the open windows again: from where to read, and the watermarks there

After a crash the events from there to the position are read again without giving out what came of them then.
Beside `flow.py` as it needs several nouns.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import msgspec

from forebay import ipc
from forebay.beat import Attempts
from forebay.clock import now_us
from forebay.errors import Unavailable
from forebay.event import Batch
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.running.lookups import Lookups, forget
from forebay.streams.reader import Reader
from forebay.streams.shards import ShardMap, load
from forebay.streamsql.job import compile_job
from forebay.streamsql.plan import Plan
from forebay.streamsql.references import references
from forebay.streamsql.section import StreamSqlSpec
from forebay.streamsql.spans import NEVER, ShardSpan

log = logging.getLogger(__name__)

READ_BYTES = 32 << 20
SMALL_BYTES = 4 << 20
IDLE, MOST = 0.05, 0.25
SHARE = 0.2
"""Of a core, at most, while there is little to read: a query of DuckDB's costs about the same for one event and for
thousands, so few are gathered."""
COMMIT_EVERY = 1.0
STOP_SECONDS = 1.5


class StreamSql:
    """Every stream query of the flow, between `apply` and `stop`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._running: dict[str, Query] = {}

    def apply(self, project: Project) -> None:
        """The queries there are from now on: one that changed begins anew at its position, with no open windows."""
        wanted: dict[str, Plan] = {}
        known = references(project)
        for name, spec in project.of(StreamSqlSpec).items():
            if spec.sql is not None:
                for plan in compile_job(spec.sql, spec.idle_ms, known, note=spec.note):
                    wanted[f"streamsql.{name}/{plan.name}"] = plan
        with self._lock:
            for consumer, query in list(self._running.items()):
                same = wanted.get(consumer)
                if same is None or same.fingerprint != query.plan.fingerprint:
                    del self._running[consumer]
                    query.stop(STOP_SECONDS)
            forget(self._layout, list(wanted))
            for consumer, plan in wanted.items():
                if consumer not in self._running:
                    self._running[consumer] = Query(consumer, plan, self._layout)
                    self._running[consumer].start()

    def positions(self) -> list[tuple[str, str, int]]:
        """(consumer, log, from where it may read again), so that a log keeps what open windows are made of."""
        return [
            (query.consumer, query.log_name, query.needed)
            for query in list(self._running.values())
            if query.begun
        ]

    def status(self) -> dict[str, Any]:
        """How far every query is."""
        return {consumer: query.status() for consumer, query in list(self._running.items())}

    def stop(self) -> None:
        """Finish what is under way."""
        queries = list(self._running.values())
        for query in queries:
            query.stop(0)
        deadline = time.monotonic() + STOP_SECONDS
        for query in queries:
            query.stop(max(0.0, deadline - time.monotonic()))


class Query(Attempts):
    """One INSERT, between `start` and `stop`. `needed` is the offset from which its open windows are made."""

    def __init__(self, consumer: str, plan: Plan, layout: Layout) -> None:
        super().__init__(consumer)
        self.consumer = consumer
        self.plan = plan
        self.log_name = str(plan.source.table.ref)
        self.position = self.needed = self.head = 0
        self.begun = False
        self._layout = layout
        self._figures: dict[str, Any] = {
            "late": 0,
            "unreadable": 0,
            "refused": 0,
            "watermark": None,
            "held": 0,
        }

    def status(self) -> dict[str, Any]:
        """How far it is, in events and in time, what came too late and what ails it."""
        return {
            "log": self.log_name,
            "sink": str(self.plan.sink.ref),
            "position": self.position,
            "lag": max(0, self.head - self.position),
            **self._figures,
            "last_error": self.trouble,
        }

    # --- its thread ---

    def attempt(self) -> None:
        """Have the open windows again and go on from there."""
        with closing(ipc.Client(self._layout.socket("front"), "front")) as front:
            Run(self, front, self._layout, self.stopping).go()

    def tell(self, figures: dict[str, Any], position: int, needed: int) -> None:
        """It came this far."""
        self._figures, self.position, self.needed = figures, position, needed
        self.begun, self.trouble = True, None
        self.works()


class SpanReader(Reader):
    """A log, with which shard takes events where."""

    def spans(self) -> list[ShardSpan]:
        """Every shard there ever was."""
        shards = self._ask(load, ShardMap()).shards
        return [ShardSpan(shard.number, shard.first, shard.closed) for shard in shards]


class Run:
    """One attempt of a query: attach, have the open windows again, go on until something fails."""

    def __init__(self, query: Query, front: ipc.Client, layout: Layout, stopping: threading.Event) -> None:
        # DuckDB is loaded only where there is a query.
        from forebay.streamsql.engine import Engine, Fed  # noqa: PLC0415

        self._query = query
        self._front = front
        self._stopping = stopping
        self._reader = SpanReader(layout.log(query.log_name), query.log_name)
        self._engine = Engine(query.plan)
        self._tables = Lookups(query.plan, layout, query.consumer, self._engine)
        self._last = Fed()
        self._position = 0

    def go(self) -> None:
        """Until it is stopped. Raises what fails; what was not committed is read again."""
        try:
            self._attach()
            self._read()
        finally:
            self._reader.close()
            self._tables.close()
            self._engine.close()

    def _attach(self) -> None:
        query = self._query
        begin = self._reader.subscribed(query.consumer)
        if begin is None:
            raise Unavailable("NotDeclared", f"{query.log_name} does not know yet that it is read")
        answer = self._front.call(
            "attach",
            target=str(query.plan.sink.ref),
            consumer=query.consumer,
            log=query.log_name,
            start=begin,
            state=True,
        )
        self._position = int(answer["position"])
        kept = answer["state"]
        state = msgspec.msgpack.decode(kept) if kept is not None else None
        if (
            state is not None
            and state["print"] == query.plan.fingerprint
            and state["position"] == self._position
        ):
            self._engine.restore(state)
            self._again(int(state["replay"]), state.get("tables") or ())
            self._engine.resume(state)
        self._told()
        self._tables.fresh(self._position)
        self._told()

    def _again(self, at: int, tables: Sequence[Any]) -> None:
        """Read what the open windows are made of, with the tables of then; what came of it is in the sink."""
        for end in self._tables.again(tables, at, self._position) if at < self._position else ():
            while at < end and not self._stopping.is_set():
                batches = self._reader.read(at, max_bytes=READ_BYTES)
                at = self._fed(batches, at, end, quiet=True)

    def _read(self) -> None:
        query = self._query
        position = self._position
        taken, committed, closed = 0, time.monotonic(), False
        while not self._stopping.is_set():
            began = time.monotonic()
            query.head = self._reader.head()
            batches = self._reader.read(position, max_bytes=READ_BYTES) if query.head > position else []
            if batches:
                self._tables.fresh(position)
                position = self._fed(batches, position, None, quiet=False)
                taken += self._last.taken
            elif self._engine.waiting:
                self._tables.fresh(position)
                held = self._engine.held
                self._last = self._engine.tick(now_us() // 1000, self._reader.spans())
                closed = closed or self._engine.held < held
            due = time.monotonic() - committed > COMMIT_EVERY
            if self._last.records or ((position > self._position or closed) and due):
                self._commit(position, taken)
                taken, committed, closed = 0, time.monotonic(), False
            if sum(len(batch.blob) for batch in batches) < SMALL_BYTES:
                self._stopping.wait(min(MOST, max(IDLE, (time.monotonic() - began) * (1 / SHARE - 1))))
        if position > self._position:
            self._commit(position, taken)

    def _fed(self, batches: Sequence[Batch], position: int, end: int | None, *, quiet: bool) -> int:
        """Give the engine the events from `position` on, those before `end` only; the next position."""
        from forebay.streamsql.raw import of_batches  # noqa: PLC0415 - see above

        given = of_batches(batches, position, end)
        self._last = self._engine.feed(given, self._reader.spans(), quiet=quiet)
        return batches[-1].end if end is None else min(batches[-1].end, end)

    def _commit(self, position: int, taken: int) -> None:
        """Append, if the position is still what it was; if not, what was appended then is on disk already."""
        query, fed = self._query, self._last
        state = {**self._engine.state(position), "position": position}
        state["tables"] = self._tables.state(int(state["replay"]))
        self._front.call(
            "append",
            target=str(query.plan.sink.ref),
            records=fed.records,
            keys=fed.keys,
            moved={
                "consumer": query.consumer,
                "log": query.log_name,
                "before": self._position,
                "after": position,
                "delivered": taken,
                "state": msgspec.msgpack.encode(state),
            },
        )
        fed.records = []
        self._position = position
        self._tables.committed()
        self._told(int(state["replay"]))

    def _told(self, needed: int | None = None) -> None:
        engine = self._engine
        figures: dict[str, Any] = {
            "late": engine.late,
            "unreadable": engine.unreadable,
            "refused": engine.refused,
            "watermark": None if engine.marks.now <= NEVER else engine.marks.now,
            "held": engine.held,
        }
        if self._query.plan.lookups:
            figures["tables"] = self._tables.status()
        if needed is None:
            needed = int(engine.state(self._position)["replay"])
        self._query.tell(figures, self._position, needed)
