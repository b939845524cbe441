"""The shard map: who takes which key, what splits and merges do, and that it outlives the process."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
from pathlib import Path

import pytest

from forebay.errors import Unavailable, UsageError
from forebay.event import Batch
from forebay.streams import sequence
from forebay.streams.reader import Reader
from forebay.streams.shard_reader import ShardReader
from forebay.streams.shards import SPACE, ShardMap, digest
from forebay.streams.writer import Log
from tests.streams.conftest import NAME, Clock, OpenLog

NOW = 1_700_000_000_000_000


def ranges(map: ShardMap) -> list[tuple[int, int]]:
    return [(shard.low, shard.high) for shard in map.open]


def covers_all(map: ShardMap) -> bool:
    found = ranges(map)
    return (
        found[0][0] == 0
        and found[-1][1] == SPACE - 1
        and all(a[1] + 1 == b[0] for a, b in itertools.pairwise(found))
    )


@pytest.mark.parametrize(
    ("first", "then", "shards"),
    [(2, 4, 6), (4, 5, 15), (10, 13, 37), (4, 2, 6), (5, 3, 7), (10, 3, 17), (1, 7, 16)],
)
def test_resizing_makes_as_many_shards_as_aws_does_and_covers_every_key(
    first: int, then: int, shards: int
) -> None:
    map = ShardMap().conformed(first, 0, NOW).conformed(then, 100, NOW)
    assert len(map.open) == then
    assert len(map.shards) == shards
    assert covers_all(map)
    for shard in map.shards:
        for child in map.children(shard.number):
            assert child.created > shard.created
            assert child.low <= shard.high
            assert child.high >= shard.low


def test_even_ranges_are_the_rule_of_before() -> None:
    for count in (1, 2, 3, 7, 100):
        map = ShardMap().conformed(count, 0, NOW)
        for key in (b"%d" % n for n in range(200)):
            hashed = int.from_bytes(hashlib.md5(key, usedforsecurity=False).digest(), "big")
            assert map.of_key(key) == min(hashed // (SPACE // count), count - 1)


def test_the_same_wish_again_changes_nothing_that_was_split_since() -> None:
    map = ShardMap().conformed(2, 0, NOW)
    split = map.split(0, 1000, 10, NOW)
    assert split.conformed(2, 20, NOW) is split
    assert len(split.conformed(3, 20, NOW).open) == 3
    assert split.conformed(3, 20, NOW).shards == split.shards


def test_what_cannot_be_split_or_merged_is_refused() -> None:
    map = ShardMap().conformed(3, 0, NOW)
    with pytest.raises(UsageError):
        map.merge(0, 2, 0, NOW)
    with pytest.raises(UsageError):
        map.split(0, SPACE // 2, 0, NOW)
    merged = map.merge(1, 0, 0, NOW)
    with pytest.raises(UsageError):
        merged.split(1, merged.shard(1).low + 1, 0, NOW)
    assert (merged.shards[-1].parent, merged.shards[-1].adjacent) == (1, 0)
    assert covers_all(merged)


def test_a_sequence_number_says_shard_and_offset_and_grows_with_both() -> None:
    map = ShardMap().conformed(3, 0, NOW).split(1, SPACE // 2, 50, NOW)
    for shard in map.shards:
        numbers = [sequence.starting(shard)]
        for offset in (shard.first, shard.first + 1, 10**6, 10**15):
            numbers.append(sequence.number(shard, offset, NOW))
            found = sequence.parse(str(numbers[-1]))
            assert found == (shard.number, shard.created, offset, NOW // 1_000_000)
        if not shard.open:
            numbers.append(sequence.ending(shard))
        assert numbers == sorted(set(numbers))
        assert {len(str(number)) for number in numbers} == {56}
        for child in map.children(shard.number):
            assert sequence.starting(child) > numbers[-1]
    first, second, *_ = map.shards
    a, b = (sequence.number(first, offset, NOW) for offset in (7, 8))
    assert b - a == sequence.STEP
    for text in ("1" * 56, str(sequence.starting(second) + 2), str(1 << 186), str(0x13BB2CC3D8 << 88)):
        with pytest.raises(ValueError, match="no sequence number"):
            sequence.parse(text)


def reading(log: Log, reader: ShardReader) -> dict[bytes, list[int]]:
    """What a reader of shards sees, going from parents to children: per key the events' numbers."""
    seen: dict[bytes, list[int]] = {}
    ready = [shard.number for shard in log.map.shards if shard.parent is None]
    done: set[int] = set()
    while ready:
        number = ready.pop()
        position = 0
        while (found := reader.shard(number, position, most=7, max_bytes=100)).records:
            for record in found.records:
                seen.setdefault(record.key, []).append(int(record.data))
            position = found.next
            if not found.more:
                break
        done.add(number)
        for child in log.map.children(number):
            if {child.parent, child.adjacent} - {None} <= done:
                ready.append(child.number)
    return seen


