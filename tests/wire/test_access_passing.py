"""Roles handed to services: who may pass them, and that they bound what is done with them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import System
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.lambdas import invoke, zipped
from tests.wire.sdk import ACCOUNT, client, serving

PROJECT = """\
name: hands
lake:
  mine: {}
  vault: {}
streams:
  open: {}
  closed: {}
delivery:
  kept: {to: lake.mine/kept/}
access:
  unsigned: false
  policies:
    all: [{actions: "*"}]
  users:
    admin: {policies: [all]}
"""
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
KINESIS = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream"

READS = """
import boto3, botocore

def handler(event, context):
    s3 = boto3.client("s3")
    found = {}
    for bucket in event["buckets"]:
        try:
            found[bucket] = s3.get_object(Bucket=bucket, Key="k")["Body"].read().decode()
        except botocore.exceptions.ClientError as error:
            found[bucket] = error.response["Error"]["Code"]
    return found
"""

system = serving(PROJECT)


@pytest.fixture(scope="module")
def admin(system: System) -> dict[str, str]:
    made = system.cli("keys", "create", "admin", "--aws", "--json").json()
    return {"AccessKeyId": made["id"], "SecretAccessKey": made["secret"]}


@pytest.fixture(scope="module")
def iam(system: System, admin: dict[str, str]) -> Iterator[Any]:
    with keyed(system, "iam", admin) as made:
        yield made


def role(iam: Any, name: str, service: str, *statements: dict[str, Any]) -> str:
    """A role that a service may take, with these rights; its ARN."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return arn


def function(role_arn: str, name: str) -> dict[str, Any]:
    """What CreateFunction is asked."""
    return {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Role": role_arn,
        "Handler": "index.handler",
        "Code": {"ZipFile": zipped(READS)},
        "Timeout": 20,
        "MemorySize": 256,
    }


def test_a_functions_role_must_be_passed_and_then_bounds_its_own_calls(
    system: System, iam: Any, admin: dict[str, str]
) -> None:
    mine = role(iam, "reader", "lambda", allow("s3:GetObject", "arn:aws:s3:::mine/*"))
    strong = role(iam, "strong", "lambda", allow("*"))
    with keyed(system, "s3", admin) as s3:
        for bucket in ("mine", "vault"):
            s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    pass_ = allow(
        "iam:PassRole",
        f"{ROLE}/reader",
        Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    )
    keys = user(iam, "ann", allow("lambda:*"), pass_)
    with keyed(system, "lambda", keys) as functions:
        for arn in (strong, f"{ROLE}/reader/strong"):  # a role is known by its name, whatever path is written
            code, status, message = refused(functions.create_function, **function(arn, "f"))
            assert (code, status) == ("AccessDeniedException", 403)
            assert f"not authorized to perform: iam:PassRole on resource: {strong}" in message
        functions.create_function(**function(mine, "f"))
        assert invoke(functions, "f", {"buckets": ["mine", "vault"]}) == {
            "mine": "here",
            "vault": "AccessDenied",
        }
        code, _, message = refused(functions.update_function_configuration, FunctionName="f", Role=strong)
        assert (code, "iam:PassRole" in message) == ("AccessDeniedException", True)


def test_a_function_reads_a_stream_that_its_role_may_read(system: System, iam: Any) -> None:
    poll = allow(["kinesis:Get*", "kinesis:Describe*", "kinesis:ListShards"], f"{KINESIS}/open")
    arn = role(iam, "poller", "lambda", poll)
    keys = user(iam, "bob", allow("lambda:*"), allow("iam:PassRole", arn))
    with keyed(system, "lambda", keys) as functions:
        functions.create_function(**function(arn, "polled"))
        more = {"FunctionName": "polled", "StartingPosition": "LATEST"}
        code, _, message = refused(
            functions.create_event_source_mapping, EventSourceArn=f"{KINESIS}/closed", **more
        )
        assert (code, "Cannot access stream" in message) == ("InvalidParameterValueException", True)
        made = functions.create_event_source_mapping(EventSourceArn=f"{KINESIS}/open", **more)
        functions.delete_event_source_mapping(UUID=made["UUID"])


