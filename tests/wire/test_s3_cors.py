"""Pages of other sites: which of them a bucket lets in, and what their browsers are told."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.harness import System
from tests.wire.s3 import new_bucket, raw, refused
from tests.wire.sdk import serving

system = serving("name: sharing\n")
SHOP = "https://shop.example"


@pytest.fixture
def bucket(s3: Any) -> str:
    name = new_bucket(s3)
    s3.put_object(Bucket=name, Key="k", Body=b"hello")
    return name


def allow(
    s3: Any, bucket: str, *origins: str, methods: tuple[str, ...] = ("GET", "PUT"), **more: Any
) -> None:
    rule = {"AllowedOrigins": list(origins), "AllowedMethods": list(methods), **more}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def asked(
    system: System, bucket: str, method: str = "PUT", origin: str = SHOP, **more: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers and error message of what a browser asks first."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method, **more}
    status, found, body = raw(system, "OPTIONS", f"/{bucket}/k", None, headers)
    message = ElementTree.fromstring(body).findtext("Message", "") if body else ""  # noqa: S314 - our own
    return status, found, message


def test_a_listed_sites_page_reads_and_writes(system: System, s3: Any, bucket: str) -> None:
    assert raw(system, "GET", f"/{bucket}/k", None, {"Origin": SHOP})[0] == 403
    allow(s3, bucket, SHOP, ExposeHeaders=["ETag"], MaxAgeSeconds=60, AllowedHeaders=["x-amz-*"])
    status, headers, body = raw(system, "GET", f"/{bucket}/k", None, {"Origin": SHOP})
    assert (status, body) == (200, b"hello")
    assert headers["access-control-allow-origin"] == SHOP
    assert headers["access-control-expose-headers"] == "ETag"
    status, headers, _ = asked(
        system, bucket, **{"Access-Control-Request-Headers": "X-Amz-Meta-A, x-amz-date"}
    )
    assert (status, headers["access-control-max-age"]) == (200, "60")
    assert headers["access-control-allow-methods"] == "GET, PUT"
    assert headers["access-control-allow-headers"] == "x-amz-meta-a, x-amz-date"
    assert raw(system, "PUT", f"/{bucket}/new", b"1", {"Origin": SHOP, "Content-Length": "1"})[0] == 200
    assert raw(system, "DELETE", f"/{bucket}/new", None, {"Origin": SHOP})[0] == 403
    s3.delete_bucket_cors(Bucket=bucket)
    assert raw(system, "GET", f"/{bucket}/k", None, {"Origin": SHOP})[0] == 403


def test_who_is_not_listed_is_told_so(system: System, s3: Any, bucket: str) -> None:
    assert asked(system, "no-such-bucket-here")[::2] == (403, "CORSResponse: Bucket not found")
    assert asked(system, bucket)[::2] == (403, "CORSResponse: CORS is not enabled for this bucket.")
    allow(s3, bucket, "https://*.example")
    assert asked(system, bucket)[0] == 200
    assert asked(system, bucket, "DELETE")[2].startswith("CORSResponse: This CORS request is not allowed.")
    assert asked(system, bucket, origin="https://shop.test")[0] == 403
    assert asked(system, bucket, **{"Access-Control-Request-Headers": "x-other"})[0] == 403
    status, _, body = raw(system, "OPTIONS", f"/{bucket}/k")
    assert (status, b"Insufficient information. Origin request header needed." in body) == (400, True)


def test_what_is_asked_about_is_a_method(system: System, s3: Any, bucket: str) -> None:
    status, _, body = raw(system, "OPTIONS", f"/{bucket}", None, {"Origin": SHOP})
    assert (status, b"<Method>OPTIONS</Method>" in body) == (403, True)
    for method in ("get", "TRACE", ""):
        wrong = (400, f"Invalid Access-Control-Request-Method: {method}")
        assert asked(system, bucket, method)[::2] == wrong
        assert asked(system, "no-such-bucket-here", method)[::2] == wrong
    allow(s3, bucket, "*")
    assert asked(system, bucket, "get")[0] == 400
    assert asked(system, bucket, "PATCH")[0] == 403
    status, _, body = raw(system, "OPTIONS", f"/{bucket}", None, {"Origin": SHOP})
    assert (status, b"Invalid Access-Control-Request-Method: null" in body) == (400, True)


def test_who_is_not_listed_reads_what_is_public_and_writes_nothing(
    system: System, s3: Any, bucket: str
) -> None:
    allow(s3, bucket, "https://other.example", methods=("GET", "PUT", "POST", "DELETE"))
    theirs = {"Origin": SHOP}
    for policy in (False, True):
        if policy:
            anybody = '{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["%s","%s/*"]}'
            arn = f"arn:aws:s3:::{bucket}"
            text = '{"Version":"2012-10-17","Statement":[' + anybody % (arn, arn) + "]}"
            s3.put_bucket_policy(Bucket=bucket, Policy=text)
        for method, path in (("GET", "/k"), ("HEAD", "/k"), ("GET", ""), ("GET", "?acl")):
            status, headers, body = raw(system, method, f"/{bucket}{path}", None, theirs)
            assert (status, b"AccessDenied" in body) == ((200, False) if policy else (403, method == "GET"))
            assert not [name for name in headers if name.startswith("access-control")]
        for method, path in (("PUT", "/k"), ("POST", "?delete"), ("DELETE", "/k"), ("DELETE", "?acl")):
            status, _, body = raw(system, method, f"/{bucket}{path}", b"", theirs)
            assert (status, b"<Code>OriginNotAllowed</Code>" in body) == (403, True)
            assert b"CORS rule of the bucket" in body
        assert raw(system, "GET", "/", None, theirs)[0] == 403
        assert raw(system, "GET", f"/?Action=GetCallerIdentity&bucket={bucket}", None, theirs)[0] == 403
    form = {"Content-Type": "application/x-www-form-urlencoded", **theirs}
    status, _, body = raw(system, "GET", f"/{bucket}?Action=ListUsers&Version=2010-05-08", None, form)
    assert (status, b"MissingAuthenticationToken" in body) == (403, True)
    listed = {"Origin": "https://other.example", "Access-Control-Request-Headers": "foo"}
    status, headers, body = raw(system, "GET", f"/{bucket}/k", None, listed)
    assert (status, body, "access-control-allow-origin" in headers) == (200, b"hello", False)


def test_a_rule_for_everybody_lets_nobody_in_who_has_no_right(system: System, s3: Any, bucket: str) -> None:
    allow(s3, bucket, "*")
    assert asked(system, bucket)[1]["access-control-allow-origin"] == "*"
    status, _, body = raw(system, "GET", f"/{bucket}/k", None, {"Origin": SHOP})
    assert (status, b"AccessDenied" in body) == (403, True)
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",'
        f'"Resource":"arn:aws:s3:::{bucket}/*"}}]}}'
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    status, headers, body = raw(system, "GET", f"/{bucket}/k", None, {"Origin": SHOP})
    assert (status, body, headers["access-control-allow-origin"]) == (200, b"hello", "*")
    assert raw(system, "PUT", f"/{bucket}/k", b"1", {"Origin": SHOP, "Content-Length": "1"})[0] == 403
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert raw(system, "GET", f"/{bucket}/k", None, {"Origin": SHOP})[0] == 403


def test_other_services_are_never_shared(system: System, s3: Any, bucket: str) -> None:
    allow(s3, bucket, SHOP, methods=("POST",))
    headers = {
        "Origin": SHOP,
        "X-Amz-Target": "Kinesis_20131202.ListStreams",
        "Content-Type": "application/x-amz-json-1.1",
    }
    assert raw(system, "POST", f"/{bucket}", b"{}", headers)[0] == 403


def test_rules_that_are_none(s3: Any, bucket: str) -> None:
    call = s3.put_bucket_cors
    for code, rule in (
        ("InvalidRequest", {"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}),
        ("InvalidRequest", {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.a.*"]}),
        ("MalformedXML", {"AllowedMethods": [], "AllowedOrigins": ["*"]}),
        (
            "InvalidRequest",
            {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "ExposeHeaders": ["ETag", "x-amz-meta-*"]},
        ),
    ):
        told = refused(code, call, 400, Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert told["Message"].startswith('ExposeHeader "x-amz-meta-*" contains wildcard. We currently do not')
