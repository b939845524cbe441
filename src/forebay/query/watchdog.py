"""Ends queries that run too long or are no longer wanted: one thread for all of them."""

from __future__ import annotations

import threading
import time

import duckdb

from forebay.errors import QueryFailed


class Guard:
    """Watches one query until `done`. `why` says why it was interrupted, if it was: a QueryFailed."""

    def __init__(
        self, dog: Watchdog, cursor: duckdb.DuckDBPyConnection, limit: float, deadline: float
    ) -> None:
        self._dog = dog
        self._cursor = cursor
        self._limit = limit
        self.deadline = deadline
        self.why: QueryFailed | None = None

    def check(self) -> None:
        """Raise what ended the query, between two steps of it."""
        if self.why is None and time.monotonic() >= self.deadline:
            self.expire()
        if self.why is not None:
            raise self.why

    def expire(self) -> None:
        """Its time is over."""
        self.why = self.why or QueryFailed(
            "QUERY_TIMEOUT",
            f"QUERY_TIMEOUT: the query ran longer than {self._limit:g} s",
            fix="ask for less: a shorter range of time, fewer columns",
        )

    def cancel(self) -> None:
        """Nobody wants its answer."""
        self.why = self.why or QueryFailed("QUERY_CANCELLED", "QUERY_CANCELLED: the query was cancelled")
        self.interrupt()

    def interrupt(self) -> None:
        """Stop what DuckDB does for it now."""
        self._cursor.interrupt()

    def done(self) -> None:
        """Watch it no longer."""
        self._dog.remove(self)


class Watchdog:
    """Interrupts cursors past their deadlines (of time.monotonic), or when they are cancelled by their id."""

    def __init__(self) -> None:
        self._guards: dict[Guard, str | None] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def guard(
        self, cursor: duckdb.DuckDBPyConnection, limit: float, deadline: float, id_: str | None = None
    ) -> Guard:
        """Begin to watch what runs on `cursor`."""
        found = Guard(self, cursor, limit, deadline)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            self._guards[found] = id_
            self._changed.notify()
        return found

    def cancel(self, id_: str) -> bool:
        """Cancel what runs under an id; whether anything did."""
        with self._changed:
            found = [guard for guard, own in self._guards.items() if own == id_]
            for guard in found:
                guard.cancel()
            self._changed.notify()
        return bool(found)

    def remove(self, guard: Guard) -> None:
        """Watch it no longer."""
        with self._changed:
            self._guards.pop(guard, None)

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                ended = False
                for guard in self._guards:
                    if guard.deadline <= now:
                        guard.expire()
                    if guard.why is not None:
                        guard.interrupt()  # again each time: it may have been between two statements
                        ended = True
                nearest = min((guard.deadline for guard in self._guards), default=now + 60)
                self._changed.wait(0.05 if ended else max(nearest - now, 0.001))

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
