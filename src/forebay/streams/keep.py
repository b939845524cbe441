"""How long a log keeps its events: subscriptions, retention, and giving space back.

Retention removes whole batches, oldest first, once they are older than `retention` and every declared
subscription is past them. A log without subscriptions expires on its own, and `expired` counts what
it let go, in the transaction that removes it. Used by the log's writer thread only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import apsw

from forebay.clock import SECOND

PREFIX = "by:"
"""A declared consumer's name in its log begins so: that of a delivery which is put to directly is the name
of the log itself, and a log's own name stands for "nobody reads this"."""
SLICE_ROWS = 512
SLICE_BYTES = 64 << 20
# Free pages are reused by the next events, so they are given back only where much of the file is free.
SLACK_PAGES = 4096
VACUUM_PAGES = 2048


@dataclass(slots=True)
class Subscription:
    """A declared consumer: counts from `start`, has consumed up to `position`.

    `expired` is of the log's own subscription only: what retention removed with nobody to read it.
    """

    name: str
    start: int
    position: int
    expired: int = 0


class Keeper:
    """The `subscriptions` and `meta` tables, and the trimming of `batches`.

    `start` is the first offset still kept, `arrival` the last stamp ever trimmed.
    """

    def __init__(self, connection: apsw.Connection, name: str) -> None:
        self._db = connection
        self._name = name
        self.start = 0
        self.arrival = 0
        self.subscriptions: dict[str, Subscription] = {}
        self._moved: set[str] = set()
        self.load()

    def load(self) -> None:
        """Read what is on disk; positions told since, which move nothing but retention, are kept."""
        meta: dict[str, int] = {key: value for key, value in self._db.execute("SELECT key, value FROM meta")}  # noqa: C416
        self.start = meta["start"]
        self.arrival = meta["arrival"]
        told = self.subscriptions
        self.subscriptions = {
            row[0]: Subscription(*row)
            for row in self._db.execute("SELECT name, start, position, expired FROM subscriptions")
        }
        for name, old in told.items():
            now = self.subscriptions.get(name)
            if now is not None and name != self._name and old.position > now.position:
                now.position = old.position
                self._moved.add(name)

    def declare(self, names: Iterable[str], begin: Mapping[str, int] = MappingProxyType({})) -> None:
        """Make `names` the declared subscriptions, within a transaction.

        A new one counts from its offset in `begin`, or from the oldest event still kept. With none, the log is
        its own.
        """
        wanted = set(names) or {self._name}
        for name in list(self.subscriptions):
            if name not in wanted:
                self._db.execute("DELETE FROM subscriptions WHERE name=?", (name,))
                del self.subscriptions[name]
        for name in sorted(wanted - self.subscriptions.keys()):
            start = self.start if name == self._name else begin.get(name, self.start)
            self._db.execute("INSERT INTO subscriptions VALUES(?,?,?,0)", (name, start, start))
            self.subscriptions[name] = Subscription(name, start, start)

    def advance(self, name: str, position: int) -> None:
        """A subscription has consumed up to `position`; kept with the next commit (older is safe)."""
        subscription = self.subscriptions.get(name)
        if subscription is not None and position > subscription.position:
            subscription.position = position
            self._moved.add(name)

    @property
    def moved(self) -> bool:
        """Whether positions were told that are not written yet."""
        return bool(self._moved)

    def flush_positions(self) -> None:
        """Write the positions that moved, within a transaction."""
        for name in list(self._moved):
            if (subscription := self.subscriptions.get(name)) is not None:
                self._db.execute(
                    "UPDATE subscriptions SET position=? WHERE name=?", (subscription.position, name)
                )
        self._moved.clear()

    def _limit(self) -> int | None:
        declared = [s.position for s in self.subscriptions.values() if s.name != self._name]
        return min(declared) if declared else None

    def trim(self, now: int, retention: float) -> bool:
        """Remove a bounded slice of what may go, within a transaction; True if there may be more."""
        before = now - int(retention * SECOND)
        limit = self._limit()
        end = self.start
        arrival = self.arrival
        size = rows = 0
        for offset, n, stamp, length in self._db.execute(
            "SELECT offset, n, arrival, length(blob) FROM batches ORDER BY offset LIMIT ?", (SLICE_ROWS,)
        ):
            if stamp >= before or (limit is not None and offset + n > limit) or size > SLICE_BYTES:
                break
            end, arrival = offset + n, stamp
            size += length
            rows += 1
        if end == self.start:
            return False
        self._db.execute("DELETE FROM batches WHERE offset<?", (end,))
        self._db.execute("UPDATE meta SET value=? WHERE key='start'", (end,))
        self._db.execute("UPDATE meta SET value=? WHERE key='arrival'", (arrival,))
        own = self.subscriptions.get(self._name)
        if own is not None:
            own.expired += end - max(self.start, own.start)
            own.position = end
            self._db.execute(
                "UPDATE subscriptions SET expired=?, position=? WHERE name=?",
                (own.expired, own.position, own.name),
            )
        self.start = end
        self.arrival = max(self.arrival, arrival)
        return rows == SLICE_ROWS or size > SLICE_BYTES

    def give_back(self) -> bool:
        """Return some free pages to the file system; True if there are more to return."""
        free = int(self._db.pragma("freelist_count"))
        if free < SLACK_PAGES or free * 4 < int(self._db.pragma("page_count")):
            return False
        self._db.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        return True
