"""The group commit: what several callers submitted becomes one transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import apsw

from forebay.errors import ForebayError, Unavailable
from forebay.event import encode_records
from forebay.streams.dedup import Deduplicator, Once, Unique, refuse_other_body
from forebay.streams.keep import SLICE_ROWS, Keeper
from forebay.streams.schema import PAGE_SIZE
from forebay.streams.shards import ShardMap, load, save
from forebay.streams.sources import Moved, Sources

T = TypeVar("T")


@dataclass(slots=True)
class Receipt:
    """What became of a submission, once it is on disk.

    `arrival` is the stamp of its events (UTC microseconds). `count` events were kept, those at `duplicates`
    (indexes) were there already. `places` has a (shard, offset, indexes) per shard: the i-th of `indexes` has
    the offset `offset + i`.
    With an idempotency key, `answer` is what `Once.answer` rendered; `repeated` if it is the first
    request's, nothing being kept then.
    """

    count: int
    places: list[tuple[int, int, Sequence[int]]]
    duplicates: Sequence[int] = ()
    answer: bytes | None = None
    repeated: bool = False
    arrival: int = 0

    @property
    def offset(self) -> int:
        """The least offset of the events kept; -1 if there are none."""
        return min((offset for _, offset, _ in self.places), default=-1)


Waiter = Future[Receipt] | asyncio.Future[Receipt]
Result = Receipt | ForebayError


@dataclass(slots=True, eq=False)
class Submission:
    """What one caller wants kept, and who waits for it. `size` is the records' total length in bytes.

    `hashes` has, for the records whose key does not say the shard, the hash key that does (16 bytes). `foreseen` is
    told the receipt of what is kept as the last thing before the commit, which may still fail.
    """

    records: Sequence[bytes]
    keys: Sequence[bytes] | None
    unique: Unique | None
    once: Once | None
    size: int
    future: Waiter
    loop: asyncio.AbstractEventLoop | None
    moved: Moved | None = None
    hashes: Mapping[int, bytes] | None = None
    foreseen: Callable[[Receipt], None] | None = None

    def __post_init__(self) -> None:
        n = len(self.records)
        if self.keys is not None and len(self.keys) != n:
            raise ValueError(f"{len(self.keys)} keys for {n} records")
        if self.unique is not None and len(self.unique.values) != n:
            raise ValueError(f"{len(self.unique.values)} unique values for {n} records")


class _Row:
    """A batch in the making: one shard's events of this commit."""

    __slots__ = ("keyed", "keys", "parts", "records")

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.keys: list[bytes] = []
        self.keyed = False
        self.parts: list[tuple[Receipt, int, Sequence[int]]] = []

    def add(self, receipt: Receipt, indexes: Sequence[int], submission: Submission) -> None:
        first = len(self.records)
        records, keys = submission.records, submission.keys
        whole = len(indexes) == len(records)
        self.records.extend(records if whole else [records[i] for i in indexes])
        if keys is not None:
            if not self.keyed:
                self.keyed = True
                self.keys = [b""] * first
            self.keys.extend(keys if whole else [keys[i] for i in indexes])
        elif self.keyed:
            self.keys.extend([b""] * len(indexes))
        self.parts.append((receipt, first, indexes))


