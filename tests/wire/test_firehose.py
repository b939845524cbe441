"""Data Firehose over the wire: streams made with boto3 deliver for real, and survive SIGKILL."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.harness import System, request
from tests.wire.firehose import FUNCTION, PROJECT, S3, delivered, refused
from tests.wire.sdk import client, serving

system = serving(PROJECT, files={"functions/shout.py": FUNCTION})


def test_what_is_put_is_delivered_byte_by_byte(system: System, firehose: Any) -> None:
    firehose.create_delivery_stream(
        DeliveryStreamName="plain",
        ExtendedS3DestinationConfiguration={**S3, "Prefix": "plain/", "CompressionFormat": "GZIP"},
    )
    one = firehose.put_record(DeliveryStreamName="plain", Record={"Data": b"one|"})
    assert one["RecordId"]
    assert one["Encrypted"] is False
    batch = firehose.put_record_batch(
        DeliveryStreamName="plain", Records=[{"Data": b"two|"}, {"Data": b"\xff\x00|"}]
    )
    assert batch["FailedPutCount"] == 0
    assert len({entry["RecordId"] for entry in batch["RequestResponses"]}) == 2
    assert delivered(system, "plain") == b"one|two|\xff\x00|"


def test_a_described_stream_says_how_it_was_made(firehose: Any) -> None:
    configuration = {**S3, "Prefix": "d/", "BufferingHints": {"SizeInMBs": 3, "IntervalInSeconds": 90}}
    made = firehose.create_delivery_stream(
        DeliveryStreamName="described", ExtendedS3DestinationConfiguration=configuration
    )
    assert made["DeliveryStreamARN"] == "arn:aws:firehose:us-east-1:000000000000:deliverystream/described"
    found = firehose.describe_delivery_stream(DeliveryStreamName="described")["DeliveryStreamDescription"]
    assert (found["DeliveryStreamStatus"], found["DeliveryStreamType"], found["VersionId"]) == (
        "ACTIVE",
        "DirectPut",
        "1",
    )
    destination = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["BufferingHints"] == {"SizeInMBs": 3, "IntervalInSeconds": 90}
    assert destination["CompressionFormat"] == "UNCOMPRESSED"
    firehose.update_destination(
        DeliveryStreamName="described",
        CurrentDeliveryStreamVersionId="1",
        DestinationId=found["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate={"CompressionFormat": "GZIP"},
    )
    found = firehose.describe_delivery_stream(DeliveryStreamName="described")["DeliveryStreamDescription"]
    assert found["VersionId"] == "2"
    assert found["Destinations"][0]["ExtendedS3DestinationDescription"]["CompressionFormat"] == "GZIP"
    code, _ = refused(
        firehose.update_destination,
        DeliveryStreamName="described",
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"Prefix": "x/"},
    )
    assert code == "ConcurrentModificationException"
    update: dict[str, Any] = {
        "DeliveryStreamName": "described",
        "CurrentDeliveryStreamVersionId": "2",
        "DestinationId": "destinationId-000000000001",
    }
    both = {"ExtendedS3DestinationUpdate": {"Prefix": "x/"}, "S3DestinationUpdate": {"Prefix": "x/"}}
    one = ("InvalidArgumentException", "Exactly one destination configuration is supported for a Firehose")
    assert refused(firehose.update_destination, **update, **both) == one
    assert refused(firehose.update_destination, **update) == one
    http = {"EndpointConfiguration": {"Url": "https://example.com"}}
    assert refused(firehose.update_destination, **update, HttpEndpointDestinationUpdate=http) == (
        "InvalidArgumentException",
        "Changing the destination type to or from HttpEndpoint is not supported at this time.",
    )


def test_the_projects_own_are_listed_and_changed_there_only(firehose: Any) -> None:
    assert "own" in firehose.list_delivery_streams(Limit=100)["DeliveryStreamNames"]
    found = firehose.describe_delivery_stream(DeliveryStreamName="own")["DeliveryStreamDescription"]
    assert found["Destinations"][0]["ExtendedS3DestinationDescription"]["CompressionFormat"] == "GZIP"
    code, message = refused(firehose.delete_delivery_stream, DeliveryStreamName="own")
    assert code == "ResourceInUseException"
    assert "declared in the project" in message


def test_a_function_on_the_way(system: System, firehose: Any) -> None:
    processing = {
        "Enabled": True,
        "Processors": [
            {
                "Type": "Lambda",
                "Parameters": [
                    {
                        "ParameterName": "LambdaArn",
                        "ParameterValue": "arn:aws:lambda:us-east-1:000000000000:function:shout:$LATEST",
                    }
                ],
            }
        ],
    }
    firehose.create_delivery_stream(
        DeliveryStreamName="shouted",
        ExtendedS3DestinationConfiguration={
            **S3,
            "Prefix": "shouted/",
            "ProcessingConfiguration": processing,
        },
    )
    firehose.put_record_batch(DeliveryStreamName="shouted", Records=[{"Data": b"a"}, {"Data": b"b"}])
    assert delivered(system, "shouted") == b"A\nB\n"


@pytest.mark.parametrize(
    ("operation", "arguments", "code", "words"),
    [
        (
            "put_record",
            {"DeliveryStreamName": "none", "Record": {"Data": b"x"}},
            "ResourceNotFoundException",
            "Firehose none under account 000000000000 not found.",
        ),
        (
            "describe_delivery_stream",
            {"DeliveryStreamName": "none"},
            "ResourceNotFoundException",
            "Firehose none under account 000000000000 not found.",
        ),
        (
            "put_record_batch",
            {"DeliveryStreamName": "own", "Records": [{"Data": b"x"}] * 501},
            "ValidationException",
            "Member must have length less than or equal to 500",
        ),
        (
            "put_record",
            {"DeliveryStreamName": "own", "Record": {"Data": b"x" * 1_024_001}},
            "ValidationException",
            "less than or equal to 1024000",
        ),
        (
            "put_record_batch",
            {"DeliveryStreamName": "own", "Records": [{"Data": b"x" * 900_000}] * 5},
            "InvalidArgumentException",
            "4 MB",
        ),
        (
            "create_delivery_stream",
            {"DeliveryStreamName": "own", "S3DestinationConfiguration": S3},
            "ResourceInUseException",
            "already exists",
        ),
        (
            "create_delivery_stream",
            {"DeliveryStreamName": "bad name", "S3DestinationConfiguration": S3},
            "ValidationException",
            "deliveryStreamName",
        ),
        (
            "create_delivery_stream",
            {"DeliveryStreamName": "none"},
            "InvalidArgumentException",
            "Exactly one destination configuration is supported for a Firehose",
        ),
        (
            "create_delivery_stream",
            {
                "DeliveryStreamName": "two",
                "S3DestinationConfiguration": S3,
                "ExtendedS3DestinationConfiguration": S3,
            },
            "InvalidArgumentException",
            "Exactly one destination configuration is supported for a Firehose",
        ),
        (
            "update_destination",
            {
                "DeliveryStreamName": "none",
                "CurrentDeliveryStreamVersionId": "1",
                "DestinationId": "destinationId-000000000001",
                "ExtendedS3DestinationUpdate": {"Prefix": "x/"},
            },
            "ResourceNotFoundException",
            "Firehose none under accountId 000000000000 not found.",
        ),
        (
            "create_delivery_stream",
            {
                "DeliveryStreamName": "p",
                "S3DestinationConfiguration": {**S3, "Prefix": "!{timestamp:nonsense}/"},
            },
            "InvalidArgumentException",
            "Prefix",
        ),
        (
            "create_delivery_stream",
            {
                "DeliveryStreamName": "h",
                "SplunkDestinationConfiguration": {
                    "HECEndpoint": "https://x",
                    "HECEndpointType": "Raw",
                    "S3Configuration": S3,
                },
            },
            "NotImplemented",
            "Splunk",
        ),
    ],
)
def test_what_is_wrong_is_refused_in_the_words_of_aws(
    firehose: Any, operation: str, arguments: dict[str, Any], code: str, words: str
) -> None:
    found, message = refused(getattr(firehose, operation), **arguments)
    assert found == code
    assert words in message


def test_a_retry_is_answered_the_same_and_is_no_second_record(system: System, firehose: Any) -> None:
    firehose.create_delivery_stream(
        DeliveryStreamName="once", ExtendedS3DestinationConfiguration={**S3, "Prefix": "once/"}
    )
    body = json.dumps(
        {"DeliveryStreamName": "once", "Record": {"Data": base64.b64encode(b"1").decode()}}
    ).encode()
    headers = {
        "X-Amz-Target": "Firehose_20150804.PutRecord",
        "Content-Type": "application/x-amz-json-1.1",
        "amz-sdk-invocation-id": "8d1f3a5e-0000-4000-8000-000000000001",
    }
    answers = [request(system.urls["aws"] + "/", "POST", body, headers) for _ in range(3)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert delivered(system, "once") == b"1"


def test_streams_tags_and_records_survive_sigkill(system: System) -> None:
    firehose = client(system, "firehose", retries=0)
    firehose.create_delivery_stream(
        DeliveryStreamName="kept",
        ExtendedS3DestinationConfiguration={**S3, "Prefix": "kept/"},
        Tags=[{"Key": "a", "Value": "1"}],
    )
    firehose.tag_delivery_stream(DeliveryStreamName="kept", Tags=[{"Key": "b"}])
    firehose.put_record(DeliveryStreamName="kept", Record={"Data": b"before"})
    firehose.close()
    system.kill_all()
    system.start(sql=False)
    firehose = client(system, "firehose", retries=0)
    firehose.put_record(DeliveryStreamName="kept", Record={"Data": b" after"})
    assert firehose.list_tags_for_delivery_stream(DeliveryStreamName="kept")["Tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b"},
    ]
    system.until(lambda: system.status()["ledger"]["delivery.kept"]["accepted"] == 2)
    assert delivered(system, "kept") == b"before after"
    firehose.delete_delivery_stream(DeliveryStreamName="kept")
    assert (
        refused(firehose.describe_delivery_stream, DeliveryStreamName="kept")[0]
        == "ResourceNotFoundException"
    )
    firehose.close()
