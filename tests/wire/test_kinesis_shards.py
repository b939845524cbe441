"""Kinesis over the wire: shards split and merged under way, and read as a consumer library reads them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forebay.wire.kinesis import iterators
from forebay.wire.kinesis.iterators import ShardIterator
from forebay.wire.protocol.message import AwsError
from tests.conftest import Running
from tests.harness import System, until
from tests.projects import project
from tests.wire.kinesis import TOP, data, everything, iterator, new_stream, open_shards, refused, shards
from tests.wire.sdk import ACCOUNT, client, serving

EMPTY = "name: plain\n"
UNIFORM = "UNIFORM_SCALING"

system = serving(EMPTY)


def id_of(number: int) -> str:
    return f"shardId-{number:012d}"


def test_a_shard_is_split_at_a_hash_key(kinesis: Any) -> None:
    name = new_stream(kinesis, 2)
    half = str(2**127 + 2**126)
    kinesis.split_shard(StreamName=name, ShardToSplit=id_of(1), NewStartingHashKey=half)
    found = shards(kinesis, name)
    assert [(each["ShardId"], each.get("ParentShardId")) for each in found] == [
        (id_of(0), None),
        (id_of(1), None),
        (id_of(2), id_of(1)),
        (id_of(3), id_of(1)),
    ]
    assert found[2]["HashKeyRange"] == {
        "StartingHashKey": str(2**127),
        "EndingHashKey": str(int(half) - 1),
    }
    assert found[3]["HashKeyRange"] == {"StartingHashKey": half, "EndingHashKey": str(TOP)}
    ending = found[1]["SequenceNumberRange"]["EndingSequenceNumber"]
    for child in found[2:]:
        assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > int(ending)
        assert "EndingSequenceNumber" not in child["SequenceNumberRange"]
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 3


def test_adjacent_shards_are_merged(kinesis: Any) -> None:
    name = new_stream(kinesis, 4)
    kinesis.merge_shards(StreamName=name, ShardToMerge=id_of(0), AdjacentShardToMerge=id_of(1))
    kinesis.merge_shards(StreamName=name, ShardToMerge=id_of(4), AdjacentShardToMerge=id_of(2))
    opened = open_shards(kinesis, name)
    assert [each["ShardId"] for each in opened] == [id_of(3), id_of(5)]
    assert (opened[1]["ParentShardId"], opened[1]["AdjacentParentShardId"]) == (id_of(4), id_of(2))
    assert opened[1]["HashKeyRange"]["StartingHashKey"] == "0"


def test_what_cannot_be_split_or_merged_is_refused_in_aws_words(kinesis: Any) -> None:
    name = new_stream(kinesis, 3)
    where = f"in stream {name} under account {ACCOUNT}"

    def split(code: str, shard: str, at: int | str) -> str:
        call = kinesis.split_shard
        return refused(code, call, StreamName=name, ShardToSplit=shard, NewStartingHashKey=str(at))

    def merge(code: str, one: int, other: int) -> str:
        call = kinesis.merge_shards
        return refused(
            code, call, StreamName=name, ShardToMerge=id_of(one), AdjacentShardToMerge=id_of(other)
        )

    third = 113427455640312821154458202477256070484
    for at in (1, third):
        assert split("InvalidArgumentException", "shard-0", at) == (
            f"NewStartingHashKey {at} used in SplitShard() on shard {id_of(0)} {where} is not both greater than"
            f" one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey {third}."
        )
    missing = "ResourceNotFoundException"
    assert split(missing, "shardId-5", 9) == f"Could not find shard {id_of(5)} {where}."
    assert split(missing, "unknown", 9) == f"Could not find shard unknown {where}."
    assert split("ValidationException", "?", 9) == (
        "1 validation error detected: Value '?' at 'shardToSplit' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    )
    assert split("ValidationException", id_of(0), "sth") == (
        "1 validation error detected: Value 'sth' at 'newStartingHashKey' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})"
    )
    assert merge("InvalidArgumentException", 0, 2) == (
        f"Shards {id_of(0)} and {id_of(2)} {where} are not an adjacent pair of shards eligible for merging"
    )
    kinesis.split_shard(StreamName=name, ShardToSplit=id_of(0), NewStartingHashKey="10")
    assert split("InvalidArgumentException", id_of(0), 10) == (
        f"Shard {id_of(0)} {where} has already been merged or split, and thus is not eligible for merging"
        " or splitting."
    )


@pytest.mark.parametrize(
    ("first", "then", "total"), [(2, 4, 6), (4, 5, 15), (10, 13, 37), (4, 2, 6), (5, 3, 7)]
)
def test_the_count_is_updated_by_as_many_splits_and_merges_as_on_aws(
    kinesis: Any, first: int, then: int, total: int
) -> None:
    name = new_stream(kinesis, first)
    answer = kinesis.update_shard_count(StreamName=name, TargetShardCount=then, ScalingType=UNIFORM)
    assert (answer["StreamName"], answer["CurrentShardCount"], answer["TargetShardCount"]) == (
        name,
        first,
        then,
    )
    assert len(shards(kinesis, name)) == total
    assert len(open_shards(kinesis, name)) == then


def test_the_count_grows_to_double_and_shrinks_to_half_at_most(kinesis: Any) -> None:
    name = new_stream(kinesis, 4)
    for target in (9, 1, 1000):
        message = refused(
            "LimitExceededException",
            kinesis.update_shard_count,
            StreamName=name,
            TargetShardCount=target,
            ScalingType=UNIFORM,
        )
        assert f"Target shard count: {target}" in message
    assert len(shards(kinesis, name)) == 4


def test_shards_are_listed_by_when_they_were_open(kinesis: Any) -> None:
    name = new_stream(kinesis)
    kinesis.split_shard(StreamName=name, ShardToSplit=id_of(0), NewStartingHashKey=str(2**127))

    def listed(**wanted: Any) -> list[int]:
        return [int(each["ShardId"][-3:]) for each in shards(kinesis, name, ShardFilter=wanted)]

    assert listed(Type="AT_LATEST") == [1, 2]
    assert listed(Type="AT_TRIM_HORIZON") == [0]
    assert listed(Type="FROM_TRIM_HORIZON") == [0, 1, 2]
    assert listed(Type="AFTER_SHARD_ID", ShardId=id_of(0)) == [1, 2]
    created = kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamCreationTimestamp"]
    assert listed(Type="AT_TIMESTAMP", Timestamp=created) == [0]
    assert listed(Type="FROM_TIMESTAMP", Timestamp=created) == [0, 1, 2]
    refused(
        "InvalidArgumentException",
        kinesis.list_shards,
        StreamName=name,
        ShardFilter={"Type": "AFTER_SHARD_ID"},
    )


class Library:
    """Reads like Kinesis's own consumer library: a worker per shard, children once their parents are done."""

    def __init__(self, kinesis: Any, stream: str) -> None:
        self._kinesis = kinesis
        self._stream = stream
        self._at: dict[str, str | None] = {
            each["ShardId"]: iterator(kinesis, stream, each["ShardId"]) for each in shards(kinesis, stream)
        }
        self.seen: dict[str, list[int]] = {}
        self.ended: set[str] = set()

    def turn(self, wanted: int) -> bool:
        """Read each shard once; whether as many records were seen."""
        for shard, at in list(self._at.items()):
            if at is None:
                continue
            answer = self._kinesis.get_records(ShardIterator=at, Limit=40)
            for record in answer["Records"]:
                self.seen.setdefault(record["PartitionKey"], []).append(int(record["Data"]))
            self._at[shard] = answer.get("NextShardIterator")
            if self._at[shard] is None:
                self.ended.add(shard)
                for child in answer["ChildShards"]:
                    if set(child["ParentShards"]) <= self.ended and child["ShardId"] not in self._at:
                        self._at[child["ShardId"]] = iterator(self._kinesis, self._stream, child["ShardId"])
        return self.count >= wanted

    @property
    def count(self) -> int:
        return sum(map(len, self.seen.values()))


