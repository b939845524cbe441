"""Versions and delete markers: what S3 says of them where they cannot be copied, written or changed."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.harness import System
from tests.wire.s3 import new_bucket, put, raw, refused
from tests.wire.sdk import serving

system = serving("name: versions\n")
VERSION, MARKER = "x-amz-version-id", "x-amz-delete-marker"


@pytest.fixture
def bucket(s3: Any) -> str:
    return new_bucket(s3, versioned=True)


def deleted(s3: Any, bucket: str) -> str:
    """The version of the marker that is the current one of `k`."""
    put(s3, bucket, "k")
    version: str = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    return version


def written(s3: Any, system: System, bucket: str) -> dict[str, tuple[str, str]]:
    """Method and path of what writes to the key `to`."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    to = f"/{bucket}/to?"
    return {
        "PutObject": ("PUT", to),
        "CopyObject": ("PUT", to),
        "CreateMultipartUpload": ("POST", f"{to}uploads&"),
        "UploadPart": ("PUT", f"{to}partNumber=1&uploadId={upload}&"),
        "UploadPartCopy": ("PUT", f"{to}partNumber=1&uploadId={upload}&"),
        "CompleteMultipartUpload": ("POST", f"{to}uploadId={upload}&"),
    }


def said(
    system: System, method: str, path: str, source: str | None = None
) -> tuple[int, dict[str, str], dict[str, str | None]]:
    """Status, headers and members of what is refused."""
    headers = {} if source is None else {"x-amz-copy-source": source}
    status, found, body = raw(system, method, path, b"", headers)
    return status, found, {each.tag: each.text for each in ElementTree.fromstring(body)}  # noqa: S314


@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
def test_what_is_deleted_is_no_source_of_a_copy(s3: Any, system: System, bucket: str, operation: str) -> None:
    version = deleted(s3, bucket)
    to = written(s3, system, bucket)[operation]
    status, headers, error = said(system, *to, f"{bucket}/k")
    assert (status, error["Code"], error["Key"]) == (404, "NoSuchKey", "k")
    assert (headers[MARKER], headers[VERSION]) == ("true", version)
    status, headers, error = said(system, *to, f"{bucket}/k?versionId={version}")
    assert (status, error["Code"]) == (400, "InvalidRequest")
    assert str(error["Message"]).endswith("may not specifically refer to a delete marker by version id.")
    assert MARKER not in headers


@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
def test_a_source_of_no_version_that_ever_was(s3: Any, system: System, bucket: str, operation: str) -> None:
    put(s3, bucket, "k")
    to = written(s3, system, bucket)[operation]
    for text in ("", "abc"):
        status, _, error = said(system, *to, f"{bucket}/k?versionId={text}")
        message = "Invalid version id specified" if text else "Version id cannot be the empty string"
        if text and operation == "CopyObject":
            assert (error["Code"], error["Message"]) == ("InvalidRequest", "Invalid Request")
        else:
            assert (error["Code"], error["Message"]) == ("InvalidArgument", message)
            assert (error["ArgumentName"], error["ArgumentValue"] or "") == ("x-amz-copy-source", text)
        assert status == 400


def test_who_writes_says_nothing_of_the_version(s3: Any, system: System, bucket: str) -> None:
    put(s3, bucket, "k")
    for operation, (method, path) in written(s3, system, bucket).items():
        source = f"{bucket}/k" if "Copy" in operation else None
        for text in ("", "abc", s3.head_object(Bucket=bucket, Key="k")["VersionId"]):
            status, _, error = said(system, method, f"{path}versionId={text}", source)
            assert (status, error["Code"]) == (400, "InvalidArgument"), operation
            assert error["Message"] == "This operation does not accept a version-id."
            assert (error["ArgumentName"], error["ArgumentValue"] or "") == ("versionId", text)
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="to")


def test_an_acl_is_that_of_a_version_which_is_named(s3: Any, system: System, bucket: str) -> None:
    put(s3, bucket, "k")
    this = {"Bucket": bucket, "Key": "k"}
    version = s3.head_object(**this)["VersionId"]
    for more in ({}, {"VersionId": version}):
        for answer in (s3.put_object_acl(**this, **more, ACL="private"), s3.get_object_acl(**this, **more)):
            assert answer["ResponseMetadata"]["HTTPHeaders"][VERSION] == version
    plain = new_bucket(s3)
    put(s3, plain, "k")
    assert VERSION not in s3.get_object_acl(Bucket=plain, Key="k")["ResponseMetadata"]["HTTPHeaders"]


def test_the_acl_of_a_marker(s3: Any, system: System, bucket: str) -> None:
    version = deleted(s3, bucket)
    path, named = f"/{bucket}/k?acl", {MARKER: "true", VERSION: version}
    for method, query, code, shown in (
        ("GET", "", "NoSuchKey", named),
        ("GET", f"&versionId={version}", "MethodNotAllowed", named),
        ("PUT", "", "MethodNotAllowed", {}),
        ("PUT", f"&versionId={version}", "MethodNotAllowed", named),
    ):
        _, headers, error = said(system, method, path + query)
        assert error["Code"] == code
        assert {name: headers[name] for name in (MARKER, VERSION) if name in headers} == shown
        if code == "MethodNotAllowed":
            assert (error["Method"], error["ResourceType"], headers["allow"]) == (
                method,
                "DeleteMarker",
                "DELETE",
            )
