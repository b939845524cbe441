"""Kinesis over the wire: iterators, reading, subscriptions, CBOR, and streams held to a shard's limits."""

from __future__ import annotations

import base64
import datetime as dt
import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cbor2
import pytest

from forebay.wire.kinesis import throttle
from forebay.wire.protocol import cbor11
from tests.harness import Answer, System, request, until
from tests.wire.kinesis import arn, call, data, everything, iterator, new_stream, read, refused, shards
from tests.wire.sdk import ACCOUNT, serving

MIB = 1 << 20

system = serving("name: plain\nstreams:\n  plain: {}\n")


@pytest.fixture(scope="module")
def stream(kinesis: Any) -> str:
    """One for the tests that need no stream of their own."""
    return new_stream(kinesis, 3)


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
    message = refused(
        "InvalidArgumentException",
        kinesis.get_shard_iterator,
        StreamName=name,
        ShardId="shardId-000000000000",
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=between + dt.timedelta(hours=1),
    )
    assert message.startswith("The timestampInMillis parameter cannot be greater than")
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
    assert get(code, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber="5").startswith(
        "Invalid StartingSequenceNumber. It encodes shardId-000000000005, "
    )
    assert get(code, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber="0") == (
        "StartingSequenceNumber 21267647932558653966460912964485513216 used in GetShardIterator on shard"
        f" shardId-000000000000 in stream {stream} under account {ACCOUNT} is invalid because it did not come"
        " from this stream."
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
    other_stream = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/plain"
    of = iterator(kinesis, stream)
    assert "StreamARN" in refused(code, kinesis.get_records, ShardIterator=of, StreamARN=other_stream)
    foreign_account = other_stream.replace(ACCOUNT, "1" * 12)
    refused(
        gone, kinesis.get_shard_iterator, StreamARN=foreign_account, ShardId="0", ShardIteratorType="LATEST"
    )
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
    connection = http.client.HTTPConnection(system.urls["aws"].removeprefix("http://"), timeout=30)
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
    found: list[bytes] = []
    number = ""
    for event in events:
        said = event["SubscribeToShardEvent"]
        found += data(said["Records"])
        number = said["ContinuationSequenceNumber"]
        if data(said["Records"]) == [b"before"]:
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


def test_a_consumer_is_subscribed_to_a_shard_once_in_five_seconds(kinesis: Any) -> None:
    name = new_stream(kinesis)
    consumer = kinesis.register_stream_consumer(StreamARN=arn(kinesis, name), ConsumerName="c")["Consumer"]

    def subscribe() -> bool:
        """Whether it is refused, which one that comes later than that is not: it takes over."""
        given = {"ConsumerARN": consumer["ConsumerARN"], "ShardId": "shardId-000000000000"}
        try:
            taken.append(kinesis.subscribe_to_shard(**given, StartingPosition={"Type": "LATEST"}))
        except kinesis.exceptions.ResourceInUseException:
            return True
        return False

    taken: list[Any] = []
    until(subscribe)
    assert taken
    for each in taken:
        each["EventStream"].close()


def test_a_seconds_budget_is_of_calls_and_of_bytes() -> None:
    now = [0.0]
    budget = throttle.Second(2, 10, lambda: now[0])
    assert [budget.take(4), budget.take(4), budget.take(1)] == [True, True, False]
    now[0] = 1.5
    assert [budget.take(8), budget.take(3), budget.take(2)] == [True, False, True]
    assert (throttle.RECORDS, throttle.WRITTEN, throttle.CALLS, throttle.READ) == (1000, MIB, 5, 2 * MIB)


def test_a_stream_is_held_to_a_shards_throughput_only_if_it_asks(kinesis: Any, system: System) -> None:
    # More than a second's mebibyte in each call, so that it is refused some, however slowly it comes.
    records: list[dict[str, Any]] = [{"Data": b"x" * 4000, "PartitionKey": f"k{n}"} for n in range(400)]
    free = new_stream(kinesis)
    for _ in range(3):
        assert kinesis.put_records(StreamName=free, Records=records)["FailedRecordCount"] == 0
    held = new_stream(kinesis, Tags={"forebay:throttled": "true"})
    accepted = failed = 0
    while not failed:
        answer = kinesis.put_records(StreamName=held, Records=records)
        failed = answer["FailedRecordCount"]
        accepted += len(records) - failed
    last = answer["Records"]
    assert sum("ErrorCode" in each for each in last) == failed
    assert last[-1] == {
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": f"Rate exceeded for shard shardId-000000000000 in stream {held} under account {ACCOUNT}.",
    }
    assert len({each["SequenceNumber"] for each in last if "ErrorCode" not in each}) == len(last) - failed
    assert len(everything(kinesis, held)) == accepted
    body = {
        "StreamName": held,
        "Records": [
            {"Data": base64.b64encode(each["Data"]).decode(), "PartitionKey": each["PartitionKey"]}
            for each in records + records[:100]
        ],
    }

    def put(n: int) -> Answer:
        return call(system, "PutRecords", body, amz_sdk_invocation_id=f"{n}")

    with ThreadPoolExecutor(8) as at_once:
        first = list(at_once.map(put, range(8)))
        again = list(at_once.map(put, range(8)))
    assert sum(each.json()["FailedRecordCount"] for each in first) >= 500
    assert [each.json() for each in again] == [each.json() for each in first]
    one = iterator(kinesis, held)

    def often() -> None:
        for _ in range(1000):  # more than five of them are within a second sooner or later
            kinesis.get_records(ShardIterator=one, Limit=1)

    assert refused("ProvisionedThroughputExceededException", often).startswith("Rate exceeded for shard")