def test_a_keys_events_stay_in_order_across_resharding_and_restarts(
    open_log: OpenLog, tmp_path: Path, clock: Clock
) -> None:
    log = open_log(shards=2)
    chance = random.Random(7)
    for n in range(400):
        keys = [b"k%d" % chance.randrange(12) for _ in range(3)]
        log.append_now([b"%d" % (3 * n + i) for i in range(3)], keys)
        clock.forward(0.5)
        if n == 50:
            log.shards = 5
        if n == 120:
            shard = log.map.open[2]
            log.between(
                lambda committer, shard=shard: committer.reshape(  # type: ignore[misc]
                    lambda map, head, now: map.split(shard.number, shard.low + 2, head, now), 86400.0
                )
            )
        if n == 200:
            log = open_log(shards=5)
            assert len(log.map.open) == 6
        if n == 300:
            log.shards = 1
    reader = ShardReader(tmp_path / "log.db", NAME)
    seen = reading(log, reader)
    reader.close()
    assert sum(map(len, seen.values())) == 1200
    assert all(numbers == sorted(numbers) for numbers in seen.values())


def test_closed_shards_take_nothing_and_every_event_is_where_the_map_says(
    open_log: OpenLog, reader: Reader
) -> None:
    log = open_log(shards=3)
    for n in range(60):
        log.append_now([b"x"] * 4, [b"%d" % (n * 4 + i) for i in range(4)])
        if n in (20, 40):
            log.shards = log.shards - 1
    batches: list[Batch] = reader.read(0)
    for batch in batches:
        shard = log.map.shard(batch.shard)
        assert shard.first <= batch.offset
        assert shard.closed is None or batch.end <= shard.closed
        for key in batch.columns().keys or []:
            assert shard.low <= int.from_bytes(digest(key), "big") <= shard.high


def test_an_explicit_hash_key_overrules_the_partition_key(open_log: OpenLog) -> None:
    log = open_log(shards=4)

    async def put() -> list[int]:
        hashes = {1: (0).to_bytes(16, "big"), 2: (SPACE - 1).to_bytes(16, "big")}
        receipt = await log.submit([b"a", b"b", b"c"], [b"k", b"k", b"k"], hashes=hashes)
        shards = {i: shard for shard, _, indexes in receipt.places for i in indexes}
        return [shards[i] for i in range(3)]

    assert asyncio.run(put()) == [ShardMap().resized(4, 0, NOW).of_key(b"k"), 0, 3]


def test_a_shard_is_read_by_offset_and_by_time_within_bounds(
    open_log: OpenLog, tmp_path: Path, clock: Clock
) -> None:
    log = open_log()
    begun = clock.now
    for n in range(30):
        log.append_now([b"%02d" % n] * 2, [b"k"] * 2)
        clock.forward(1)
    with_reader = ShardReader(tmp_path / "log.db", NAME)
    found = with_reader.shard(0, 5, most=4, max_bytes=1 << 20)
    assert [(r.offset, r.data) for r in found.records] == [(5, b"02"), (6, b"03"), (7, b"03"), (8, b"04")]
    assert (found.next, found.more) == (9, True)
    assert len(with_reader.shard(0, 0, most=100, max_bytes=9).records) == 3
    assert with_reader.shard(0, 58, most=2, max_bytes=9).more is False
    assert with_reader.shard(0, 60, most=2, max_bytes=9).records == []
    assert with_reader.since(0) == 0
    for second in range(30):
        assert with_reader.since(begun + second * 1_000_000) == 2 * second
        assert with_reader.since(begun + second * 1_000_000 + 1) == 2 * second + 2
    with_reader.close()


def test_a_cleared_log_is_empty_and_counts_on(open_log: OpenLog, tmp_path: Path, reader: Reader) -> None:
    log = open_log(shards=4)
    log.append_now([b"x"] * 10, [b"%d" % n for n in range(10)])
    log.declare(["by:somebody"])
    log.between(lambda committer: committer.clear())
    assert (log.start, log.head) == (10, 10)
    assert log.map.shards == ()
    with pytest.raises(Unavailable):
        log.append_now([b"x"])
    log = open_log(shards=2)
    assert [shard.number for shard in log.map.open] == [0, 1]
    assert log.append_now([b"y"], [b"k"]).offset == 10
    assert [s.name for s in log.subscriptions()] == [NAME]
    assert reader.read(10)[0].columns().records() == [b"y"]