class Committer:
    """Turns groups of submissions into transactions.

    `map` is the shards, `head` the next offset, `arrival` the last stamp, `written` about how many bytes went into the WAL
    (whoever checkpoints sets it back). Arrivals never decrease over the whole log,
    hence in each shard, also across restarts and when the clock is set back.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        keeper: Keeper,
        keys: Deduplicator,
        clock: Callable[[], int],
        sources: Sources,
    ) -> None:
        self._db = connection
        self._keeper = keeper
        self._keys = keys
        self._sources = sources
        self._clock = clock
        self.map = load(connection)
        self.written = 0
        self._turn = 0
        self._stale = False
        self.head = keeper.start
        self.arrival = keeper.arrival
        last = connection.execute(
            "SELECT offset + n, arrival FROM batches ORDER BY offset DESC LIMIT 1"
        ).fetchone()
        if last is not None:
            self.head = last[0]
            self.arrival = max(self.arrival, last[1])
        if not keeper.subscriptions:
            self.transaction(lambda: keeper.declare(()))

    def commit(self, group: Sequence[Submission]) -> list[tuple[Submission, Result]]:
        """Keep `group` in one transaction; a result for each.

        A submission that is refused by itself (too many unique keys, an idempotency key reused) gets
        its error and the others are kept. Raises what the database raises: then nothing was kept.
        """
        now = max(self._clock(), self.arrival)
        if not self.map.open:
            raise Unavailable("LogCleared", "this log was cleared and is about to close")
        if self.map.single is not None and not self._stale and all(map(_plain, group)):
            results = self._commit_plain(group, now)
        else:
            results, self.head = self.transaction(lambda: self._write(group, now))
        self.arrival = now
        return results

    def _commit_plain(self, group: Sequence[Submission], now: int) -> list[tuple[Submission, Result]]:
        """The usual case, one row of one shard and nothing else: a transaction of one statement.

        Each call into SQLite gives up Python's lock and must win it back from a busy event loop, so that
        one call in place of three is what makes commits of single events quick.
        """
        results: list[tuple[Submission, Result]] = []
        row = _Row()
        shard = self.map.single or 0
        for submission in group:
            n = len(submission.records)
            receipt = Receipt(n, [(shard, self.head + len(row.records), range(n))], arrival=now)
            row.add(receipt, range(n), submission)
            results.append((submission, receipt))
        if row.records:
            self._insert(self.head, shard, now, row.records, row.keys if row.keyed else None)
        self.head += len(row.records)
        return results

    def reshape(self, change: Callable[[ShardMap, int, int], ShardMap], retention: float) -> ShardMap:
        """Change the shards: `change` makes a map of the present one, the next offset and the present time.

        Raises what it raises, and what the database does; then nothing changed. Closed shards whose events
        are gone after `retention` seconds go too.
        """
        now = max(self._clock(), self.arrival)
        new = change(self.map, self.head, now)
        if new is not self.map:
            live = ShardMap(tuple(new.live(now, retention)), new.wanted)
            self.transaction(lambda: save(self._db, live))
            self.map = live
        return self.map

    def conform(self, count: int, retention: float) -> ShardMap:
        """Have `count` shards, unless so many were asked for before."""
        return self.reshape(lambda map, head, now: map.conformed(count, head, now), retention)

    def clear(self) -> None:
        """Forget all events, shards, keys and subscriptions; offsets go on from where they are."""
        while self.transaction(self._clear_some):
            with contextlib.suppress(apsw.BusyError):  # one is under way
                self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self.transaction(self._clear_rest)
        self._keeper.load()
        self.transaction(lambda: self._keeper.declare(()))
        self._keys.load()
        self._sources.load()
        self.map = load(self._db)
        self._db.execute("PRAGMA incremental_vacuum").fetchall()

    def _clear_some(self) -> bool:
        rows = "SELECT offset FROM batches ORDER BY offset LIMIT ?"
        self._db.execute(f"DELETE FROM batches WHERE offset IN ({rows})", (SLICE_ROWS,))
        return self._db.changes() > 0

    def _clear_rest(self) -> None:
        for table in ("once", "unique_keys", "scopes", "subscriptions", "sources", "shards"):
            self._db.execute(f"DELETE FROM {table}")
        self._db.execute("UPDATE meta SET value=? WHERE key='start'", (self.head,))
        self._db.execute("UPDATE meta SET value=? WHERE key='arrival'", (self.arrival,))
        self._db.execute("DELETE FROM meta WHERE key='shards'")

    def _insert(
        self, offset: int, shard: int, now: int, records: list[bytes], keys: list[bytes] | None
    ) -> None:
        blob = encode_records(records, keys)
        self._db.execute("INSERT INTO batches VALUES(?,?,?,?,?)", (offset, len(records), shard, now, blob))
        self.written += len(blob) + 2 * PAGE_SIZE

    def transaction(self, action: Callable[[], T]) -> T:
        """Run `action` and commit: when this returns, it is on disk.

        When it raises, nothing of it is, and what memory held of it is read again from disk before the
        next transaction: now if the disk lets us, else then.
        """
        if self._stale:
            self._reload()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            result = action()
            self._keeper.flush_positions()
            self._keys.flush_counts()
            self._db.execute("COMMIT")
        except BaseException:
            self._stale = True
            with contextlib.suppress(apsw.Error):
                self._reload()
            raise
        return result

    def _reload(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._keys.load()
        self._keeper.load()
        self._sources.load()
        self.map = load(self._db)
        self._stale = False

    def _write(self, group: Sequence[Submission], now: int) -> tuple[list[tuple[Submission, Result]], int]:
        results: list[tuple[Submission, Result]] = []
        rows: dict[int, _Row] = {}
        firsts: dict[bytes, tuple[Once, Receipt]] = {}  # idempotency keys first used in this very commit
        repeats: list[tuple[Receipt, Receipt]] = []
        self._turn += 1
        for submission in group:
            result: Result
            try:
                once = submission.once
                if submission.moved is not None:
                    self._sources.move(submission.moved)
                if once is None:
                    result = self._place(submission, rows, now)
                elif (first := firsts.get(id := once.id())) is not None:
                    refuse_other_body(once, first[0].body)
                    result = Receipt(0, [], repeated=True)
                    repeats.append((result, first[1]))
                elif (answer := self._keys.first_answer(once, now)) is not None:
                    result = Receipt(0, [], answer=answer, repeated=True)
                else:
                    result = self._place(submission, rows, now)
                    firsts[id] = (once, result)
            except ForebayError as error:
                result = error
            results.append((submission, result))
        head = self.head
        for shard, row in rows.items():
            self._insert(head, shard, now, row.records, row.keys if row.keyed else None)
            for receipt, at, indexes in row.parts:
                receipt.places.append((shard, head + at, indexes))
            head += len(row.records)
        for once, receipt in firsts.values():
            receipt.answer = (
                once.answer(receipt.count, len(receipt.duplicates))
                if once.answer_placed is None
                else once.answer_placed(receipt.arrival, receipt.places)
            )
            self._keys.keep_answer(once, receipt.answer, now)
        for repeat, first_receipt in repeats:
            repeat.answer = first_receipt.answer
        for submission, result in results:
            if submission.foreseen is not None and isinstance(result, Receipt) and not result.repeated:
                submission.foreseen(result)
        return results, head

    def _place(self, submission: Submission, rows: dict[int, _Row], now: int) -> Receipt:
        n = len(submission.records)
        kept: Sequence[int] = range(n)
        duplicates: Sequence[int] = ()
        if submission.unique is not None:
            kept = self._keys.sift(submission.unique, now)
            if len(kept) < n:
                new = set(kept)
                duplicates = [i for i in range(n) if i not in new]
        receipt = Receipt(len(kept), [], duplicates, arrival=now)
        if not kept:
            return receipt
        if self.map.single is not None or submission.keys is None:
            # Without keys nothing ties events to a shard: each commit goes to the next one.
            self._row(rows, self.map.turn(self._turn)).add(receipt, kept, submission)
            return receipt
        of: dict[int, list[int]] = {}
        keys, hashes = submission.keys, submission.hashes
        shards = self.map.of_keys(keys if len(kept) == n else [keys[index] for index in kept])
        for index, shard in zip(kept, shards, strict=True):
            if hashes is not None and index in hashes:
                of.setdefault(self.map.of_hash(hashes[index]), []).append(index)
            else:
                of.setdefault(shard, []).append(index)
        for shard, indexes in of.items():
            self._row(rows, shard).add(receipt, indexes, submission)
        return receipt

    @staticmethod
    def _row(rows: dict[int, _Row], shard: int) -> _Row:
        row = rows.get(shard)
        if row is None:
            row = rows[shard] = _Row()
        return row


def _plain(submission: Submission) -> bool:
    known = submission.unique is None and submission.once is None
    return known and submission.moved is None and submission.foreseen is None
