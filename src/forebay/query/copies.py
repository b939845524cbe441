"""Hidden Parquet copies of JSON and CSV objects: decoded once, quick to ask from then on.

An object's rows are decoded when a query first needs them, kept in memory while they are few, and
written into copies under `cache/tables/<table>-<version>-<shape>/`, each of many objects; small copies
are merged. A copy names its objects in the file's own metadata, so the folder is its own index: a file
that is missing, torn or of another version is simply made again.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from forebay.query.copysql import (
    Copy,
    Entry,
    Parts,
    columns_sql,
    copy_sql,
    entry,
    with_places,
)
from forebay.query.decode import Lines, decoder
from forebay.query.hot import Connect
from forebay.query.partitions import Values
from forebay.query.reading import batches, copy_large, is_large
from forebay.query.snapshot import Object, Table
from forebay.query.types import literal

log = logging.getLogger(__name__)

KEPT_ROWS = 500_000  # more rows than this in memory become a copy
KEPT_OBJECTS = 64
KEPT_BYTES = 32 << 20
MERGE = 8  # copies of one size that become one
LARGE_ROWS = 4_000_000
EXPECTED = 64
RETIRED = 120.0  # seconds that a merged copy's parts stay, for queries that planned them
_DAMAGE = re.compile("parquet|zstd|snappy|thrift|corrupt|magic|footer", re.IGNORECASE)


class TableCopies:
    """The copies of one version of one table."""

    def __init__(self, folder: Path, table: Table, connect: Connect, worker: ThreadPoolExecutor) -> None:
        self.table = table
        self._folder = folder
        self._connect = connect
        self._worker = worker
        self._lock = threading.RLock()
        self._copies: dict[str, Copy] = {}
        self._where: dict[Entry, Copy] = {}
        self._memory: dict[Entry, pa.Table] = {}
        self._retired: deque[tuple[float, str]] = deque()
        self._busy: Future[None] | None = None
        self._changes = 0
        self._expected: dict[str, tuple[Values, pa.Table]] = {}
        self._answered: tuple[Any, Any, int, Parts] | None = None
        self._decoder = decoder(table.shape)
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.parquet")):
            self._load(path)
        for stray in folder.glob("*.part"):
            stray.unlink(missing_ok=True)

    def _load(self, path: Path) -> None:
        try:
            connection = self._connect()
            try:
                (rows, raw), *_ = connection.execute(
                    "SELECT (SELECT any_value(num_rows) FROM parquet_file_metadata(?)), decode(value)"
                    " FROM parquet_kv_metadata(?) WHERE decode(key) = 'forebay'",
                    [str(path), str(path)],
                ).fetchall()
            finally:
                connection.close()
            listed = json.loads(raw)
            copy = Copy(str(path), int(rows), frozenset((u, e, tuple(v)) for u, e, v in listed))
        except (duckdb.Error, ValueError, TypeError) as error:
            log.warning("a copy cannot be read and is made again: %s (%s)", path, error)
            path.unlink(missing_ok=True)
            return
        if all(one in self._where for one in copy.entries):  # merged into another just before a crash
            path.unlink(missing_ok=True)
            return
        for old in {self._where[one].path for one in copy.entries if one in self._where}:
            self._forget(old, unlink=True)
        self._add(copy)

    def _add(self, copy: Copy) -> None:
        self._changes += 1
        self._copies[copy.path] = copy
        for one in copy.entries:
            self._where[one] = copy

    def _forget(self, path: str, *, unlink: bool) -> None:
        self._changes += 1
        copy = self._copies.pop(path, None)
        if copy is not None:
            for one in copy.entries:
                if self._where.get(one) is copy:
                    del self._where[one]
        if unlink:
            Path(path).unlink(missing_ok=True)

    def broken(self, message: str) -> bool:
        """Forget the copies that an error of DuckDB's is about; whether there were any."""
        with self._lock:
            bad = [path for path in self._copies if path in message]
        if not bad and _DAMAGE.search(message):
            bad = [path for path in list(self._copies) if not self._sound(path)]
        with self._lock:
            for path in bad:
                log.warning("a copy cannot be read and is made again: %s", path)
                self._forget(path, unlink=True)
        return bool(bad) or str(self._folder) in message

    def _sound(self, path: str) -> bool:
        connection = self._connect()
        try:
            connection.execute(f"SELECT max(hash(COLUMNS(*))) FROM read_parquet({literal(path)})").fetchall()
        except duckdb.Error:
            return False
        finally:
            connection.close()
        return True

    def parts(
        self, wanted: Sequence[tuple[Object, Values]], live: Set[Entry], check: Callable[[], None]
    ) -> Parts:
        """Decode what is new of `wanted`; where all of its rows are. `live` are the table's objects in all."""
        known = self._answered
        if known is not None and known[0] is wanted and known[1] is live and known[2] == self._changes:
            return known[3]
        while True:
            with self._lock:
                missing = [
                    (item, values)
                    for item, values in wanted
                    if (one := entry(item, values)) not in self._where and one not in self._memory
                ]
            if not missing:
                break
            self._take(self._adopt(missing), check)
        found = Parts()
        chosen: dict[str, Copy] = {}
        with self._lock:
            changes = self._changes
            for item, values in wanted:
                one = entry(item, values)
                copy = self._where.get(one)
                if copy is not None:
                    chosen[copy.path] = copy
                elif one in self._memory:
                    found.memory.append((item, values, self._memory[one]))
                else:  # another query took it for gone
                    return self.parts(wanted, live, check)
            for copy in chosen.values():
                found.copies.append((copy, self._gone(copy, live)))
        self._tidy(live)
        self._answered = (wanted, live, changes, found)
        return found

    def _gone(self, copy: Copy, live: Set[Entry]) -> frozenset[str]:
        """Whose rows in this copy do not count: objects that are no more, or are in another copy."""
        return frozenset(
            one[0] for one in copy.entries if one not in live or self._where.get(one) is not copy
        )

    def expect(self, url: str, values: Values, rows: pa.Table) -> None:
        """Rows in memory that will be the object at `url`: it need not be decoded when it comes."""
        with self._lock:
            self._expected[url] = (values, rows)
            while len(self._expected) > EXPECTED:
                self._expected.pop(next(iter(self._expected)))

    def _adopt(self, missing: list[tuple[Object, Values]]) -> list[tuple[Object, Values]]:
        """Take what was expected; what is still to be decoded."""
        left = []
        with self._lock:
            for item, values in missing:
                expected = self._expected.pop(item.url, None)
                if expected is not None and expected[0] == values and expected[1].num_rows == item.rows:
                    self._memory[entry(item, values)] = expected[1]
                else:
                    left.append((item, values))
        return left

    # ── decoding ────────────────────────────────────────────────────────────────────────────────
    def _take(self, missing: Sequence[tuple[Object, Values]], check: Callable[[], None]) -> None:
        large = [pair for pair in missing if is_large(pair[0])]
        for item, values in large:
            check()
            self._take_large(item, values, check)
        for batch in batches(pair for pair in missing if not is_large(pair[0])):
            check()
            lines = Lines()
            counts = [lines.add(item.url, data, skip=self.table.shape.skip) for item, _, data in batch]
            connection = self._connect()
            try:
                rows = self._decoder.decode(connection, lines)
            finally:
                connection.close()
            at = 0
            with self._lock:
                for (item, values, _), count in zip(batch, counts, strict=True):
                    one = entry(item, values)
                    if one not in self._where:  # else another query was quicker
                        self._memory[one] = rows.slice(at, count)
                    at += count
            if rows.num_rows >= KEPT_ROWS:
                self._spill(list(self._memory))

    def _take_large(self, item: Object, values: Values, check: Callable[[], None]) -> None:
        connection = self._connect()
        path = self._folder / f"{uuid.uuid4().hex}.parquet"
        try:
            copy = copy_large((item, values), self.table, self._decoder, connection, path, check=check)
        finally:
            connection.close()
        with self._lock:
            self._add(copy)

    # ── copying ─────────────────────────────────────────────────────────────────────────────────
    def _tidy(self, live: Set[Entry]) -> None:
        """In the background: write what fills memory, merge what is small, drop what is gone."""
        self.retire()
        with self._lock:
            if self._busy is not None and not self._busy.done():
                return
            for one in [one for one in self._memory if one not in live]:
                del self._memory[one]
            rows = sum(part.num_rows for part in self._memory.values())
            size = sum(part.nbytes for part in self._memory.values())
            full = rows >= KEPT_ROWS or size >= KEPT_BYTES or len(self._memory) >= KEPT_OBJECTS
            group = self._group(live)
            if not full and not group:
                return
            spill = list(self._memory) if full else []
            try:
                self._busy = self._worker.submit(self._work, spill, group, frozenset(live))
            except RuntimeError:
                return  # closing

    def _work(self, spill: list[Entry], group: list[Copy], live: frozenset[Entry]) -> None:
        try:
            if spill:
                self._spill(spill)
            if group:
                self._merge(group, live)
        except Exception:
            log.exception("copies of %s.%s", self.table.db, self.table.name)

    def _group(self, live: Set[Entry]) -> list[Copy]:
        """Copies worth merging: many of one order of size, or one that is mostly gone."""
        by_size: dict[int, list[Copy]] = {}
        for copy in self._copies.values():
            if sum(one not in live for one in copy.entries) * 2 > len(copy.entries):
                return [copy]
            if copy.rows < LARGE_ROWS:
                by_size.setdefault(len(str(copy.rows)), []).append(copy)
        for group in by_size.values():
            if len(group) >= MERGE:
                return group[: 4 * MERGE]
        return []

    def _spill(self, entries: Sequence[Entry]) -> None:
        with self._lock:
            held = [one for one in entries if one in self._memory and one not in self._where]
            for one in set(entries) - set(held):
                self._memory.pop(one, None)
            latest = {one[0]: one for one in held}  # in one copy an object is there once
            taken = [(one, self._memory[one]) for one in latest.values()]
        if not taken:
            return
        rows = with_places([(one[0], one[2], part) for one, part in taken], self.table)
        connection = self._connect()
        try:
            connection.register("kept", rows)
            copy = self._write(
                connection, f"SELECT {columns_sql(self.table)} FROM kept", [one for one, _ in taken]
            )
        finally:
            connection.close()
        with self._lock:
            self._add(copy)
            for one, _ in taken:
                self._memory.pop(one, None)

    def _merge(self, group: list[Copy], live: frozenset[Entry]) -> None:
        with self._lock:
            parts = [(copy, self._gone(copy, live)) for copy in group if copy.path in self._copies]
        kept = [one for copy, gone in parts for one in copy.entries if one[0] not in gone]
        merged = None
        if kept:
            connection = self._connect()
            try:
                merged = self._write(connection, " UNION ALL ".join(copy_sql(*part) for part in parts), kept)
            except duckdb.Error as error:
                if not self.broken(str(error)):
                    raise
                return
            finally:
                connection.close()
        with self._lock:
            for copy, _ in parts:
                self._forget(copy.path, unlink=False)
                self._retired.append((time.monotonic(), copy.path))
            if merged is not None:
                self._add(merged)

    def retire(self, age: float = RETIRED) -> None:
        """Remove the files of merged copies that no query reads any more (it would be over by its time)."""
        while self._retired and time.monotonic() - self._retired[0][0] >= age:
            _, path = self._retired.popleft()
            Path(path).unlink(missing_ok=True)

    def _write(self, connection: duckdb.DuckDBPyConnection, sql: str, entries: list[Entry]) -> Copy:
        path = self._folder / f"{uuid.uuid4().hex}.parquet"
        partial = path.with_suffix(".part")
        listed = json.dumps([[url, etag, list(values)] for url, etag, values in entries])
        connection.execute(
            f"COPY ({sql}) TO {literal(str(partial))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880,"
            f" KV_METADATA {{forebay: {literal(listed)}}})"
        )
        rows = connection.execute(
            "SELECT any_value(num_rows) FROM parquet_file_metadata(?)", [str(partial)]
        ).fetchall()[0][0]
        partial.replace(path)
        return Copy(str(path), int(rows or 0), frozenset(entries))

    def wait(self) -> None:
        """Until nothing is being copied."""
        while (busy := self._busy) is not None and not busy.done():
            busy.result()
