"""What is judged is what is acted on, in Lambda, EventBridge and Logs: no spelling of a name passes a Deny."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.harness import System
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.lambdas import ECHO, zipped
from tests.wire.sdk import ACCOUNT, serving

system = serving("name: spelled\nstreams: {orders: {}}\naccess: {}\n")
AWS = "arn:aws:{}:us-east-1:" + ACCOUNT


def deny(*resources: str) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "*", "Resource": list(resources)}


@pytest.fixture(scope="module", autouse=True)
def secret(system: System, functions: Any, iam: Any, logs: Any) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="reader", PolicyName="own", PolicyDocument=policy(allow("*")))
    for name in ("secret", "mine"):
        functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": zipped(ECHO)},
        )
    logs.create_log_group(logGroupName="secret")
    logs.create_log_stream(logGroupName="secret", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "hidden"}
    logs.put_log_events(logGroupName="secret", logStreamName="s", logEvents=[event])


def test_a_function_is_the_one_of_its_name(system: System, iam: Any) -> None:
    base = AWS.format("lambda") + ":function:secret"
    keys = user(iam, "ann", allow("*"), deny(base, f"{base}:*"))
    names = ["secret", "function:secret", f"{ACCOUNT}:function:secret", base, "function:secret:$LATEST"]
    with keyed(system, "lambda", keys) as own:
        for name in names:
            for call in (own.invoke, own.get_function, own.delete_function):
                assert refused(call, FunctionName=name)[:2] == ("AccessDeniedException", 403), name
        assert own.invoke(FunctionName="function:mine", Payload=b"1")["Payload"].read() == b"1"


def test_a_mapping_is_judged_by_itself(system: System, iam: Any, functions: Any) -> None:
    made = functions.create_event_source_mapping(
        FunctionName="secret",
        EventSourceArn=AWS.format("kinesis") + ":stream/orders",
        StartingPosition="LATEST",
    )
    keys = user(iam, "eve", allow("*"), deny(AWS.format("lambda") + ":event-source-mapping:*"))
    with keyed(system, "lambda", keys) as own:
        stolen = refused(own.update_event_source_mapping, UUID=made["UUID"], FunctionName="mine")
    assert stolen[:2] == ("AccessDeniedException", 403)


def test_a_log_group_is_the_one_of_its_name(system: System, iam: Any) -> None:
    base = AWS.format("logs") + ":log-group:secret"
    with keyed(system, "logs", user(iam, "bob", allow("*"), deny(f"{base}:*"))) as own:
        for name in ("secret", base, f"{base}:*", base.replace("us-east-1", "eu-west-1")):
            for call, more in (
                (own.get_log_events, {"logStreamName": "s"}),
                (own.filter_log_events, {}),
                (own.describe_log_streams, {}),
            ):
                code, status, _ = refused(call, logGroupIdentifier=name, **more)
                assert (code, status) == ("AccessDeniedException", 400), name
            query = {"queryString": "fields @message", "startTime": 0, "endTime": 2**31}
            assert refused(own.start_query, logGroupIdentifiers=[name], **query)[0] == "AccessDeniedException"
        other = base.replace(ACCOUNT, "9" * 12)
        assert refused(own.filter_log_events, logGroupIdentifier=other)[1] == 400


def test_no_bus_named_is_the_default_one(system: System, iam: Any) -> None:
    keys = user(iam, "joe", allow("*"), deny(AWS.format("events") + ":event-bus/default"))
    with keyed(system, "events", keys) as own:
        everybody = {"Action": "events:PutEvents", "Principal": "*", "StatementId": "s"}
        for call, given in ((own.put_permission, everybody), (own.describe_event_bus, {})):
            assert refused(call, **given)[:2] == ("AccessDeniedException", 400)
