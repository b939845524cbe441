"""IAM through boto3: what is made, shown, refused and removed, in IAM's words; and that it outlives a kill."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness import System
from tests.wire.access import allow, keyed, policy, refused
from tests.wire.sdk import ACCOUNT, serving

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)

system = serving("name: people\n")


def test_a_users_life(iam: Any) -> None:
    made = iam.create_user(UserName="ann", Path="/team/", Tags=[{"Key": "a", "Value": "1"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/ann"
    assert iam.get_user(UserName="ann")["User"]["Tags"] == [{"Key": "a", "Value": "1"}]
    assert refused(iam.create_user, UserName="ann") == (
        "EntityAlreadyExists",
        409,
        "User with name ann already exists.",
    )
    iam.tag_user(UserName="ann", Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_user(UserName="ann", TagKeys=["a"])
    assert iam.list_user_tags(UserName="ann")["Tags"] == [{"Key": "b", "Value": "2"}]
    iam.update_user(UserName="ann", NewUserName="anna")
    assert [each["UserName"] for each in iam.list_users(PathPrefix="/team/")["Users"]] == ["anna"]
    iam.create_access_key(UserName="anna")
    assert refused(iam.delete_user, UserName="anna")[:2] == ("DeleteConflict", 409)
    for key in iam.list_access_keys(UserName="anna")["AccessKeyMetadata"]:
        assert "SecretAccessKey" not in key
        iam.delete_access_key(UserName="anna", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="anna")
    assert refused(iam.get_user, UserName="anna") == (
        "NoSuchEntity",
        404,
        "The user with name anna cannot be found.",
    )


def test_a_user_has_two_keys_at_most(iam: Any) -> None:
    iam.create_user(UserName="two")
    for _ in range(2):
        iam.create_access_key(UserName="two")
    assert refused(iam.create_access_key, UserName="two") == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    # A key's id as to its form, which nobody has.
    assert refused(iam.delete_access_key, UserName="two", AccessKeyId="AKIANONEATALLXXXXXXX")[:2] == (
        "NoSuchEntity",
        404,
    )


def test_a_roles_life(iam: Any) -> None:
    made = iam.create_role(RoleName="run", AssumeRolePolicyDocument=TRUST, Description="d")["Role"]
    assert made["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (made["MaxSessionDuration"], made["Description"]) == (3600, "d")
    aws = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName="run", PolicyArn=aws)
    iam.put_role_policy(RoleName="run", PolicyName="in", PolicyDocument=policy(allow("s3:*")))
    assert iam.list_attached_role_policies(RoleName="run")["AttachedPolicies"] == [
        {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": aws}
    ]
    assert iam.get_role_policy(RoleName="run", PolicyName="in")["PolicyDocument"]["Statement"] == [
        allow("s3:*")
    ]
    assert refused(iam.delete_role, RoleName="run")[:2] == ("DeleteConflict", 409)
    iam.detach_role_policy(RoleName="run", PolicyArn=aws)
    iam.delete_role_policy(RoleName="run", PolicyName="in")
    iam.update_assume_role_policy(RoleName="run", PolicyDocument=TRUST.replace("lambda", "glue"))
    assert "glue.amazonaws.com" in str(iam.get_role(RoleName="run")["Role"]["AssumeRolePolicyDocument"])
    iam.delete_role(RoleName="run")
    assert refused(iam.get_role, RoleName="run")[:2] == ("NoSuchEntity", 404)


def test_a_managed_policy_has_versions(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/p"
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument=policy(allow("s3:*")))[:2] == (
        "EntityAlreadyExists",
        409,
    )
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("kinesis:*")), SetAsDefault=True)
    assert [each["VersionId"] for each in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v2", "v1"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert (version["IsDefaultVersion"], version["Document"]["Statement"]) == (True, [allow("kinesis:*")])
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v2")[0] == "DeleteConflict"
    iam.create_user(UserName="holder")
    iam.attach_user_policy(UserName="holder", PolicyArn=arn)
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"][0]["UserName"] == "holder"
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert refused(iam.delete_policy, PolicyArn=arn)[:2] == ("DeleteConflict", 409)
    assert [each["Arn"] for each in iam.list_policies(Scope="Local")["Policies"]] == [arn]
    missing = f"arn:aws:iam::{ACCOUNT}:policy/none"
    assert refused(iam.attach_user_policy, UserName="holder", PolicyArn=missing)[:2] == ("NoSuchEntity", 404)


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"Version":"2012-10-17"}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"s3:*","Resource":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3","Resource":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*"}]}',
        '{"Version":"1999-01-01","Statement":[]}',
        TRUST,
        "[" * 5000,
    ],
)
def test_a_policy_that_does_not_parse_is_refused(iam: Any, text: str) -> None:
    assert refused(iam.create_policy, PolicyName="bad", PolicyDocument=text)[:2] == (
        "MalformedPolicyDocument",
        400,
    )


def test_simulations_decide_without_doing(iam: Any) -> None:
    deny = {"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}
    results = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:*"), deny)],
        ActionNames=["s3:GetObject", "s3:PutObject", "kinesis:PutRecord"],
    )["EvaluationResults"]
    assert [each["EvalDecision"] for each in results] == ["allowed", "explicitDeny", "implicitDeny"]


def test_secrets_of_keys_are_readable_by_their_owner_only(system: System) -> None:
    for path in (system.layout.root, system.layout.state):
        assert path.stat().st_mode & 0o077 == 0


def test_lists_come_in_pages(iam: Any) -> None:
    for n in range(5):
        iam.create_user(UserName=f"page{n}", Path="/pages/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2})
    assert [[each["UserName"] for each in page["Users"]] for page in pages] == [
        ["page0", "page1"],
        ["page2", "page3"],
        ["page4"],
    ]


def test_keys_and_sessions_outlive_a_kill(system: System, iam: Any) -> None:
    iam.create_user(UserName="zoe")
    iam.put_user_policy(UserName="zoe", PolicyName="p", PolicyDocument=policy(allow("kinesis:ListStreams")))
    keys = iam.create_access_key(UserName="zoe")["AccessKey"]
    with keyed(system, "sts", keys) as sts:
        session = sts.get_session_token()["Credentials"]
    system.kill_all()
    system.start(sql=False)
    for each in (keys, session):
        with keyed(system, "kinesis", each) as kinesis:
            kinesis.list_streams()
            assert refused(kinesis.describe_limits)[0] == "AccessDeniedException"