def test_a_function_tells_of_failures_where_its_role_may(system: System, iam: Any) -> None:
    poll = allow(["kinesis:Get*", "kinesis:Describe*", "kinesis:ListShards"], f"{KINESIS}/open")
    arn = role(iam, "failing", "lambda", poll, allow("s3:PutObject", "arn:aws:s3:::mine/*"))
    keys = user(iam, "ned", allow("lambda:*"), allow("iam:PassRole", arn))
    told = "The provided execution role does not have permissions to call"

    def on_failure(destination: str) -> dict[str, Any]:
        return {"FunctionName": "fails", "DestinationConfig": {"OnFailure": {"Destination": destination}}}

    mine, vault = on_failure("arn:aws:s3:::mine"), on_failure("arn:aws:s3:::vault")
    with keyed(system, "lambda", keys) as functions:
        itself = functions.create_function(**function(arn, "fails"))["FunctionArn"]
        more = {"EventSourceArn": f"{KINESIS}/open", "StartingPosition": "LATEST"}
        code, _, message = refused(functions.create_event_source_mapping, **vault, **more)
        assert (code, message) == ("InvalidParameterValueException", f"{told} PutObject on S3")
        made = functions.create_event_source_mapping(**mine, **more)
        code, _, message = refused(
            functions.update_event_source_mapping,
            UUID=made["UUID"],
            DestinationConfig=vault["DestinationConfig"],
        )
        assert (code, message) == ("InvalidParameterValueException", f"{told} PutObject on S3")
        functions.delete_event_source_mapping(UUID=made["UUID"])
        code, _, message = refused(functions.put_function_event_invoke_config, **vault)
        assert (code, message) == ("InvalidParameterValueException", f"{told} PutObject on S3")
        code, _, message = refused(functions.put_function_event_invoke_config, **on_failure(itself))
        assert (code, message) == ("InvalidParameterValueException", f"{told} InvokeFunction on Lambda")
        functions.put_function_event_invoke_config(**mine)


def test_a_delivery_stream_writes_where_its_role_may(system: System, iam: Any) -> None:
    arn = role(iam, "deliverer", "firehose", allow("s3:PutObject", "arn:aws:s3:::mine/*"))
    other = role(iam, "elsewhere", "lambda", allow("*"))
    keys = user(iam, "cat", allow("firehose:*"), allow("iam:PassRole", [arn, other]))

    def to(role_arn: str, bucket: str) -> dict[str, Any]:
        place = {"RoleARN": role_arn, "BucketARN": f"arn:aws:s3:::{bucket}"}
        return {"DeliveryStreamName": "made", "ExtendedS3DestinationConfiguration": place}

    with keyed(system, "firehose", keys) as firehose:
        code, _, message = refused(firehose.create_delivery_stream, **to(f"{ROLE}/nobody", "mine"))
        assert (code, "iam:PassRole" in message) == ("AccessDeniedException", True)
        code, _, message = refused(firehose.create_delivery_stream, **to(other, "mine"))
        assert (code, "unable to assume role" in message) == ("InvalidArgumentException", True)
        code, _, message = refused(firehose.create_delivery_stream, **to(arn, "vault"))
        assert (code, "s3:PutObject on resource: arn:aws:s3:::vault/" in message) == (
            "AccessDeniedException",
            True,
        )
        firehose.create_delivery_stream(**to(arn, "mine"))
        firehose.delete_delivery_stream(DeliveryStreamName="made")


