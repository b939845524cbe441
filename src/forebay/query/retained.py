"""What is retained of a stream, as the rows of the table over it.

The table's location is `kinesis://streams.<name>/`: no place in the lake but the stream's log. Events are decoded
once, in the order of the log, and kept as a few runs of rows; a question reads only what came since the last one.
An event that is no JSON object is a row of NULLs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from forebay.errors import ForebayError, QueryFailed
from forebay.ports import LogReader
from forebay.query.decode import Decoder, Lines, decoder
from forebay.query.hot import Connect
from forebay.query.snapshot import Table

OpenLog = Callable[[str], LogReader]

LARGEST = 256 << 20
"""Bytes of decoded rows that one stream may have."""
AT_ONCE = 8 << 20


@dataclass(slots=True)
class _Run:
    """Rows of consecutive events, from offset `first` up to `end`; one row an event."""

    first: int
    end: int
    rows: pa.Table


@dataclass(slots=True)
class _Log:
    """One stream's rows for one version of its table."""

    reader: LogReader
    key: tuple[int, int] = (0, 0)
    runs: list[_Run] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Retained:
    """Decodes the logs of streams for the tables over them. Thread-safe."""

    def __init__(self, connect: Connect, open_log: OpenLog) -> None:
        self._connect = connect
        self._open_log = open_log
        self._logs: dict[tuple[int, str], _Log] = {}
        self._lock = threading.Lock()

    def rows(self, table: Table, log: str, check: Callable[[], None]) -> pa.Table:
        """All rows that are there now, oldest first; `check` raises when the question is to end.

        Raises QueryFailed `EXCEEDED_LOCAL_MEMORY_LIMIT` for a stream that holds more than is kept in memory.
        """
        kept = self._of(table, log)
        with kept.lock:
            if kept.key != table.key:
                kept.key, kept.runs = table.key, []
            self._expire(kept)
            self._catch_up(kept, table, log, check)
            return pa.concat_tables([run.rows for run in kept.runs] or [self._decode(table, log, [])])

    def mark(self, table: Table, log: str) -> tuple[object, ...]:
        """Changes whenever the rows do."""
        kept = self._of(table, log)
        with kept.lock:
            return (table.key, kept.reader.start(), kept.reader.head())

    def close(self) -> None:
        """Let go of the logs."""
        with self._lock:
            logs, self._logs = list(self._logs.values()), {}
        for kept in logs:
            with kept.lock:
                kept.reader.close()

    def _of(self, table: Table, log: str) -> _Log:
        with self._lock:
            kept = self._logs.get((table.id, log))
            if kept is None:
                kept = self._logs[table.id, log] = _Log(self._open_log(log))
            return kept

    @staticmethod
    def _expire(kept: _Log) -> None:
        """Forget what retention has removed."""
        start = kept.reader.start()
        kept.runs = [run for run in kept.runs if run.end > start]
        if kept.runs and (gone := start - kept.runs[0].first) > 0:
            run = kept.runs[0]
            kept.runs[0] = _Run(start, run.end, run.rows.slice(gone))

    def _catch_up(self, kept: _Log, table: Table, log: str, check: Callable[[], None]) -> None:
        position = kept.runs[-1].end if kept.runs else kept.reader.start()
        head = kept.reader.head()
        while position < head:
            check()
            try:
                batches = kept.reader.read(position, max_bytes=AT_ONCE)
            except ForebayError as error:
                if error.code not in ("PositionExpired", "PositionAhead"):
                    raise
                kept.runs, position = [], kept.reader.start()  # removed meanwhile, or another log by now
                head = kept.reader.head()
                continue
            if not batches:
                return
            events = [record for batch in batches for record in batch.columns().records()]
            events = events[position - batches[0].offset :]
            _append(kept.runs, _Run(position, position + len(events), self._decode(table, log, events)))
            position += len(events)
            if (size := sum(run.rows.nbytes for run in kept.runs)) > LARGEST:
                kept.runs = []
                raise _too_much(log, size)

    def _decode(self, table: Table, log: str, events: list[bytes]) -> pa.Table:
        """One row an event, however many lines it has."""
        lines = Lines([event or b"null" for event in events], [log], [0], [[]], [0])
        made: Decoder = decoder(table.shape)
        connection = self._connect()
        try:
            return made.decode(connection, lines)
        finally:
            connection.close()


def _append(runs: list[_Run], new: _Run) -> None:
    """Add a run; neighbours of like size become one, so that there are only ever few."""
    runs.append(new)
    while len(runs) > 1 and runs[-1].rows.num_rows * 2 >= runs[-2].rows.num_rows:
        last, before = runs.pop(), runs.pop()
        rows = pa.concat_tables([before.rows, last.rows]).combine_chunks()
        runs.append(_Run(before.first, last.end, rows))


def _too_much(log: str, size: int) -> QueryFailed:
    return QueryFailed(
        "EXCEEDED_LOCAL_MEMORY_LIMIT",
        f"EXCEEDED_LOCAL_MEMORY_LIMIT: what {log} retains takes more than {size >> 20} MB",
        fix="give the stream a delivery with a table, and ask that one; or shorten its retention",
    )
