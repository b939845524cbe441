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

from forebay.streamsql import bus_events, encode, raw
from forebay.streamsql.arrow import Array
from forebay.streamsql.decode import Decoder
from forebay.streamsql.encode import events, keys_of
from forebay.streamsql.groups import Changes, Groups
from forebay.streamsql.marks import Marks
from forebay.streamsql.plan import Lookup, Plan
from forebay.streamsql.processing import GRACE_MS, clocked
from forebay.streamsql.sessions import Sessions
from forebay.streamsql.spans import ShardSpan
from forebay.streamsql.state import Windows
from forebay.streamsql.types import MACROS, duck, quoted

REMEMBERED = 512


@dataclass(slots=True)
class Events:
    """Events of a log, in its order: `rows` are their offsets."""

    data: Sequence[bytes]
    rows: Sequence[int]
    shards: Sequence[int]
    arrivals: Sequence[int]

    def table(self) -> pa.Table:
        """As `raw`."""
        return raw.table(pa.array(self.data, pa.binary()), self.rows, self.shards, self.arrivals)


@dataclass(slots=True)
class Fed:
    """What became of some events: `records` are rows for the sink, `taken` of them counted, the others did not."""

    records: list[bytes] = field(default_factory=list)
    keys: list[bytes] | None = None
    taken: int = 0
    changes: Changes | None = None
    """Of rows that change: what became of each."""


