"""Uploads by form: what a browser posts with a presigned policy."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.harness import System
from tests.wire.s3 import new_bucket, raw, read
from tests.wire.sdk import client, serving

system = serving("name: posts\n")


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def posted(
    system: System, bucket: str, fields: dict[str, str], data: bytes | None = b"hello", name: str = "a.txt"
) -> tuple[int, dict[str, str], bytes]:
    """The answer to a form with these fields and a file."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    if data is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return raw(system, "POST", f"/{bucket}", body, headers)


def failure(body: bytes) -> tuple[str, str]:
    """Code and message of an error."""
    root = ElementTree.fromstring(body)  # noqa: S314 - our own answer
    return root.findtext("Code", ""), root.findtext("Message", "")


def signed(policy: Any, **more: str) -> dict[str, str]:
    """Fields of a policy that a stranger has signed."""
    text = policy if isinstance(policy, str) else json.dumps(policy)
    return {
        **more,
        "policy": base64.b64encode(text.encode()).decode(),
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": "test/20260101/us-east-1/s3/aws4_request",
        "x-amz-date": "20260101T000000Z",
        "x-amz-signature": "0" * 64,
    }


def test_a_presigned_post_is_an_object(system: System, s3: Any, bucket: str) -> None:
    made = s3.generate_presigned_post(
        bucket,
        "in/${filename}",
        Fields={"Content-Type": "text/plain", "x-amz-meta-by": "me", "acl": "private"},
        Conditions=[["starts-with", "$Content-Type", "text/"], {"x-amz-meta-by": "me"}, {"acl": "private"}],
    )
    assert made["url"].endswith(f"/{bucket}")
    status, headers, body = posted(system, bucket, made["fields"])
    assert (status, body) == (204, b"")
    assert read(s3, bucket, "in/a.txt") == b"hello"
    found = s3.head_object(Bucket=bucket, Key="in/a.txt")
    assert (found["ContentType"], found["Metadata"]) == ("text/plain", {"by": "me"})
    assert headers["etag"] == found["ETag"]
    assert (headers["x-amz-checksum-crc64nvme"], headers["x-amz-checksum-type"]) == (
        "M3eFcAZSQlc=",
        "FULL_OBJECT",
    )
    assert headers["location"].endswith(f"/{bucket}/in%2Fa.txt")


def test_a_file_that_is_a_field_has_no_name_and_headers_are_kept(
    system: System, s3: Any, bucket: str
) -> None:
    end = "Thu, 01 Jan 2037 00:00:00 GMT"
    made = s3.generate_presigned_post(
        bucket, "field-${filename}", Fields={"Expires": end}, Conditions=[{"Expires": end}]
    )
    assert posted(system, bucket, {**made["fields"], "file": "hello"}, None)[0] == 204
    assert s3.head_object(Bucket=bucket, Key="field-${filename}")["ExpiresString"] == end


def test_a_large_file_comes_through_whole(system: System, s3: Any, bucket: str) -> None:
    data = bytes(range(256)) * 20_000 + b"\r\n--not the end"
    made = s3.generate_presigned_post(bucket, "large")
    assert posted(system, bucket, made["fields"], data)[0] == 204
    assert read(s3, bucket, "large") == data


def test_what_is_answered_is_the_forms_choice(system: System, s3: Any, bucket: str) -> None:
    fields = {"success_action_status": "201"}
    made = s3.generate_presigned_post(bucket, "chosen", Fields=fields, Conditions=[fields])
    status, _, body = posted(system, bucket, made["fields"])
    root = ElementTree.fromstring(body)  # noqa: S314 - our own answer
    assert (status, root.findtext("Key"), root.findtext("Bucket")) == (201, "chosen", bucket)
    fields = {"success_action_redirect": "http://shop.example/done?a=1%2F"}
    made = s3.generate_presigned_post(bucket, "chosen", Fields=fields, Conditions=[fields])
    status, headers, _ = posted(system, bucket, made["fields"])
    where, _, query = headers["location"].partition(f"&bucket={bucket}&")
    assert (status, where) == (303, "http://shop.example/done?a=1%2F")
    assert query == f"key=chosen&etag=%22{root.findtext('ETag', '').strip(chr(34))}%22"


def test_the_size_is_held_against_the_policy(system: System, s3: Any, bucket: str) -> None:
    made = s3.generate_presigned_post(bucket, "sized", Conditions=[["content-length-range", 2, 4]])
    for data, code in ((b"hello", "EntityTooLarge"), (b"h", "EntityTooSmall")):
        status, _, body = posted(system, bucket, made["fields"], data)
        assert (status, failure(body)[0]) == (400, code)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="sized")
    assert posted(system, bucket, made["fields"], b"good")[0] == 204


