"""A checkpoint beside the commits: in a thread, on a connection of its own."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw

from forebay.db import open_db


class Aside:
    """Copies into the database at `path` what its WAL has when asked to.

    That takes a disk tens of milliseconds for a long WAL, in which commits go on at the WAL's end; so that it
    is not begun anew before they are copied too. Used by the log's writer only. The connection is opened
    when it is first needed, as few logs ever have a long WAL.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: apsw.Connection | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    @property
    def begun(self) -> bool:
        """Whether one was started and not ended yet."""
        return self._thread is not None

    @property
    def done(self) -> bool:
        """Whether one was started, and `end` need not wait for it."""
        return self._thread is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Begin one; no other is under way."""
        self._thread = threading.Thread(target=self._work, name=f"checkpoint {self._path.name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for what was begun, if anything was. Raises what it raised."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Wait for what was begun, and close the connection."""
        if self._thread is not None:
            self._thread.join()
        if self._db is not None:
            self._db.close()

    def _work(self) -> None:
        try:
            if self._db is None:
                self._db = open_db(self._path)
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except Exception as error:
            self._error = error
