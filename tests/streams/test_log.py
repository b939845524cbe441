"""A log: what is appended is on disk, in order, numbered without gaps."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from hashlib import md5
from pathlib import Path

import apsw
import pytest

from forebay.errors import ForebayError, Unavailable
from forebay.streams.reader import Reader
from forebay.streams.shards import ShardMap
from forebay.streams.writer import Log, Unique
from tests.streams.conftest import NAME, Clock, OpenLog, everything


def test_a_receipt_means_that_a_reader_sees_the_events(open_log: OpenLog, reader: Reader) -> None:
    log = open_log()
    receipt = log.append_now([b"a", b"", b"c"])
    assert (receipt.offset, receipt.count, receipt.places) == (0, 3, [(0, 0, range(3))])
    assert log.append_now([b"d"]).offset == 3
    assert everything(reader) == [b"a", b"", b"c", b"d"]
    assert (log.head, reader.head(), reader.start()) == (4, 4, 0)


def test_offsets_are_dense_over_all_shards_and_receipts_say_where_each_event_is(
    open_log: OpenLog, reader: Reader
) -> None:
    log = open_log(shards=4)
    keys = [b"key%d" % (i % 7) for i in range(100)]
    records = [b"%d" % i for i in range(100)]
    receipt = log.append_now(records, keys)
    at: dict[int, bytes] = {}
    for batch in reader.read(0):
        columns = batch.columns()
        assert columns.keys is not None
        for offset, (record, key) in enumerate(
            zip(columns.records(), columns.keys, strict=True), batch.offset
        ):
            at[offset] = record
            assert ShardMap().resized(4, 0, 0).of_key(key) == batch.shard
    assert sorted(at) == list(range(100))
    for _, offset, indexes in receipt.places:
        for i, index in enumerate(indexes):
            assert at[offset + i] == records[index]


def test_within_a_shard_order_is_that_of_acceptance(open_log: OpenLog, reader: Reader) -> None:
    log = open_log(shards=3)
    for start in range(0, 60, 3):
        log.append_now([b"%d" % (start + i) for i in range(3)], [b"a", b"b", b"c"])
    by_key: dict[bytes, list[int]] = {}
    for batch in reader.read(0):
        columns = batch.columns()
        for record, key in zip(columns.records(), columns.keys or [], strict=True):
            by_key.setdefault(key, []).append(int(record))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


def test_a_key_falls_into_the_hash_range_that_kinesis_says() -> None:
    for key in (b"", b"a", b"user-1", "ü".encode()):
        hashed = int(md5(key, usedforsecurity=False).hexdigest(), 16)
        for shards in (1, 2, 3, 7, 1000):
            size = 2**128 // shards
            shard = ShardMap().resized(shards, 0, 0).of_key(key)
            assert shard * size <= hashed
            assert hashed < (shard + 1) * size or shard == shards - 1


def test_events_without_keys_are_spread_over_the_shards(open_log: OpenLog, reader: Reader) -> None:
    log = open_log(shards=3)
    for _ in range(9):
        log.append_now([b"x"])
    assert sorted(batch.shard for batch in reader.read(0)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("quick", [0.0, 1e-3, 60.0], ids=["by the thread", "by both", "by the loop"])
def test_many_callers_share_commits_and_none_is_lost(open_log: OpenLog, reader: Reader, quick: float) -> None:
    log = open_log(quick=quick)

    async def client(number: int) -> list[int]:
        return [(await log.append([b"%d:%d" % (number, i)])).offset for i in range(20)]

    async def main() -> list[list[int]]:
        return await asyncio.gather(*(client(number) for number in range(50)))

    offsets = asyncio.run(main())
    records = everything(reader)
    assert sorted(offset for mine in offsets for offset in mine) == list(range(1000))
    for number, mine in enumerate(offsets):
        assert [records[offset] for offset in mine] == [b"%d:%d" % (number, i) for i in range(20)]
    assert len(reader.read(0)) < 1000


@pytest.mark.parametrize("quick", [0.0, 60.0])
def test_threads_and_event_loops_may_append_at_once(open_log: OpenLog, reader: Reader, quick: float) -> None:
    log = open_log(quick=quick)
    threads = [threading.Thread(target=lambda: [log.append_now([b"t"]) for _ in range(20)]) for _ in range(4)]

    async def main() -> None:
        for _ in range(5):
            await asyncio.gather(*(log.append([b"l" * (1 + i % 2 * 100_000)]) for i in range(20)))

    threads += [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(each[:1] for each in everything(reader)) == {b"l": 200, b"t": 80}


def test_a_caller_that_gave_up_disturbs_nobody(open_log: OpenLog) -> None:
    log = open_log()

    async def main() -> None:
        waiting = log.submit([b"x"])
        waiting.cancel()
        await log.append([b"y"])

    asyncio.run(main())
    assert log.head == 2


def test_the_log_goes_on_where_it_was(open_log: OpenLog, reader: Reader) -> None:
    open_log().append_now([b"a", b"b"])
    log = open_log()
    assert log.append_now([b"c"]).offset == 2
    assert everything(reader) == [b"a", b"b", b"c"]


def test_arrival_is_one_stamp_a_commit_and_never_decreases(
    open_log: OpenLog, reader: Reader, clock: Clock
) -> None:
    log = open_log(shards=2)
    first = clock.now
    log.append_now([b"a", b"b"], [b"1", b"2"])
    clock.forward(-3600)
    log.append_now([b"c"])
    log = open_log(shards=2)
    clock.forward(-3600)
    log.append_now([b"d"])
    clock.forward(3 * 3600)
    log.append_now([b"e"])
    assert [batch.arrival for batch in reader.read(0)][-3:] == [first, first, clock.now]
    assert {batch.arrival for batch in reader.read(0)[:-1]} == {first}


def test_arrival_does_not_decrease_after_everything_was_trimmed(
    open_log: OpenLog, reader: Reader, clock: Clock
) -> None:
    log = open_log(retention=1.0)
    log.append_now([b"a"])
    stamped = clock.now
    clock.forward(10)
    log.maintain()
    assert (log.start, log.head) == (1, 1)
    clock.forward(-1000)
    log = open_log()
    assert (log.start, log.head) == (1, 1)
    log.append_now([b"b"])
    assert [(b.offset, b.arrival) for b in reader.read(1)] == [(1, stamped)]


def test_a_second_owner_is_refused(
    open_log: OpenLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_log()
    monkeypatch.setattr("forebay.streams.owner.PATIENCE", 0.05)
    with pytest.raises(ForebayError, match="written by another process") as raised:
        Log(tmp_path / "log.db", NAME)
    assert raised.value.code == "LogInUse"


def test_more_waiting_than_the_bound_is_refused_before_it_costs_memory(open_log: OpenLog) -> None:
    log = open_log(max_pending=1000, quick=0)
    blocked, go_on = threading.Event(), threading.Event()

    def hold() -> int:
        blocked.set()
        go_on.wait(10)
        return clock_us

    clock_us = 1_700_000_000_000_000
    log._committer._clock = hold

    async def main() -> None:
        waiting = [log.submit([b"x" * 900])]
        assert await asyncio.to_thread(blocked.wait, 10)
        waiting.append(log.submit([b"x" * 200]))
        with pytest.raises(Unavailable) as raised:
            log.submit([b"y"])
        assert (raised.value.code, raised.value.extra["retry_after"]) == ("LogBusy", 1)
        go_on.set()
        await asyncio.gather(*waiting)
        await log.append([b"z"])

    asyncio.run(main())
    assert log.head == 3


def test_closing_commits_what_waits_and_refuses_the_rest(open_log: OpenLog, reader: Reader) -> None:
    log = open_log()

    async def main() -> None:
        waiting = [log.submit([b"%d" % i]) for i in range(10)]
        await asyncio.to_thread(log.close)
        await asyncio.gather(*waiting)

    asyncio.run(main())
    assert reader.head() == 10
    with pytest.raises(Unavailable) as raised:
        log.append_now([b"x"])
    assert raised.value.code == "LogClosed"


def test_buffers_are_kept_as_their_bytes(open_log: OpenLog, reader: Reader) -> None:
    log = open_log(shards=2)
    view: list[bytes] = [memoryview(b"abc")[1:], bytearray(b"d")]  # type: ignore[list-item]
    log.append_now(view, [b"k", b"k"])
    assert everything(reader) == [b"bc", b"d"]


@pytest.mark.parametrize("quick", [0.0, 60.0], ids=["by the thread", "by the loop"])
def test_a_commit_that_fails_keeps_nothing_and_the_next_goes_on(
    open_log: OpenLog, reader: Reader, quick: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(quick=quick)
    unique = Unique("r", [b"1"])
    log.declare(["delivery.a"])

    async def main() -> None:
        await log.append([b"a"])
        with monkeypatch.context() as broken:
            broken.setattr(log._committer, "_insert", fail)
            failed = await asyncio.gather(
                log.append([b"b"], unique=unique), log.append([b"c"]), return_exceptions=True
            )
        assert [error.code for error in failed if isinstance(error, Unavailable)] == ["DiskFull"] * 2
        assert (await log.append([b"b"], unique=unique)).places == [(0, 1, [0])]
        assert (await log.append([b"b"], unique=unique)).count == 0

    asyncio.run(main())
    assert everything(reader) == [b"a", b"b"]
    assert [s.name for s in log.subscriptions()] == ["delivery.a"]


def fail(*_: object) -> None:
    raise apsw.FullError("database or disk is full")
