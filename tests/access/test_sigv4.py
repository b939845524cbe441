"""What botocore signs is accepted; what was forged, altered or kept too long is refused."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from forebay.access.sigv4 import Refusal, Signature, read, verify

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY = Credentials("AKIDEXAMPLE", SECRET)
URLS = [
    "http://127.0.0.1:4566/",
    "http://127.0.0.1:4566/bucket/a%20b/%C3%BC%2B%25~_.-/x",
    "http://127.0.0.1:4566/bucket?list-type=2&prefix=a%2Fb%20c&delimiter=%2F&empty=",
    "http://127.0.0.1:4566/2015-03-31/functions/f%3A1/invocations?Qualifier=%24LATEST",
    "http://127.0.0.1:4566/bucket//double//slash/",
]
SIGNERS: list[Any] = [
    (SigV4Auth, "kinesis", {}),
    (SigV4Auth, "lambda", {}),
    (S3SigV4Auth, "s3", {}),
    (SigV4QueryAuth, "lambda", {"expires": 60}),
    (S3SigV4QueryAuth, "s3", {"expires": 60}),
]


def signed(
    signer: Any, service: str, url: str, body: bytes = b"body", **extra: Any
) -> tuple[str, str, str, dict[str, str], bytes]:
    method = "GET" if "Query" in signer.__name__ else "POST"
    body = b"" if method == "GET" else body
    request = AWSRequest(method, url, data=body, headers={"X-Amz-Meta-Note": "two   spaces"})
    signer(KEY, service, "us-east-1", **extra).add_auth(request)
    parts = urlsplit(request.prepare().url)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    headers.setdefault("host", "127.0.0.1:4566")
    return method, parts.path, parts.query, headers, body


def check(
    request: tuple[str, str, str, dict[str, str], bytes], secret: str = SECRET, later: float = 0
) -> Signature:
    method, path, query, headers, body = request
    given = read(query, headers)
    assert given is not None
    verify(
        given,
        secret,
        method=method,
        path=path,
        query=query,
        headers=headers,
        body_sha256=hashlib.sha256(body).hexdigest(),
        now=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=later),
    )
    return given


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    ("signer", "service", "extra"), SIGNERS, ids=lambda v: getattr(v, "__name__", str(v))
)
def test_what_botocore_signs_is_accepted(signer: Any, service: str, extra: dict[str, Any], url: str) -> None:
    given = check(signed(signer, service, url, **extra))
    assert (given.key_id, given.service, given.region) == ("AKIDEXAMPLE", service, "us-east-1")


def refusal(*args: Any, **kw: Any) -> str:
    with pytest.raises(Refusal) as refused:
        check(*args, **kw)
    return refused.value.kind


def test_a_wrong_secret_is_refused() -> None:
    assert refusal(signed(SigV4Auth, "kinesis", URLS[0]), secret="another") == "mismatch"


def test_an_altered_request_is_refused() -> None:
    method, path, query, headers, body = signed(S3SigV4Auth, "s3", URLS[2])
    assert refusal(("PUT", path, query, headers, body)) == "mismatch"
    assert refusal((method, path + "x", query, headers, body)) == "mismatch"
    assert refusal((method, path, query + "&more=1", headers, body)) == "mismatch"
    assert refusal((method, path, query, headers | {"x-amz-meta-note": "other"}, body)) == "mismatch"
    assert refusal((method, path, query, headers, b"other body")) == "payload"
    method, path, query, headers, body = signed(SigV4Auth, "kinesis", URLS[0])
    assert refusal((method, path, query, headers, b"other body")) == "mismatch"


def test_a_stale_request_is_refused_and_a_repeat_within_fifteen_minutes_is_not() -> None:
    request = signed(SigV4Auth, "kinesis", URLS[0])
    check(request, later=14 * 60)
    check(request, later=-14 * 60)
    assert refusal(request, later=16 * 60) == "skewed"
    assert refusal(request, later=-16 * 60) == "skewed"
    presigned = signed(S3SigV4QueryAuth, "s3", URLS[1], expires=60)
    check(presigned, later=30)
    assert refusal(presigned, later=62) == "expired"


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b",
        "AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request, SignedHeaders=x-amz-date, Signature=b",
        "AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request, Signature=b",
    ],
)
def test_an_incomplete_header_is_refused(authorization: str) -> None:
    with pytest.raises(Refusal) as refused:
        read("", {"authorization": authorization, "x-amz-date": "20260101T000000Z"})
    assert refused.value.kind == "incomplete"


def test_a_request_without_a_signature_carries_none() -> None:
    assert read("list-type=2", {"host": "localhost"}) is None
