"""Archive classes, restored; uploads that are completed again or under a condition; what a presigned URL carries."""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.harness import System, request
from tests.wire.s3 import new_bucket, put, read, refused
from tests.wire.sdk import serving

system = serving("name: archives\n")


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def begun(s3: Any, bucket: str, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An upload with one part: what names it, and its parts."""
    this = {"Bucket": bucket, "Key": key}
    this["UploadId"] = s3.create_multipart_upload(**this)["UploadId"]
    part = s3.upload_part(**this, PartNumber=1, Body=b"part")
    return this, {"MultipartUpload": {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}}


def test_an_archived_object_is_read_once_it_is_restored(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="old", Body=b"1", StorageClass="GLACIER")
    this = {"Bucket": bucket, "Key": "old"}
    error = refused("InvalidObjectState", s3.get_object, 403, **this)
    assert error["StorageClass"] == "GLACIER"
    assert error["Message"] == "The operation is not valid for the object's storage class"
    assert "Restore" not in s3.head_object(**this)
    source = {"CopySource": this, "Bucket": bucket, "Key": "copy"}
    refused("InvalidObjectState", s3.copy_object, 403, **source)
    before = dt.datetime.now(dt.UTC)
    done = s3.restore_object(**this, RestoreRequest={"Days": 2})
    after = dt.datetime.now(dt.UTC)
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert read(s3, bucket, "old") == b"1"
    said = s3.head_object(**this)["Restore"]
    assert said.startswith('ongoing-request="false", expiry-date="')
    until = parsedate_to_datetime(said.split('"')[3])
    assert dt.timedelta(days=2) < until - before
    assert until - after <= dt.timedelta(days=3)
    s3.copy_object(**source)
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="copy")
    done = s3.restore_object(**this, RestoreRequest={"Days": 3})
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 200
    put(s3, bucket, "plain")
    call = s3.restore_object
    refused("InvalidObjectState", call, 403, Bucket=bucket, Key="plain", RestoreRequest={"Days": 1})
    refused("NoSuchKey", call, 404, Bucket=bucket, Key="none", RestoreRequest={"Days": 1})


def test_an_upload_may_be_completed_again(s3: Any, bucket: str) -> None:
    this, parts = begun(s3, bucket, "again")
    first = s3.complete_multipart_upload(**this, **parts)
    again = s3.complete_multipart_upload(**this, **parts, IfNoneMatch="*")
    assert (again["ETag"], again["Location"]) == (first["ETag"], first["Location"])
    put(s3, bucket, "again")
    refused("NoSuchUpload", s3.complete_multipart_upload, 404, **this, **parts)


def test_a_condition_that_holds_only_for_what_came_meanwhile(s3: Any, bucket: str) -> None:
    put(s3, bucket, "m", body=b"1")
    this, parts = begun(s3, bucket, "m")
    refused("PreconditionFailed", s3.complete_multipart_upload, 412, **this, **parts, IfNoneMatch="*")
    s3.delete_object(Bucket=bucket, Key="m")
    error = refused(
        "ConditionalRequestConflict", s3.complete_multipart_upload, 409, **this, **parts, IfNoneMatch="*"
    )
    assert (error["Condition"], error["Key"]) == ("If-None-Match", "m")
    etag = s3.put_object(Bucket=bucket, Key="m", Body=b"2")["ETag"]
    error = refused(
        "ConditionalRequestConflict", s3.complete_multipart_upload, 409, **this, **parts, IfMatch=etag
    )
    assert error["Condition"] == "If-Match"
    this, parts = begun(s3, bucket, "m")
    s3.complete_multipart_upload(**this, **parts, IfMatch=etag)
    assert read(s3, bucket, "m") == b"part"


def test_conditions_that_s3_does_not_take(s3: Any, bucket: str) -> None:
    error = refused("NotImplemented", s3.put_object, 501, Bucket=bucket, Key="c", IfMatch="*")
    assert (error["Header"], "of If-Match header" in error["additionalMessage"]) == ("If-Match", True)


def test_a_delete_may_have_a_condition(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="kept", Body=b"x")["ETag"]
    this = {"Bucket": bucket, "Key": "kept"}
    refused("PreconditionFailed", s3.delete_object, 412, **this, IfMatch='"other"')
    error = refused("NotImplemented", s3.delete_object, 501, **this, IfMatchSize=3)
    assert error["Header"] == "x-amz-if-match-size"
    for condition, code in (({"ETag": "other"}, "PreconditionFailed"), ({"Size": 3}, "NotImplemented")):
        done = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "kept", **condition}]})
        assert [each["Code"] for each in done["Errors"]] == [code]
    assert read(s3, bucket, "kept") == b"x"
    s3.delete_object(**this, IfMatch=etag)
    refused("NoSuchKey", s3.delete_object, 404, **this, IfMatch=etag)
    versioned = {"Bucket": new_bucket(s3, versioned=True), "Key": "k"}
    made = s3.put_object(**versioned, Body=b"x")
    one = {**versioned, "VersionId": made["VersionId"]}
    error = refused("NotImplemented", s3.delete_object, 501, **one, IfMatch=made["ETag"])
    assert error["Message"] == "A header you provided implies functionality that is not implemented"
    assert s3.head_object(**one)["ContentLength"] == 1


def test_a_presigned_url_carries_metadata(system: System, s3: Any, bucket: str) -> None:
    given = {"Bucket": bucket, "Key": "signed", "Metadata": {"venue": "123"}, "StorageClass": "STANDARD_IA"}
    url = s3.generate_presigned_url("put_object", Params=given)
    assert request(url, "PUT", b"hello").status == 200
    found = s3.head_object(Bucket=bucket, Key="signed")
    assert (found["Metadata"], found["StorageClass"]) == ({"venue": "123"}, "STANDARD_IA")
    for value, status in (("123", 200), ("124", 400)):
        answer = request(url, "PUT", b"hello", {"x-amz-meta-venue": value})
        conflicts = (
            b"<Message>Conflicting values provided in HTTP headers and query parameters.<" in answer.body
        )
        assert (answer.status, conflicts) == (status, status == 400)


@pytest.mark.parametrize(
    ("name", "namespace", "code"),
    [
        ("plain-name", "account-regional", "InvalidNamespaceHeader"),
        ("my-000000000000-us-east-1-an", None, "MissingNamespaceHeader"),
        ("my-000000000000-us-east-1-an", "global", "InvalidNamespaceHeader"),
        ("my-111111111111-us-east-1-an", "account-regional", "InvalidBucketNamespace"),
        ("my-000000000000-eu-west-1-an", "account-regional", "InvalidBucketNamespace"),
        ("plain-name", "random", "InvalidNamespaceHeader"),
    ],
)
def test_names_in_the_accounts_own_namespace(s3: Any, name: str, namespace: str | None, code: str) -> None:
    given = {} if namespace is None else {"BucketNamespace": namespace}
    refused(code, s3.create_bucket, 400, Bucket=name, **given)


def test_a_bucket_in_the_accounts_own_namespace(s3: Any) -> None:
    name = "own-000000000000-us-east-1-an"
    made = s3.create_bucket(Bucket=name, BucketNamespace="account-regional")
    assert made["BucketArn"] == f"arn:aws:s3:::{name}"
