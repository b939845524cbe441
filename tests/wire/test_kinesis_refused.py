"""What Kinesis refuses, beyond the constraints of its model."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import cbor2
import msgspec
import pytest

from tests.harness import System, request
from tests.wire.kinesis import arn, call, new_stream, refused, shards
from tests.wire.sdk import serving

INVALID = "InvalidArgumentException"
system = serving()


@pytest.fixture(scope="module")
def demand(kinesis: Any) -> str:
    kinesis.create_stream(StreamName="demand", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    return "demand"


def test_a_record_that_is_null_is_refused(system: System) -> None:
    answer = call(system, "PutRecords", {"StreamName": "none", "Records": [None]})
    assert (answer.status, answer.json()["__type"]) == (400, "ValidationException")
    assert (
        "Value null at 'records.1.member' failed to satisfy constraint: Member must not be null"
        in (answer.json()["message"])
    )


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused(system: System, number: float) -> None:
    headers = {"Content-Type": "application/x-amz-cbor-1.1", "X-Amz-Target": "Kinesis_20131202.ListStreams"}
    answer = request(system.urls["aws"] + "/", "POST", cbor2.dumps({"Limit": number}), headers)
    assert (answer.status, cbor2.loads(answer.body)["__type"]) == (400, "SerializationException")


def test_a_token_is_of_its_operation_and_stream_and_nobody_makes_one(kinesis: Any) -> None:
    one, two = new_stream(kinesis, 2), new_stream(kinesis)
    of = {"StreamARN": arn(kinesis, one)}
    for name in ("a", "b"):
        kinesis.register_stream_consumer(**of, ConsumerName=name)
    made = [
        base64.urlsafe_b64encode(msgspec.msgpack.encode([2**60, *parts])).decode()
        for parts in ([one, 5, [], {}, "x"], [one], [7])
    ]
    of_shards = kinesis.list_shards(StreamName=one, MaxResults=1)["NextToken"]
    of_consumers = kinesis.list_stream_consumers(**of, MaxResults=1)["NextToken"]
    other = {"StreamARN": arn(kinesis, two)}
    for token in (*made, "%%", "é", of_consumers):
        assert refused(INVALID, kinesis.list_shards, NextToken=token) == "Invalid NextToken."
    for token in (*made, of_shards):
        assert refused(INVALID, kinesis.list_stream_consumers, **of, NextToken=token) == "Invalid NextToken."
        assert refused(INVALID, kinesis.list_streams, NextToken=token) == "Invalid NextToken."
    refused(INVALID, kinesis.list_stream_consumers, **other, NextToken=of_consumers)
    assert len(kinesis.list_shards(NextToken=of_shards)["Shards"]) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ShardCount": 1, "Mode": "ON_DEMAND"}, "ShardCount is not expected when StreamMode=ON_DEMAND"),
        ({"Mode": "PROVISIONED"}, "ShardCount is expected when StreamMode=PROVISIONED"),
        (
            {"ShardCount": 1, "WarmThroughputMiBps": 10},
            "Either 'warmThroughputMiBps' or 'shardCount' can be set but not both",
        ),
        (
            {"Mode": "PROVISIONED", "WarmThroughputMiBps": 10},
            "WarmThroughputMiBps cannot be set while creating stream in Provisioned StreamMode",
        ),
    ],
)
def test_shards_and_throughput_are_of_a_mode(kinesis: Any, given: dict[str, Any], message: str) -> None:
    mode = {"StreamModeDetails": {"StreamMode": given["Mode"]}} if "Mode" in given else {}
    rest = {name: value for name, value in given.items() if name != "Mode"}
    assert refused(INVALID, kinesis.create_stream, StreamName="never", **mode, **rest) == message


def test_shards_of_a_stream_on_demand_are_its_own_affair(kinesis: Any, demand: str) -> None:
    first, second, *_ = [shard["ShardId"] for shard in shards(kinesis, demand)]
    for operation, given in (
        (kinesis.split_shard, {"ShardToSplit": first, "NewStartingHashKey": "12345"}),
        (kinesis.merge_shards, {"ShardToMerge": first, "AdjacentShardToMerge": second}),
    ):
        assert "On-Demand mode" in refused("ValidationException", operation, StreamName=demand, **given)
    assert len(shards(kinesis, demand)) == 4


def test_a_consumer_is_registered_in_its_streams_region_with_tags_that_can_be(
    kinesis: Any, demand: str
) -> None:
    of = arn(kinesis, demand)
    west = of.replace("us-east-1", "eu-west-1")
    register = kinesis.register_stream_consumer
    said = refused(INVALID, register, StreamARN=west, ConsumerName="c")
    assert said == f"The region specified in the ARN '{west}' does not match the endpoint region"
    said = refused(INVALID, register, StreamARN=of, ConsumerName="c", Tags={"a%<": "<>"})
    assert "invalid characters" in said
    assert kinesis.list_stream_consumers(StreamARN=of)["Consumers"] == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("[" * 20_000, "This policy contains invalid Json"),
        ({"Principal": None}, "Missing required field Principal"),
        ({"Principal": None, "NotPrincipal": "*"}, "Has prohibited field NotPrincipal"),
        ({"Effect": "deny"}, "Effect must be Allow or Deny"),
        ({"Unknown": "1"}, "Syntax errors in policy"),
        ({"Action": "kinesis:*"}, 'The following action names are invalid: "kinesis:*"'),
        ({"Action": ["*"]}, 'The following action names are invalid: "*"'),
        ({"Action": "kinesis:Get*"}, 'The following action names are invalid: "kinesis:Get*"'),
        ({"Action": {"a": 1}}, "The following action names are invalid"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused(
    kinesis: Any, demand: str, document: Any, message: str
) -> None:
    of = arn(kinesis, demand)
    good = {"Effect": "Deny", "Principal": "*", "Action": "kinesis:PutRecord", "Resource": of}
    if isinstance(document, dict):
        bad = {name: value for name, value in {**good, **document}.items() if value is not None}
        document = json.dumps({"Version": "2012-10-17", "Statement": [good, bad]})
    said = refused(INVALID, kinesis.put_resource_policy, ResourceARN=of, Policy=document)
    assert said.startswith("Policy validation error: ")
    assert message in said
    version = json.dumps({"Version": "1", "Statement": [good]})
    assert "version" in refused(INVALID, kinesis.put_resource_policy, ResourceARN=of, Policy=version)
    assert kinesis.get_resource_policy(ResourceARN=of)["Policy"] == "{}"


def test_a_subscription_ends_with_its_consumer(kinesis: Any) -> None:
    name = new_stream(kinesis)
    of = arn(kinesis, name)
    made = kinesis.register_stream_consumer(StreamARN=of, ConsumerName="c")["Consumer"]["ConsumerARN"]
    events = kinesis.subscribe_to_shard(
        ConsumerARN=made, ShardId="shardId-000000000000", StartingPosition={"Type": "TRIM_HORIZON"}
    )["EventStream"]
    kinesis.deregister_stream_consumer(ConsumerARN=made)
    kinesis.put_record(StreamName=name, Data=b"late", PartitionKey="k")
    assert [each for event in events for each in event["SubscribeToShardEvent"]["Records"]] == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_operations_are_posted(system: System, kinesis: Any, demand: str, method: str) -> None:
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202.DeleteStream"}
    body = json.dumps({"StreamName": demand}).encode()
    answer = request(system.urls["aws"] + "/", method, body, headers)
    assert answer.status == 403
    assert b"Unable to determine service/operation name to be authorized" in answer.body
    assert demand in kinesis.list_streams()["StreamNames"]
