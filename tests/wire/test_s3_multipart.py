"""S3's multipart uploads through boto3: parts in any order, joined as named, or refused as S3 does."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import time
import zlib
from typing import Any

import pytest

from tests.harness import System, until
from tests.wire.s3 import new_bucket, put, raw, read, refused
from tests.wire.sdk import serving, speaking

MIB = 1 << 20

system = serving("name: multipart\n")
s3 = speaking("s3", request_checksum_calculation="when_required")


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    return new_bucket(s3)


class Upload:
    """An upload under way."""

    def __init__(self, s3: Any, bucket: str, key: str, **more: Any) -> None:
        self.s3 = s3
        self.begun = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)
        self.this = {"Bucket": bucket, "Key": key, "UploadId": self.begun["UploadId"]}
        self.parts: dict[int, dict[str, Any]] = {}

    def part(self, number: int, body: bytes, **more: Any) -> dict[str, Any]:
        done = self.s3.upload_part(**self.this, PartNumber=number, Body=body, **more)
        sums = {name: done[name] for name in done if name.startswith("Checksum")}
        self.parts[number] = {"PartNumber": number, "ETag": done["ETag"], **sums}
        return dict(done)

    def complete(self, *numbers: int, **more: Any) -> dict[str, Any]:
        wanted = [self.parts[n] for n in numbers or sorted(self.parts)]
        found: dict[str, Any] = self.s3.complete_multipart_upload(
            **self.this, MultipartUpload={"Parts": wanted}, **more
        )
        return found


def test_parts_in_any_order_are_joined_by_number(s3: Any, bucket: str) -> None:
    one, two, three = os.urandom(5 * MIB), os.urandom(5 * MIB + 7), b"end"
    upload = Upload(s3, bucket, "joined", ContentType="text/plain", Metadata={"a": "b"}, Tagging="t=1")
    upload.part(7, three)
    upload.part(2, two)
    upload.part(1, b"to be replaced")
    upload.part(1, one)
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="joined")
    done = upload.complete()
    digests = b"".join(hashlib.md5(part).digest() for part in (one, two, three))  # noqa: S324
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'  # noqa: S324
    found = s3.get_object(Bucket=bucket, Key="joined")
    assert found["Body"].read() == one + two + three
    assert (found["ContentType"], found["Metadata"], found["TagCount"]) == ("text/plain", {"a": "b"}, 1)
    part = s3.get_object(Bucket=bucket, Key="joined", PartNumber=2)
    assert part["Body"].read() == two
    assert (part["PartsCount"], part["ResponseMetadata"]["HTTPStatusCode"]) == (3, 206)
    assert s3.head_object(Bucket=bucket, Key="joined", PartNumber=3)["ContentLength"] == 3
    refused("InvalidPartNumber", s3.get_object, 416, Bucket=bucket, Key="joined", PartNumber=4)
    refused("NoSuchUpload", s3.list_parts, 404, **upload.this)
    attributes = s3.get_object_attributes(Bucket=bucket, Key="joined", ObjectAttributes=["ObjectParts"])
    assert attributes["ObjectParts"]["TotalPartsCount"] == 3


def test_what_cannot_be_joined_is_refused(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "refused")
    for number in (1, 2, 3):
        upload.part(number, b"x" * number)
    error = refused("EntityTooSmall", upload.complete, 400)
    assert (error["ProposedSize"], error["MinSizeAllowed"], error["PartNumber"]) == ("1", "5242880", "1")
    with pytest.raises(s3.exceptions.ClientError, match="InvalidPartOrder"):
        upload.complete(2, 1)
    upload.parts[9] = {"PartNumber": 9, "ETag": '"none"'}
    with pytest.raises(s3.exceptions.ClientError, match="InvalidPart"):
        upload.complete(9)
    del upload.parts[9]
    refused("MalformedXML", s3.complete_multipart_upload, 400, **upload.this, MultipartUpload={"Parts": []})
    refused("InvalidRequest", s3.complete_multipart_upload, 400, **upload.this)
    for wrong, code in (
        ({"PartNumber": 1}, "MalformedXML"),
        ({"ETag": "e"}, "MalformedXML"),
        ({}, "MalformedXML"),
        ({"PartNumber": 0, "ETag": "e"}, "InvalidArgument"),
        ({"PartNumber": -1, "ETag": "e"}, "InvalidArgument"),
    ):
        told = refused(
            code, s3.complete_multipart_upload, 400, **upload.this, MultipartUpload={"Parts": [wrong]}
        )
    assert (told["Message"], told["ArgumentName"], told["ArgumentValue"]) == (
        "PartNumber must be >= 1",
        "PartNumber",
        "-1",
    )
    with pytest.raises(s3.exceptions.ClientError, match="header is less than zero: '-1'"):
        upload.complete(2, MpuObjectSize=-1)
    assert upload.complete(2)["ETag"].endswith('-1"')
    assert read(s3, bucket, "refused") == b"xx"
    assert upload.complete(2)["ETag"].endswith('-1"')  # once more changes nothing
    none = {**upload.this, "UploadId": "none"}
    refused("NoSuchUpload", s3.upload_part, 404, **none, PartNumber=1, Body=b"")
    other = Upload(s3, bucket, "other")
    refused("InvalidArgument", s3.upload_part, 400, **other.this, PartNumber=0, Body=b"")
    refused("InvalidArgument", s3.upload_part, 400, **other.this, PartNumber=10001, Body=b"")


def test_an_aborted_upload_leaves_nothing(s3: Any, system: System) -> None:
    bucket = new_bucket(s3)
    upload = Upload(s3, bucket, "aborted")
    upload.part(1, b"part" * 1_234_567)
    stored = system.layout.lake / ".objects"

    def there() -> bool:
        for path in stored.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # what others left is removed meanwhile
                if path.stat().st_size == 4 * 1_234_567:
                    return True
        return False

    assert there()
    s3.abort_multipart_upload(**upload.this)
    until(lambda: not there())
    refused("NoSuchUpload", s3.abort_multipart_upload, 404, **upload.this)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


def test_uploads_and_parts_are_listed_in_pages(s3: Any, system: System) -> None:
    bucket = new_bucket(s3)
    uploads = [Upload(s3, bucket, key) for key in ("a", "b/1", "b/2", "c", "c")]
    listed = s3.list_multipart_uploads(Bucket=bucket)
    assert [each["Key"] for each in listed["Uploads"]] == ["a", "b/1", "b/2", "c", "c"]
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [each["Key"] for each in rolled["Uploads"]] == ["a", "c", "c"]
    assert rolled["CommonPrefixes"] == [{"Prefix": "b/"}]
    for marker in ("b/", "b/1"):
        behind = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", KeyMarker=marker)
        assert ([each["Key"] for each in behind["Uploads"]], "CommonPrefixes" in behind) == (
            ["c", "c"],
            False,
        )
    within = s3.list_multipart_uploads(Bucket=bucket, Prefix="b", Delimiter="/")
    assert (within["NextKeyMarker"], within["IsTruncated"]) == ("", False)
    other = uploads[0].this["UploadId"]
    wrong = refused(
        "InvalidArgument", s3.list_multipart_uploads, 400, Bucket=bucket, KeyMarker="c", UploadIdMarker=other
    )
    assert (wrong["Message"], wrong["ArgumentValue"]) == ("Invalid uploadId marker", other)
    never = {"Bucket": bucket, "UploadIdMarker": "invalid_marker"}
    assert len(s3.list_multipart_uploads(**never)["Uploads"]) == 5
    refused("InvalidArgument", s3.list_multipart_uploads, 400, **never, KeyMarker="c")
    found = []
    for page in s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    ):
        found += [each["UploadId"] for each in page.get("Uploads", [])]
    assert sorted(found) == sorted(upload.this["UploadId"] for upload in uploads)
    for number in (3, 1, 2):
        uploads[0].part(number, b"x" * number)
    page = s3.list_parts(**uploads[0].this, MaxParts=2)
    assert [(each["PartNumber"], each["Size"]) for each in page["Parts"]] == [(1, 1), (2, 2)]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 2)
    rest = s3.list_parts(**uploads[0].this, PartNumberMarker=2)
    assert [each["PartNumber"] for each in rest["Parts"]] == [3]
    status, _, body = raw(
        system, "GET", f"/{bucket}/a?uploadId={other}&part-number-marker=&max-parts=", headers={}
    )
    assert (status, body.count(b"<PartNumber>")) == (200, 3), "numbers that are not given are passed over"
    for value, words in (
        (-1, "Argument {} must be an integer between 0 and 2147483647"),
        (2**31, "Provided {} not an integer or within integer range"),
    ):
        for name, wire in (("MaxParts", "max-parts"), ("PartNumberMarker", "part-number-marker")):
            told = refused("InvalidArgument", s3.list_parts, 400, **uploads[0].this, **{name: value})
            assert told["Message"] == words.format(wire)
    md5 = base64.b64encode(hashlib.md5(b"y", usedforsecurity=False).digest()).decode()
    given = {"content-md5": md5}
    status, _, body = raw(system, "PUT", f"/{bucket}/a?partNumber=1&uploadId={other}", b"x", given)
    assert (status, f"<ExpectedDigest>{md5}</ExpectedDigest>" in body.decode()) == (400, True)


def test_parts_copied_from_an_object(s3: Any, bucket: str) -> None:
    data = os.urandom(6 * MIB)
    put(s3, bucket, "source", body=data)
    upload = Upload(s3, bucket, "of copies")
    source = {"Bucket": bucket, "Key": "source"}
    for number, span in ((1, f"bytes=0-{5 * MIB - 1}"), (2, f"bytes={5 * MIB}-{6 * MIB - 1}")):
        done = s3.upload_part_copy(**upload.this, PartNumber=number, CopySource=source, CopySourceRange=span)
        upload.parts[number] = {"PartNumber": number, "ETag": done["CopyPartResult"]["ETag"]}
    upload.complete()
    assert read(s3, bucket, "of copies") == data
    other = Upload(s3, bucket, "of nothing")
    wrong = {**other.this, "PartNumber": 1, "CopySource": source}
    refused("InvalidArgument", s3.upload_part_copy, 400, **wrong, CopySourceRange="bytes=5-")
    refused("InvalidArgument", s3.upload_part_copy, 400, **wrong, CopySourceRange=f"bytes=0-{6 * MIB}")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_a_checksum_of_checksums(s3: Any, bucket: str, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    upload = Upload(s3, bucket, f"composite-{algorithm}", ChecksumAlgorithm=algorithm)
    assert upload.begun["ChecksumType"] == "COMPOSITE"
    for number, body in ((1, os.urandom(5 * MIB)), (2, b"end")):
        upload.part(number, body, ChecksumAlgorithm=algorithm)
    done = upload.complete()
    assert done["ChecksumType"] == "COMPOSITE"
    assert done[member].endswith("-2")
    head = s3.head_object(Bucket=bucket, Key=f"composite-{algorithm}", ChecksumMode="ENABLED")
    assert head[member] == done[member]
    whole = {"Bucket": bucket, "Key": f"composite-{algorithm}", "ChecksumMode": "ENABLED"}
    for more, its in (
        ({"PartNumber": 1}, upload.parts[1][member]),
        ({"PartNumber": 2}, upload.parts[2][member]),
        ({"Range": f"bytes={5 * MIB}-"}, upload.parts[2][member]),
        ({"Range": "bytes=0-1"}, None),
    ):
        for call in (s3.get_object, s3.head_object):
            found = call(**whole, **more)
            assert (found.get(member), found.get("ChecksumType")) == (its, its and "COMPOSITE")
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key=f"composite-{algorithm}", ObjectAttributes=["ObjectParts", "Checksum"]
    )
    assert [part[member] for part in attributes["ObjectParts"]["Parts"]] == [
        upload.parts[n][member] for n in (1, 2)
    ]


def test_a_checksum_of_the_whole_is_computed_from_those_of_the_parts(s3: Any, bucket: str) -> None:
    body = os.urandom(5 * MIB)
    upload = Upload(s3, bucket, "whole", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    upload.part(1, body, ChecksumAlgorithm="CRC32")
    upload.part(2, b"end", ChecksumAlgorithm="CRC32")
    total = base64.b64encode(zlib.crc32(body + b"end").to_bytes(4, "big")).decode()
    with pytest.raises(s3.exceptions.ClientError, match="BadDigest"):
        upload.complete(ChecksumCRC32="AAAAAA==")
    done = upload.complete(ChecksumCRC32=total)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (total, "FULL_OBJECT")
    part = s3.head_object(Bucket=bucket, Key="whole", PartNumber=1, ChecksumMode="ENABLED")
    assert not {"ChecksumCRC32", "ChecksumType"} & part.keys()
    wrong = {"Bucket": bucket, "Key": "no", "ChecksumAlgorithm": "SHA256"}
    refused("InvalidRequest", s3.create_multipart_upload, 400, **wrong, ChecksumType="FULL_OBJECT")
    told = refused("InvalidRequest", s3.create_multipart_upload, 400, **wrong, ChecksumType="BOGUS")
    assert told["Message"] == "Value for x-amz-checksum-type header is invalid."


@pytest.mark.parametrize(
    ("numbers", "fits"), [((2, 4), False), ((2, 3), False), ((1, 3), False), ((1,), True)]
)
def test_parts_with_checksums_are_numbered_from_one_on(
    s3: Any, bucket: str, numbers: tuple[int, ...], fits: bool
) -> None:
    upload = Upload(s3, bucket, "numbered", ChecksumAlgorithm="CRC32")
    for number in numbers:
        upload.part(number, b"x", ChecksumAlgorithm="CRC32")
    if fits:
        assert upload.complete()["ChecksumCRC32"].endswith("-1")
    else:
        refused("InvalidPartOrder", upload.complete, 400)


def test_an_object_is_as_old_as_its_upload(s3: Any) -> None:
    """But of two versions the one that was done last is the current one."""
    bucket = new_bucket(s3, versioned=True)
    upload = Upload(s3, bucket, "k")
    begun = s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["Initiated"]
    upload.part(1, b"second")
    until(lambda: time.time() > begun.timestamp() + 1)
    put(s3, bucket, "k", body=b"first")
    upload.complete()
    this = {"Bucket": bucket, "Key": "k"}
    assert read(s3, bucket, "k") == b"second"
    newest, older = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert newest["LastModified"] == begun < older["LastModified"]
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["LastModified"] == begun
    assert s3.get_object_attributes(**this, ObjectAttributes=["ETag"])["LastModified"] == begun
    assert s3.head_object(**this, IfUnmodifiedSince=begun)["LastModified"] == begun
    refused("304", s3.get_object, 304, **this, IfModifiedSince=begun)
    again = s3.copy_object(**this, CopySource=this, MetadataDirective="REPLACE")
    assert again["CopyObjectResult"]["LastModified"] > begun
    assert s3.head_object(**this)["LastModified"] > begun
    s3.delete_object(**this, VersionId=s3.head_object(**this)["VersionId"])
    assert s3.head_object(**this)["LastModified"] == begun


def test_conditions_on_completing(s3: Any, bucket: str) -> None:
    put(s3, bucket, "there", body=b"first")
    upload = Upload(s3, bucket, "there")
    upload.part(1, b"second")
    with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
        upload.complete(IfNoneMatch="*")
    assert read(s3, bucket, "there") == b"first"
    upload.complete()
    assert read(s3, bucket, "there") == b"second"


def test_the_whole_has_a_checksum_whatever_its_parts_came_with(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "crc64")
    upload.part(1, b"123456789", ChecksumAlgorithm="CRC32")
    assert upload.complete()["ChecksumCRC64NVME"] == "rosUhgp5mIg="  # the check value of CRC-64/NVME
    upload = Upload(s3, bucket, "summed", ChecksumAlgorithm="SHA256")
    error = refused("InvalidRequest", s3.upload_part, 400, **upload.this, PartNumber=1, Body=b"x")
    assert "expected checksum Type: sha256, actual checksum Type: null" in error["Message"]
    upload = Upload(s3, bucket, "unsummed")
    given = {**upload.this, "PartNumber": 1, "Body": b"x", "ChecksumMD5": "nd1F6Q8OhSKJw1L0gHn15A=="}
    error = refused("InvalidRequest", s3.upload_part, 400, **given)
    assert "expected checksum Type: null, actual checksum Type: md5" in error["Message"]


def test_a_range_beyond_the_source_is_told_apart_from_one_that_ends_there(s3: Any, bucket: str) -> None:
    put(s3, bucket, "ten", body=b"0123456789")
    upload = Upload(s3, bucket, "ranges")
    this = {**upload.this, "PartNumber": 1, "CopySource": {"Bucket": bucket, "Key": "ten"}}
    refused("InvalidArgument", s3.upload_part_copy, 400, **this, CopySourceRange="bytes=0-10")
    error = refused("InvalidRequest", s3.upload_part_copy, 400, **this, CopySourceRange="bytes=10-20")
    assert error["Message"] == "The specified copy range is invalid for the source object size"