def test_a_rule_reaches_its_targets_with_a_role_that_may(system: System, iam: Any) -> None:
    arn = role(iam, "sender", "events", allow("kinesis:PutRecord*", f"{KINESIS}/open"))
    keys = user(iam, "dan", allow("events:*"), allow("iam:PassRole", arn))
    with keyed(system, "events", keys) as events:
        events.put_rule(Name="all", EventPattern='{"source": ["x"]}')
        closed, opened = {"Id": "1", "Arn": f"{KINESIS}/closed"}, {"Id": "1", "Arn": f"{KINESIS}/open"}
        code, _, message = refused(events.put_targets, Rule="all", Targets=[opened])
        assert (code, message) == ("ValidationException", f"RoleArn is required for target {KINESIS}/open.")
        code, _, message = refused(events.put_targets, Rule="all", Targets=[{**closed, "RoleArn": arn}])
        assert (code, "kinesis:PutRecord" in message) == ("AccessDeniedException", True)
        stolen = {**opened, "RoleArn": f"{ROLE}/strong"}
        code, _, message = refused(events.put_targets, Rule="all", Targets=[stolen])
        assert (code, "iam:PassRole" in message) == ("AccessDeniedException", True)
        assert events.put_targets(Rule="all", Targets=[{**opened, "RoleArn": arn}])["FailedEntryCount"] == 0
        events.remove_targets(Rule="all", Ids=["1"])
        events.delete_rule(Name="all")


def test_a_crawler_reads_what_its_role_may(system: System, iam: Any) -> None:
    arn = role(
        iam,
        "looker",
        "glue",
        allow(["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::mine", "arn:aws:s3:::mine/*"]),
    )
    keys = user(iam, "eve", allow("glue:*"), allow("iam:PassRole", arn))

    def crawler(bucket: str, by: str) -> dict[str, Any]:
        return {
            "Name": "c",
            "Role": by,
            "DatabaseName": "d",
            "Targets": {"S3Targets": [{"Path": f"s3://{bucket}/"}]},
        }

    with keyed(system, "glue", keys) as glue:
        code, _, message = refused(glue.create_crawler, **crawler("mine", "strong"))
        assert (code, f"iam:PassRole on resource: {ROLE}/strong" in message) == (
            "AccessDeniedException",
            True,
        )
        code, _, message = refused(glue.create_crawler, **crawler("vault", "looker"))
        assert (code, "s3:ListBucket on resource: arn:aws:s3:::vault" in message) == (
            "AccessDeniedException",
            True,
        )
        glue.create_crawler(**crawler("mine", "looker"))
        glue.delete_crawler(Name="c")


def test_each_key_of_a_deletion_is_decided_by_itself(system: System, iam: Any, admin: dict[str, str]) -> None:
    keys = user(iam, "fay", allow("s3:DeleteObject", "arn:aws:s3:::mine/own/*"))
    with keyed(system, "s3", admin) as s3:
        for key in ("own/a", "theirs/a"):
            s3.put_object(Bucket="mine", Key=key, Body=b"1")
        with keyed(system, "s3", keys) as own:
            answer = own.delete_objects(
                Bucket="mine", Delete={"Objects": [{"Key": "own/a"}, {"Key": "theirs/a"}]}
            )
        left = [each["Key"] for each in s3.list_objects_v2(Bucket="mine")["Contents"]]
    assert [each["Key"] for each in answer["Deleted"]] == ["own/a"]
    ((error),) = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("theirs/a", "AccessDenied")
    assert 's3:DeleteObject on resource: "arn:aws:s3:::mine/theirs/a"' in error["Message"]
    assert "theirs/a" in left
    assert "own/a" not in left


def test_who_may_not_list_is_not_told_what_is_there(system: System, iam: Any) -> None:
    keys = user(iam, "gus", allow("s3:GetObject", "arn:aws:s3:::mine/*"))
    lists = user(iam, "hal", allow("s3:GetObject", "arn:aws:s3:::mine/*"), allow("s3:ListBucket"))
    with keyed(system, "s3", keys) as s3:
        assert refused(s3.get_object, Bucket="mine", Key="none")[:2] == ("AccessDenied", 403)
        assert refused(s3.head_object, Bucket="mine", Key="none")[1] == 403
    with keyed(system, "s3", lists) as s3:
        assert refused(s3.get_object, Bucket="mine", Key="none")[:2] == ("NoSuchKey", 404)