class Engine:
    """One plan's run. For one thread at a time; `close` it."""

    def __init__(self, plan: Plan, threads: int = 1) -> None:
        self.plan = plan
        self.late = 0
        self.unreadable = 0
        self.refused = 0
        """Rows that are no events of the bus that they are written to."""
        self.marks = Marks()
        self._idle = plan.idle
        self._db = duckdb.connect(
            config={"threads": threads, "memory_limit": "1GB", "autoload_known_extensions": False}
        )
        self._db.execute(MACROS)
        self._decoder = Decoder(self._db, plan.source)
        self._output = (bus_events if plan.sink.ref.noun == "bus" else encode).output_sql(plan)
        self._windows: Windows | Sessions | None = None
        if plan.windowed is not None:
            made = Sessions if plan.windowed.window.kind == "SESSION" else Windows
            self._windows = made(self._db, plan.windowed)
        self._groups = Groups(self._db, plan.changing, self._output) if plan.changing is not None else None
        self._points: list[tuple[int, Marks]] = []
        if plan.lookups:  # an event may be several rows, or none
            self._events = f"SELECT count(DISTINCT __row) FROM {plan.source.whole}"
            for lookup in plan.lookups:
                self.give(lookup, None)

    def give(self, lookup: Lookup, rows: pa.Table | None) -> None:
        """Have these rows for a table of the catalog, columns in its order; None for no rows."""
        if rows is None:
            rows = pa.table({f"c{at}": pa.nulls(0) for at in range(len(lookup.columns))})
        self._db.register("given", rows.rename_columns([f"c{at}" for at in range(rows.num_columns)]))
        items = "".join(
            f", TRY_CAST(c{at} AS {duck(type_)}) AS {quoted(name)}"
            for at, (name, type_) in enumerate(lookup.columns)
        )
        self._db.execute(
            f"CREATE OR REPLACE TEMP TABLE {lookup.name} AS SELECT true AS __at{items} FROM given"
        )
        self._db.unregister("given")

    def feed(self, given: Events | pa.Table, shards: Sequence[ShardSpan], *, quiet: bool = False) -> Fed:
        """Take in events that follow those before, as they are or as `raw`.

        With `quiet` what comes out is left out: it was given before.
        """
        fed = Fed()
        events_ = given.table() if isinstance(given, Events) else given
        if not events_.num_rows:
            return fed
        self.marks.known(shards, int(events_.column("__arrival")[0].as_py()))
        self._remember(int(events_.column("__row")[0].as_py()))
        chunk = self._decoder.read(events_)
        self.unreadable += events_.num_rows - chunk.num_rows
        if not chunk.num_rows:
            return fed
        before: Array = pa.nulls(chunk.num_rows, pa.int64())
        if self.plan.source.processing:
            chunk, before = clocked(chunk, self.plan.source.rowtime or "", self.marks)
        elif self.plan.source.rowtime is not None:
            before = self.marks.passed(chunk, shards, self._idle)
        chunk = chunk.append_column("__before", before)
        self._db.register("chunk", chunk)
        if self._groups is not None:
            fed.changes = self._groups.add(int(chunk.column("__arrival")[0].as_py()) // 1000)
        elif self._windows is not None:
            fed.taken, late = self._windows.add(chunk)
            self.late += late
            self._fire(self._windows, fed, self.marks.now, quiet=quiet)
        else:
            rows = self._db.sql(self._output).to_arrow_table()
            lost = rows.column("__event").null_count
            fed.taken = self._taken() if self.plan.lookups else rows.num_rows - lost
            if not quiet:
                self._out(fed, rows)
        return fed

    @property
    def waiting(self) -> bool:
        """Whether time may close windows that no event does: they are of processing time, or wait for shards to be idle."""
        if self._windows is None:
            return False
        # What is held is counted last, and only while there is something to wait for.
        return (
            self.plan.source.processing
            or (
                self._idle is not None
                and any(mark > self.marks.now for mark, _ in self.marks.shards.values())
            )
        ) and self._windows.rows > 0

    def tick(self, now: int, shards: Sequence[ShardSpan] = ()) -> Fed:
        """It is `now` (milliseconds) and all events were read: what ended meanwhile closes.

        That is windows of processing time, and those that only waited for shards of which none had an event since.
        """
        fed = Fed()
        if self._groups is not None:
            fed.changes = self._groups.forget(now)
        if self._windows is not None and self.waiting:
            if self.plan.source.processing:
                self.marks.now = max(self.marks.now, now - GRACE_MS)
            elif self._idle is not None:
                self.marks.waited(shards, (now - GRACE_MS) * 1000, self._idle)
            self._fire(self._windows, fed, self.marks.now)
        return fed

    def finish(self) -> Fed:
        """The end of input, as for a test: every window closes."""
        fed = Fed()
        if self._windows is not None:
            self._fire(self._windows, fed, 1 << 61)
        return fed

    def rehearse(self) -> None:
        """Have DuckDB read all that it will be asked, over no events. Raises duckdb.Error for what it will not do."""
        nothing = Events([], [], [], []).table()
        self._decoder.rehearse(nothing)
        chunk = self._decoder.read(nothing)
        self._db.register("chunk", chunk.append_column("__before", pa.array([], pa.int64())))
        if self._windows is not None:
            self._windows.rehearse()
        if self._groups is not None:
            self._groups.rehearse()
            return
        self._db.sql(self._output).to_arrow_table()

    def _taken(self) -> int:
        """How many events gave rows."""
        return int(self._db.execute(self._events).fetchall()[0][0])

    def _fire(self, windows: Windows | Sessions, fed: Fed, mark: int, *, quiet: bool = False) -> None:
        """Close what ends by this watermark."""
        closed = windows.fire(mark, None if quiet else self._output)
        if closed is not None:
            self._out(fed, closed)

    def _out(self, fed: Fed, rows: pa.Table) -> None:
        fed.records = events(rows)
        self.refused += rows.num_rows - len(fed.records)
        fed.keys = keys_of(rows)

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
            "fired": self.marks.now,
            "late": self.late,
            "unreadable": self.unreadable,
            "refused": self.refused,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Begin at `state["replay"]`: the events from there to the position are to be fed quietly."""
        self.marks = Marks.decode(state["marks"])
        if self._windows is not None:
            self._windows.begin(self.marks.now)

    def resume(self, state: Mapping[str, Any]) -> None:
        """The events up to the position were fed again: count on from there."""
        self.late, self.unreadable = int(state["late"]), int(state["unreadable"])
        self.refused = int(state.get("refused", 0))
        if self._windows is not None:  # what the clock closed is written
            self.marks.now = max(self.marks.now, int(state.get("fired", self.marks.now)))
            self._windows.fire(self.marks.now, None)

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
        held = self._windows if self._windows is not None else self._groups
        return held.rows if held is not None else 0

    def close(self) -> None:
        """Let go of the memory."""
        self._db.close()
