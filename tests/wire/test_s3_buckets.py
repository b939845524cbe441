"""Buckets through boto3: made, removed, told things about themselves."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.harness import System, until
from tests.wire.s3 import new_bucket, put, refused
from tests.wire.sdk import client, served

PROJECT = """\
name: buckets
lake:
  declared: {{}}
delivery:
  clicks: {{to: lake.written/clicks/}}
functions:
  told: {{handler: functions/told.handler, environment: {{SAYS: {says}}}}}
"""

TOLD_CODE = """\
import json
import os


def handler(event, context):
    with open(os.environ["SAYS"], "a") as file:
        print(json.dumps(event["Records"][0]), file=file)
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("s3")
    text = PROJECT.format(says=folder / "says")
    with served(folder, text, files={"functions/told.py": TOLD_CODE}) as running:
        yield running


@pytest.fixture
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def test_a_bucket_is_made_listed_and_removed(s3: Any) -> None:
    assert s3.create_bucket(Bucket="my.first-bucket")["Location"] == "/my.first-bucket"
    s3.create_bucket(Bucket="my.first-bucket")  # it is the caller's own
    listed = {each["Name"]: each for each in s3.list_buckets()["Buckets"]}
    assert not any("BucketRegion" in each for each in listed.values())
    for paging in ({"MaxBuckets": 9}, {"Prefix": "my."}, {"ContinuationToken": "a"}):
        page = s3.list_buckets(**paging)["Buckets"]
        assert {each["BucketRegion"] for each in page} == {"us-east-1"}
    assert {"my.first-bucket", "declared", "written"} <= listed.keys()
    age = dt.datetime.now(dt.UTC) - listed["my.first-bucket"]["CreationDate"]
    assert dt.timedelta(0) <= age < dt.timedelta(minutes=5)
    assert s3.head_bucket(Bucket="my.first-bucket")["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket="my.first-bucket").get("LocationConstraint") is None
    put(s3, "my.first-bucket", "x")
    error = refused("BucketNotEmpty", s3.delete_bucket, 409, Bucket="my.first-bucket")
    assert error["Message"] == "The bucket you tried to delete is not empty"
    s3.delete_object(Bucket="my.first-bucket", Key="x")
    s3.delete_bucket(Bucket="my.first-bucket")
    refused("404", s3.head_bucket, 404, Bucket="my.first-bucket")
    refused("NoSuchBucket", s3.delete_bucket, 404, Bucket="my.first-bucket")
    refused("NoSuchBucket", s3.put_object, 404, Bucket="my.first-bucket", Key="x", Body=b"")
    s3.create_bucket(Bucket="my.first-bucket")
    put(s3, "my.first-bucket", "x")


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "a..b", "1.2.3.4", "-a-", "xn--a", "a" * 64])
def test_names_that_are_none(s3: Any, name: str) -> None:
    refused("InvalidBucketName", s3.create_bucket, 400, Bucket=name)


def test_places_of_buckets(s3: Any, system: System) -> None:
    error = refused(
        "InvalidLocationConstraint",
        s3.create_bucket,
        400,
        Bucket="placed",
        CreateBucketConfiguration={"LocationConstraint": "us-east-1"},
    )
    assert error["LocationConstraint"] == "us-east-1"
    s3.create_bucket(Bucket="placed", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket="placed")["LocationConstraint"] == "eu-west-1"
    west = client(system, "s3", region="eu-west-1")
    refused("IllegalLocationConstraintException", west.create_bucket, 400, Bucket="unplaced")
    home = {"Bucket": "unplaced", "CreateBucketConfiguration": {"LocationConstraint": "us-east-1"}}
    refused("InvalidLocationConstraint", west.create_bucket, 400, **home)
    far = client(system, "s3", region="us-west-2")
    refused("IllegalLocationConstraintException", far.create_bucket, 400, **home)
    here = {"LocationConstraint": "eu-west-1"}
    refused(
        "BucketAlreadyOwnedByYou", west.create_bucket, 409, Bucket="placed", CreateBucketConfiguration=here
    )


def test_what_the_project_has_is_removed_in_the_project(s3: Any) -> None:
    for name in ("declared", "written"):
        assert "forebay.yaml" in refused("InvalidBucketState", s3.delete_bucket, 409, Bucket=name)["Message"]
        put(s3, name, "still/there")


def test_buckets_outlive_the_process(s3: Any, system: System, bucket: str) -> None:
    put(s3, bucket, "kept")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    system.kill("front")
    system.kill("flow")
    until(lambda: _works(s3, bucket))
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][1]["Key"] == "kept"
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]


def _works(s3: Any, bucket: str) -> bool:
    try:
        s3.put_object(Bucket=bucket, Key="again", Body=b"")
    except (ClientError, BotoCoreError):  # a process is down
        return False
    return True


def test_settings_are_given_back_and_their_absence_said(s3: Any, bucket: str) -> None:
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    cors = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}]}
    refused("NoSuchTagSet", s3.get_bucket_tagging, 404, Bucket=bucket)
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, 404, Bucket=bucket)
    refused("NoSuchWebsiteConfiguration", s3.get_bucket_website, 404, Bucket=bucket)
    refused("ReplicationConfigurationNotFoundError", s3.get_bucket_replication, 404, Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tags)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=cors)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags["TagSet"]
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == cors["CORSRules"]
    s3.delete_bucket_tagging(Bucket=bucket)
    s3.delete_bucket_cors(Bucket=bucket)
    refused("NoSuchTagSet", s3.get_bucket_tagging, 404, Bucket=bucket)
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, 404, Bucket=bucket)


