"""How far those are, in the logs they read, whose output this log is.

A rule's copy into a stream is appended here by a consumer of the bus's log, and so are the rows of a stream
query. Its position there commits with what it appends (invariant 4), only from where it believes to be, so that
nothing is copied twice or left out. Used by the log's writer thread only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import apsw

from forebay.errors import ForebayError


@dataclass(frozen=True, slots=True)
class Source:
    """A consumer of `log`, counted in input events: from `start`, by now at `position`."""

    consumer: str
    log: str
    start: int
    position: int
    delivered: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """A consumer read from `before` to `after`; `delivered` of those events led to one here, `copies` more than
    one, the others to none. `log` is where it reads. `state` is what the consumer needs to go on from there.
    """

    consumer: str
    log: str
    before: int
    after: int
    delivered: int
    copies: int = 0
    state: bytes | None = None

    @property
    def dropped(self) -> int:
        """The events that were meant for nobody here."""
        return self.after - self.before - self.delivered


class Sources:
    """The `sources` table; `rows` is what is committed, by consumer."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        self.rows: dict[str, Source] = {}
        self.load()

    def load(self) -> None:
        """Read what is on disk."""
        self.rows = {source.consumer: source for source in read_sources(self._db)}

    def attach(self, consumer: str, log: str, start: int) -> int:
        """A consumer's position, which is `start` the first time; events before `start` are none of its own."""
        row = self.rows.get(consumer)
        if row is None:
            row = Source(consumer, log, start, start)
        elif row.log != log:
            row = replace(row, log=log, start=start - (row.position - row.start), position=start)
        elif row.position < start:
            row = replace(row, start=row.start + start - row.position, position=start)
        else:
            return row.position
        self._put(row)
        return row.position

    def move(self, moved: Moved) -> None:
        """Move a position, within a transaction. Raises ForebayError `PositionMoved`, changing nothing."""
        row = self.rows.get(moved.consumer)
        if row is None or (row.log, row.position) != (moved.log, moved.before):
            raise ForebayError(
                "PositionMoved", f"{moved.consumer} is no longer at {moved.before} of {moved.log}"
            )
        if not moved.before <= moved.before + moved.delivered <= moved.after:
            raise ForebayError("LedgerMismatch", f"{moved.consumer} has more ends than events")
        self._put(
            replace(
                row,
                start=row.start - moved.copies,
                position=moved.after,
                delivered=row.delivered + moved.delivered + moved.copies,
                dropped=row.dropped + moved.dropped,
            )
        )
        if moved.state is not None:
            self._db.execute(
                "INSERT OR REPLACE INTO source_states VALUES(?,?)", (moved.consumer, moved.state)
            )

    def state(self, consumer: str) -> bytes | None:
        """What the consumer kept with its position."""
        found = self._db.execute("SELECT state FROM source_states WHERE consumer=?", (consumer,)).get
        return None if found is None else bytes(found)

    def _put(self, row: Source) -> None:
        values = (row.consumer, row.log, row.start, row.position, row.delivered, row.dropped)
        self._db.execute("INSERT OR REPLACE INTO sources VALUES(?,?,?,?,?,?)", values)
        self.rows[row.consumer] = row


def read_sources(db: apsw.Connection) -> Sequence[Source]:
    """The rows of a log, for whoever reads it; none in one that was written before there were any."""
    if not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'sources'").get:
        return []
    rows: list[Any] = db.execute(
        "SELECT consumer, log, start, position, delivered, dropped FROM sources"
    ).fetchall()
    return [Source(*row) for row in rows]
