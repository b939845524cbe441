"""A checkpoint beside the commits: in a thread, on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import apsw

from forebay.db import open_db


class Aside:
    """Copies into the database at `path` what its WAL has when asked to, and tells `ended` from its thread.

    That takes a disk tens of milliseconds for a long WAL, in which commits go on at the WAL's end; so that it
    is not begun anew before they are copied too. Used by the log's writer only. The connection is opened
    when it is first needed, as few logs ever have a long WAL.
    """

    def __init__(self, path: Path, ended: Callable[[], None]) -> None:
        self._path = path
        self._ended = ended
        self._db: apsw.Connection | None = None
        self._thread = ThreadPoolExecutor(1, f"checkpoint {path.name}")
        self._future: Future[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether one was started and not ended yet."""
        return self._future is not None

    @property
    def done(self) -> bool:
        """Whether one was started, and `end` need not wait for it."""
        return self._future is not None and self._future.done()

    def start(self) -> None:
        """Begin one; no other is under way."""
        self._future = self._thread.submit(self._work)
        self._future.add_done_callback(lambda _: self._ended())

    def end(self) -> None:
        """Wait for what was begun, if anything was. Raises what it raised."""
        future, self._future = self._future, None
        if future is not None:
            future.result()

    def close(self) -> None:
        """Wait for what was begun, and close the connection."""
        self._thread.shutdown()
        if self._db is not None:
            self._db.close()

    def _work(self) -> None:
        if self._db is None:
            self._db = open_db(self._path)
        self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
