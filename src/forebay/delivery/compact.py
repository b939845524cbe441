"""Merges small Parquet objects of one folder into larger ones: what is asked then opens few files.

Only what a delivery wrote for its own table is rewritten, eight files of about one size at a time, so
that a row is written again a bounded number of times (once for every power of eight up to the good
size), and what is left of a folder once nothing has come for a while. As a flush does, it commits an
intent, writes, and swaps in one commit; the old files stay until no query that planned them can live.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from forebay.clock import now_us
from forebay.crash import crash_point
from forebay.delivery.flush import Hashed
from forebay.delivery.formats.parquet import widest, write_tables
from forebay.delivery.prefix import object_name
from forebay.errors import ForebayError
from forebay.ports import DeliveryStore, LakeFiles, ObjectRow, Rewrite, Seal

log = logging.getLogger(__name__)

GOOD_SIZE = 128 << 20
FAN_IN = 8
SETTLED = 900.0
GRACE = 900.0

Stored = tuple[int, ObjectRow]


class Compaction:
    """The objects of one delivery. `grace`: seconds that a replaced file stays."""

    def __init__(
        self, name: str, compression: str, store: DeliveryStore, files: LakeFiles, grace: float = GRACE
    ) -> None:
        self._name = name
        self._consumer = f"delivery.{name}"
        self._compression = compression
        self._store = store
        self._files = files
        self._grace = grace
        self._seen: dict[str, tuple[int, float]] = {}

    def step(self) -> int:
        """Merge the objects of one folder, if any need it; how many. Raises OSError as the disk does."""
        chosen = self._choose()
        if chosen:
            self._merge(chosen)
        return len(chosen)

    def _choose(self) -> list[Stored]:
        folders: dict[str, list[Stored]] = {}
        for id_, row in self._store.objects(self._consumer, "data"):
            if row.format == "parquet" and row.size < GOOD_SIZE // 2:
                folders.setdefault(row.key.rpartition("/")[0], []).append((id_, row))
        now = time.monotonic()
        self._seen = {
            folder: self._seen[folder]
            if self._seen.get(folder, (0, 0.0))[0] == stored[-1][0]
            else (stored[-1][0], now)
            for folder, stored in folders.items()
        }
        for folder, stored in folders.items():
            if now - self._seen[folder][1] > SETTLED and len(stored) > 1:
                return _fill(stored)
            tiers: dict[int, list[Stored]] = {}
            for one in stored:
                tiers.setdefault(int(math.log(max(one[1].size, 1 << 12), FAN_IN)), []).append(one)
            full = next((tier for tier in tiers.values() if len(tier) >= FAN_IN), None)
            if full is not None:
                return _fill(full)
        return []

    def _merge(self, chosen: Sequence[Stored]) -> None:
        rows = [row for _, row in chosen]
        folder = rows[0].key.rpartition("/")[0]
        name = object_name(self._name, now_us(), "parquet", self._compression)
        key = f"{folder}/{name}" if folder else name
        target, path = self._files.locate(rows[0].bucket, key)
        self._store.intend(Seal(0, rows[0].bucket, key, path)).result()
        crash_point("compact.intended")
        temporary = self._files.temporary()
        try:
            with self._files.create(temporary) as file:
                hashed = Hashed(file)
                paths = [str(self._files.at(row.bucket, row.key, row.path)) for row in rows]
                schema = widest([pq.read_schema(path) for path in paths])
                write_tables(hashed, schema, _row_groups(paths), self._compression)
                self._files.sync(file)
            self._files.rename(temporary, target)
        finally:
            self._files.remove(temporary)
        self._files.sync_folders(target)
        crash_point("compact.written")
        into = ObjectRow(
            bucket=rows[0].bucket,
            key=key,
            path=path,
            size=hashed.size,
            etag=hashed.etag,
            format="parquet",
            compression=self._compression,
            rows=sum(row.rows for row in rows),
            inputs=sum(row.inputs for row in rows),
            source=self._consumer,
            meta={"kind": "data"},
        )
        ids = [id_ for id_, _ in chosen]
        try:
            self._store.rewrite(Rewrite(self._consumer, ids, into, self._grace)).result()
        except ForebayError as error:  # one expired or was deleted meanwhile
            log.info("delivery %s: a merge was given up: %s", self._name, error)
            self._files.remove(target)
            self._store.abandon(Seal(0, into.bucket, key, path)).result()
        crash_point("compact.registered")


def _fill(stored: Sequence[Stored]) -> list[Stored]:
    chosen: list[Stored] = []
    size = 0
    for one in stored:
        if len(chosen) > 1 and size + one[1].size > GOOD_SIZE:
            break
        chosen.append(one)
        size += one[1].size
    return chosen


def _row_groups(paths: Sequence[str]) -> Iterator[pa.Table]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)
