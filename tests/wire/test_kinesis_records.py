"""Kinesis over the wire: records in and out, in order, once, within AWS's limits and in its words."""

from __future__ import annotations

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness import System, request
from tests.wire.kinesis import TOP, call, data, everything, iterator, new_stream, read, refused
from tests.wire.sdk import ACCOUNT, serving

MIB = 1 << 20

system = serving("name: plain\nstreams:\n  plain: {}\n")


@pytest.fixture(scope="module")
def stream(kinesis: Any) -> str:
    """One for the tests that need no stream of their own."""
    return new_stream(kinesis, 3)


def test_what_was_put_is_read_in_order_with_its_numbers(kinesis: Any) -> None:
    name = new_stream(kinesis)
    before = time.time()
    put = [
        kinesis.put_record(StreamName=name, Data=each, PartitionKey=f"key {n}")
        for n, each in enumerate([b"first", b"", "ünicödé 统一码 💣".encode(), bytes(range(256))])
    ]
    found = read(kinesis, iterator(kinesis, name))
    assert data(found) == [b"first", b"", "ünicödé 统一码 💣".encode(), bytes(range(256))]
    assert [each["PartitionKey"] for each in found] == [f"key {n}" for n in range(4)]
    assert [each["SequenceNumber"] for each in found] == [each["SequenceNumber"] for each in put]
    numbers = [int(each["SequenceNumber"]) for each in put]
    assert numbers == sorted(set(numbers))
    assert {len(each["SequenceNumber"]) for each in put} == {56}
    for each in found:
        assert before - 1 <= each["ApproximateArrivalTimestamp"].timestamp() <= time.time() + 1
        assert "EncryptionType" not in each


def test_put_records_answers_in_the_order_of_the_call_and_shards_by_md5(kinesis: Any, stream: str) -> None:
    keys = [f"käy-{n}" for n in range(200)]
    answer = kinesis.put_records(
        StreamName=stream, Records=[{"Data": key.encode(), "PartitionKey": key} for key in keys]
    )
    assert answer["FailedRecordCount"] == 0
    for key, each in zip(keys, answer["Records"], strict=True):
        hashed = int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16)
        assert each["ShardId"] == f"shardId-{min(hashed // (2**128 // 3), 2):012d}"
    placed = {each["SequenceNumber"]: key for key, each in zip(keys, answer["Records"], strict=True)}
    found = {each["SequenceNumber"]: each for each in everything(kinesis, stream)}
    assert {number: found[number]["PartitionKey"] for number in placed} == placed


