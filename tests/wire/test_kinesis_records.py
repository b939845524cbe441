"""Kinesis over the wire: records in and out, in order, once, within AWS's limits and in its words."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest

from forebay.wire.protocol import cbor11
from tests.harness import Answer, System, request, until
from tests.projects import project
from tests.wire.kinesis import (
    ACCOUNT,
    TOP,
    arn,
    data,
    everything,
    impatient,
    iterator,
    new_stream,
    read,
    refused,
    shards,
)

MIB = 1 << 20


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("kinesis")
    made = project(folder / "p", "name: plain\nstreams:\n  plain: {}\n")
    running = System(made, folder / "state", [], {}).start(sql=False)
    yield running
    running.end()


@pytest.fixture(scope="module")
def kinesis(system: System) -> Iterator[Any]:
    found = impatient(system)
    yield found
    found.close()


@pytest.fixture(scope="module")
def stream(kinesis: Any) -> str:
    """One for the tests that need no stream of their own."""
    return new_stream(kinesis, 3)


def call(system: System, operation: str, body: dict[str, Any], **headers: str) -> Answer:
    """An operation, asked for without an SDK."""
    given = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Kinesis_20131202.{operation}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return request(system.urls["aws"] + "/", "POST", json.dumps(body).encode(), given)


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


def test_an_sdks_retry_is_answered_the_same_and_is_not_a_second_event(system: System, kinesis: Any) -> None:
    name = new_stream(kinesis, 4)
    records = [{"Data": base64.b64encode(b"%d" % n).decode(), "PartitionKey": f"k{n}"} for n in range(50)]
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
    assert len(everything(kinesis, name)) == 51
    call(system, "PutRecord", one, amz_sdk_invocation_id="two")
    call(system, "PutRecord", {**one, "Data": "eQ=="}, amz_sdk_invocation_id="two")
    assert len(everything(kinesis, name)) == 53


def test_each_of_the_five_types_begins_where_it_says(kinesis: Any) -> None:
    name = new_stream(kinesis)
    put = [kinesis.put_record(StreamName=name, Data=b"%d" % n, PartitionKey="k") for n in range(3)]
    time.sleep(1.1)  # what is asked for is a time between two records, and SDKs send whole seconds
    between = dt.datetime.now(dt.UTC)
    put += [kinesis.put_record(StreamName=name, Data=b"%d" % n, PartitionKey="k") for n in range(3, 6)]

    def from_(kind: str, **more: Any) -> list[bytes]:
        return data(read(kinesis, iterator(kinesis, name, ShardIteratorType=kind, **more)))

    number = put[2]["SequenceNumber"]
    assert from_("TRIM_HORIZON") == [b"%d" % n for n in range(6)]
    assert from_("AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == [b"2", b"3", b"4", b"5"]
    assert from_("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number) == [b"3", b"4", b"5"]
    assert from_("AT_TIMESTAMP", Timestamp=between) == [b"3", b"4", b"5"]
    assert from_("AT_TIMESTAMP", Timestamp=1) == from_("TRIM_HORIZON")
    assert from_("AT_TIMESTAMP", Timestamp=between + dt.timedelta(hours=1)) == []
    latest = iterator(kinesis, name, ShardIteratorType="LATEST")
    assert read(kinesis, latest) == []
    kinesis.put_record(StreamName=name, Data=b"new", PartitionKey="k")
    assert data(read(kinesis, latest)) == [b"new"]
    start = shards(kinesis, name)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        assert len(from_(kind, StartingSequenceNumber=start)) == 7


def test_an_iterator_moves_on_and_says_how_far_behind_it_is(kinesis: Any) -> None:
    name = new_stream(kinesis)
    empty = iterator(kinesis, name)
    answer = kinesis.get_records(ShardIterator=empty)
    assert (answer["Records"], answer["MillisBehindLatest"]) == ([], 0)
    assert answer["NextShardIterator"] not in (empty, kinesis.get_records(ShardIterator=empty))
    kinesis.put_records(StreamName=name, Records=[{"Data": b"%d" % n, "PartitionKey": "k"} for n in range(5)])
    first = kinesis.get_records(ShardIterator=answer["NextShardIterator"], Limit=3)
    assert data(first["Records"]) == [b"0", b"1", b"2"]
    assert first["MillisBehindLatest"] > 0
    rest = kinesis.get_records(ShardIterator=first["NextShardIterator"])
    assert (data(rest["Records"]), rest["MillisBehindLatest"]) == ([b"3", b"4"], 0)
    quoted = kinesis.get_records(ShardIterator=f'"{empty}"')
    assert len(quoted["Records"]) == 5


def test_one_call_gives_ten_megabytes_at_most(kinesis: Any) -> None:
    name = new_stream(kinesis)
    for _ in range(3):
        kinesis.put_records(
            StreamName=name, Records=[{"Data": b"x" * 900_000, "PartitionKey": "k"} for _ in range(5)]
        )
    answer = kinesis.get_records(ShardIterator=iterator(kinesis, name))
    assert len(answer["Records"]) == 11
    assert len(read(kinesis, answer["NextShardIterator"])) == 4


def test_iterators_that_are_none_are_refused_in_aws_words(kinesis: Any, stream: str) -> None:
    def get(code: str, **given: Any) -> str:
        wanted = {"StreamName": stream, "ShardId": "shardId-000000000000", **given}
        return refused(code, kinesis.get_shard_iterator, **wanted)

    both = (
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or"
        " (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified"
    )
    code = "InvalidArgumentException"
    assert get(code, ShardIteratorType="AT_SEQUENCE_NUMBER") == (
        f"{both} AT_SEQUENCE_NUMBER and no StartingSequenceNumber."
    )
    assert get(code, ShardIteratorType="LATEST", StartingSequenceNumber="5") == (
        f"{both} LATEST and also a StartingSequenceNumber."
    )
    assert get(code, ShardIteratorType="AT_TIMESTAMP").startswith("Must specify timestampInMillis parameter")
    other = shards(kinesis, stream)[1]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert get(code, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=other) == (
        "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard"
        " with shardId-000000000000"
    )
    strange = str(int("20000000000800000000000000000000000000000000002", 16))
    assert get(code, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=strange) == (
        f"StartingSequenceNumber {strange} used in GetShardIterator on shard shardId-000000000000 in stream"
        f" {stream} under account {ACCOUNT} is invalid."
    )
    foreign = str(int("20000000000000000000000000000000000000000000002", 16))
    assert get(code, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=foreign).endswith(
        "is invalid because it did not come from this stream."
    )
    assert "Member must satisfy enum value set" in get("ValidationException", ShardIteratorType="SOMEWHERE")
    gone = "ResourceNotFoundException"
    assert get(gone, ShardId="shardId-5", ShardIteratorType="LATEST") == (
        f"Shard shardId-000000000005 in stream {stream} under account {ACCOUNT} does not exist"
    )
    for name in ("2147483648", "shardId-002147483648", "ABKLFD8", "2.14E4"):
        assert get(gone, ShardId=name, ShardIteratorType="LATEST") == (
            f"Could not find shard {name} in stream {stream} under account {ACCOUNT}."
        )
    for good in ("x-0", "0", "shard-00000"):
        assert iterator(kinesis, stream, good)
    for text in ("nonsense", "AAAA", "A" * 300):
        assert refused(code, kinesis.get_records, ShardIterator=text) == "Invalid ShardIterator."
    altered = bytearray(base64.b64decode(iterator(kinesis, stream)))
    altered[40] ^= 1
    forged = base64.b64encode(bytes(altered)).decode()
    assert refused(code, kinesis.get_records, ShardIterator=forged) == "Invalid ShardIterator."


def test_an_iterator_of_a_stream_that_is_gone_finds_no_shard(kinesis: Any) -> None:
    name = new_stream(kinesis, 2)
    first, second = (iterator(kinesis, name, shard) for shard in ("0", "1"))
    kinesis.delete_stream(StreamName=name)
    missing = f"Shard shardId-00000000000{{}} in stream {name} under account {ACCOUNT} does not exist"
    code = "ResourceNotFoundException"
    assert refused(code, kinesis.get_records, ShardIterator=first) == missing.format(0)
    kinesis.create_stream(StreamName=name, ShardCount=1)
    assert refused(code, kinesis.get_records, ShardIterator=second) == missing.format(1)
    assert kinesis.get_records(ShardIterator=first)["Records"] == []


def test_it_speaks_cbor_as_the_java_sdk_does(system: System, kinesis: Any) -> None:
    name = new_stream(kinesis)

    def speak(operation: str, body: Any) -> tuple[int, Any]:
        headers = {
            "Content-Type": cbor11.CONTENT_TYPE,
            "X-Amz-Target": f"Kinesis_20131202.{operation}",
        }
        encoded = body if isinstance(body, bytes) else cbor2.dumps(body)
        answer = request(system.urls["aws"] + "/", "POST", encoded, headers)
        assert answer.headers["content-type"] == cbor11.CONTENT_TYPE
        return answer.status, cbor2.loads(answer.body)

    status, put = speak("PutRecord", {"StreamName": name, "Data": b"\xff\x00", "PartitionKey": "k"})
    assert status == 200
    status, many = speak("PutRecords", {"StreamName": name, "Records": [{"Data": b"2", "PartitionKey": "k"}]})
    assert many["FailedRecordCount"] == 0
    now = int(time.time() * 1000)
    # {"StreamName": ..., "ShardId": "0", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1(now - an hour)}
    asked = cbor2.dumps({"StreamName": name, "ShardId": "0", "ShardIteratorType": "AT_TIMESTAMP"})
    stamped = b"\xa4" + asked[1:] + b"\x69Timestamp\xc1" + cbor2.dumps(now - 3_600_000)
    status, at = speak("GetShardIterator", stamped)
    assert status == 200, at
    status, got = speak("GetRecords", {"ShardIterator": at["ShardIterator"]})
    assert data(got["Records"]) == [b"\xff\x00", b"2"]
    assert got["Records"][0]["SequenceNumber"] == put["SequenceNumber"]
    assert abs(got["Records"][0]["ApproximateArrivalTimestamp"] - now) < 60_000
    json_found = read(kinesis, iterator(kinesis, name))[0]["ApproximateArrivalTimestamp"]
    assert round(json_found.timestamp() * 1000) == got["Records"][0]["ApproximateArrivalTimestamp"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn(kinesis, name), ConsumerName="c")["Consumer"]
    position = {"Type": "AT_TIMESTAMP", "Timestamp": "1718960048000"}
    asked = cbor2.dumps(
        {"ConsumerARN": consumer["ConsumerARN"], "ShardId": "shardId-0", "StartingPosition": position}
    )
    headers = {
        "Content-Type": cbor11.CONTENT_TYPE,
        "X-Amz-Target": "Kinesis_20131202.SubscribeToShard",
    }
    connection = http.client.HTTPConnection(system.urls["aws"].removeprefix("http://"), timeout=10)
    connection.request("POST", "/", asked, headers)
    pushed = connection.getresponse()
    some = b""
    while b"\xff\x00" not in some:
        some += pushed.read1()
    assert b"SubscribeToShardEvent" in some
    pushed.close()
    connection.close()
    status, error = speak("PutRecord", {"StreamName": "nope", "Data": b"", "PartitionKey": "k"})
    assert (status, error["__type"]) == (400, "ResourceNotFoundException")
    status, error = speak("PutRecord", b"\x9f\x9f\x9f")
    assert (status, error["__type"]) == (400, "SerializationException")


def test_a_subscription_is_pushed_what_comes(kinesis: Any) -> None:
    name = new_stream(kinesis)
    kinesis.put_record(StreamName=name, Data=b"before", PartitionKey="k")
    consumer = kinesis.register_stream_consumer(StreamARN=arn(kinesis, name), ConsumerName="c")["Consumer"]
    subscribed = {"ConsumerARN": consumer["ConsumerARN"], "ShardId": "shardId-000000000000"}
    events = kinesis.subscribe_to_shard(**subscribed, StartingPosition={"Type": "TRIM_HORIZON"})[
        "EventStream"
    ]
    refused(
        "ResourceInUseException",
        kinesis.subscribe_to_shard,
        **subscribed,
        StartingPosition={"Type": "LATEST"},
    )
    found: list[bytes] = []
    number = ""
    for event in events:
        said = event["SubscribeToShardEvent"]
        found += data(said["Records"])
        number = said["ContinuationSequenceNumber"]
        if len(found) == 1:
            kinesis.put_records(
                StreamName=name, Records=[{"Data": b"%d" % n, "PartitionKey": "k"} for n in range(3)]
            )
        if len(found) == 4:
            break
    events.close()
    assert found == [b"before", b"0", b"1", b"2"]
    kinesis.put_record(StreamName=name, Data=b"after", PartitionKey="k")

    def again() -> Any:
        position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
        try:
            return kinesis.subscribe_to_shard(**subscribed, StartingPosition=position)["EventStream"]
        except kinesis.exceptions.ResourceInUseException:
            return None

    events = until(again)
    kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    seen = [event["SubscribeToShardEvent"] for event in events]  # it ends with the shard
    assert [record["Data"] for said in seen for record in said["Records"]] == [b"after"]
    assert [child["ShardId"] for child in seen[-1]["ChildShards"]] == [
        "shardId-000000000001",
        "shardId-000000000002",
    ]


def test_events_from_other_doors_are_records_too(system: System, kinesis: Any) -> None:
    system.call("front", "append", target="streams.plain", records=[b'{"a":1}'], keys=[b"k"])
    assert data(everything(kinesis, "plain")) == [b'{"a":1}']
