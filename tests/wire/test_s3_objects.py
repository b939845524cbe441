"""S3's objects through boto3: what is put is got again, whole, in part, under conditions, and nothing else."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import zlib
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness import System, until
from tests.wire.s3 import new_bucket, put, raw, read, refused
from tests.wire.sdk import serving
from tests.wire.test_s3_bodies import md5

system = serving("name: objects\n")
NOT_ENCODED = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
WIDE = "\U00020000"
"""A letter that is two units of UTF-16."""


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def test_what_is_put_is_got_again_with_all_it_carries(s3: Any, bucket: str) -> None:
    carried = {
        "ContentType": "text/plain; charset=utf-8",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentDisposition": 'attachment; filename="a.txt"',
        "CacheControl": "no-store",
        "Metadata": {"colour": "red", "shape": "round"},
    }
    done = s3.put_object(Bucket=bucket, Key="a/b.txt", Body=b"hello", **carried)
    assert done["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'  # noqa: S324
    assert done["ChecksumCRC32"] == base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    found = s3.get_object(Bucket=bucket, Key="a/b.txt")
    assert found["Body"].read() == b"hello"
    assert {name: found[name] for name in carried} == carried
    head = s3.head_object(Bucket=bucket, Key="a/b.txt")
    assert {name: head[name] for name in carried} == carried
    assert head["ContentLength"] == 5
    assert abs(dt.datetime.now(dt.UTC) - head["LastModified"]) < dt.timedelta(minutes=5)


def test_an_object_that_is_not_there_is_said_not_to_be(s3: Any, bucket: str) -> None:
    error = refused("NoSuchKey", s3.get_object, 404, Bucket=bucket, Key="nothing")
    assert (error["Message"], error["Key"]) == ("The specified key does not exist.", "nothing")
    refused("404", s3.head_object, 404, Bucket=bucket, Key="nothing")
    error = refused("NoSuchBucket", s3.get_object, 404, Bucket="no-such-bucket", Key="nothing")
    assert (error["Message"], error["BucketName"]) == (
        "The specified bucket does not exist",
        "no-such-bucket",
    )


def test_an_overwrite_replaces_the_whole_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="twice", Body=b"first", Metadata={"n": "1"})
    s3.put_object(Bucket=bucket, Key="twice", Body=b"second one")
    found = s3.get_object(Bucket=bucket, Key="twice")
    assert (found["Body"].read(), found["Metadata"]) == (b"second one", {})


@pytest.mark.parametrize(
    "key",
    [
        "a//b",
        "a/../b",
        "videos/2014/../../video1.wmv",
        "..a/.../b",
        "x/../y",
        "folder/",
        "/leading",
        "é/ü/日本",
        "k" * 1024,
        "%41",
        "A",
        "a b+c&d=e?f#g",
        "\x01\x7f",
        "line\nbreak",
        "o" * 300 + "/p",
        ".hidden",
        "a\\b",
        "*",
        "'\"<>&",
    ],
)
def test_a_key_may_be_anything(s3: Any, bucket: str, system: System, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert read(s3, bucket, key) == key.encode()
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]] == [key]
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(key.encode())
    s3.delete_object(Bucket=bucket, Key=key)
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key=key)
    outside = {each.name for each in system.layout.root.parent.iterdir()}
    assert outside == {"p", "state", "state.stderr"}


@pytest.mark.parametrize(
    "key", ["..", "../../etc/passwd", "/../a", "./../a", "videos/../../video1.wmv", "a/../.."]
)
def test_a_key_that_leads_out_of_its_bucket_is_refused(
    s3: Any, bucket: str, system: System, key: str
) -> None:
    for call, more in ((s3.put_object, {"Body": b"x"}), (s3.get_object, {}), (s3.delete_object, {})):
        refused("400", call, 400, Bucket=bucket, Key=key, **more)
    status, headers, body = raw(system, "PUT", f"/{bucket}/{quote(key)}", b"x")
    assert (status, body, "x-amz-request-id" in headers) == (400, b"", True)
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=key)
    assert "Contents" not in listed


_KEYS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd"), min_size=1, max_size=40
).filter(lambda key: ".." not in key)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(key=_KEYS)
def test_any_key_at_all_round_trips(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert read(s3, bucket, key) == key.encode()


def test_a_key_that_is_too_long_or_no_text_is_refused(s3: Any, bucket: str, system: System) -> None:
    error = refused("KeyTooLongError", s3.put_object, 400, Bucket=bucket, Key="k" * 1025, Body=b"")
    assert (error["Size"], error["MaxSizeAllowed"]) == ("1025", "1024")
    status, _, body = raw(system, "PUT", f"/{bucket}/%ff%fe", b"x")
    assert (status, b"<Code>InvalidURI</Code>" in body) == (400, True)


def test_a_key_and_what_lies_below_it_are_two_objects(s3: Any) -> None:
    bucket = new_bucket(s3)
    put(s3, bucket, "a", body=b"file")
    put(s3, bucket, "a/b", body=b"below")
    put(s3, bucket, "c/d", body=b"below")
    put(s3, bucket, "c", body=b"file")
    assert [read(s3, bucket, key) for key in ("a", "a/b", "c", "c/d")] == [
        b"file",
        b"below",
        b"file",
        b"below",
    ]


def test_objects_lie_in_the_lake_as_plain_files(s3: Any, bucket: str, system: System) -> None:
    put(s3, bucket, "plain/file.txt", body=b"look at me")
    path = system.layout.lake / bucket / "plain" / "file.txt"
    assert until(lambda: path.exists() and path.read_bytes()) == b"look at me"
    put(s3, bucket, "plain/file.txt", body=b"look again")
    until(lambda: path.read_bytes() == b"look again")
    s3.delete_object(Bucket=bucket, Key="plain/file.txt")
    until(lambda: not path.parent.exists())


def test_ranges(s3: Any, bucket: str) -> None:
    put(s3, bucket, "ranged", body=b"0123456789")

    def ranged(text: str) -> tuple[bytes, str | None, int]:
        found = s3.get_object(Bucket=bucket, Key="ranged", Range=text)
        return found["Body"].read(), found.get("ContentRange"), found["ResponseMetadata"]["HTTPStatusCode"]

    assert ranged("bytes=2-4") == (b"234", "bytes 2-4/10", 206)
    assert ranged("bytes=7-") == (b"789", "bytes 7-9/10", 206)
    assert ranged("bytes=-3") == (b"789", "bytes 7-9/10", 206)
    assert ranged("bytes=0-99") == (b"0123456789", "bytes 0-9/10", 206)
    assert ranged("bytes=0-1,3-4") == (b"0123456789", None, 200)
    assert ranged("bytes=5-2") == (b"0123456789", None, 200)
    error = refused("InvalidRange", s3.get_object, 416, Bucket=bucket, Key="ranged", Range="bytes=10-")
    assert (error["ActualObjectSize"], error["RangeRequested"]) == ("10", "bytes=10-")
    head = s3.head_object(Bucket=bucket, Key="ranged", Range="bytes=2-4")
    assert (head["ContentLength"], head["ContentRange"]) == (3, "bytes 2-4/10")


def test_conditions_on_reading(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="if", Body=b"x")["ETag"]
    this = {"Bucket": bucket, "Key": "if"}
    long_ago, soon = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    s3.get_object(**this, IfMatch=etag)
    assert (
        refused("PreconditionFailed", s3.get_object, 412, **this, IfMatch='"no"')["Condition"] == "If-Match"
    )
    refused("304", s3.get_object, 304, **this, IfNoneMatch=etag)
    refused("304", s3.head_object, 304, **this, IfNoneMatch=etag)
    s3.get_object(**this, IfNoneMatch='"no"')
    s3.get_object(**this, IfModifiedSince=long_ago)
    refused("304", s3.get_object, 304, **this, IfModifiedSince=dt.datetime.now(dt.UTC))
    s3.get_object(**this, IfModifiedSince=soon)  # a date that has not come is no condition
    refused("PreconditionFailed", s3.get_object, 412, **this, IfUnmodifiedSince=long_ago)
    s3.get_object(**this, IfMatch=etag, IfUnmodifiedSince=long_ago)  # If-Match counts


def test_conditions_on_writing(s3: Any, bucket: str) -> None:
    this = {"Bucket": bucket, "Key": "once"}
    etag = s3.put_object(**this, Body=b"first", IfNoneMatch="*")["ETag"]
    error = refused("PreconditionFailed", s3.put_object, 412, **this, Body=b"second", IfNoneMatch="*")
    assert error["Condition"] == "If-None-Match"
    assert error["Message"] == "At least one of the pre-conditions you specified did not hold"
    refused("PreconditionFailed", s3.put_object, 412, **this, Body=b"second", IfMatch='"no"')
    assert read(s3, bucket, "once") == b"first"
    s3.put_object(**this, Body=b"second", IfMatch=etag)
    refused("NoSuchKey", s3.put_object, 404, Bucket=bucket, Key="never", Body=b"", IfMatch=etag)
    refused("NotImplemented", s3.put_object, 501, **this, Body=b"", IfNoneMatch=etag)


def test_what_is_asked_for_in_place_of_the_objects_own_headers(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="own", Body=b"x", ContentType="text/plain", CacheControl="no-store")
    found = s3.get_object(
        Bucket=bucket,
        Key="own",
        ResponseContentType="text/csv",
        ResponseCacheControl="max-age=1",
        ResponseContentDisposition="inline",
    )
    assert (found["ContentType"], found["CacheControl"]) == ("text/csv", "max-age=1")
    assert found["ContentDisposition"] == "inline"


def test_a_deletion_is_the_same_twice(s3: Any, bucket: str) -> None:
    put(s3, bucket, "gone")
    for _ in range(2):
        assert s3.delete_object(Bucket=bucket, Key="gone")["ResponseMetadata"]["HTTPStatusCode"] == 204
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="gone")


def test_many_are_deleted_at_once(s3: Any, bucket: str) -> None:
    put(s3, bucket, "m/1", "m/2", "m/3")
    objects = [{"Key": key} for key in ("m/1", "m/2", "never")]
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [each["Key"] for each in done["Deleted"]] == ["m/1", "m/2", "never"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "m/3"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="m/")
    many = [{"Key": str(n)} for n in range(1001)]
    refused("MalformedXML", s3.delete_objects, 400, Bucket=bucket, Delete={"Objects": many})


def test_copies(s3: Any, bucket: str) -> None:
    other = new_bucket(s3)
    s3.put_object(
        Bucket=bucket,
        Key="from me",
        Body=b"copied",
        ContentType="text/plain",
        Metadata={"a": "1"},
        Tagging="t=1",
    )
    source = {"Bucket": bucket, "Key": "from me"}
    done = s3.copy_object(Bucket=other, Key="to", CopySource=source)
    assert done["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"copied").hexdigest()}"'  # noqa: S324
    found = s3.get_object(Bucket=other, Key="to")
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (
        b"copied",
        "text/plain",
        {"a": "1"},
    )
    assert s3.get_object_tagging(Bucket=other, Key="to")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(
        Bucket=other, Key="to", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"}
    )
    found = s3.head_object(Bucket=other, Key="to")
    assert (found["Metadata"], found["ContentType"]) == ({"b": "2"}, "binary/octet-stream")
    error = refused("InvalidRequest", s3.copy_object, 400, Bucket=bucket, Key="from me", CopySource=source)
    assert error["Message"].startswith(
        "This copy request is illegal because it is trying to copy an object to itself"
    )
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"c": "3"})
    assert s3.head_object(**source)["Metadata"] == {"c": "3"}
    refused("NoSuchKey", s3.copy_object, 404, Bucket=bucket, Key="x", CopySource=f"{bucket}/never")
    refused("NoSuchBucket", s3.copy_object, 404, Bucket=bucket, Key="x", CopySource="no-such-bucket/never")
    error = refused(
        "PreconditionFailed",
        s3.copy_object,
        412,
        Bucket=bucket,
        Key="x",
        CopySource=source,
        CopySourceIfMatch="no",
    )
    assert error["Condition"] == "x-amz-copy-source-If-Match"


def test_sources_that_are_none(s3: Any, system: System, bucket: str) -> None:
    put(s3, bucket, "from me")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="copies")
    upload = f"/{bucket}/copies?uploadId={begun['UploadId']}"
    for path in (f"/{bucket}/x", f"{upload}&partNumber=1"):
        for source, message in (
            (f"{bucket}/%%%%", "Invalid copy source encoding"),
            (f"{bucket}/%zz", "Invalid copy source encoding"),
            ("", "Invalid copy source bucket name"),
            ("/k", "Invalid copy source bucket name"),
            (bucket, "Invalid copy source object key"),
        ):
            status, _, body = raw(system, "PUT", path, b"", {"x-amz-copy-source": source})
            assert (status, f"<Message>{message}</Message>" in body.decode()) == (400, True), source
        status, _, body = raw(system, "PUT", path, b"x", {"x-amz-copy-source": f"{bucket}/from%20me"})
        assert (status, b"Requests of this type must not include a non-empty body." in body) == (400, True)
    for method, path in (("GET", f"/{bucket}/x"), ("DELETE", f"/{bucket}"), ("POST", upload)):
        status, _, body = raw(system, method, path, b"", {"x-amz-copy-source": f"{bucket}/from%20me"})
        only = b"<Message>You can only specify a copy source header for copy requests.</Message>"
        assert (status, only in body) == (400, True)
    refused("404", s3.head_object, Bucket=bucket, Key="x")


def test_tags_of_objects(s3: Any, system: System, bucket: str) -> None:
    this = {"Bucket": bucket, "Key": "tagged"}
    s3.put_object(**this, Body=b"", Tagging="a=1&b=two%20words")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
    assert s3.get_object_tagging(**this)["TagSet"] == tags
    assert s3.get_object(**this)["TagCount"] == 2
    s3.put_object_tagging(**this, Tagging={"TagSet": tags[:1]})
    assert s3.get_object_tagging(**this)["TagSet"] == tags[:1]
    s3.delete_object_tagging(**this)
    assert s3.get_object_tagging(**this)["TagSet"] == []
    many = [{"Key": str(n), "Value": ""} for n in range(11)]
    error = refused("BadRequest", s3.put_object_tagging, 400, **this, Tagging={"TagSet": many})
    assert error["Message"] == "Object tags cannot be greater than 10"
    empty = b"<Tagging><TagSet><Tag><Key></Key><Value>1</Value></Tag></TagSet></Tagging>"
    for path in (f"/{bucket}/tagged", f"/{bucket}"):
        status, _, body = raw(system, "PUT", f"{path}?tagging", empty, {"content-md5": md5(empty)})
        assert (status, b"<Message>The TagKey you have provided is invalid</Message>" in body) == (400, True)
    twice = [{"Key": "a", "Value": "1"}] * 2
    error = refused("InvalidTag", s3.put_object_tagging, 400, **this, Tagging={"TagSet": twice})
    assert error["Message"] == "Cannot provide multiple Tags with the same key"


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("&", {}),
        ("&&a=1&&", {"a": "1"}),
        ("a&b", {"a": "", "b": ""}),
        ("a=b%3Dc", {"a": "b=c"}),
        (f"a={quote(WIDE * 128)}", {"a": WIDE * 128}),
        (f"a={quote(WIDE * 129)}", "InvalidTag: The TagValue you have provided is invalid"),
        (f"{quote(WIDE * 65)}=a", "InvalidTag: The TagKey you have provided is invalid"),
        ("k=a,b", "InvalidTag: The TagValue you have provided is invalid"),
        ("TagSet%3D%5B%7BKey%3Dstring%7D%5D", "InvalidTag: The TagKey you have provided is invalid"),
        ("a=b=c", f"InvalidArgument: {NOT_ENCODED}"),
        ("TagSet=[{Key=string,Value=string}]", f"InvalidArgument: {NOT_ENCODED}"),
        ("=", f"InvalidArgument: {NOT_ENCODED}"),
        ("a=&a=", f"InvalidArgument: {NOT_ENCODED}"),
        ("a=%ff", f"InvalidArgument: {NOT_ENCODED}"),
    ],
)
def test_tags_in_a_header_are_a_query(
    s3: Any, bucket: str, header: str, answer: dict[str, str] | str
) -> None:
    this = {"Bucket": bucket, "Key": "headed"}
    if isinstance(answer, str):
        code, _, message = answer.partition(": ")
        assert refused(code, s3.put_object, 400, **this, Tagging=header)["Message"] == message
        return
    s3.put_object(**this, Tagging=header)
    tags = s3.get_object_tagging(**this)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == answer
    assert s3.head_object(**this).get("TagCount", 0) == len(answer)
