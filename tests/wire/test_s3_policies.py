"""Policies of buckets: what S3 refuses as one, which are public, and what is blocked of those."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.wire.access import allow, policy
from tests.wire.s3 import new_bucket, refused
from tests.wire.sdk import ACCOUNT, serving

system = serving("name: policies\n")
BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": False,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": False,
}
OTHER = "arn:aws:iam::123456789012:root"
POINT = "arn:aws:s3:us-west-2:123456789012:accesspoint/"


@pytest.fixture
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def reading(bucket: str, **more: Any) -> dict[str, Any]:
    """A statement that lets everybody read, changed by `more`; None takes an element out."""
    given = {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Principal": "*", **more}
    return {name: value for name, value in given.items() if value is not None}


def test_a_policy_is_checked_and_kept(s3: Any, bucket: str) -> None:
    text = policy(reading(bucket))
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, 404, Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    for wrong in ("no json", "{", "[]", '{"Statement": 1}', text.replace("2012-10-17", "1")):
        refused("MalformedPolicy", s3.put_bucket_policy, 400, Bucket=bucket, Policy=wrong)
    s3.delete_bucket_policy(Bucket=bucket)
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, 404, Bucket=bucket)


def test_public_access_that_is_blocked_is_refused(s3: Any, bucket: str) -> None:
    text = policy(reading(bucket))
    refused("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, 404, Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=BLOCK)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == BLOCK
    error = refused("AccessDenied", s3.put_bucket_policy, 403, Bucket=bucket, Policy=text)
    assert "BlockPublicPolicy" in error["Message"]
    refused("AccessDenied", s3.put_bucket_acl, 403, Bucket=bucket, ACL="public-read")
    refused("AccessDenied", s3.put_object, 403, Bucket=bucket, Key="k", ACL="public-read")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")


PUBLIC: dict[str, dict[str, Any]] = {
    "everybody": {},
    "all but one": {"Principal": None, "NotPrincipal": {"AWS": OTHER}},
    "everybody and one": {"Principal": {"AWS": ["*", OTHER]}},
    "everybody and a service": {"Principal": {"AWS": "*", "Service": "logging.s3.amazonaws.com"}},
    **{
        f"{operator} {key} {value}": {"Condition": {operator: {key: value}}}
        for operator, key, value in (
            ("IpAddress", "aws:SourceIp", "0.0.0.0/0"),
            ("IpAddress", "aws:SourceIp", "128.0.0.0/1"),
            ("IpAddress", "aws:SourceIp", "12.0.0.0/7"),
            ("IpAddress", "aws:SourceIp", "::/0"),
            ("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "0.0.0.0/0"]),
            ("NotIpAddress", "aws:SourceIp", "12.34.0.0/16"),
            ("StringNotEquals", "aws:SourceVpc", "vpc-1"),
            ("StringLike", "aws:SourceVpc", "vpc-*"),
            ("StringLike", "aws:PrincipalArn", "${aws:PrincipalArn}"),
            ("StringEqualsIfExists", "aws:SourceVpc", "vpc-1"),
            ("ForAllValues:StringEquals", "aws:SourceVpc", "vpc-1"),
            ("Null", "aws:SourceVpc", "false"),
            ("StringEquals", "aws:UserAgent", "me"),
            ("ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:us-west-2:*:accesspoint/mine"),
            ("StringLike", "s3:DataAccessPointArn", "*"),
        )
    },
}
FOR_SOME: dict[str, dict[str, Any]] = {
    "an account": {"Principal": {"AWS": OTHER}},
    "a service": {"Principal": {"Service": "logging.s3.amazonaws.com"}},
    "a deny": {"Effect": "Deny"},
    **{
        f"{operator} {key} {value}": {"Condition": {operator: {key: value}}}
        for operator, key, value in (
            ("StringEquals", "aws:SourceVpc", "vpc-91237329"),
            ("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", "o-1/r-1/"),
            ("IpAddress", "AWS:SourceIp", ["12.0.0.0/8", "10.1.2.3"]),
            ("IpAddress", "aws:SourceIp", "2001:db8::/32"),
            ("ArnLike", "s3:DataAccessPointArn", f"{POINT}*"),
            ("StringLike", "s3:DataAccessPointArn", f"{POINT}mine"),
        )
    },
}


@pytest.mark.parametrize(
    ("more", "public"),
    [*((each, True) for each in PUBLIC.values()), *((each, False) for each in FOR_SOME.values())],
    ids=[*PUBLIC, *FOR_SOME],
)
def test_a_policy_is_public_unless_it_is_for_some_who_are_fixed(
    s3: Any, bucket: str, more: dict[str, Any], public: bool
) -> None:
    text = policy(reading(bucket, **more))
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is public
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=BLOCK)
    if public:
        refused("AccessDenied", s3.put_bucket_policy, 403, Bucket=bucket, Policy=text)
    else:
        s3.put_bucket_policy(Bucket=bucket, Policy=text)


ACTION = "Policy has invalid action"
PRINCIPAL = "Invalid principal in policy"
RESOURCE = "Policy has invalid resource"
FIT = "Action does not apply to any resource(s) in statement"
CONDITIONS = "Conditions do not apply to combination of actions and resources in statement"
ADDRESS = "Invalid IP address in Conditions"
ALL = "arn:aws:s3:::BUCKET"


@pytest.mark.parametrize(
    ("message", "more"),
    [
        *((f"Missing required field {each}", {each: None}) for each in ("Effect", "Principal", "Action")),
        ("Missing required field Resource", {"Resource": None}),
        ("Invalid effect: allow", {"Effect": "allow"}),
        (PRINCIPAL, {"Principal": {}}),
        (PRINCIPAL, {"Principal": {"AWS": []}}),
        (PRINCIPAL, {"Principal": {"AWS": "foo"}}),
        (PRINCIPAL, {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}}),
        (PRINCIPAL, {"Principal": {"AWS": "arn:aws:iam::123456789012:user/*"}}),
        *(
            (ACTION, {"Action": each})
            for each in ("s3:Foo", "s3:Foo*", "ec2:RunInstances", "GetObject", "", "s3:????", "s3:Get(")
        ),
        (ACTION, {"Action": []}),
        (ACTION, {"Action": [["s3:GetObject"], {}]}),
        (PRINCIPAL, {"Principal": {"AWS": [["*"]]}}),
        (RESOURCE, {"Resource": [[]]}),
        (f"The policy passes {20 << 10} characters", {"Sid": "x" * (20 << 10)}),
        (RESOURCE, {"Resource": "arn:aws:s3:::other/*"}),
        (RESOURCE, {"Resource": []}),
        (RESOURCE, {"Resource": "arn:aws:iam:::BUCKET"}),
        (FIT, {"Resource": ALL}),
        (FIT, {"Action": "s3:*Object", "Resource": ALL}),
        (FIT, {"Action": "s3:ListBucket"}),
        (FIT, {"Action": ["s3:ListBucket", "s3:GetObject"]}),
        (CONDITIONS, {"Condition": {"StringEquals": {"s3:prefix": "a"}}}),
        (CONDITIONS, {"Condition": {"StringEquals": {"s3:VersionId": "a"}}}),
        (
            CONDITIONS,
            {
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Condition": {"StringEquals": {"s3:x-amz-acl": "private"}},
            },
        ),
        (ADDRESS, {"Condition": {"IpAddress": {"aws:SourceIp": "300.1.1.1/40"}}}),
        *(
            (f"Invalid Condition type : {each}", {"Condition": {each: {"aws:UserAgent": "true"}}})
            for each in ("stringequals", "NullIfExists", "ForSomeValues:StringEquals")
        ),
    ],
)
def test_what_is_no_policy_is_refused_in_s3s_words(
    s3: Any, bucket: str, message: str, more: dict[str, Any]
) -> None:
    text = policy(reading(bucket, **more)).replace("BUCKET", bucket)
    error = refused("MalformedPolicy", s3.put_bucket_policy, 400, Bucket=bucket, Policy=text)
    assert error["Message"] == message


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("Policies must be valid JSON and the first byte must be '{'", "false"),
        ("This policy contains invalid Json", "{true}"),
        ("Missing required field Statement", "{}"),
        ("Could not parse the policy: Statement is empty!", '{"Statement": []}'),
        ("The policy must contain a valid version string", None),
    ],
)
def test_what_is_no_document_is_refused_in_s3s_words(
    s3: Any, bucket: str, message: str, text: str | None
) -> None:
    if text is None:
        text = json.dumps({"Version": "2012-10-16", "Statement": [reading(bucket)]})
    error = refused("MalformedPolicy", s3.put_bucket_policy, 400, Bucket=bucket, Policy=text)
    assert error["Message"] == message


@pytest.mark.parametrize(
    "more",
    [
        {"Action": "s3:*", "Resource": [ALL, f"{ALL}/*"]},
        {"Action": "*", "Resource": ALL},
        {"Action": "s3:Get*"},
        {"Action": ["s3:listbucket", "s3:GetObject"], "Resource": f"{ALL}*"},
        {"Action": ["s3:PutBucketPolicy", "s3:GetBucketLocation"], "Resource": ALL},
        {"Action": ["s3:ReplicateObject", "s3:GetObjectVersionTagging", "s3:BypassGovernanceRetention"]},
        {"Action": None, "NotAction": "s3:GetObject"},
        {"Action": "s3:*", "Condition": {"StringEquals": {"s3:x-amz-acl": "private"}}},
        {
            "Action": "s3:ListBucket",
            "Resource": ALL,
            "Condition": {"StringLike": {"s3:prefix": "a/*"}, "NumericLessThan": {"s3:max-keys": 9}},
        },
        *(
            {"Principal": each}
            for each in (
                {"AWS": ACCOUNT},
                {"AWS": "AROAEXAMPLEEXAMPLE123"},
                {"AWS": "arn:aws:iam::123456789012:role/of/another"},
                {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"},
                {"CanonicalUser": "a" * 64},
                {"Service": "logging.s3.amazonaws.com"},
            )
        ),
    ],
)
def test_what_is_a_policy_is_kept(s3: Any, bucket: str, more: dict[str, Any]) -> None:
    text = policy(reading(bucket, **more)).replace("BUCKET", bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