IN_TIME = {"expiration": "2999-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("policy", "status", "message"),
    [
        ({"expiration": "2015-01-01T00:00:00Z", "conditions": []}, 403, "Policy expired."),
        (
            {**IN_TIME, "conditions": [{"key": "other"}]},
            403,
            'Policy Condition failed: ["eq", "$key", "other"]',
        ),
        (
            {**IN_TIME, "conditions": [["eq", "$Key", "other"]]},
            403,
            'Policy Condition failed: ["eq", "$Key", "other"]',
        ),
        ({**IN_TIME, "conditions": [{"key": "k"}]}, 403, "Extra input fields: x-amz-meta-more"),
        ({**IN_TIME, "conditions": [["starts-with", "$key", "x"]]}, 403, "Policy Condition failed"),
        ({**IN_TIME, "conditions": [{"key": "k", "acl": "private"}]}, 400, "exactly one property"),
        ({"conditions": []}, 400, "Policy missing expiration."),
        (IN_TIME, 400, "Policy missing conditions."),
        ({"expiration": "2999-01-01 00:00:00+00:00", "conditions": []}, 400, "Invalid 'expiration' value"),
        ({**IN_TIME, "conditions": [["content-length-range", -1, 2]]}, 400, "content-length-range"),
        ({**IN_TIME, "conditions": [["content-length-range", 1, 2.0]]}, 400, "Invalid JSON."),
        (
            {**IN_TIME, "conditions": [["content-length-range", "a", 2]]},
            403,
            '["content-length-range", "a", 2]',
        ),
        ({**IN_TIME, "conditions": [["eq", "key", "k"]]}, 403, 'failed: ["eq", "key", "k"]'),
        ({**IN_TIME, "conditions": [["eq", "$key", 5]]}, 400, "Invalid JSON."),
        ({**IN_TIME, "conditions": [["eq", "$key"]]}, 400, "Invalid eq: wrong number of arguments."),
        ({**IN_TIME, "conditions": [["like", "$key", "k"]]}, 400, "unknown operation 'like'."),
        ({**IN_TIME, "conditions": [[]]}, 400, "Invalid Condition: missing operation identifier."),
        ({**IN_TIME, "conditions": [True]}, 400, "must be a List or Object."),
        ({**IN_TIME, "conditions": [{"key": 5}]}, 400, "Invalid Simple-Condition: value must be a string."),
        ({**IN_TIME, "conditions": [{"key": None}]}, 400, "Invalid JSON."),
        ({**IN_TIME, "conditions": True}, 400, "Invalid 'conditions' value: must be a List."),
        (
            {**IN_TIME, "conditions": [["starts-with", "$acl", ""]]},
            403,
            'failed: ["starts-with", "$acl", ""]',
        ),
        ({**IN_TIME, "Statement": []}, 400, "Unexpected: 'statement'"),
    ],
)
def test_what_a_policy_does_not_allow(
    system: System, bucket: str, policy: Any, status: int, message: str
) -> None:
    if isinstance(policy.get("conditions"), list) and "expiration" in policy:
        policy = {**policy, "conditions": [*policy["conditions"]]}
        policy["conditions"] += [
            {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
            ["starts-with", "$x-amz-credential", "test/"],
            ["starts-with", "$x-amz-date", ""],
            {"bucket": bucket},
        ]
    found, _, body = posted(system, bucket, {"key": "k", "x-amz-meta-more": "1", **signed(policy)})
    assert (found, message in failure(body)[1]) == (status, True), body


def test_forms_that_are_none(system: System, bucket: str) -> None:
    status, _, body = posted(system, bucket, {"acl": "private"})
    assert (status, failure(body)[0]) == (400, "InvalidArgument")
    assert "must contain a field named 'key'" in failure(body)[1]
    assert failure(posted(system, bucket, {"key": "k"}, None)[2])[1].startswith(
        "POST requires exactly one file"
    )
    half = {"key": "k", "x-amz-signature": "0"}
    assert "field named 'policy'" in failure(posted(system, bucket, half)[2])[1]
    half["policy"] = "e30="
    assert "field named 'X-Amz-Algorithm'" in failure(posted(system, bucket, half)[2])[1]
    assert failure(posted(system, bucket, {"key": "k", **signed("no json")})[2])[0] == "SignatureDoesNotMatch"
    status, _, body = posted(system, bucket, {"key": "k", "x-amz-meta-a": "x" * 30_000})
    assert failure(body)[0] == "MaxPostPreDataLengthExceeded"
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert failure(raw(system, "POST", f"/{bucket}", b"--b\r\nnothing", kind)[2])[0] == "MalformedPOSTRequest"
    status, _, body = raw(system, "POST", f"/{bucket}", b"{}", {"content-type": "application/json"})
    assert (status, failure(body)[0]) == (412, "PreconditionFailed")
    assert posted(system, "no-such-bucket-here", {"key": "k"})[0] == 404


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("x-amz-algorithm", "AWS4-HMAC-MD5", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"'),
        ("x-amz-credential", "test/20260101/s3", "the Credential is mal-formed; expecting"),
        ("x-amz-credential", "/20260101/us-east-1/s3/aws4_request", "a non-empty Access Key (AKID)"),
        ("x-amz-credential", "a/2026-01-01/us-east-1/s3/aws4_request", 'incorrect date format "2026-01-01"'),
        ("x-amz-credential", "a/20260101/us-east-1/sqs/aws4_request", 'incorrect service "sqs".'),
        ("x-amz-credential", "a/20260101/us-east-1/s3/aws4", 'incorrect terminal "aws4".'),
        ("x-amz-date", "2026-01-01", "X-Amz-Date must be formated via ISO8601 Long format"),
    ],
)
def test_a_signatures_fields_are_read(
    system: System, bucket: str, field: str, value: str, message: str
) -> None:
    fields = {"key": "k", **signed({**IN_TIME, "conditions": []}), field: value}
    status, _, body = posted(system, bucket, fields)
    assert (status, *failure(body)[:1], message in failure(body)[1]) == (400, "InvalidArgument", True), body
    root = ElementTree.fromstring(body)  # noqa: S314 - our own answer
    assert root.findtext("ArgumentValue") == value


