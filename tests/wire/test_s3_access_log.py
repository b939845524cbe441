"""Access logs of buckets: delivered to the bucket that is named, a line for each request, as S3 writes them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.harness import System, until
from tests.wire.s3 import new_bucket, raw, read, refused
from tests.wire.sdk import serving

system = serving("name: watched\n")
FIELD = re.compile(r'\[[^\]]*\]|"[^"]*"|\S+')


@pytest.fixture
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def logged(s3: Any, target: str, prefix: str = "") -> list[list[str]]:
    """The fields of each line that was delivered."""
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=target, Prefix=prefix).get("Contents", [])]
    return [FIELD.findall(line) for key in keys for line in read(s3, target, key).decode().splitlines()]


def test_what_is_asked_is_logged(system: System, s3: Any, bucket: str) -> None:
    target = new_bucket(s3)
    wanted = {"TargetBucket": target, "TargetPrefix": "logs/"}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": wanted})
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == wanted
    s3.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/a b")
    assert read(s3, bucket, "a b", Range="bytes=0-1") == b"he"
    refused("NoSuchKey", s3.get_object, 404, Bucket=bucket, Key="none")
    s3.get_bucket_acl(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)
    raw(system, "GET", f"/{bucket}/a%20b", None, {"User-Agent": 'quo"ted', "Referer": "http://shop.example/"})
    asked = {
        ("REST.PUT.OBJECT", "a%20b", "200", "-"),
        ("REST.COPY.OBJECT", "copy", "200", "-"),
        ("REST.GET.OBJECT", "a%20b", "200", "-"),
        ("REST.GET.OBJECT", "a%20b", "206", "-"),
        ("REST.GET.OBJECT", "none", "404", "NoSuchKey"),
        ("REST.GET.ACL", "-", "200", "-"),
        ("REST.GET.BUCKET", "-", "200", "-"),
    }

    def lines() -> list[list[str]] | None:
        found = logged(s3, target)
        said = {(line[6], line[7], line[9], line[10]) for line in found}
        return found if said >= asked else None

    found = until(lines)
    assert found is not None
    assert {len(line) for line in found} == {26}
    assert {line[1] for line in found} == {bucket}
    part = next(line for line in found if line[9] == "206")
    assert (part[11], part[12], part[19], part[21]) == ("2", "5", "SigV4", "AuthHeader")
    bare = next(line for line in found if line[15] == '"http://shop.example/"')
    assert (bare[16], bare[19], bare[21]) == ('"quo\\x22ted"', "-", "-")
    key = s3.list_objects_v2(Bucket=target)["Contents"][0]["Key"]
    assert re.fullmatch(r"logs/\d{4}(-\d\d){5}-[0-9A-F]{16}", key)
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_keys_may_have_the_day_in_them(s3: Any, bucket: str) -> None:
    form = {"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}}
    wanted = {"TargetBucket": bucket, "TargetPrefix": "p/", "TargetObjectKeyFormat": form}
    source = new_bucket(s3)
    s3.put_bucket_logging(Bucket=source, BucketLoggingStatus={"LoggingEnabled": wanted})
    s3.head_bucket(Bucket=source)
    prefix = f"p/000000000000/us-east-1/{source}/2"
    assert until(lambda: logged(s3, bucket, prefix))[0][1] == source


def test_targets_that_are_none(s3: Any, bucket: str) -> None:
    wanted = {"TargetBucket": "no-such-bucket-here", "TargetPrefix": ""}
    error = refused(
        "InvalidTargetBucketForLogging",
        s3.put_bucket_logging,
        400,
        Bucket=bucket,
        BucketLoggingStatus={"LoggingEnabled": wanted},
    )
    assert error["TargetBucket"] == "no-such-bucket-here"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