def test_each_keys_order_is_kept_for_a_consumer_while_shards_split_and_merge(
    kinesis: Any, system: System
) -> None:
    name = new_stream(kinesis, 2)
    reader = Library(kinesis, name)
    producing = client(system, "kinesis")
    stop = threading.Event()
    put = 0

    def produce() -> None:
        nonlocal put
        while not stop.is_set():
            records = [{"Data": b"%d" % (put + n), "PartitionKey": f"k{(put + n) % 17}"} for n in range(25)]
            assert producing.put_records(StreamName=name, Records=records)["FailedRecordCount"] == 0
            put += 25

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        for target in (4, 3, 6, 3, 2):
            wanted = reader.count + 50
            until(lambda wanted=wanted: reader.turn(wanted))  # type: ignore[misc]
            kinesis.update_shard_count(StreamName=name, TargetShardCount=target, ScalingType=UNIFORM)
    finally:
        stop.set()
        thread.join()
        producing.close()
    closed = {each["ShardId"] for each in shards(kinesis, name)} - {
        each["ShardId"] for each in open_shards(kinesis, name)
    }
    until(lambda: reader.turn(put) and reader.ended == closed)
    assert reader.count == put
    assert all(numbers == sorted(numbers) for numbers in reader.seen.values())
    assert len({number for numbers in reader.seen.values() for number in numbers}) == put
    assert len(reader.ended) > 10


