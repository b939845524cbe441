"""Policies of resources: of functions, buses and streams, and what reaches a function on somebody's behalf."""

from __future__ import annotations

import json
from typing import Any

from tests.harness import System
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.lambdas import invoke
from tests.wire.sdk import ACCOUNT, serving

PROJECT = """\
name: own
lake:
  mine: {}
streams:
  open: {}
bus:
  shop: {}
functions:
  echo: echo.handler
"""
system = serving(PROJECT, files={"echo.py": "def handler(event, context):\n    return 'here'\n"})
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:echo"
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/made"


def arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def test_a_functions_policy_lets_its_callers_in(system: System, iam: Any, functions: Any) -> None:
    keys, other = user(iam, "ann"), user(iam, "bob")
    functions.add_permission(
        FunctionName="echo", StatementId="ann", Action="lambda:InvokeFunction", Principal=arn("ann")
    )
    with keyed(system, "lambda", keys) as own:
        assert invoke(own, "echo") == "here"
        assert refused(own.get_function, FunctionName="echo")[0] == "AccessDeniedException"
    with keyed(system, "lambda", other) as own:
        assert refused(own.invoke, FunctionName="echo")[0] == "AccessDeniedException"
    functions.remove_permission(FunctionName="echo", StatementId="ann")
    with keyed(system, "lambda", keys) as own:
        assert refused(own.invoke, FunctionName="echo")[0] == "AccessDeniedException"


def test_naming_the_account_leaves_it_to_the_callers_own_policies(
    system: System, iam: Any, functions: Any
) -> None:
    functions.add_permission(
        FunctionName="echo", StatementId="all", Action="lambda:InvokeFunction", Principal=ACCOUNT
    )
    with keyed(system, "lambda", user(iam, "cat")) as own:
        assert refused(own.invoke, FunctionName="echo")[0] == "AccessDeniedException"
    functions.remove_permission(FunctionName="echo", StatementId="all")


def test_a_buses_policy_and_a_streams_count(system: System, iam: Any, events: Any, kinesis: Any) -> None:
    keys = user(iam, "dan")
    events.create_event_bus(Name="made")
    statement = {**allow("events:PutEvents", f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/made")}
    events.put_permission(EventBusName="made", Policy=policy({**statement, "Principal": {"AWS": arn("dan")}}))
    kinesis.create_stream(StreamName="made", ShardCount=1)
    put = {**allow("kinesis:PutRecord", STREAM), "Principal": {"AWS": arn("dan")}}
    kinesis.put_resource_policy(ResourceARN=STREAM, Policy=policy(put))
    with keyed(system, "events", keys) as own:
        entry = {"Source": "x", "DetailType": "y", "Detail": "{}"}
        assert own.put_events(Entries=[{**entry, "EventBusName": "made"}])["FailedEntryCount"] == 0
        assert (
            refused(own.put_events, Entries=[{**entry, "EventBusName": "shop"}])[0] == "AccessDeniedException"
        )
    with keyed(system, "kinesis", keys) as own:
        own.put_record(StreamName="made", Data=b"1", PartitionKey="k")
        assert refused(own.put_record, StreamName="open", Data=b"1", PartitionKey="k")[0] == (
            "AccessDeniedException"
        )


def test_a_rule_or_bucket_calls_a_function_that_lets_it(system: System, iam: Any, functions: Any) -> None:
    """Who may set a target up may not by that call what they may not call."""
    keys = user(iam, "eve", allow(["events:*", "s3:*"]))
    told = {
        "LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}]
    }
    target = [{"Id": "1", "Arn": FUNCTION}]
    with keyed(system, "events", keys) as events, keyed(system, "s3", keys) as s3:
        events.put_rule(Name="all", EventPattern=json.dumps({"source": ["x"]}))
        code, _, message = refused(events.put_targets, Rule="all", Targets=target)
        assert (code, "lambda:InvokeFunction" in message) == ("AccessDeniedException", True)
        notify = {"Bucket": "mine", "NotificationConfiguration": told}
        code, _, message = refused(s3.put_bucket_notification_configuration, **notify)
        assert (code, "Unable to validate" in message) == ("InvalidArgument", True)
        for sid, principal, source in (
            ("rule", "events.amazonaws.com", f"arn:aws:events:us-east-1:{ACCOUNT}:rule/all"),
            ("bucket", "s3.amazonaws.com", "arn:aws:s3:::mine"),
        ):
            functions.add_permission(
                FunctionName="echo",
                StatementId=sid,
                Action="lambda:InvokeFunction",
                Principal=principal,
                SourceArn=source,
            )
        assert events.put_targets(Rule="all", Targets=target)["FailedEntryCount"] == 0
        s3.put_bucket_notification_configuration(**notify)
        other = {"Rule": "other", "Targets": target}
        events.put_rule(Name="other", EventPattern=json.dumps({"source": ["x"]}))
        assert refused(events.put_targets, **other)[0] == "AccessDeniedException"
        events.remove_targets(Rule="all", Ids=["1"])
        s3.put_bucket_notification_configuration(Bucket="mine", NotificationConfiguration={})


def test_an_objects_tags_are_conditions(system: System, iam: Any, s3: Any) -> None:
    only = {"StringEquals": {"s3:ExistingObjectTag/class": "open"}}
    keys = user(iam, "fay", allow("s3:GetObject", "arn:aws:s3:::mine/*", Condition=only))
    s3.put_object(Bucket="mine", Key="open", Body=b"1", Tagging="class=open")
    s3.put_object(Bucket="mine", Key="secret", Body=b"2", Tagging="class=secret")
    s3.put_object(Bucket="mine", Key="none", Body=b"3")
    with keyed(system, "s3", keys) as own:
        assert own.get_object(Bucket="mine", Key="open")["Body"].read() == b"1"
        for key in ("secret", "none"):
            assert refused(own.get_object, Bucket="mine", Key=key)[0] == "AccessDenied"


def test_a_resources_tags_are_conditions(system: System, iam: Any, kinesis: Any) -> None:
    only = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    keys = user(iam, "gus", allow("kinesis:PutRecord", Condition=only))
    iam.tag_user(UserName="gus", Tags=[{"Key": "team", "Value": "blue"}])
    for team in ("blue", "red"):
        kinesis.create_stream(StreamName=team, ShardCount=1, Tags={"team": team})
    with keyed(system, "kinesis", keys) as own:
        own.put_record(StreamName="blue", Data=b"1", PartitionKey="k")
        for name in ("red", "open"):
            code = refused(own.put_record, StreamName=name, Data=b"1", PartitionKey="k")[0]
            assert code == "AccessDeniedException"
