"""S3's objects through boto3: what is put is got again, whole, in part, under conditions, and nothing else."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.client
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped, unused-ignore]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness import System, until
from tests.projects import project
from tests.wire.s3 import new_bucket, put, read, refused
from tests.wire.sdk import client


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("s3")
    found = System(project(folder / "p", "name: objects\n"), folder / "state", [], {})
    yield found.start(sql=False)
    found.end()


@pytest.fixture(scope="module")
def s3(system: System) -> Any:
    return client(system, "s3")


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def raw(
    system: System, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(system.urls["aws"]).netloc, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


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
        "..",
        "../../etc/passwd",
        "a//b",
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


_KEYS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd"), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"])
def test_checksums_are_held_against_the_body_and_kept(s3: Any, bucket: str, algorithm: str) -> None:
    key, member = f"sum-{algorithm}", f"Checksum{algorithm}"
    done = s3.put_object(Bucket=bucket, Key=key, Body=b"summed", ChecksumAlgorithm=algorithm)
    assert done["ChecksumType"] == "FULL_OBJECT"
    found = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert found[member] == done[member]
    assert member not in s3.head_object(Bucket=bucket, Key=key)
    attributes = s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=["Checksum", "ObjectSize"])
    assert attributes["Checksum"] == {member: done[member], "ChecksumType": "FULL_OBJECT"}
    assert attributes["ObjectSize"] == 6
    refused("BadDigest", s3.put_object, 400, Bucket=bucket, Key=key, Body=b"other", **{member: done[member]})
    assert read(s3, bucket, key) == b"summed"
    refused("InvalidRequest", s3.put_object, 400, Bucket=bucket, Key=key, Body=b"other", **{member: "?"})


def test_a_body_that_is_not_what_was_hashed_is_refused(s3: Any, bucket: str, system: System) -> None:
    wrong = base64.b64encode(bytes(16)).decode()
    status, _, body = raw(system, "PUT", f"/{bucket}/md5", b"x", {"Content-MD5": wrong})
    assert (status, b"<Code>BadDigest</Code>" in body) == (400, True)
    status, _, body = raw(system, "PUT", f"/{bucket}/md5", b"x", {"Content-MD5": "no"})
    assert (status, b"<Code>InvalidDigest</Code>" in body) == (400, True)
    status, _, body = raw(system, "PUT", f"/{bucket}/md5", b"x", {"x-amz-content-sha256": "0" * 64})
    assert (status, b"<Code>XAmzContentSHA256Mismatch</Code>" in body) == (400, True)
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="md5")


def test_a_body_in_chunks_with_a_checksum_after_it(s3: Any, bucket: str, system: System) -> None:
    data = os.urandom(200_000)
    total = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()

    def chunked(trailer: str) -> bytes:
        parts = [data[:65536], data[65536:131072], data[131072:]]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        return body + b"0\r\n" + f"x-amz-checksum-crc32:{trailer}\r\n\r\n".encode()

    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(data)),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    assert raw(system, "PUT", f"/{bucket}/chunked", chunked(total), headers)[0] == 200
    found = s3.get_object(Bucket=bucket, Key="chunked")
    assert found["Body"].read() == data
    assert "ContentEncoding" not in found
    status, _, body = raw(system, "PUT", f"/{bucket}/chunked2", chunked("AAAAAA=="), headers)
    assert (status, b"<Code>BadDigest</Code>" in body) == (400, True)
    short = {**headers, "x-amz-decoded-content-length": str(len(data) + 1)}
    status, _, body = raw(system, "PUT", f"/{bucket}/chunked2", chunked(total), short)
    assert (status, b"<Code>IncompleteBody</Code>" in body) == (400, True)
    for broken in (b"zz\r\n", b"5\r\nab", b"", b"5;x\r\nabcde\r\n0\r\n\r\n"):
        status, _, body = raw(system, "PUT", f"/{bucket}/chunked2", broken, headers)
        assert status == 400, body
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="chunked2")


def test_a_torn_upload_never_shows(s3: Any, bucket: str, system: System) -> None:
    put(s3, bucket, "torn", body=b"whole")
    address = urlsplit(system.urls["aws"])
    for _ in range(3):
        connection = http.client.HTTPConnection(address.netloc, timeout=10)
        connection.putrequest("PUT", f"/{bucket}/torn")
        connection.putheader("Content-Length", "5000000")
        connection.endheaders()
        connection.send(b"x" * 3_000_000)
        connection.close()
    until(lambda: read(s3, bucket, "torn") == b"whole")
    stored = system.layout.lake / ".objects"
    until(lambda: not [p for p in stored.glob("*/*") if p.stat().st_size in range(1_000_000, 4_999_999)])


def test_more_than_five_gibibytes_are_refused_before_they_are_sent(system: System, bucket: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(system.urls["aws"]).netloc, timeout=10)
    connection.putrequest("PUT", f"/{bucket}/huge")
    connection.putheader("Content-Length", str(5 * 2**30 + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, b"<Code>EntityTooLarge</Code>" in answer.read()) == (400, True)
    connection.close()


def test_a_large_object_comes_whole_and_in_parts(s3: Any, bucket: str, tmp_path: Path) -> None:
    data = os.urandom(3_500_000)
    s3.put_object(Bucket=bucket, Key="large", Body=data)
    assert read(s3, bucket, "large") == data
    assert read(s3, bucket, "large", Range="bytes=1000000-2999999") == data[1_000_000:3_000_000]


def test_the_transfer_manager_uploads_and_downloads(s3: Any, bucket: str, tmp_path: Path) -> None:
    data = os.urandom(18 << 20)
    (tmp_path / "up").write_bytes(data)
    s3.upload_file(str(tmp_path / "up"), bucket, "big", ExtraArgs={"Metadata": {"a": "b"}})
    s3.download_file(bucket, "big", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == data
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["Metadata"] == {"a": "b"}
    parts = [data[at : at + (8 << 20)] for at in range(0, len(data), 8 << 20)]
    digests = b"".join(hashlib.md5(part).digest() for part in parts)  # noqa: S324
    assert head["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'  # noqa: S324
    s3.upload_fileobj(io.BytesIO(b"small"), bucket, "small", Config=TransferConfig(use_threads=False))
    assert read(s3, bucket, "small") == b"small"


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


def test_tags_of_objects(s3: Any, bucket: str) -> None:
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
    twice = [{"Key": "a", "Value": "1"}] * 2
    error = refused("InvalidTag", s3.put_object_tagging, 400, **this, Tagging={"TagSet": twice})
    assert error["Message"] == "Cannot provide multiple Tags with the same key"


def test_presigned_urls_and_a_bucket_in_the_host_name(s3: Any, bucket: str, system: System) -> None:
    put(s3, bucket, "signed é.txt", body=b"by url")
    url = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "signed é.txt"}))
    assert raw(system, "GET", f"{url.path}?{url.query}")[2] == b"by url"
    url = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "by-url"}))
    assert raw(system, "PUT", f"{url.path}?{url.query}", b"put by url")[0] == 200
    assert read(s3, bucket, "by-url") == b"put by url"
    for host in (f"{bucket}.localhost", f"{bucket}.s3.localhost"):
        assert raw(system, "GET", "/by-url", headers={"Host": host})[2] == b"put by url"


def test_bodies_that_are_no_documents_get_an_error_and_never_500(
    s3: Any, bucket: str, system: System
) -> None:
    paths = [
        "?delete",
        "?versioning",
        "?tagging",
        "?lifecycle",
        "?cors",
        "?notification",
        "?policy",
        "?encryption",
    ]
    bodies = [
        b"",
        b"<",
        b"\xff\xfe",
        b"{}",
        b"<a/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<x>" * 5000,
    ]
    md5 = {"Content-MD5": ""}
    for query in paths:
        for body in bodies:
            md5["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()  # noqa: S324
            method = "POST" if query == "?delete" else "PUT"
            status, _, answer = raw(system, method, f"/{bucket}{query}", body, md5)
            assert 400 <= status < 500, (query, body[:20], status, answer)
    put(s3, bucket, "tags-no-document")
    for body in bodies:
        status, _, answer = raw(system, "PUT", f"/{bucket}/tags-no-document?tagging", body)
        assert 400 <= status < 500, (body[:20], answer)
