"""`access: {unsigned: false}`: nobody without a key, not even on loopback."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, forebay, request
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.sdk import ACCOUNT, TEST, serving

PROJECT = """\
name: closed
lake:
  shelf: {}
access:
  unsigned: false
  policies:
    all: [{actions: "*"}]
  users:
    admin: {policies: [all]}
"""
system = serving(PROJECT)


@pytest.fixture(scope="module")
def admin(system: System) -> dict[str, str]:
    made = forebay("keys", "create", "admin", "--aws", "--json", "--state", str(system.layout.root))
    answer = json.loads(made.out)
    return {"AccessKeyId": answer["id"], "SecretAccessKey": answer["secret"]}


def test_the_command_line_makes_keys_of_declared_users_only(system: System, admin: dict[str, str]) -> None:
    with keyed(system, "sts", admin) as sts:
        assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/admin"
    made = forebay("keys", "create", "nobody", "--aws", "--state", str(system.layout.root))
    assert made.code != 0
    assert "NoSuchUser" in made.err


def test_test_and_unknown_keys_are_refused(system: System) -> None:
    with keyed(system, "kinesis", TEST) as kinesis:
        assert refused(kinesis.list_streams)[:2] == ("UnrecognizedClientException", 400)
    with keyed(system, "s3", TEST) as s3:
        assert refused(s3.list_buckets)[:2] == ("InvalidAccessKeyId", 403)
        assert refused(s3.put_object, Bucket="shelf", Key="k", Body=b"1")[:2] == ("InvalidAccessKeyId", 403)
    with keyed(system, "sts", TEST) as sts:
        assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    with keyed(system, "lambda", TEST) as functions:
        assert refused(functions.list_functions)[:2] == ("UnrecognizedClientException", 403)


def test_unsigned_requests_are_refused_in_each_services_words(system: System) -> None:
    url = system.urls["aws"]
    target = {"x-amz-target": "Kinesis_20131202.ListStreams", "content-type": "application/x-amz-json-1.1"}
    answer = request(url + "/", "POST", b"{}", target)
    assert (answer.status, answer.json()["__type"]) == (400, "MissingAuthenticationTokenException")
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = request(url + "/", "POST", b"Action=ListUsers&Version=2010-05-08", form)
    assert (answer.status, b"<Code>MissingAuthenticationToken<" in answer.body) == (403, True)
    answer = request(url + "/shelf/k")
    assert (answer.status, b"<Code>AccessDenied<" in answer.body) == (403, True)
    broken = {**target, "authorization": "AWS4-HMAC-SHA256 Credential=broken"}
    answer = request(url + "/", "POST", b"{}", broken)
    assert (answer.status, answer.json()["__type"]) == (400, "IncompleteSignatureException")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("AWS4 HAHAHA", "InvalidArgument", "Unsupported Authorization Type"),
        ("Bearer x", "InvalidArgument", "Unsupported Authorization Type"),
        (
            "AWS HAHAHA",
            "InvalidArgument",
            "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
        ),
        (
            "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
    ],
)
def test_a_header_of_another_kind_is_told_so_by_s3(
    system: System, text: str, code: str, message: str
) -> None:
    answer = request(system.urls["aws"] + "/shelf/k", headers={"authorization": text})
    assert answer.status == 400
    assert f"<Code>{code}</Code><Message>{message}</Message>".encode() in answer.body


def test_a_buckets_policy_may_let_everybody_read(system: System, admin: dict[str, str]) -> None:
    everybody = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::shelf/public/*",
    }
    with keyed(system, "s3", admin) as s3:
        for key in ("public/a", "private/a"):
            s3.put_object(Bucket="shelf", Key=key, Body=b"1")
        s3.put_bucket_policy(Bucket="shelf", Policy=policy(everybody))
    assert request(system.urls["aws"] + "/shelf/public/a").body == b"1"
    assert request(system.urls["aws"] + "/shelf/private/a").status == 403
    assert request(system.urls["aws"] + "/shelf/public/a", "PUT", b"2").status == 403


@pytest.mark.parametrize(("address", "status"), [("127.0.0.0/7", 403), ("127.0.0.1/32", 200)])
def test_only_public_policies_are_restricted(
    system: System, admin: dict[str, str], address: str, status: int
) -> None:
    url, only = system.urls["aws"] + "/shelf/a", {"IpAddress": {"aws:SourceIp": address}}
    with keyed(system, "s3", admin) as s3:
        s3.put_object(Bucket="shelf", Key="a", Body=b"1")
        everybody = allow("s3:GetObject", "arn:aws:s3:::shelf/*", Principal="*", Condition=only)
        s3.put_bucket_policy(Bucket="shelf", Policy=policy(everybody))
        assert request(url).status == 200
        block = {"RestrictPublicBuckets": True}
        s3.put_public_access_block(Bucket="shelf", PublicAccessBlockConfiguration=block)
        assert request(url).status == status
        s3.delete_public_access_block(Bucket="shelf")


@pytest.mark.parametrize("path", ["/no-such-bucket", "/no-such-bucket/key"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_nobody_is_told_of_a_bucket_that_is_not(system: System, method: str, path: str) -> None:
    answer = request(system.urls["aws"] + path, method)
    making = (method, path) == ("PUT", "/no-such-bucket")
    assert answer.status == (403 if making else 404)
    if method != "HEAD":
        assert f"<Code>{'AccessDenied' if making else 'NoSuchBucket'}<".encode() in answer.body


def everything(s3: Any, **more: Any) -> None:
    """Let everybody do everything with the bucket, under a condition perhaps."""
    anything = ["arn:aws:s3:::shelf", "arn:aws:s3:::shelf/*"]
    s3.put_bucket_policy(Bucket="shelf", Policy=policy(allow("s3:*", anything, Principal="*", **more)))


COPY = "Anonymous users cannot copy objects.  Please authenticate."
UPLOAD = "Anonymous users cannot initiate multipart uploads.  Please authenticate."


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("PUT copy", COPY),
        ("PUT copy?partNumber=1&uploadId=u", COPY),
        ("POST k?uploads", UPLOAD),
        *[(f"{method} ?policy", "<ResourceType>BUCKETPOLICY<") for method in ("GET", "PUT", "DELETE")],
    ],
)
def test_nobody_copies_begins_uploads_or_sees_policies(
    system: System, admin: dict[str, str], asked: str, message: str
) -> None:
    with keyed(system, "s3", admin) as s3:
        everything(s3)
        s3.put_object(Bucket="shelf", Key="k", Body=b"1")
    method, path = asked.split()
    headers = {"x-amz-copy-source": "shelf/k"} if "copy" in path else {}
    answer = request(f"{system.urls['aws']}/shelf/{path}", method, b"", headers)
    status, code = (405, "MethodNotAllowed") if "policy" in path else (403, "AccessDenied")
    assert (answer.status, f"<Code>{code}<".encode() in answer.body) == (status, True)
    assert message.encode() in answer.body


@pytest.fixture(scope="module")
def plain(system: System, admin: dict[str, str]) -> dict[str, str]:
    """The keys of a user without rights."""
    with keyed(system, "iam", admin) as iam:
        return user(iam, "plain")


SIGNED = {"header", "s3v4", "s3"}


@pytest.mark.parametrize(
    ("condition", "passed"),
    [
        ({"Null": {"s3:authType": "true", "s3:signatureversion": "true", "s3:signatureAge": "true"}}, {""}),
        ({"StringEquals": {"aws:PrincipalType": "Anonymous", "aws:userid": "anonymous"}}, {""}),
        ({"StringEquals": {"aws:PrincipalType": "User", "s3:authType": "REST-HEADER"}}, {"header"}),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, {"s3v4", "s3"}),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, {"header", "s3v4"}),
        ({"StringEquals": {"s3:signatureversion": "AWS"}}, {"s3"}),
        ({"NumericLessThan": {"s3:signatureAge": "600000"}}, SIGNED),
        ({"NumericEquals": {"s3:signatureAge": "0"}}, {"s3"}),
    ],
)
def test_how_a_request_is_signed_is_a_condition(
    system: System, admin: dict[str, str], plain: dict[str, str], condition: Any, passed: set[str]
) -> None:
    this = {"Bucket": "shelf", "Key": "k"}
    with keyed(system, "s3", admin) as s3:
        everything(s3, Condition=condition)
        s3.put_object(**this, Body=b"1")
    answers = {"": request(system.urls["aws"] + "/shelf/k").status}
    for version in ("s3v4", "s3"):
        with keyed(system, "s3", plain, signature_version=version) as s3:
            url = s3.generate_presigned_url("get_object", Params=this)
            answers[version] = request(url).status
    with keyed(system, "s3", plain) as s3, contextlib.suppress(ClientError):
        answers["header"] = s3.get_object(**this)["ResponseMetadata"]["HTTPStatusCode"]
    assert {way for way, status in answers.items() if status == 200} == passed


def test_what_a_mail_of_sns_links_to_needs_no_signature(system: System, admin: dict[str, str]) -> None:
    with keyed(system, "sns", admin) as sns:
        topic = sns.create_topic(Name="told")["TopicArn"]
        made = sns.subscribe(
            TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:9/x", ReturnSubscriptionArn=True
        )
        url = system.urls["aws"] + "/?"
        answer = request(f"{url}Action=ConfirmSubscription&TopicArn={topic}&Token=guessed")
        assert (answer.status, b"Invalid parameter: Token" in answer.body) == (400, True)
        answer = request(f"{url}Action=ListTopics&Version=2010-03-31")
        assert (answer.status, b"MissingAuthenticationToken" in answer.body) == (403, True)
        answer = request(f"{url}Action=Unsubscribe&SubscriptionArn={made['SubscriptionArn']}")
        assert answer.status == 200
        assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
