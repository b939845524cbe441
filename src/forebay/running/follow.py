"""Live questions: a SELECT in Flink SQL over the streams of a running system, for as long as somebody reads it.

Nothing runs of its own accord: each time the reader asks for more, the log is read on and the rows that come of it
are the answer. So a question that is not read costs nothing, and is forgotten after `LEASE` seconds. Nothing is
written, and no position is kept: what comes is for looking at.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from forebay.clock import now_us
from forebay.errors import NotFound, UsageError
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.running.follow_tables import planned
from forebay.running.lookups import Lookups
from forebay.running.streamsql import SpanReader
from forebay.streamsql.plan import Plan
from forebay.streamsql.spans import NEVER

if TYPE_CHECKING:
    from forebay.streamsql.engine import Engine, Fed

LEASE = 30.0
AT_ONCE = 8
READ_BYTES = 1 << 20
MOST_ROWS = 1000
PAUSE = 0.05
REST = 4.0
"""After reading a little, so many times as long as that took nothing is read: events are gathered, and a core is not
taken by groups of which one changes."""
LONGEST = 20.0


class Questions:
    """Every live question of the flow."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._open: dict[str, Question] = {}

    def open(self, sql: str, project: Project, begin: str) -> dict[str, Any]:
        """Begin with what comes from now on (`latest`) or with the oldest that is kept (`earliest`).

        Raises UsageError for what does not run, with line and column, and for too many at once.
        """
        if begin not in ("latest", "earliest"):
            raise UsageError("InvalidStart", f"a question begins at latest or earliest, not at {begin!r}")
        plan = planned(sql, project)
        log = str(plan.source.table.ref)
        spec = project.get(plan.source.table.ref)
        if spec is None:
            raise UsageError("UnknownStream", f"there is no {log}", fix="declare it in the project")
        if plan.source.table.ref.noun == "delivery" and (read := getattr(spec, "from_", None)) is not None:
            raise UsageError("DeliveryReads", f"{log} reads {read}", fix=f"ask {read}")
        with self._lock:
            if len(self._open) >= AT_ONCE:
                raise UsageError(
                    "TooManyQuestions", f"{AT_ONCE} live questions are open", fix="end one of them"
                )
            name = secrets.token_hex(8)
            reader = SpanReader(self._layout.log(log), log)
            question = self._open[name] = Question(plan, reader, begin, self._layout)
        self._lease(name, question)
        columns = [[column, str(type_)] for column, type_ in plan.columns]
        return {"id": name, "columns": columns, "log": log, "changing": plan.changing is not None}

    def next(self, name: str, wait: float) -> dict[str, Any]:
        """Rows as JSON, as soon as there are some, or none after `wait` seconds. Raises NotFound once it is gone.

        Of rows that change, `ops` has what became of each (+I, -U, +U, -D), `groups` which row it is, and `order`, where
        there is one, all rows there are, first to last.
        """
        with self._lock:
            question = self._open.get(name)
        if question is None:
            raise NotFound("QuestionGone", "this question was not read for too long, or is closed")
        try:
            answer = question.next(min(wait, LONGEST))
        except BaseException:
            self.close(name)
            raise
        self._lease(name, question)
        return answer

    def close(self, name: str) -> None:
        """Forget it."""
        with self._lock:
            question = self._open.pop(name, None)
        if question is not None:
            question.close()

    def close_all(self) -> None:
        """Forget every one."""
        for name in list(self._open):
            self.close(name)

    def _lease(self, name: str, question: Question) -> None:
        if question.timer is not None:
            question.timer.cancel()
        question.timer = threading.Timer(LEASE, self.close, (name,))
        question.timer.daemon = True
        question.timer.start()


class Question:
    """One of them. For one reader at a time."""

    def __init__(self, plan: Plan, reader: SpanReader, begin: str, layout: Layout) -> None:
        from forebay.streamsql.engine import Engine  # noqa: PLC0415 - DuckDB is loaded only where it is asked

        self.timer: threading.Timer | None = None
        self._plan = plan
        self._reader = reader
        self._busy = threading.Lock()
        self._closed = False
        self._position = reader.head() if begin == "latest" else reader.start()
        self._engine: Engine = Engine(plan)
        self._tables = Lookups(plan, layout, None, self._engine)
        self._waiting: list[bytes] = []
        self._changes: list[tuple[str, int]] = []
        self._order: list[int] | None = None
        self._left_out = 0
        self._rested = 0.0

    def next(self, wait: float) -> dict[str, Any]:
        """Read on until there are rows, or for `wait` seconds."""
        from forebay.streamsql import raw  # noqa: PLC0415 - as above

        with self._busy:
            deadline = time.monotonic() + wait
            while not self._waiting and not self._closed:
                time.sleep(max(0.0, self._rested - time.monotonic()))
                batches = self._reader.read(self._position, max_bytes=READ_BYTES)
                if batches:
                    self._tables.fresh(self._position)
                    events = raw.of_batches(batches, self._position)
                    self._position = batches[-1].end
                    begun = time.monotonic()
                    self._take(self._engine.feed(events, self._reader.spans()))
                    if self._position >= self._reader.head():
                        done = time.monotonic()
                        self._rested = done + min(1.0, REST * (done - begun))
                elif time.monotonic() >= deadline:
                    break
                else:
                    self._take(self._engine.tick(now_us() // 1000, self._reader.spans()))
                    if not self._waiting:
                        time.sleep(PAUSE)
                if time.monotonic() >= deadline:
                    break
            rows, self._waiting = self._waiting[:MOST_ROWS], self._waiting[MOST_ROWS:]
            now = self._engine.marks.now
            return {
                **self._changed(len(rows)),
                "rows": rows,
                "position": self._position,
                "lag": max(0, self._reader.head() - self._position),
                "watermark": None if now <= NEVER else now,
                "late": self._engine.late,
                "unreadable": self._engine.unreadable,
                "left_out": self._left_out,
            }

    def _changed(self, count: int) -> dict[str, Any]:
        """What became of the next rows."""
        if self._plan.changing is None:
            return {}
        now, self._changes = self._changes[:count], self._changes[count:]
        told = {"ops": [op for op, _ in now], "groups": [group for _, group in now]}
        return told if self._order is None or self._waiting else {**told, "order": self._order}

    def _take(self, fed: Fed) -> None:
        """Keep so many that a window of a million keys fills no memory; of rows that change all, as one hangs on another."""
        if fed.changes is not None:
            self._waiting += fed.changes.records
            self._changes += zip(fed.changes.ops, fed.changes.groups, strict=True)
            self._order = self._order if fed.changes.order is None else fed.changes.order
            return
        rows = fed.records
        self._waiting += itertools.islice(rows, 10 * MOST_ROWS)
        self._left_out += max(0, len(rows) - 10 * MOST_ROWS)

    def close(self) -> None:
        """Let go of the memory."""
        self._closed = True
        if self.timer is not None:
            self.timer.cancel()
        with self._busy:
            self._reader.close()
            self._tables.close()
            self._engine.close()
