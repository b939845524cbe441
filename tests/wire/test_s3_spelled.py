"""What headers say and how: text that is not ASCII, dates that are none, and what no header can carry."""

from __future__ import annotations

import urllib.parse
from typing import Any

import pytest
from botocore.exceptions import ClientError

from forebay.wire.s3 import spelled
from tests.harness import System
from tests.wire.s3 import new_bucket, raw, read
from tests.wire.sdk import client, serving
from tests.wire.test_s3_post import failure, posted

system = serving("name: spelled\n")


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    return new_bucket(s3)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain =_?", "plain =_?"),
        ("ÄMÄZÕÑ S3", "=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?="),
        ("ÄMÄZÕÑ S3".encode().decode("latin-1"), "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?="),
        ("\0\1\2\3\4", "=?UTF-8?B?AAECAwQ=?="),
        ("é" * 40, " ".join(["=?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqQ==?="] * 2)),
    ],
)
def test_metadata_is_spelled_as_mail_is(text: str, shown: str) -> None:
    # The second and third are AWS's own example, "Working with object metadata".
    assert spelled.metadata(text) == shown


def test_headers_that_are_not_ascii_are_kept(system: System, s3: Any, bucket: str) -> None:
    sent = {"x-amz-meta-who": "Zoë", "content-disposition": 'attachment; filename="caf\xe9.txt"'}
    assert raw(system, "PUT", f"/{bucket}/latin", b"x", sent)[0] == 200
    status, headers, _ = raw(system, "GET", f"/{bucket}/latin")
    assert (status, headers["x-amz-meta-who"]) == (200, "=?UTF-8?Q?Zo=C3=AB?=")
    assert headers["content-disposition"] == sent["content-disposition"]
    copied = s3.copy_object(Bucket=bucket, Key="again", CopySource=f"{bucket}/latin")
    assert copied["CopyObjectResult"]["ETag"]
    assert s3.head_object(Bucket=bucket, Key="again")["Metadata"] == {"who": "=?UTF-8?Q?Zo=C3=AB?="}


def test_a_form_cannot_spoil_the_answers_of_its_object(system: System, s3: Any, bucket: str) -> None:
    fields = {
        "key": "spoilt",
        "Content-Type": "text/plain\r\nX-Injected: 1",
        "Content-Disposition": "a — b",
        "Expires": "soon\r\n",
        "x-amz-meta-note": "a\r\nX-Injected: 1",
        "x-amz-meta-who": "日本",
    }
    assert posted(system, bucket, fields)[0] == 204
    status, headers, body = raw(system, "GET", f"/{bucket}/spoilt")
    assert (status, body) == (200, b"hello")
    assert "x-injected" not in headers
    assert (headers["content-type"], headers["expires"]) == ("text/plain  X-Injected: 1", "soon  ")
    assert headers["content-disposition"] == "a   b"
    assert headers["x-amz-meta-who"] == "=?UTF-8?B?5pel5pys?="
    assert headers["x-amz-meta-note"] == "=?UTF-8?Q?a=0D=0AX-Injected:_1?="
    status, _, body = posted(system, bucket, {"key": "k", "x-amz-meta-a b": "1"})
    assert (status, failure(body)[0]) == (400, "InvalidArgument")


def test_what_a_header_cannot_say_is_refused(system: System, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="asked", Body=b"x")
    given = {"Bucket": bucket, "Key": "asked"}
    for text in ('attachment; filename="日本.txt"', "a\r\nX-Injected: 1", "a\0b"):
        with pytest.raises(ClientError) as refused:
            s3.get_object(**given, ResponseContentDisposition=text)
        error = refused.value.response["Error"]
        assert (error["Code"], error["ArgumentName"]) == ("InvalidArgument", "response-content-disposition")
        assert error["Message"] == "Header value cannot be represented using ISO-8859-1."
    given["ResponseContentDisposition"] = 'filename="é"'
    url = urllib.parse.urlsplit(s3.generate_presigned_url("get_object", given))
    whenever = f"{url.path}?{url.query}&response-expires=whenever"
    headers = raw(system, "GET", whenever)[1]
    assert (headers["content-disposition"], headers["expires"]) == ('filename="é"', "whenever")


@pytest.mark.parametrize("text", ["junk", "", "2001-01-01T00:00:00Z", "Thu, 01 Jan 2001 00:00:00 UTC", "1"])
def test_a_condition_that_is_no_date_is_passed_over(system: System, s3: Any, bucket: str, text: str) -> None:
    s3.put_object(Bucket=bucket, Key="dated", Body=b"x")
    for name in ("if-modified-since", "if-unmodified-since"):
        assert raw(system, "GET", f"/{bucket}/dated", None, {name: text})[0] == 200
        copy = {"x-amz-copy-source": f"{bucket}/dated", f"x-amz-copy-source-{name}": text}
        assert raw(system, "PUT", f"/{bucket}/copied", b"", copy)[0] == 200


@pytest.mark.parametrize(
    "old", ["Sat, 29 Oct 1994 19:43:31 GMT", "Saturday, 29-Oct-94 19:43:31 GMT", "Sat Oct 29 19:43:31 1994"]
)
def test_each_form_of_a_date_is_read(system: System, s3: Any, bucket: str, old: str) -> None:
    s3.put_object(Bucket=bucket, Key="dated", Body=b"x")
    assert raw(system, "GET", f"/{bucket}/dated", None, {"if-unmodified-since": old})[0] == 412
    assert raw(system, "GET", f"/{bucket}/dated", None, {"if-modified-since": old})[0] == 200


@pytest.mark.parametrize("text", ["5d", "not a date", "Thu Dec 01 1994"])
def test_expires_is_free_text(system: System, s3: Any, bucket: str, text: str) -> None:
    assert raw(system, "PUT", f"/{bucket}/expires", b"x", {"expires": text})[0] == 200
    assert s3.head_object(Bucket=bucket, Key="expires")["ExpiresString"] == text


def test_names_that_are_none(system: System, bucket: str) -> None:
    status, _, body = raw(system, "PUT", f"/{bucket}/a%00b", b"x")
    assert (status, failure(body)[0]) == (400, "InvalidURI")
    for name in ("a", "a%20bucket", "x" * 256):
        status, _, body = raw(system, "GET", f"/{name}/key")
        assert (status, failure(body)[0]) == (400, "InvalidBucketName")
    assert failure(raw(system, "GET", "/No_Such_Bucket/key")[2])[0] == "NoSuchBucket"
    assert raw(system, "GET", f"/{bucket}?list-type=2&fetch-owner=blah")[0] == 200


def test_a_signed_header_need_not_be_ascii(system: System, bucket: str) -> None:
    iam = client(system, "iam")
    iam.create_user(UserName="speller")
    keys = iam.create_access_key(UserName="speller")["AccessKey"]
    may = f'{{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::{bucket}/*"}}'
    iam.put_user_policy(
        UserName="speller",
        PolicyName="p",
        PolicyDocument=f'{{"Version": "2012-10-17", "Statement": [{may}]}}',
    )
    mine = client(system, "s3", keys=keys)
    mine.meta.events.register(
        "before-sign.s3.PutObject", lambda request, **_: request.headers.add_header("x-amz-meta-who", "Zoë")
    )
    mine.put_object(Bucket=bucket, Key="signed", Body=b"mine")
    assert read(mine, bucket, "signed") == b"mine"
    assert mine.head_object(Bucket=bucket, Key="signed")["Metadata"]["who"].startswith("=?UTF-8?")
