"""The shard map: which range of hash keys each shard takes, which came of which, and since when.

Kinesis's rules (https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html): the MD5 of a partition
key, as a 128-bit integer, falls into the range of one open shard. Splitting and merging close shards and
open others, whose parents they are; a closed shard keeps its events and takes none. Numbers are never used
again, so an event's (log, shard, offset) stays its own.

The map lives in the log's database and changes between two commits: every event before `Shard.closed` is in
the parent, every one after in a child, which is what keeps a key's events in order across a change.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import apsw

from forebay.clock import SECOND
from forebay.errors import NotFound, UsageError

try:
    # A quarter of what OpenSSL's costs for something as short as a key.
    from _md5 import md5 as _md5  # type: ignore[import-not-found]
except ImportError:  # a Python built without it
    _md5 = hashlib.md5

SPACE = 1 << 128
_REMEMBERED = 1 << 16

DDL = """
CREATE TABLE shards(
  number INTEGER PRIMARY KEY, parent INTEGER, adjacent INTEGER, low BLOB NOT NULL, high BLOB NOT NULL,
  created INTEGER NOT NULL, first INTEGER NOT NULL, closed INTEGER, closed_at INTEGER
);
"""
_INDEX = "CREATE INDEX IF NOT EXISTS batches_shard ON batches(shard)"  # which has the rowid, `offset`, too


def digest(key: bytes) -> bytes:
    """A partition key's hash key: 16 bytes, big-endian."""
    hashed: bytes = _md5(key, usedforsecurity=False).digest()
    return hashed


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard. Its hash keys are `low` to `high`, both included.

    `created` (UTC seconds) begins its sequence numbers and is later than its parents'. It takes events
    from offset `first` on, and once closed (at `closed_at`, UTC microseconds) none from offset `closed` on.
    """

    number: int
    low: int
    high: int
    created: int
    first: int
    parent: int | None = None
    adjacent: int | None = None
    closed: int | None = None
    closed_at: int | None = None

    @property
    def open(self) -> bool:
        """Whether it takes events."""
        return self.closed is None


class _Remembered(dict[bytes, int]):
    """Shards by partition key, of the keys seen of late: most keys come again."""

    def __init__(self, of_hash: Callable[[bytes], int]) -> None:
        super().__init__()
        self._of_hash = of_hash

    def __missing__(self, key: bytes) -> int:
        if len(self) >= _REMEMBERED:
            self.clear()
        number = self[key] = self._of_hash(digest(key))
        return number


@dataclass(frozen=True)
class ShardMap:
    """All shards of a log, by number. It does not change: what changes it gives another.

    `wanted` is the number of open shards last asked for by the stream's specification.
    """

    shards: tuple[Shard, ...] = ()
    wanted: int = 0
    open: tuple[Shard, ...] = field(init=False)
    _lows: list[bytes] = field(init=False, repr=False)
    _numbers: list[int] = field(init=False, repr=False)
    _of: _Remembered = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        opened = tuple(sorted((shard for shard in self.shards if shard.open), key=lambda shard: shard.low))
        object.__setattr__(self, "open", opened)
        object.__setattr__(self, "_lows", [shard.low.to_bytes(16, "big") for shard in opened])
        object.__setattr__(self, "_numbers", [shard.number for shard in opened])
        object.__setattr__(self, "_of", _Remembered(self.of_hash))

    def of_keys(self, keys: Iterable[bytes]) -> list[int]:
        """The numbers of the open shards that take partition keys."""
        return [*map(self._of.__getitem__, keys)]

    def of_key(self, key: bytes) -> int:
        """The number of the open shard that takes a partition key."""
        return self._of[key]

    def of_hash(self, hashed: bytes) -> int:
        """The number of the open shard that takes a hash key: 16 bytes, big-endian."""
        return self._numbers[bisect_right(self._lows, hashed) - 1]

    def turn(self, turn: int) -> int:
        """The `turn`-th open shard, round and round."""
        return self._numbers[turn % len(self._numbers)]

    @property
    def single(self) -> int | None:
        """The number of the only open shard; None if there are several."""
        return self._numbers[0] if len(self._numbers) == 1 else None

    def shard(self, number: int) -> Shard:
        """A shard by its number. Raises NotFound `NoSuchShard`."""
        at = number - self.shards[0].number if self.shards else -1
        if 0 <= at < len(self.shards) and self.shards[at].number == number:
            return self.shards[at]
        for shard in self.shards:
            if shard.number == number:
                return shard
        raise NotFound("NoSuchShard", f"there is no shard {number}")

    def children(self, number: int) -> list[Shard]:
        """What a shard was split or merged into."""
        return [shard for shard in self.shards if number in (shard.parent, shard.adjacent)]

    def live(self, now: int, retention: float) -> Iterator[Shard]:
        """The open shards, and the closed ones that may still hold events at UTC `now`."""
        before = now - int(retention * SECOND)
        return (shard for shard in self.shards if shard.closed_at is None or shard.closed_at >= before)

    # Changes. `head` is the offset of the next event, `now` UTC microseconds.

    def split(self, number: int, at: int, head: int, now: int) -> ShardMap:
        """Shard `number` in two, the second beginning with hash key `at`. Raises UsageError, NotFound."""
        parent = self._closable(number)
        if not parent.low < at <= parent.high:
            raise UsageError("OutsideShard", f"{at} does not divide {parent.low} to {parent.high}")
        created = max(now // SECOND, parent.created + 1)
        following = self._next()
        return self._changed(
            [parent],
            [
                Shard(following, parent.low, at - 1, created, head, parent.number),
                Shard(following + 1, at, parent.high, created, head, parent.number),
            ],
            head,
            now,
        )

    def merge(self, number: int, adjacent: int, head: int, now: int) -> ShardMap:
        """Two shards whose ranges touch as one. Raises UsageError `NotAdjacent`, NotFound."""
        parent, other = self._closable(number), self._closable(adjacent)
        first, second = sorted((parent, other), key=lambda shard: shard.low)
        if first.high + 1 != second.low:
            raise UsageError("NotAdjacent", f"shards {number} and {adjacent} are not adjacent")
        created = max(now // SECOND, parent.created + 1, other.created + 1)
        merged = Shard(self._next(), first.low, second.high, created, head, parent.number, other.number)
        return self._changed([parent, other], [merged], head, now)

    def resized(self, target: int, head: int, now: int) -> ShardMap:
        """`target` open shards, as UpdateShardCount makes them: all are split until there are enough of them,
        then neighbours merged, the narrowest pair first, so that ranges stay about even.
        """
        new = self
        if not new.shards:
            return ShardMap(tuple(_even(target, head, now)), target)
        while len(new.open) < target:
            for shard in new.open:
                new = new.split(shard.number, shard.low + (shard.high - shard.low + 1) // 2, head, now)
        while len(new.open) > target:
            pairs = zip(new.open, new.open[1:], strict=False)
            first, second = min(pairs, key=lambda pair: pair[1].high - pair[0].low)
            new = new.merge(first.number, second.number, head, now)
        return new

    def conformed(self, wanted: int, head: int, now: int) -> ShardMap:
        """What a specification that wants so many shards makes of it: nothing, if it wanted that before."""
        return self if wanted == self.wanted else replace_wanted(self.resized(wanted, head, now), wanted)

    def _next(self) -> int:
        return self.shards[-1].number + 1 if self.shards else 0

    def _closable(self, number: int) -> Shard:
        shard = self.shard(number)
        if not shard.open:
            raise UsageError("ShardClosed", f"shard {number} was split or merged before")
        return shard

    def _changed(self, closed: list[Shard], opened: list[Shard], head: int, now: int) -> ShardMap:
        gone = {shard.number: replace(shard, closed=head, closed_at=now) for shard in closed}
        kept = [gone.get(shard.number, shard) for shard in self.shards]
        return ShardMap((*kept, *opened), self.wanted)


def replace_wanted(map: ShardMap, wanted: int) -> ShardMap:
    """`map`, with another number last asked for."""
    return ShardMap(map.shards, wanted)


def _even(count: int, head: int, now: int) -> Iterable[Shard]:
    width = SPACE // count
    for number in range(count):
        last = number == count - 1
        high = SPACE - 1 if last else (number + 1) * width - 1
        yield Shard(number, number * width, high, now // SECOND, head)


def load(db: apsw.Connection) -> ShardMap:
    """The map as it is on disk; empty if none was made yet."""
    wanted = db.execute("SELECT value FROM meta WHERE key='shards'").get
    rows = db.execute(
        "SELECT number, low, high, created, first, parent, adjacent, closed, closed_at FROM shards ORDER BY number"
    )
    shards = tuple(
        Shard(number, int.from_bytes(low, "big"), int.from_bytes(high, "big"), *rest)
        for number, low, high, *rest in rows
    )
    return ShardMap(shards, int(wanted or 0))


def save(db: apsw.Connection, map: ShardMap) -> None:
    """Put `map` in place of what is on disk, within a transaction."""
    db.execute("DELETE FROM shards")
    db.executemany(
        "INSERT INTO shards(number, low, high, created, first, parent, adjacent, closed, closed_at)"
        " VALUES(?,?,?,?,?,?,?,?,?)",
        [
            (
                shard.number,
                shard.low.to_bytes(16, "big"),
                shard.high.to_bytes(16, "big"),
                shard.created,
                shard.first,
                shard.parent,
                shard.adjacent,
                shard.closed,
                shard.closed_at,
            )
            for shard in map.shards
        ],
    )
    db.execute("INSERT OR REPLACE INTO meta VALUES('shards', ?)", (map.wanted,))
    if len(map.shards) > 1:
        index(db)


def index(db: apsw.Connection) -> None:
    """See that one shard's events are found without reading the others'."""
    db.execute(_INDEX)
