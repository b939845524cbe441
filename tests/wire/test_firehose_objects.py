"""The objects that Data Firehose streams make: where they lie, what they are, and what is kept beside them."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import zipfile
from typing import Any

from tests.harness import System
from tests.wire.firehose import FUNCTION, PROJECT, S3, delivered, refused
from tests.wire.s3 import read
from tests.wire.sdk import client, serving

system = serving(PROJECT, files={"functions/shout.py": FUNCTION})


def test_fields_as_folders(system: System, firehose: Any) -> None:
    extraction = {
        "Type": "MetadataExtraction",
        "Parameters": [
            {
                "ParameterName": "MetadataExtractionQuery",
                "ParameterValue": '{sort: .a.kind, day: (.at | strftime("%d"))}',
            },
            {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
        ],
    }
    firehose.create_delivery_stream(
        DeliveryStreamName="folders",
        ExtendedS3DestinationConfiguration={
            **S3,
            "Prefix": "folders/kind=!{partitionKeyFromQuery:sort}/!{partitionKeyFromQuery:day}/",
            "ErrorOutputPrefix": "bad/!{firehose:error-output-type}/",
            "DynamicPartitioningConfiguration": {"Enabled": True},
            "ProcessingConfiguration": {
                "Enabled": True,
                "Processors": [
                    extraction,
                    {
                        "Type": "AppendDelimiterToRecord",
                        "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
                    },
                ],
            },
        },
    )
    records = [{"Data": json.dumps({"a": {"kind": kind}, "at": 0}).encode()} for kind in ("x", "y", "x")]
    firehose.put_record_batch(DeliveryStreamName="folders", Records=records)
    keys = sorted(each["key"].rpartition("/")[0] for each in system.flush("folders"))
    assert keys == ["folders/kind=x/01", "folders/kind=y/01"]


def test_objects_are_archives_with_a_name_and_a_clock_of_their_own(system: System, firehose: Any) -> None:
    firehose.create_delivery_stream(
        DeliveryStreamName="zipped",
        ExtendedS3DestinationConfiguration={
            **S3,
            "Prefix": "zipped/!{timestamp:z}/",
            "ErrorOutputPrefix": "bad/",
            "CompressionFormat": "ZIP",
            "FileExtension": ".txt.zip",
            "CustomTimeZone": "Asia/Tokyo",
        },
    )
    firehose.put_record_batch(DeliveryStreamName="zipped", Records=[{"Data": b"a"}, {"Data": b"b"}])
    (made,) = system.flush("zipped")
    assert made["key"].startswith("zipped/JST/zipped-1-")
    assert made["key"].endswith(".txt.zip")
    with contextlib.closing(client(system, "s3")) as s3:
        archive = zipfile.ZipFile(io.BytesIO(read(s3, "landing", made["key"])))
    (entry,) = archive.namelist()
    assert archive.read(entry) == b"ab"


def test_what_came_in_is_kept_beside_what_was_made_of_it(system: System, firehose: Any) -> None:
    function = "arn:aws:lambda:us-east-1:000000000000:function:shout"
    parameters = [{"ParameterName": "LambdaArn", "ParameterValue": function}]
    processing = {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": parameters}]}
    copies = {**S3, "Prefix": "copies/", "CompressionFormat": "GZIP"}
    configuration = {**S3, "Prefix": "made/", "ProcessingConfiguration": processing}
    name = {"DeliveryStreamName": "made"}
    code, message = refused(
        firehose.create_delivery_stream,
        **name,
        ExtendedS3DestinationConfiguration={**configuration, "S3BackupMode": "Enabled"},
    )
    assert (code, "S3 backup destination configuration is required" in message) == (
        "InvalidArgumentException",
        True,
    )
    firehose.create_delivery_stream(**name, ExtendedS3DestinationConfiguration=configuration)
    firehose.put_record(**name, Record={"Data": b"before "})
    firehose.update_destination(
        **name,
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"S3BackupMode": "Enabled", "S3BackupUpdate": copies},
    )
    (destination,) = firehose.describe_delivery_stream(**name)["DeliveryStreamDescription"]["Destinations"]
    extended = destination["ExtendedS3DestinationDescription"]
    assert extended["S3BackupMode"] == "Enabled"
    assert copies.items() <= extended["S3BackupDescription"].items()
    firehose.put_record_batch(**name, Records=[{"Data": b"a"}, {"Data": b"b"}])
    assert sorted(delivered(system, "made").split()) == [b"A", b"B", b"BEFORE"]
    ledger = system.until(
        lambda: (found := system.status()["ledger"])["delivery.made-backup"]["buffered"] and found
    )
    assert ledger["delivery.made"]["adds_up"]
    assert b"ab" in delivered(system, "made-backup", "copies")
    assert "made-backup" not in firehose.list_delivery_streams(Limit=100)["DeliveryStreamNames"]
    found, _ = refused(firehose.describe_delivery_stream, DeliveryStreamName="made-backup")
    assert found == "ResourceNotFoundException"
    firehose.put_record(**name, Record={"Data": b"c"})
    firehose.delete_delivery_stream(**name)
    with contextlib.closing(client(system, "s3")) as s3:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="landing", Prefix="copies/")["Contents"]]
        assert b"c" in [gzip.decompress(read(s3, "landing", key)) for key in keys]
