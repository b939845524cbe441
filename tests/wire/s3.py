"""What the S3 tests share: errors as a user sees them, buckets and objects in a line, requests without an SDK."""

from __future__ import annotations

import http.client
import uuid
from typing import Any
from urllib.parse import urlsplit

from tests.harness import System
from tests.wire.sdk import failure


def refused(code: str, call: Any, status: int | None = None, **given: Any) -> dict[str, Any]:
    """The error that a call raises, which has this code."""
    answer = failure(call, **given)
    error: dict[str, Any] = answer["Error"]
    assert error["Code"] == code, error
    assert status in (None, answer["ResponseMetadata"]["HTTPStatusCode"])
    return error


def new_bucket(s3: Any, *, versioned: bool = False) -> str:
    """A bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def put(s3: Any, bucket: str, *keys: str, body: bytes = b"x") -> None:
    """Objects of these keys."""
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def read(s3: Any, bucket: str, key: str, **more: Any) -> bytes:
    """An object's bytes."""
    body: bytes = s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()
    return body


def raw(
    system: System, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a request that no SDK has touched; the path goes as it is."""
    connection = http.client.HTTPConnection(urlsplit(system.urls["aws"]).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()