def test_an_explicit_hash_key_decides_the_shard(kinesis: Any, stream: str) -> None:
    third = 2**128 // 3
    for hashed, shard in ((0, 0), (third - 1, 0), (third, 1), (2 * third, 2), (TOP, 2)):
        given = {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": str(hashed)}
        one = kinesis.put_record(StreamName=stream, **given)
        many = kinesis.put_records(StreamName=stream, Records=[given])["Records"][0]
        assert one["ShardId"] == many["ShardId"] == f"shardId-{shard:012d}"
    beyond = {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": str(2**128)}
    message = (
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]."
        f" Specified value was {2**128}"
    )
    assert refused("InvalidArgumentException", kinesis.put_record, StreamName=stream, **beyond) == message
    assert (
        refused("InvalidArgumentException", kinesis.put_records, StreamName=stream, Records=[beyond])
        == message
    )
    assert refused(
        "ValidationException", kinesis.put_record, StreamName=stream, **{**beyond, "ExplicitHashKey": "sth"}
    ) == (
        "1 validation error detected: Value 'sth' at 'explicitHashKey' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})"
    )


def test_ordering_takes_any_number_that_was_given_out_and_refuses_others(kinesis: Any, stream: str) -> None:
    numbers: list[int] = []
    for n in range(3):
        more = {"SequenceNumberForOrdering": str(numbers[-1])} if numbers else {}
        answer = kinesis.put_record(StreamName=stream, Data=b"%d" % n, PartitionKey="ordered", **more)
        numbers.append(int(answer["SequenceNumber"]))
    assert numbers == sorted(set(numbers))
    wrong = str(int("20000000000000000000000000000000000000000000004", 16))
    assert refused(
        "InvalidArgumentException",
        kinesis.put_record,
        StreamName=stream,
        Data=b"",
        PartitionKey="a",
        SequenceNumberForOrdering=wrong,
    ) == (
        f"ExclusiveMinimumSequenceNumber {wrong} used in PutRecord on stream {stream} under account"
        f" {ACCOUNT} is invalid."
    )


def test_limits_of_a_call_are_refused_with_aws_code_and_message(kinesis: Any, stream: str) -> None:
    one = {"Data": b"a", "PartitionKey": "key"}

    def many(code: str, records: list[dict[str, Any]]) -> str:
        return refused(code, kinesis.put_records, StreamName=stream, Records=records)

    too_long = "Member must have length less than or equal to"
    assert many("ValidationException", [one] * 501) == (
        f"1 validation error detected: Value at 'records' failed to satisfy constraint: {too_long} 500"
    )
    big = {"Data": b"a" * (MIB - 2), "PartitionKey": "key"}
    assert many("ValidationException", [one, big]) == (
        "1 validation error detected: Value at 'records.2.member.data' failed to satisfy constraint:"
        f" {too_long} 1048576"
    )
    assert refused("ValidationException", kinesis.put_record, StreamName=stream, **big) == (
        f"1 validation error detected: Value at 'data' failed to satisfy constraint: {too_long} 1048576"
    )
    full = {"Data": b"a" * (MIB - 3), "PartitionKey": "key"}
    assert many("InvalidArgumentException", [full] * 5 + [one]) == "Records size exceeds 5 MB limit"
    assert kinesis.put_records(StreamName=stream, Records=[full] * 5)["FailedRecordCount"] == 0
    long = {"Data": b"", "PartitionKey": "k" * 257}
    assert many("ValidationException", [long]) == (
        f"1 validation error detected: Value '{'k' * 257}' at 'records.1.member.partitionKey' failed to satisfy"
        f" constraint: {too_long} 256"
    )
    assert many("ValidationException", [{"Data": b"", "PartitionKey": ""}]).startswith(
        "1 validation error detected: Value '' at 'records.1.member.partitionKey'"
    )
    assert "at 'records'" in many("ValidationException", [])


def test_what_is_missing_or_of_the_wrong_form_is_told_as_aws_tells_it(kinesis: Any, stream: str) -> None:
    null = "failed to satisfy constraint: Member must not be null"
    code = "ValidationException"
    told = refused(code, kinesis.put_record, StreamName=stream, Data=b"x")
    assert told == f"1 validation error detected: Value null at 'partitionKey' {null}"
    told = refused(code, kinesis.put_record, StreamName=stream)
    assert told == (
        f"2 validation errors detected: Value null at 'partitionKey' {null}; Value null at 'data' {null}"
    )
    told = refused(code, kinesis.put_records, StreamName=stream, Records=[{"Data": b"x"}])
    assert told == f"1 validation error detected: Value null at 'records.1.member.partitionKey' {null}"
    told = refused(code, kinesis.describe_stream, StreamName="")
    assert told == (
        "2 validation errors detected: Value '' at 'streamName' failed to satisfy constraint: Member must satisfy"
        " regular expression pattern: [a-zA-Z0-9_.-]+; Value '' at 'streamName' failed to satisfy constraint: Member"
        " must have length greater than or equal to 1"
    )
    lengths = "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"
    told = refused(code, kinesis.remove_tags_from_stream, StreamName=stream, TagKeys=["a", ""])
    assert told == (
        "1 validation error detected: Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy"
        f" constraint: {lengths}"
    )
    told = refused(code, kinesis.add_tags_to_stream, StreamName=stream, Tags={"": "b"})
    assert told == (
        "1 validation error detected: Value '{=b}' at 'tags' failed to satisfy constraint: Map keys must satisfy"
        f" constraint: {lengths}"
    )


def test_a_body_that_makes_no_sense_is_refused_as_aws_does(system: System, stream: str) -> None:
    for body in (b"", b"[]", b"nonsense", b"{", b'{"StreamName": 1}', b'{"Records": {}}', b"\xff\xfe"):
        for operation in ("PutRecord", "PutRecords", "GetRecords", "CreateStream"):
            headers = {
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"Kinesis_20131202.{operation}",
            }
            answer = request(system.urls["aws"] + "/", "POST", body, headers)
            assert answer.status == 400, answer
            assert answer.json()["__type"] in ("SerializationException", "ValidationException"), answer
    bad = {"StreamName": stream, "Data": "====", "PartitionKey": "k"}
    answer = call(system, "PutRecord", bad)
    assert (answer.status, answer.json()["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize("count", [50, 500])
def test_an_sdks_retry_is_answered_the_same_and_is_not_a_second_event(
    system: System, kinesis: Any, count: int
) -> None:
    name = new_stream(kinesis, 4)
    records = [{"Data": base64.b64encode(b"%d" % n).decode(), "PartitionKey": f"k{n}"} for n in range(count)]
    many = {"StreamName": name, "Records": records}
    one = {"StreamName": name, "Data": "eA==", "PartitionKey": "k"}
    for operation, body in (("PutRecords", many), ("PutRecord", one)):
        first = call(system, operation, body, amz_sdk_invocation_id="one", amz_sdk_request="attempt=1; max=5")
        again = call(system, operation, body, amz_sdk_invocation_id="one", amz_sdk_request="attempt=2; max=5")
        assert first.status == again.status == 200
        assert first.body == again.body
    kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**120))
    assert (
        call(system, "PutRecords", many, amz_sdk_invocation_id="one").body
        == call(system, "PutRecords", many, amz_sdk_invocation_id="one").body
    )
    assert len(everything(kinesis, name)) == count + 1
    call(system, "PutRecord", one, amz_sdk_invocation_id="two")
    call(system, "PutRecord", {**one, "Data": "eQ=="}, amz_sdk_invocation_id="two")
    assert len(everything(kinesis, name)) == count + 3


def test_the_answer_of_a_large_call_has_the_numbers_that_its_records_are_read_with(kinesis: Any) -> None:
    name = new_stream(kinesis, 4)

    def put(caller: int) -> dict[str, str]:
        data = [b"%d.%d" % (caller, n) for n in range(500)]
        records = [{"Data": each, "PartitionKey": each.decode()} for each in data]
        answer = kinesis.put_records(StreamName=name, Records=records)
        assert answer["FailedRecordCount"] == 0
        return {
            each.decode(): said["SequenceNumber"] for each, said in zip(data, answer["Records"], strict=True)
        }

    with ThreadPoolExecutor(4) as callers:
        said = {key: number for answer in callers.map(put, range(8)) for key, number in answer.items()}
    assert {each["Data"].decode(): each["SequenceNumber"] for each in everything(kinesis, name)} == said
    assert len(said) == 8 * 500


def test_events_from_other_doors_are_records_too(system: System, kinesis: Any) -> None:
    system.call("front", "append", target="streams.plain", records=[b'{"a":1}'], keys=[b"k"])
    assert data(everything(kinesis, "plain")) == [b'{"a":1}']