def test_a_changed_project_reshards_its_stream(running: Running, tmp_path: Path) -> None:
    text = "name: plain\nstreams:\n  s: {shards: 2}\n"
    folder = project(tmp_path / "p", text)
    system = running(folder, sql=False)
    kinesis = client(system, "kinesis")
    kinesis.put_records(StreamName="s", Records=[{"Data": b"%d" % n, "PartitionKey": "k"} for n in range(5)])
    project(folder, text.replace("2", "4"))
    until(lambda: len(open_shards(kinesis, "s")) == 4)
    kinesis.put_records(
        StreamName="s", Records=[{"Data": b"%d" % n, "PartitionKey": "k"} for n in range(5, 9)]
    )
    assert len(shards(kinesis, "s")) == 6
    assert data(everything(kinesis, "s")) == [b"%d" % n for n in range(9)]
    kinesis.close()


def test_after_a_kill_every_acknowledged_record_is_there_and_no_number_is_used_again(
    running: Running, tmp_path: Path
) -> None:
    system = running(project(tmp_path / "p", EMPTY), sql=False)
    kinesis = client(system, "kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=3, Tags={"a": "b"})
    acknowledged: dict[str, bytes] = {}
    held = ""
    for life in range(2):

        def put(at: int) -> None:
            records = [{"Data": b"%d" % (at + n), "PartitionKey": f"{at + n}"} for n in range(20)]
            for each, record in zip(
                kinesis.put_records(StreamName="s", Records=records)["Records"], records, strict=True
            ):
                assert each["SequenceNumber"] not in acknowledged
                acknowledged[each["SequenceNumber"]] = bytes(record["Data"])  # type: ignore[arg-type]

        at = 100_000 * life
        put(at)
        put(at + 20)
        kill = threading.Timer(0.4, lambda: system.kill("front"))
        kill.start()
        _until_killed(put, at + 40, kill)
        system.kill_all()
        system.start(sql=False)
        if life == 0:
            held = iterator(kinesis, "s")
            kinesis.split_shard(StreamName="s", ShardToSplit=id_of(0), NewStartingHashKey="9999")
    found = {record["SequenceNumber"]: record["Data"] for record in everything(kinesis, "s")}
    assert len(acknowledged) > 40
    assert {number: found.get(number) for number in acknowledged} == acknowledged
    assert len(set(found.values())) == len(found)  # nor is what the SDK repeated a second event
    assert len(shards(kinesis, "s")) == 5
    assert kinesis.list_tags_for_stream(StreamName="s")["Tags"] == [{"Key": "a", "Value": "b"}]
    assert kinesis.get_records(ShardIterator=held)["Records"]  # it outlives the process that made it
    kinesis.close()


def _until_killed(put: Callable[[int], None], at: int, kill: threading.Timer) -> None:
    # What is put when the kill comes may be repeated by the SDK, and is then answered once.
    for n in range(10_000):
        put(at + 20 * n)
        if not kill.is_alive():
            break


def test_an_iterator_expires_after_five_minutes() -> None:
    secret, made = b"s" * 32, 1_421_889_722_000_000
    text = iterators.write(ShardIterator("a-stream", 7, 1234), secret, made)
    assert len(text) <= 512
    assert iterators.read(text, secret, made + 300_000_000) == ShardIterator("a-stream", 7, 1234)
    with pytest.raises(AwsError) as raised:
        iterators.read(text, secret, made + 301_000_000)
    assert raised.value.code == "ExpiredIteratorException"
    assert raised.value.message == (
        "Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while right now it is"
        " Thu Jan 22 01:27:03 UTC 2015 which is further in the future than the tolerated delay of 300000"
        " milliseconds."
    )
    with pytest.raises(AwsError) as raised:
        iterators.read(text, b"t" * 32, made)
    assert raised.value.message == "Invalid ShardIterator."
    longest = iterators.write(ShardIterator("x" * 128, 0x7FFFFFFF, 1 << 60), secret, made)
    assert len(longest) <= 512
    assert iterators.read(longest, secret, made).stream == "x" * 128
