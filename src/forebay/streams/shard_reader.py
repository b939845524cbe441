"""One shard of a log, as a consumer of Kinesis reads it: by index, with a bound on records and bytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from forebay.event import Columns, decode_records
from forebay.streams.reader import Reader


class Record(NamedTuple):
    """An event, where it stands; `arrival` in UTC microseconds."""

    offset: int
    arrival: int
    key: bytes
    data: bytes


@dataclass(slots=True)
class Found:
    """What was read. `next` is where to go on; `more` says whether the shard has events there already."""

    next: int
    more: bool = False
    records: list[Record] = field(default_factory=list)


class ShardReader(Reader):
    """Reads shards of one log. One reader is for one thread at a time."""

    def __init__(self, path: Path, name: str, *, patience: float = 2.0) -> None:
        super().__init__(path, name, patience=patience)

    def shard(self, number: int, position: int, *, most: int, max_bytes: int) -> Found:
        """The events of shard `number` at offset `position` or later, at most `most` and `max_bytes` of them.

        One is given whatever its size. What retention has removed is passed over. Raises as `Reader` does.
        """
        return self._ask(lambda db: _read(db, number, position, most, max_bytes), Found(position))

    def since(self, stamp: int) -> int:
        """The offset of the first event of the log that arrived at `stamp` or later."""
        return self._ask(lambda db: _since(db, stamp), 0)


def _read(db: apsw.Connection, number: int, position: int, most: int, max_bytes: int) -> Found:
    found = Found(position)
    size = 0
    with db:  # one snapshot: the end is the end of what was read
        rows = _rows(db, number, position)
        try:
            for offset, arrival, blob in rows:
                columns = decode_records(blob)
                at = max(position, offset)
                for key, data in _cut(columns, at - offset):
                    if len(found.records) == most or (found.records and size + len(data) > max_bytes):
                        found.more = True
                        break
                    found.records.append(Record(at, arrival, key, data))
                    size += len(data) + len(key)
                    at += 1
                    found.next = at
                if found.more:
                    break
        finally:
            rows.close()
    return found


def _rows(db: apsw.Connection, number: int, position: int) -> apsw.Cursor:
    indexed = db.execute("SELECT count(*) FROM sqlite_schema WHERE name='batches_shard'").get
    # Without the index the log never had but one shard.
    table = "batches INDEXED BY batches_shard" if indexed else "batches"
    before = f"SELECT max(offset) FROM {table} WHERE shard=?1 AND offset<=?2"
    return db.execute(
        f"SELECT offset, arrival, blob FROM {table} WHERE shard=?1 AND offset>=coalesce(({before}), 0)"
        " AND offset+n>?2 ORDER BY offset",
        (number, position),
    )


def _cut(columns: Columns, skip: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, record) from the `skip`-th on; the others are not copied."""
    at = sum(columns.lengths[:skip])
    keys: Iterable[bytes] = itertools.repeat(b"")
    if columns.keys is not None:
        keys = itertools.islice(columns.keys, skip, None)
    for key, length in zip(keys, columns.lengths[skip:], strict=False):
        yield key, bytes(columns.data[at : at + length])
        at += length


def _since(db: apsw.Connection, stamp: int) -> int:
    """By bisection, as arrivals never decrease."""
    with db:
        ends: Any = db.execute("SELECT min(offset), max(offset) FROM batches").fetchone()
        low, last = ends
        if low is None:
            low = int(db.execute("SELECT value FROM meta WHERE key='start'").get)
            last = low - 1
        high = last + 1  # the answer is a batch in [low, high), or the end
        while low < high:
            middle = (low + high) // 2
            row: Any = db.execute(
                "SELECT offset, arrival, n FROM batches WHERE offset<=? ORDER BY offset DESC LIMIT 1",
                (middle,),
            ).fetchone()
            offset, arrival, n = row
            if arrival >= stamp:
                high = offset
            else:
                low = offset + n
    return int(low)
