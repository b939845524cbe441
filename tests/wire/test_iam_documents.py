"""Which policy documents IAM refuses, and the words it does it in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.wire.iam.documents import check_document
from forebay.wire.protocol.message import AwsError
from tests.wire.sdk import refused, serving

system = serving()

BUCKET = "arn:aws:s3:::b"
SYNTAX = "Syntax errors in policy."
LEGACY = "The policy failed legacy parsing"
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def document(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": BUCKET, **more}


def without(name: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in allow(**more).items() if key != name}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", SYNTAX),
        (document(), SYNTAX),
        (document(allow(), Extra=1), SYNTAX),
        (document(allow(Extra=1)), SYNTAX),
        (document(allow(), Id={}), SYNTAX),
        (document(allow(), Version="2013-10-17"), SYNTAX),
        (document(allow(Sid=[])), SYNTAX),
        (document(without("Effect")), SYNTAX),
        (document(allow(Effect="Maybe")), SYNTAX),
        (document(allow(NotAction="s3:*")), SYNTAX),
        (document(allow(NotResource="*")), SYNTAX),
        (document(allow(Condition=[])), SYNTAX),
        (document(allow(Condition={"Equalish": {"a": "b"}})), SYNTAX),
        (document(allow(Condition={"StringEquals": {"a": {}}})), SYNTAX),
        (document(allow(), Version="2008-10-17"), "Policy document must be version 2012-10-17 or greater."),
        (json.dumps({"Statement": allow()}), "Policy document must be version 2012-10-17 or greater."),
        (document(allow(Effect="allow")), LEGACY),
        (document(allow(Resource="arn:aws:s3::b")), LEGACY),
        (document(allow(Condition={"DateLessThan": {"aws:CurrentTime": "soon"}})), LEGACY),
        (document(allow(Condition={"DateLessThan": {"aws:CurrentTime": "2016-13-01"}})), LEGACY),
        (document(allow(Sid="a"), allow(Sid="a")), "Statement IDs (SID) in a single policy must be unique."),
        (document(without("Action")), "Policy statement must contain actions."),
        (document(allow(Action=[])), "Policy statement must contain actions."),
        (document(without("Resource")), "Policy statement must contain resources."),
        (document(allow(Resource=[])), "Policy statement must contain resources."),
        (document(allow(Resource="b")), 'Resource b must be in ARN format or "*".'),
        (
            document(allow(Resource="arn:aws")),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            document(allow(Resource="aws:s3:::b")),
            'Partition "s3" is not valid for resource "arn:s3:::b:*".',
        ),
        (
            document(allow(Resource="arn:aws:s3:eu-west-1::b")),
            "Resource arn:aws:s3:eu-west-1::b can not contain region information.",
        ),
        (
            document(allow(Resource="arn:aws:iam:::user")),
            'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/,'
            " instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/,"
            " report/, access-report/.",
        ),
        (document(allow(Action="get")), VENDOR),
        (document(allow(Action="s3:get:it")), "Actions/Condition can contain only one colon."),
        (document(allow(Action="s 3:get")), "Vendor s 3 is not valid"),
        (document(allow(Principal="*")), "Policy document should not specify a principal."),
    ],
)
def test_a_managed_policy_is_refused_in_iams_words(text: str, said: str) -> None:
    with pytest.raises(AwsError) as error:
        check_document(text, managed=True)
    assert (error.value.code, error.value.message) == ("MalformedPolicyDocument", said)


@pytest.mark.parametrize(
    "statement",
    [
        allow(Resource="*"),
        allow(Action="*"),
        allow(Action=["s3:Get*", "logs:*"], Resource=[BUCKET, "arn:aws:s3:::b/*"]),
        allow(Resource="arn:aws:iam::000000000000:role/*", Action="iam:PassRole"),
        allow(Condition={"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": ["a"]}}),
        allow(Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}),
        allow(Condition={"DateLessThan": {"aws:EpochTime": 1900000000}}),
        allow(
            Condition={"NumericLessThanEquals": {"s3:max-keys": 10}, "Bool": {"aws:SecureTransport": True}}
        ),
    ],
)
def test_what_iam_takes_is_taken(statement: dict[str, Any]) -> None:
    check_document(document(statement), managed=True)


TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ({**TRUST, "Resource": "*"}, "Has prohibited field Resource"),
        (
            {**TRUST, "Action": "s3:GetObject"},
            "Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML,"
            "  and sts:AssumeRoleWithWebIdentity",
        ),
        ({"Effect": "Allow", "Action": "sts:AssumeRole"}, "Missing required field Principal"),
    ],
)
def test_who_may_take_a_role_is_refused_in_iams_words(statement: dict[str, Any], said: str) -> None:
    with pytest.raises(AwsError) as error:
        check_document(document(statement), trust=True)
    assert error.value.message == said
    check_document(document(TRUST, Version="2008-10-17"), trust=True)


def test_the_wire_says_it_too(iam: Any) -> None:
    refused(
        "MalformedPolicyDocument",
        "Policy statement must contain resources.",
        iam.create_policy,
        PolicyName="p",
        PolicyDocument=document(without("Resource")),
    )
    refused(
        "MalformedPolicyDocument",
        "Has prohibited field Resource",
        iam.create_role,
        RoleName="r",
        AssumeRolePolicyDocument=document({**TRUST, "Resource": "*"}),
    )
