"""Runs one plan: events in, rows out, by micro-batches of Arrow tables in DuckDB.

    raw ─▶ chunk (columns, the watermark before each event) ─▶ output                    no window
                                                            ─▶ open windows ─▶ fired ─▶ output

What comes out depends on the events, their offsets, shards and arrival times only, not on how they were cut into
batches: so reading them again gives the same rows (`restore`, then the same events once more).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from forebay.streamsql.decode import NEVER, ShardSpan, chunk_sql
from forebay.streamsql.encode import events, keys_of, output_sql
from forebay.streamsql.marks import Marks
from forebay.streamsql.plan import Plan
from forebay.streamsql.sessions import Sessions
from forebay.streamsql.state import Windows
from forebay.streamsql.types import MACROS

REMEMBERED = 512


@dataclass(slots=True)
class Events:
    """Events of a log, in its order: `rows` are their offsets."""

    data: Sequence[bytes]
    rows: Sequence[int]
    shards: Sequence[int]
    arrivals: Sequence[int]


@dataclass(slots=True)
class Fed:
    """What became of some events: `records` are rows for the sink, `taken` of them counted, the others did not."""

    records: list[bytes] = field(default_factory=list)
    keys: list[bytes] | None = None
    taken: int = 0


class Engine:
    """One plan's run. For one thread at a time; `close` it."""

    def __init__(self, plan: Plan, threads: int = 2) -> None:
        self.plan = plan
        self.late = 0
        self.unreadable = 0
        self.marks = Marks()
        self._idle = plan.idle
        self._db = duckdb.connect(
            config={"threads": threads, "memory_limit": "1GB", "autoload_known_extensions": False}
        )
        self._db.execute(MACROS)
        self._output = output_sql(plan)
        self._windows: Windows | Sessions | None = None
        if plan.windowed is not None:
            made = Sessions if plan.windowed.window.kind == "SESSION" else Windows
            self._windows = made(self._db, plan.windowed)
        self._points: list[tuple[int, Marks]] = []

    def feed(self, given: Events, shards: Sequence[ShardSpan], *, quiet: bool = False) -> Fed:
        """Take in events that follow those before. With `quiet` what comes out is left out: it was given before."""
        fed = Fed()
        if not given.data:
            return fed
        self.marks.known(shards, given.arrivals[0])
        self._remember(given.rows[0])
        self._db.register("raw", _raw(given))
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE chunk AS "
            + chunk_sql(self.plan.source, self.marks.shards, shards, self.marks.now, self._idle)
        )
        (readable,) = self._db.execute("SELECT count(*) FROM chunk").fetchall()[0]
        self.unreadable += len(given.data) - int(readable)
        if not readable:
            return fed
        if self._windows is None:
            rows = self._db.sql(self._output).to_arrow_table()
            fed.taken = rows.num_rows
            self._out(fed, rows, quiet)
        else:
            fed.taken, late = self._windows.add()
            self.late += late
        if self.plan.source.rowtime is not None:
            self._pass_on(shards)
        if self._windows is not None:
            closed = self._windows.fire(self.marks.now, None if quiet else self._output)
            if closed is not None:
                self._out(fed, closed, quiet)
        return fed

    def finish(self) -> Fed:
        """The end of input, as for a test: every window closes."""
        fed = Fed()
        if self._windows is not None:
            closed = self._windows.fire(1 << 61, self._output)
            if closed is not None:
                self._out(fed, closed, False)
        return fed

    def rehearse(self) -> None:
        """Have DuckDB read all that it will be asked, over no events. Raises duckdb.Error for what it will not do."""
        self._db.register("raw", _raw(Events([], [], [], [])))
        sql = chunk_sql(self.plan.source, {}, [ShardSpan(0), ShardSpan(1)], NEVER, 1000)
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE chunk AS {sql}")
        if self._windows is not None:
            self._windows.rehearse()
        self._db.sql(self._output).to_arrow_table()

    def _out(self, fed: Fed, rows: pa.Table, quiet: bool) -> None:
        if not quiet:
            fed.records = events(rows, self.plan.columns)
            fed.keys = keys_of(rows, self.plan.columns, self.plan.sink.partitioned)

    def _pass_on(self, shards: Sequence[ShardSpan]) -> None:
        seen: dict[int, tuple[int, int]] = {}
        for shard, mark, arrival in self._db.execute(
            "SELECT __shard, max(__w), max(__arrival) FROM chunk GROUP BY __shard"
        ).fetchall():
            seen[int(shard)] = (NEVER if mark is None else int(mark), int(arrival))
        row, arrival, before = self._db.execute(
            "SELECT max(__row), max(__arrival), max(__before) FROM chunk"
        ).fetchall()[0]
        self.marks.now = max(self.marks.now, int(before))
        self.marks.passed(seen, shards, int(row), int(arrival), self._idle)

    # --- what is kept with the position ---

    def state(self, position: int) -> dict[str, Any]:
        """From where, and with which watermarks, reading again leads to the state of now; `position` is next."""
        low = self._windows.low() if self._windows is not None else None
        replay, marks = position, self.marks
        if low is not None:
            points = [point for point in self._points if point[0] <= low]
            replay, marks = points[-1]
            self._points = self._points[len(points) - 1 :]
        else:
            self._points = []
        return {
            "print": self.plan.fingerprint,
            "replay": replay,
            "marks": marks.encode(),
            "late": self.late,
            "unreadable": self.unreadable,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Begin at `state["replay"]`: the events from there to the position are to be fed quietly."""
        self.marks = Marks.decode(state["marks"])
        if self._windows is not None:
            self._windows.begin(self.marks.now)

    def resume(self, state: Mapping[str, Any]) -> None:
        """The events up to the position were fed again: count on from there."""
        self.late, self.unreadable = int(state["late"]), int(state["unreadable"])

    def _remember(self, row: int) -> None:
        """Keep the watermarks before this event, thinned out where there are many."""
        if self._windows is None:
            return
        self._points.append((row, self.marks.copy()))
        if len(self._points) > REMEMBERED:
            self._points = self._points[:1] + self._points[1:-1:2] + self._points[-1:]

    @property
    def held(self) -> int:
        """How many partial aggregates are held for open windows."""
        return self._windows.rows if self._windows is not None else 0

    def close(self) -> None:
        """Let go of the memory."""
        self._db.close()


def _raw(given: Events) -> pa.Table:
    try:
        data = pa.array(given.data, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:  # somewhere it is no UTF-8
        data = pa.array(
            [each.decode(errors="surrogateescape").encode("utf-8", "replace").decode() for each in given.data]
        )
    return pa.table(
        {
            "j": data,
            "__row": pa.array(given.rows, pa.int64()),
            "__shard": pa.array(given.shards, pa.int64()),
            "__arrival": pa.array(given.arrivals, pa.int64()),
        }
    )
