"""The hidden copies of all tables under one cache folder."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from forebay.query.copies import TableCopies
from forebay.query.copysql import folder_name
from forebay.query.hot import Connect
from forebay.query.snapshot import Table


class Copies:
    """All tables' copies under one cache folder; folders of versions that are no more are removed."""

    def __init__(self, cache: Path, connect: Connect) -> None:
        self._root = cache / "tables"
        self._connect = connect
        self._tables: dict[int, TableCopies] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, "copies")

    def of(self, table: Table) -> TableCopies:
        """The copies of this version of a table."""
        with self._lock:
            found = self._tables.get(table.id)
            if found is None or found.table.version < table.version:
                found = TableCopies(self._root / folder_name(table), table, self._connect, self._worker)
                self._tables[table.id] = found
                self._sweep(table.id, folder_name(table))
            elif found.table.version > table.version:  # a query that began before the change
                return TableCopies(self._root / folder_name(table), table, self._connect, self._worker)
            return found

    def _sweep(self, table_id: int, keep: str) -> None:
        for folder in self._root.glob(f"{table_id}-*"):
            if folder.name != keep:
                shutil.rmtree(folder, ignore_errors=True)

    def keep(self, tables: Set[int]) -> None:
        """Remove the copies of tables that are no more; `tables` are the ids of those that are."""
        with self._lock:
            for folder in self._root.glob("*-*-*"):
                number = folder.name.partition("-")[0]
                if number.isdigit() and int(number) not in tables:
                    self._tables.pop(int(number), None)
                    shutil.rmtree(folder, ignore_errors=True)

    def broken(self, message: str) -> bool:
        """Whether an error was about a copy, which is then forgotten."""
        with self._lock:
            tables = list(self._tables.values())
        return any(table.broken(message) for table in tables)

    def wait(self) -> None:
        """Until nothing is being copied."""
        for table in list(self._tables.values()):
            table.wait()

    def close(self) -> None:
        """End the background work; what is not copied is decoded again next time."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        for table in self._tables.values():
            table.retire(0)