def test_a_condition_that_fails_is_told_as_it_is_written(system: System, bucket: str) -> None:
    text = '{"conditions": [["starts-with","$Content-Type", "text/"]] , "expiration": "2999-01-01T00:00:00Z"}'
    status, _, body = posted(
        system, bucket, {"key": "k", "Content-Type": "text/plain,image/png", **signed(text)}
    )
    assert (status, failure(body)[0]) == (403, "AccessDenied")
    assert failure(body)[1].endswith('Policy Condition failed: ["starts-with","$Content-Type", "text/"]')
    status, _, body = posted(
        system, bucket, {"key": "k", "Content-Type": "text/plain, text/css", "AppName": "a", **signed(text)}
    )
    assert status == 403
    names = failure(body)[1].rpartition(": ")[2].split(", ")
    assert {"AppName", "bucket"} <= set(names)
    assert "Content-Type" not in names


@pytest.mark.parametrize(("version", "name"), [("s3v4", "x-amz-signature"), ("s3", "signature")])
def test_a_key_of_this_system_is_verified(
    system: System, s3: Any, bucket: str, version: str, name: str
) -> None:
    iam = client(system, "iam")
    user = f"poster-{version}"
    iam.create_user(UserName=user)
    keys = iam.create_access_key(UserName=user)["AccessKey"]
    poster = client(system, "s3", keys=keys, signature_version=version)
    made = poster.generate_presigned_post(bucket, "mine")
    assert failure(posted(system, bucket, made["fields"])[2])[0] == "AccessDenied"
    how = {"s3:authType": "POST", "s3:signatureversion": "AWS4-HMAC-SHA256" if version == "s3v4" else "AWS"}
    only = {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/mine"}
    may = {"Effect": "Allow", **only, "Condition": {"StringEquals": how}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document)
    assert posted(system, bucket, made["fields"])[0] == 204
    assert read(s3, bucket, "mine") == b"hello"
    changed = {**made["fields"], name: "0" * len(made["fields"][name])}
    assert failure(posted(system, bucket, changed)[2])[0] == "SignatureDoesNotMatch"


@pytest.mark.parametrize("date", ["abc", "2020-01-01T00:00:00", "2097-01-01T00:00:00"])
def test_a_form_may_lock_until_a_date_to_come(system: System, s3: Any, date: str) -> None:
    bucket, name = f"locked-{uuid.uuid4().hex[:12]}", "x-amz-object-lock-retain-until-date"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    fields = {"key": "k", "x-amz-object-lock-mode": "GOVERNANCE", name: date}
    status, _, body = posted(system, bucket, fields)
    if date.startswith("2097"):
        found = s3.get_object_retention(Bucket=bucket, Key="k")["Retention"]["RetainUntilDate"]
        assert (status, found.isoformat()) == (204, f"{date}+00:00")
    else:
        assert (status, failure(body)[0]) == (400, "InvalidArgument")
        assert f"<ArgumentValue>{date}</ArgumentValue>" in body.decode()
