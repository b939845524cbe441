"""S3's bodies: checksums, chunks, large ones and torn ones; and requests that were signed or made without an SDK."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped, unused-ignore]

from forebay.arn import CANONICAL_USER
from tests.harness import System, until
from tests.wire.s3 import new_bucket, put, raw, read, refused
from tests.wire.sdk import serving

system = serving("name: bodies\n")


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    return new_bucket(s3)


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
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="chunked2")


def md5(body: bytes) -> str:
    """What `Content-MD5` says of a body."""
    return base64.b64encode(hashlib.md5(body).digest()).decode()  # noqa: S324


DOCUMENTS = {
    "?cors": b"<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"
    b"</CORSRule></CORSConfiguration>",
    "?encryption": b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256"
    b"</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
    "?lifecycle": b"<LifecycleConfiguration><Rule><ID>a</ID><Filter/><Status>Enabled</Status><Expiration><Days>9</Days>"
    b"</Expiration></Rule></LifecycleConfiguration>",
    "?object-lock": b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>",
    "?policy": b'{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::BUCKET/*"}}',
    "?publicAccessBlock": b"<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls>"
    b"</PublicAccessBlockConfiguration>",
    "?tagging": b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    "?versioning": b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    "/k?tagging": b"<Tagging><TagSet/></Tagging>",
}
"""Which lock a bucket only after it keeps versions, and say nothing that keeps anybody out."""
SUMMED = ("?cors", "?lifecycle", "?object-lock", "?tagging")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_held_against_its_checksum_which_some_must_have(
    s3: Any, system: System, path: str
) -> None:
    bucket = new_bucket(s3, versioned=True)
    put(s3, bucket, "k")
    body = DOCUMENTS[path].replace(b"BUCKET", bucket.encode())

    def put_with(name: str = bucket, **headers: str) -> tuple[int, str]:
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        status, _, answer = raw(system, "PUT", f"/{name}{path}", body, headers)
        return status, answer.decode().partition("<Code>")[2].partition("<")[0]

    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    for headers, code in (
        ({"Content_MD5": md5(b"another")}, "BadDigest"),
        ({"Content_MD5": "zzz"}, "InvalidDigest"),
        ({"x_amz_checksum_crc32": "AAAAAA=="}, "BadDigest"),
        ({"x_amz_checksum_crc32": "zzz"}, "InvalidRequest"),
        ({"x_amz_checksum_crc32": crc, "x_amz_checksum_sha1": "zzz"}, "InvalidRequest"),
    ):
        assert put_with(**headers) == (400, code)
        assert put_with("no-such-bucket", **headers) == (404, "NoSuchBucket")
    assert put_with() == ((400, "InvalidRequest") if path in SUMMED else (put_with(Content_MD5=md5(body))))
    assert put_with(x_amz_checksum_crc32=crc) in ((200, ""), (204, ""))
    assert put_with(Content_MD5=md5(body)) in ((200, ""), (204, ""))


CRC = "x-amz-checksum-crc32"
TRAILED = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "3"}
TORN = ("IncompleteBody", "The request body terminated unexpectedly")
MALFORMED = (
    "MalformedTrailerError",
    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
)


def sdks(header: str) -> tuple[str, str]:
    return "InvalidRequest", f"Value for {header} is invalid."


@pytest.mark.parametrize(
    ("said", "headers", "body"),
    [
        (MALFORMED, {"x-amz-trailer": CRC}, "3\r\nbar\r\n0\r\n\r\n"),
        (MALFORMED, {}, "3\r\nbar\r\n0\r\nx-amz-checksum-crc32:dv+Mqg==\r\n\r\n"),
        (
            MALFORMED,
            {"x-amz-trailer": "x-amz-checksum-sha1"},
            "3\r\nbar\r\n0\r\nx-amz-checksum-crc32:dv+Mqg==\r\n\r\n",
        ),
        (MALFORMED, {"x-amz-trailer": CRC}, "3\r\nbar\r\n0\r\nx-amz-checksum-crc32dv+Mqg==\r\n\r\n"),
        (
            MALFORMED,
            {"x-amz-trailer": CRC},
            "3\r\nbar\r\n0\r\nx-amz-checksum-crc32:dv+Mqg==\r\nx-amz-checksum-crc32:dv+Mqg==\r\n\r\n",
        ),
        (
            sdks(f"{CRC} trailing header"),
            {"x-amz-trailer": CRC},
            "3\r\nbar\r\n0\r\nx-amz-checksum-crc32:dv+Mq\r\n\r\n",
        ),
        (
            sdks("x-amz-sdk-checksum-algorithm header"),
            {"x-amz-trailer": CRC, "x-amz-sdk-checksum-algorithm": "sha1"},
            "",
        ),
        (
            (
                "InvalidRequest",
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ),
            {"x-amz-trailer": CRC, CRC: "dv+Mqg=="},
            "",
        ),
        (
            ("InvalidRequest", "The value specified in the x-amz-trailer header is not supported"),
            {"x-amz-trailer": "x-amz-meta-late"},
            "",
        ),
        (TORN, {}, ""),
        (TORN, {}, "zz\r\nbar\r\n0\r\n\r\n"),
        (TORN, {}, "3;x\r\nbar\r\n0\r\n\r\n"),
        (TORN, {}, "3\nbar\r\n0\r\n\r\n"),
        (TORN, {}, "2\r\nbar\r\n0\r\n\r\n"),
        (TORN, {}, "5\r\nbar"),
        (TORN, {}, "3\r\nbar0\r\n\r\n"),
        (TORN, {}, "3\r\nbar\r\n0\r\n"),
        (TORN, {}, "3\r\nbar\r\n0\r\n\r\nmore"),
        (TORN, {"x-amz-trailer": CRC}, "3\r\nbar\r\n0\r\nx-amz-checksum-crc32:dv+Mqg==\r\n"),
    ],
)
def test_chunks_and_what_comes_after_them_are_as_announced(
    s3: Any, bucket: str, system: System, *, said: tuple[str, str], headers: dict[str, str], body: str
) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="part")["UploadId"]
    for path in ("trailed", f"part?partNumber=1&uploadId={upload}"):
        status, _, answer = raw(system, "PUT", f"/{bucket}/{path}", body.encode(), TRAILED | headers)
        code, message = said
        assert (status, f"<Code>{code}</Code><Message>{message}</Message>" in answer.decode()) == (
            400,
            True,
        ), answer
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="trailed")
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="part", UploadId=upload)


@pytest.mark.parametrize("length", [None, "", "abc", "12x"])
def test_what_is_in_chunks_says_how_long_it_is(bucket: str, system: System, length: str | None) -> None:
    headers = {"x-amz-content-sha256": TRAILED["x-amz-content-sha256"]}
    if length is not None:
        headers["x-amz-decoded-content-length"] = length
    status, _, answer = raw(system, "PUT", f"/{bucket}/k", b"3\r\nbar\r\n0\r\n\r\n", headers)
    assert (status, b"<Code>MissingContentLength</Code>" in answer) == (411, True)


def test_chunks_without_a_trailer_have_the_checksum_that_is_computed_or_said(
    bucket: str, system: System
) -> None:
    body = b"3\r\nbar\r\n0\r\n\r\n"
    _, headers, _ = raw(system, "PUT", f"/{bucket}/untrailed", body, TRAILED)
    assert "x-amz-checksum-crc64nvme" in headers
    _, headers, _ = raw(system, "PUT", f"/{bucket}/untrailed", body, TRAILED | {CRC: "dv+Mqg=="})
    assert headers[CRC] == "dv+Mqg=="


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            {CRC: "dv+Mqg==", "x-amz-sdk-checksum-algorithm": "CRC32C"},
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        ),
        (
            {CRC: "dv+Mqg==", "x-amz-sdk-checksum-algorithm": "BOGUS"},
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        ),
        (
            {"x-amz-checksum-foo": "abc"},
            "The algorithm type you specified in x-amz-checksum- header is invalid.",
        ),
    ],
)
def test_headers_that_say_two_things_of_a_checksum_or_none_are_refused(
    bucket: str, system: System, headers: dict[str, str], message: str
) -> None:
    status, _, answer = raw(system, "PUT", f"/{bucket}/k", b"bar", headers)
    said = f"<Code>InvalidRequest</Code><Message>{message}</Message>"
    assert (status, said in answer.decode()) == (400, True), answer


@pytest.mark.parametrize("body", [b"plain", b"", b"5\r\nplain\r\n0\r\n\r\n"])
def test_only_the_hash_says_whether_a_body_is_in_chunks(
    s3: Any, bucket: str, system: System, body: bytes
) -> None:
    sent = {"Content-Encoding": "gzip,aws-chunked", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    assert raw(system, "PUT", f"/{bucket}/framed", body, sent)[0] == 200
    found = s3.get_object(Bucket=bucket, Key="framed")
    assert (found["ContentEncoding"], found["Body"].read()) == ("gzip", body)


def test_a_torn_upload_never_shows(s3: Any, bucket: str, system: System) -> None:
    put(s3, bucket, "torn", body=b"whole")
    address = urlsplit(system.urls["aws"])
    for _ in range(3):
        connection = http.client.HTTPConnection(address.netloc, timeout=30)
        connection.putrequest("PUT", f"/{bucket}/torn")
        connection.putheader("Content-Length", "5000000")
        connection.endheaders()
        connection.send(b"x" * 3_000_000)
        connection.close()
    until(lambda: read(s3, bucket, "torn") == b"whole")
    stored = system.layout.lake / ".objects"
    until(lambda: not [p for p in stored.glob("*/*") if p.stat().st_size in range(1_000_000, 3_000_001)])


def test_more_than_five_gibibytes_are_refused_before_they_are_sent(system: System, bucket: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(system.urls["aws"]).netloc, timeout=30)
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
    for query in paths:
        for body in bodies:
            method = "POST" if query == "?delete" else "PUT"
            status, _, answer = raw(system, method, f"/{bucket}{query}", body, {"Content-MD5": md5(body)})
            assert 400 <= status < 500, (query, body[:20], status, answer)
    put(s3, bucket, "tags-no-document")
    for body in bodies:
        status, _, answer = raw(system, "PUT", f"/{bucket}/tags-no-document?tagging", body)
        assert 400 <= status < 500, (body[:20], answer)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_no_documents_entities_are_expanded_in_whatever_way_it_is_encoded(
    bucket: str, system: System, encoding: str
) -> None:
    owner = "<Owner><ID>&owner;</ID></Owner><AccessControlList></AccessControlList>"
    text = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY owner "{CANONICAL_USER}">]><AccessControlPolicy>{owner}</AccessControlPolicy>'
    status, _, answer = raw(system, "PUT", f"/{bucket}?acl", text.encode(encoding))
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True), answer