TOLD = "arn:aws:lambda:us-east-1:000000000000:function:told"


def told(system: System, bucket: str) -> list[Any]:
    """What the function was called with about a bucket, in the order of what happened, once each."""
    says = system.layout.root.parent / "says"
    records = [json.loads(line) for line in says.read_text().splitlines()] if says.exists() else []
    found = {
        each["s3"]["object"]["sequencer"]: each for each in records if each["s3"]["bucket"]["name"] == bucket
    }
    return [found[at] for at in sorted(found)]


def test_a_function_is_told_of_what_happens_to_the_keys_it_asked_for(
    s3: Any, system: System, bucket: str
) -> None:
    rule = {
        "Id": "csv",
        "LambdaFunctionArn": TOLD,
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
        "Filter": {
            "Key": {"FilterRules": [{"Name": "Prefix", "Value": "raw/"}, {"Name": "Suffix", "Value": ".csv"}]}
        },
    }
    config = {"LambdaFunctionConfigurations": [rule], "EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=config)
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert found["LambdaFunctionConfigurations"] == [rule]
    assert found["EventBridgeConfiguration"] == {}
    put(s3, bucket, "raw/a b+ü.csv", "raw/a.txt", "other/a.csv", body=b"12345")
    s3.copy_object(Bucket=bucket, Key="raw/copy.csv", CopySource={"Bucket": bucket, "Key": "raw/a.txt"})
    s3.delete_object(Bucket=bucket, Key="raw/copy.csv")
    s3.delete_object(Bucket=bucket, Key="raw/never.csv")
    until(lambda: len(told(system, bucket)) == 3)
    records = told(system, bucket)
    assert [(each["eventName"], each["s3"]["object"]["key"]) for each in records] == [
        ("ObjectCreated:Put", "raw/a+b%2B%C3%BC.csv"),
        ("ObjectCreated:Copy", "raw/copy.csv"),
        ("ObjectRemoved:Delete", "raw/copy.csv"),
    ]
    first = records[0]
    assert (first["eventSource"], first["s3"]["configurationId"]) == ("aws:s3", "csv")
    assert first["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    assert first["s3"]["object"]["size"] == 5


def test_a_configuration_that_cannot_be_kept_is_refused(s3: Any, bucket: str) -> None:
    def configure(*rules: dict[str, Any]) -> Any:
        return {"NotificationConfiguration": {"LambdaFunctionConfigurations": list(rules)}}

    rule = {"LambdaFunctionArn": TOLD, "Events": ["s3:ObjectCreated:*"]}
    call = s3.put_bucket_notification_configuration
    none = {**rule, "LambdaFunctionArn": TOLD.replace("told", "none")}
    error = refused("InvalidArgument", call, 400, Bucket=bucket, **configure(none))
    assert error["Message"] == "Unable to validate the following destination configurations"
    refused("InvalidArgument", call, 400, Bucket=bucket, **configure({**rule, "Events": ["s3:Nothing"]}))
    refused("InvalidArgument", call, 400, Bucket=bucket, **configure({**rule, "LambdaFunctionArn": "no arn"}))
    refused(
        "InvalidArgument",
        call,
        400,
        Bucket=bucket,
        **configure(rule, {**rule, "Events": ["s3:ObjectCreated:Put"]}),
    )
    queue = {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:q", "Events": ["s3:ObjectCreated:*"]}
    refused(
        "NotImplemented", call, 501, Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [queue]}
    )
    assert "LambdaFunctionConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_files_put_into_the_folder_by_hand_are_objects(s3: Any, system: System) -> None:
    bucket = "declared"
    config = {
        "LambdaFunctionConfigurations": [
            {
                "LambdaFunctionArn": TOLD,
                "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
            }
        ]
    }
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=config)
    folder = system.layout.lake / bucket / "raw" / "deep"
    folder.mkdir(parents=True)
    (folder / "orders.csv").write_text("a,b\n1,2\n")
    (folder / ".orders.csv.swp").write_text("an editor's own")

    def listed() -> list[str]:
        return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="raw/").get("Contents", [])]

    until(lambda: listed() == ["raw/deep/orders.csv"])
    found = s3.get_object(Bucket=bucket, Key="raw/deep/orders.csv")
    assert (found["Body"].read(), found["ContentType"]) == (b"a,b\n1,2\n", "text/csv")
    (folder / "orders.csv").write_text("a,b\n3,4\n5,6\n")
    until(
        lambda: s3.get_object(Bucket=bucket, Key="raw/deep/orders.csv")["Body"].read() == b"a,b\n3,4\n5,6\n"
    )
    put(s3, bucket, "raw/put.csv", body=b"over the wire")
    on_disk = system.layout.lake / bucket / "raw" / "put.csv"
    until(on_disk.exists)
    on_disk.write_bytes(b"changed by hand")
    until(lambda: s3.get_object(Bucket=bucket, Key="raw/put.csv")["Body"].read() == b"changed by hand")
    on_disk.unlink()
    (folder / "orders.csv").unlink()
    until(lambda: listed() == [])

    def names() -> list[str]:
        return [each["eventName"] for each in told(system, bucket)]

    until(lambda: sorted(names()) == ["ObjectCreated:Put"] * 4 + ["ObjectRemoved:Delete"] * 2)


def test_a_signature_for_no_region_is_taken_for_the_first(system: System) -> None:
    """s3cmd signs for `US` where it makes a bucket."""
    with contextlib.closing(client(system, "s3", region="US")) as made:
        made.create_bucket(Bucket="signed-for-us")
        assert made.get_bucket_location(Bucket="signed-for-us")["LocationConstraint"] is None
