"""The AWS CLI on Kinesis, Firehose and EventBridge."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path

import pytest

from tests.harness import until
from tests.proof.clients import AwsCli, Refused

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


@pytest.fixture
def stream(aws: AwsCli) -> str:
    name = f"cli-{uuid.uuid4().hex[:10]}"
    aws("kinesis", "create-stream", "--stream-name", name, "--shard-count", "1")
    aws("kinesis", "wait", "stream-exists", "--stream-name", name)
    return name


def records(aws: AwsCli, stream: str) -> list[str]:
    given = ("--shard-id", "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON")
    at = aws("kinesis", "get-shard-iterator", "--stream-name", stream, *given)["ShardIterator"]
    found = aws("kinesis", "get-records", "--shard-iterator", at)["Records"]
    return [base64.b64decode(each["Data"]).decode() for each in found]


def test_a_stream_takes_and_gives_records(aws: AwsCli, stream: str) -> None:
    here = ("--stream-name", stream)
    one = aws("kinesis", "put-record", *here, "--partition-key", "k", "--data", "one")
    assert one["ShardId"] == "shardId-000000000000"
    many = json.dumps([{"Data": f"more {n}", "PartitionKey": f"k{n}"} for n in range(3)])
    assert aws("kinesis", "put-records", *here, "--records", many)["FailedRecordCount"] == 0
    assert records(aws, stream) == ["one", "more 0", "more 1", "more 2"]
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        aws("kinesis", "put-record", "--stream-name", "nobodys", "--partition-key", "k", "--data", "x")


def test_a_stream_is_described_changed_and_deleted(aws: AwsCli, stream: str) -> None:
    here = ("--stream-name", stream)
    assert aws("kinesis", "describe-stream", *here)["StreamDescription"]["StreamStatus"] == "ACTIVE"
    assert stream in aws("kinesis", "list-streams")["StreamNames"]
    half = str(1 << 127)
    aws(
        "kinesis",
        "split-shard",
        *here,
        "--shard-to-split",
        "shardId-000000000000",
        "--new-starting-hash-key",
        half,
    )
    assert len(aws("kinesis", "list-shards", *here)["Shards"]) == 3
    aws("kinesis", "increase-stream-retention-period", *here, "--retention-period-hours", "48")
    aws("kinesis", "add-tags-to-stream", *here, "--tags", "a=1")
    assert aws("kinesis", "list-tags-for-stream", *here)["Tags"] == [{"Key": "a", "Value": "1"}]
    summary = aws("kinesis", "describe-stream-summary", *here)["StreamDescriptionSummary"]
    assert (summary["RetentionPeriodHours"], summary["OpenShardCount"]) == (48, 2)
    aws("kinesis", "delete-stream", *here)
    aws("kinesis", "wait", "stream-not-exists", *here)


def test_a_delivery_stream_delivers(aws: AwsCli) -> None:
    name = f"cli-{uuid.uuid4().hex[:10]}"
    aws("s3", "mb", f"s3://{name}")
    to = {
        "BucketARN": f"arn:aws:s3:::{name}",
        "RoleARN": "arn:aws:iam::000000000000:role/any",
        "Prefix": "in/",
        "BufferingHints": {"IntervalInSeconds": 1, "SizeInMBs": 1},
    }
    here = ("--delivery-stream-name", name)
    aws(
        "firehose", "create-delivery-stream", *here, "--extended-s3-destination-configuration", json.dumps(to)
    )
    said = aws("firehose", "describe-delivery-stream", *here)["DeliveryStreamDescription"]
    assert said["DeliveryStreamStatus"] == "ACTIVE"
    assert aws("firehose", "put-record", *here, "--record", json.dumps({"Data": "one\n"}))["RecordId"]
    many = json.dumps([{"Data": f"{n}\n"} for n in range(3)])
    assert aws("firehose", "put-record-batch", *here, "--records", many)["FailedPutCount"] == 0

    def delivered() -> bytes:
        listed = aws("s3api", "list-objects-v2", "--bucket", name, "--query", "Contents[].Key")
        keys = listed if isinstance(listed, list) else []
        return b"".join(aws.bytes("s3", "cp", f"s3://{name}/{key}", "-") for key in keys)

    until(lambda: delivered() == b"one\n0\n1\n2\n", every=0.5, patience=60)
    assert name in aws("firehose", "list-delivery-streams", "--limit", "100")["DeliveryStreamNames"]
    aws("firehose", "tag-delivery-stream", *here, "--tags", "Key=a,Value=1")
    assert aws("firehose", "list-tags-for-delivery-stream", *here)["Tags"] == [{"Key": "a", "Value": "1"}]
    aws("firehose", "delete-delivery-stream", *here)


def test_a_rule_sends_events_to_its_targets(aws: AwsCli, stream: str, folder: Path) -> None:
    bus = f"cli-{uuid.uuid4().hex[:10]}"
    aws("events", "create-event-bus", "--name", bus)
    here = ("--event-bus-name", bus)
    pattern = json.dumps({"source": ["shop"], "detail": {"price": [{"numeric": [">", 10]}]}})
    assert aws("events", "put-rule", "--name", "dear", *here, "--event-pattern", pattern)["RuleArn"]
    to = aws("kinesis", "describe-stream-summary", "--stream-name", stream)["StreamDescriptionSummary"][
        "StreamARN"
    ]
    put = aws("events", "put-targets", "--rule", "dear", *here, "--targets", f"Id=1,Arn={to}")
    assert put["FailedEntryCount"] == 0
    entry = {"Source": "shop", "DetailType": "order", "EventBusName": bus}
    (folder / "entries.json").write_text(
        json.dumps([{**entry, "Detail": json.dumps({"price": price})} for price in (5, 50)])
    )
    sent = aws("events", "put-events", "--entries", "file://entries.json")
    assert sent["FailedEntryCount"] == 0
    (found,) = until(lambda: records(aws, stream), every=0.5, patience=60)
    assert json.loads(found)["detail"] == {"price": 50}
    assert json.loads(found)["id"] == sent["Entries"][1]["EventId"]
    assert aws("events", "list-targets-by-rule", "--rule", "dear", *here)["Targets"] == [
        {"Id": "1", "Arn": to}
    ]
    assert aws("events", "list-rule-names-by-target", "--target-arn", to, *here)["RuleNames"] == ["dear"]
    aws("events", "disable-rule", "--name", "dear", *here)
    assert aws("events", "describe-rule", "--name", "dear", *here)["State"] == "DISABLED"
    event = json.dumps(
        {
            "id": "1",
            "source": "shop",
            "account": "0",
            "time": "2026-01-31T00:00:00Z",
            "region": "r",
            "resources": [],
            "detail-type": "order",
            "detail": {"price": 11},
        }
    )
    assert aws("events", "test-event-pattern", "--event-pattern", pattern, "--event", event) == {
        "Result": True
    }
    archive = ("--archive-name", bus)
    arn = aws("events", "describe-event-bus", "--name", bus)["Arn"]
    assert aws("events", "create-archive", *archive, "--event-source-arn", arn)["State"] == "ENABLED"
    aws("events", "delete-archive", *archive)
    aws("events", "remove-targets", "--rule", "dear", *here, "--ids", "1")
    aws("events", "delete-rule", "--name", "dear", *here)
    aws("events", "delete-event-bus", "--name", bus)
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        aws("events", "describe-event-bus", "--name", bus)
