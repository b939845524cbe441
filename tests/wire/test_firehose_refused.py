"""What Data Firehose refuses of a stream that does not go together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.firehose import FUNCTION, PROJECT, S3, refused
from tests.wire.sdk import ACCOUNT, serving

INVALID = "InvalidArgumentException"
system = serving(PROJECT, files={"functions/shout.py": FUNCTION})
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/source"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
DYNAMIC = {"DynamicPartitioningConfiguration": {"Enabled": True}, "ErrorOutputPrefix": "bad/"}
SORT = "!{partitionKeyFromQuery:sort}/"


def processed(*processors: dict[str, Any]) -> dict[str, Any]:
    return {"ProcessingConfiguration": {"Enabled": True, "Processors": list(processors)}}


def processor(kind: str, **parameters: str) -> dict[str, Any]:
    return {
        "Type": kind,
        "Parameters": [
            {"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()
        ],
    }


LAMBDA = processor("Lambda", LambdaArn=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:shout")
QUERY = processor("MetadataExtraction", MetadataExtractionQuery="{sort: .a}", JsonParsingEngine="JQ-1.6")
MORE = processor("MetadataExtraction", MetadataExtractionQuery="{sort: .a, b: .b}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"Prefix": SORT, "ErrorOutputPrefix": "bad/", **processed(QUERY)},
            "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.",
        ),
        (
            {
                **DYNAMIC,
                "Prefix": SORT,
                "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60},
                **processed(QUERY),
            },
            "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.",
        ),
        (
            {**DYNAMIC, "Prefix": "plain/", **processed(QUERY)},
            "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled",
        ),
        (
            {**DYNAMIC, "Prefix": SORT, **processed(MORE)},
            "MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix expression",
        ),
        (
            processed(),
            "A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled.",
        ),
        (processed(LAMBDA, LAMBDA), "Cannot have more than 1 Lambda processor."),
        (processed(processor("Lambda")), "LambdaArn is required when Lambda processor is used."),
        (
            {"ErrorOutputPrefix": "!{timestamp:yyyy}/"},
            "ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}",
        ),
        ({"Prefix": "p" * 600}, "Length of evaluated prefix cannot be greater than 512"),
        (
            {"CloudWatchLoggingOptions": {"Enabled": True}},
            "CloudWatch Log Group Name is required if CloudWatch Logging is enabled",
        ),
        (
            {"CustomTimeZone": "EST"},
            "Provided custom time zone is not supported. Custom time zones are limited to UTC and non-3-letter IANA"
            " time zones.",
        ),
        (
            {"BufferingHints": {"SizeInMBs": 5}},
            "BufferingHints must have both SizeInMBs and IntervalInSeconds",
        ),
        (
            {"Prefix": "!{timestamp:yyyy}/"},
            "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions",
        ),
        (
            {"Prefix": "!{firehose:error-output-type}/", "ErrorOutputPrefix": "bad/"},
            "Prefix must not contain any occurrence of !{firehose:error-output-type}",
        ),
        (
            {"ErrorOutputPrefix": f"{SORT}!{{firehose:error-output-type}}/"},
            "Dynamic Partitioning Namespaces can't be part of an error prefix expression",
        ),
        (
            {"S3BackupMode": "Enabled"},
            "S3 backup destination configuration is required when enabling S3 backup.",
        ),
    ],
)
def test_a_destination_that_does_not_go_together(firehose: Any, given: dict[str, Any], message: str) -> None:
    made = refused(
        firehose.create_delivery_stream,
        DeliveryStreamName="never",
        ExtendedS3DestinationConfiguration={**S3, **given},
    )
    assert made == (INVALID, message)


def test_a_stream_that_is_read_has_a_source(firehose: Any) -> None:
    assert refused(
        firehose.create_delivery_stream,
        DeliveryStreamName="never",
        DeliveryStreamType="KinesisStreamAsSource",
        ExtendedS3DestinationConfiguration=S3,
    ) == (INVALID, "KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type.")


def test_copies_are_kept_once_they_are(firehose: Any) -> None:
    configuration = {**S3, "S3BackupMode": "Enabled", "S3BackupConfiguration": S3}
    firehose.create_delivery_stream(
        DeliveryStreamName="copied", ExtendedS3DestinationConfiguration=configuration
    )
    code, message = refused(
        firehose.update_destination,
        DeliveryStreamName="copied",
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"S3BackupMode": "Disabled"},
    )
    assert (code, "S3BackupMode" in message) == (INVALID, True)


def test_encryption_is_of_streams_that_are_put_to_and_told(firehose: Any, kinesis: Any) -> None:
    kinesis.create_stream(StreamName="source", ShardCount=1)
    place = {"ExtendedS3DestinationConfiguration": S3}
    source = {
        "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": STREAM, "RoleARN": S3["RoleARN"]},
    }
    only = (
        "Server side encryption from firehose is only allowed for direct put delivery streams"
        " and database as a source delivery streams"
    )
    firehose.create_delivery_stream(DeliveryStreamName="reads", **place, **source)
    firehose.create_delivery_stream(DeliveryStreamName="put", **place)
    member = "DeliveryStreamEncryptionConfigurationInput"
    none = "KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK"
    extra = "KeyARN cannot be specified when KeyType is AWS_OWNED_CMK"
    for name, wanted, message in (
        ("reads", {"KeyType": "AWS_OWNED_CMK"}, only),
        ("put", {"KeyType": "CUSTOMER_MANAGED_CMK"}, none),
        ("put", {"KeyType": "AWS_OWNED_CMK", "KeyARN": KEY}, extra),
    ):
        start = firehose.start_delivery_stream_encryption
        assert refused(start, DeliveryStreamName=name, **{member: wanted}) == (INVALID, message)
        more = {**place, member: wanted, **(source if name == "reads" else {})}
        assert refused(firehose.create_delivery_stream, DeliveryStreamName="x", **more) == (INVALID, message)
    for does, told in (
        (firehose.start_delivery_stream_encryption, True),
        (firehose.stop_delivery_stream_encryption, False),
    ):
        does(DeliveryStreamName="put")
        one = firehose.put_record(DeliveryStreamName="put", Record={"Data": b"1"})
        many = firehose.put_record_batch(DeliveryStreamName="put", Records=[{"Data": b"1"}])
        assert one["Encrypted"] is many["Encrypted"] is told


@pytest.mark.parametrize("kind", ["MSKAsSource", "DatabaseAsSource"])
def test_no_stream_has_a_source_that_is_not_offered(firehose: Any, kind: str) -> None:
    assert firehose.list_delivery_streams(DeliveryStreamType=kind)["DeliveryStreamNames"] == []
