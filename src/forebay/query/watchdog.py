"""Ends queries that run too long: one thread for all of them."""

from __future__ import annotations

import threading
import time

import duckdb


class Guard:
    """Watches one query until `done`; `fired` says that it was interrupted."""

    def __init__(self, dog: Watchdog, cursor: duckdb.DuckDBPyConnection, deadline: float) -> None:
        self._dog = dog
        self.cursor = cursor
        self.deadline = deadline
        self.fired = False

    def done(self) -> None:
        """Watch it no longer."""
        self._dog.remove(self)


class Watchdog:
    """Interrupts cursors past their deadlines (of time.monotonic)."""

    def __init__(self) -> None:
        self._guards: set[Guard] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def guard(self, cursor: duckdb.DuckDBPyConnection, deadline: float) -> Guard:
        """Begin to watch what runs on `cursor`."""
        found = Guard(self, cursor, deadline)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            self._guards.add(found)
            self._changed.notify()
        return found

    def remove(self, guard: Guard) -> None:
        """Watch it no longer."""
        with self._changed:
            self._guards.discard(guard)

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for guard in self._guards:
                    if guard.deadline <= now:
                        guard.fired = True
                        guard.cursor.interrupt()  # again each time: it may have been between two statements
                late = any(guard.fired for guard in self._guards)
                nearest = min((guard.deadline for guard in self._guards), default=now + 60)
                self._changed.wait(0.05 if late else max(nearest - now, 0.001))

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