def test_the_list_of_buckets_is_asked_for_on_all_of_them(system: System, iam: Any) -> None:
    keys = user(iam, "ida", allow("s3:ListAllMyBuckets", "arn:aws:s3:::*"))
    with keyed(system, "s3", keys) as s3:
        assert "mine" in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    with keyed(system, "s3", user(iam, "jon")) as s3:
        assert refused(s3.list_buckets)[0] == "AccessDenied"


@contextlib.contextmanager
def conditioned(
    system: System, iam: Any, name: str, *, service: str, action: Any, condition: Any
) -> Iterator[Any]:
    with keyed(system, service, user(iam, name, allow(action, "*", Condition=condition))) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "condition", "passes"),
    [
        ("ip", {"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}}, True),
        ("far", {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ("tls", {"Bool": {"aws:SecureTransport": "true"}}, False),
        ("soon", {"DateLessThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}}, True),
        ("late", {"DateGreaterThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}}, False),
        ("arn", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/c-*"}}, True),
        ("agent", {"StringLike": {"aws:UserAgent": "*Boto3*"}}, True),
        ("region", {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}, False),
        ("name", {"StringLike": {"aws:username": "c-*"}}, True),
        ("null", {"Null": {"aws:TokenIssueTime": "true"}}, True),
        ("none", {"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, True),
    ],
)
def test_conditions_that_every_call_has(
    system: System, iam: Any, name: str, condition: Any, passes: bool
) -> None:
    with conditioned(
        system, iam, f"c-{name}", service="kinesis", action="kinesis:ListStreams", condition=condition
    ) as kinesis:
        if passes:
            assert "open" in kinesis.list_streams()["StreamNames"]
        else:
            assert refused(kinesis.list_streams)[0] == "AccessDeniedException"


def test_an_events_source_and_type_are_conditions(system: System, iam: Any) -> None:
    only = {"StringEquals": {"events:source": "shop", "events:detail-type": "order"}}
    with conditioned(
        system, iam, "kim", service="events", action="events:PutEvents", condition=only
    ) as events:
        entry = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
        for other in ({"Source": "till"}, {"DetailType": "return"}):
            assert (
                refused(events.put_events, Entries=[entry, {**entry, **other}])[0] == "AccessDeniedException"
            )


def test_tags_of_a_request_are_conditions(system: System, iam: Any) -> None:
    only = {
        "StringEquals": {"aws:RequestTag/team": "blue"},
        "ForAllValues:StringEquals": {"aws:TagKeys": "team"},
    }
    action = ["kinesis:CreateStream", "kinesis:AddTagsToStream"]
    with conditioned(system, iam, "lea", service="kinesis", action=action, condition=only) as kinesis:
        assert refused(kinesis.create_stream, StreamName="red")[0] == "AccessDeniedException"
        two = {"team": "blue", "more": "x"}
        assert refused(kinesis.create_stream, StreamName="red", Tags=two)[0] == "AccessDeniedException"
        kinesis.create_stream(StreamName="blue", Tags={"team": "blue"})


def test_every_decision_is_in_the_audit_log(system: System, iam: Any) -> None:
    keys = user(iam, "max", allow("kinesis:PutRecord", f"{KINESIS}/open"))
    with keyed(system, "kinesis", keys) as kinesis:
        kinesis.put_record(StreamName="open", Data=b"1", PartitionKey="k")
        refused(kinesis.put_record, StreamName="closed", Data=b"1", PartitionKey="k")
    found = []
    for name in ("audit.log", "audit-allowed.log"):
        path = system.layout.logs / name
        assert path.stat().st_mode & 0o077 == 0
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found += [
            (line["action"], line["resource"], line["decision"])
            for line in lines
            if line["principal"].endswith(":user/max")
        ]
    assert found == [
        ("kinesis:PutRecord", f"{KINESIS}/closed", "denied"),
        ("kinesis:PutRecord", f"{KINESIS}/open", "allowed"),
    ]


def test_strangers_get_nowhere(system: System) -> None:
    with contextlib.closing(client(system, "kinesis", retries=0)) as kinesis:
        assert refused(kinesis.list_streams)[0] == "UnrecognizedClientException"
