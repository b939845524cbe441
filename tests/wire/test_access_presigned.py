"""Presigned URLs of version 2, which boto3 and version 1 of the AWS CLI make where nobody asks for another."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest

from tests.harness import Answer, System, request
from tests.wire.access import allow, keyed, user
from tests.wire.sdk import TEST, serving

system = serving("name: walls\nlake: {shelf: {}}\n")
KEY = "a b/ü+%25 &?.txt"


@pytest.fixture(scope="module")
def keys(iam: Any) -> dict[str, str]:
    """Of a user who may do all with one object, and with no other."""
    return user(iam, "ida", allow("s3:*", f"arn:aws:s3:::shelf/{KEY}"))


def presigned(system: System, keys: dict[str, str], operation: str, key: str = KEY, **more: Any) -> str:
    with keyed(system, "s3", keys) as s3:
        url: str = s3.generate_presigned_url(operation, Params={"Bucket": "shelf", "Key": key, **more})
    assert "Signature=" in url
    assert "X-Amz-" not in url, "it is of version 4"
    return url


def asked(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    return request(url, method, body, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("who", ["user", "anybody"])
def test_it_writes_and_reads_what_it_names(system: System, keys: dict[str, str], who: str) -> None:
    given = keys if who == "user" else TEST
    put = presigned(system, given, "put_object", ContentType="text/x", Metadata={"who": "ann"})
    assert asked(put, "PUT", b"signed", Content_Type="text/x", x_amz_meta_who="ann").status == 200
    answer = asked(presigned(system, given, "get_object", ResponseContentType="a/b"))
    assert (answer.status, answer.body) == (200, b"signed")
    assert (answer.headers["content-type"], answer.headers["x-amz-meta-who"]) == ("a/b", "ann")


def test_it_ends_when_it_says_so(system: System, keys: dict[str, str]) -> None:
    for given in (keys, TEST):
        late = re.sub(r"Expires=\d+", "Expires=1", presigned(system, given, "get_object"))
        answer = asked(late)
        assert answer.status == 403
        assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in answer.body
        assert re.search(rb"<Expires>\d{4}-\d\d-\d\dT[\d:]{8}Z</Expires><ServerTime>\d{4}-", answer.body)


def test_what_is_altered_is_refused(system: System, keys: dict[str, str]) -> None:
    url = presigned(system, keys, "get_object", ResponseContentType="a/b")
    other = quote("other", safe="")
    for wrong in (
        url.replace("a%20b", other),
        re.sub(r"Expires=(\d+)", r"Expires=1\1", url),
        url.replace("a%2Fb", "x%2Fy"),
        re.sub(r"Signature=[^&]+", "Signature=AAAA", url),
    ):
        assert wrong != url
        answer = asked(wrong)
        assert (answer.status, b"SignatureDoesNotMatch" in answer.body) == (403, True), wrong
        assert b"<StringToSign>GET\n" in answer.body
    assert asked(url, "DELETE").status == 403


@pytest.mark.parametrize("who", ["user", "anybody"])
def test_what_is_signed_in_part_is_refused(system: System, keys: dict[str, str], who: str) -> None:
    given = keys if who == "user" else TEST
    url = presigned(system, given, "get_object")
    for name in ("AWSAccessKeyId", "Signature", "Expires"):
        answer = asked(re.sub(rf"(?<=[?&]){name}=[^&]+&?", "", url))
        assert (answer.status, b"<Code>AccessDenied<" in answer.body) == (403, True)
        assert b"requires the Signature, Expires and AWSAccessKeyId parameters" in answer.body
    with keyed(system, "s3", given, signature_version="s3v4") as s3:
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "shelf", "Key": KEY})
    for name in ("Algorithm", "Credential", "Date", "SignedHeaders", "Expires", "Signature"):
        answer = asked(re.sub(rf"(?<=[?&])X-Amz-{name}=[^&]+&?", "", url))
        assert (answer.status, b"<Code>AuthorizationQueryParametersError<" in answer.body) == (400, True)
        assert b"Query-string authentication version 4 requires the X-Amz-Algorithm, " in answer.body
    assert b"the Credential is mal-formed; expecting" in asked(url.replace("%2F", "%252F")).body
    late = asked(re.sub(r"X-Amz-Expires=[^&]+", "X-Amz-Expires=0", url)).body
    assert b"<X-Amz-Expires>0</X-Amz-Expires><Expires>" in late
    if who == "user":
        other = asked(url.replace("a%20b", "other").replace("X-Amz-Signature=", "X-Amz-Signature=0")).body
        assert b"<CanonicalRequest>GET\n/shelf/" in other
        assert b"<HeadersNotSigned>x-amz-meta-a<" in asked(f"{url}0", x_amz_meta_a="b").body
    for given_text, message in (("x", "should be a number"), ("-1", "non-negative"), ("604801", "a week")):
        answer = asked(re.sub(r"X-Amz-Expires=[^&]+", f"X-Amz-Expires={given_text}", url))
        assert (answer.status, message in answer.body.decode()) == (400, True)


def test_it_can_do_no_more_than_who_signed_it(system: System, keys: dict[str, str]) -> None:
    answer = asked(presigned(system, keys, "get_object", "other"))
    assert (answer.status, b"AccessDenied" in answer.body) == (403, True)
    stranger = {**keys, "AccessKeyId": keys["AccessKeyId"][:-4] + "AAAA"}
    answer = asked(presigned(system, stranger, "get_object"))
    assert (answer.status, b"InvalidAccessKeyId" in answer.body) == (403, True)


def test_a_checksum_in_an_address_is_passed_over_as_it_is_on_s3(system: System) -> None:
    """SDKs put that of an empty body there, being the body that they have when they make the address."""
    with keyed(system, "s3", TEST, signature_version="s3v4") as s3:
        url = s3.generate_presigned_url("put_object", Params={"Bucket": "shelf", "Key": "summed"})
        more = "&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32"
        assert asked(url + more, "PUT", b"not empty").status == 200
        assert s3.get_object(Bucket="shelf", Key="summed")["Body"].read() == b"not empty"
