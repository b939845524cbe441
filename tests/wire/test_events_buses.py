"""EventBridge over the wire: buses, who may put to them, their rules, schedules and patterns."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.wire.events import FILES, PROJECT, arn, put, refused
from tests.wire.sdk import ACCOUNT, serving

system = serving(PROJECT, files=FILES)


def test_a_bus_is_made_shown_and_removed(events: Any) -> None:
    made = events.create_event_bus(Name="b1", Description="mine", Tags=[{"Key": "a", "Value": "1"}])
    assert made["EventBusArn"] == arn("events", "event-bus/b1")
    shown = events.describe_event_bus(Name="b1")
    assert (shown["Name"], shown["Arn"], shown["Description"]) == ("b1", made["EventBusArn"], "mine")
    assert isinstance(shown["CreationTime"], dt.datetime)
    names = [each["Name"] for each in events.list_event_buses()["EventBuses"]]
    assert {"default", "b1", "declared"} <= set(names)
    assert [each["Name"] for each in events.list_event_buses(NamePrefix="b1")["EventBuses"]] == ["b1"]
    refused(
        "ResourceAlreadyExistsException", "Event bus b1 already exists.", events.create_event_bus, Name="b1"
    )
    events.delete_event_bus(Name="b1")
    events.delete_event_bus(Name="b1")
    refused("ResourceNotFoundException", "Event bus b1 does not exist.", events.describe_event_bus, Name="b1")


def test_a_bus_may_have_a_long_name(events: Any) -> None:
    name = "b" * 256
    events.create_event_bus(Name=name)
    assert put(events, name, {"a": 1})
    events.delete_event_bus(Name=name)


def test_the_default_bus_is_always_there(events: Any) -> None:
    assert events.describe_event_bus()["Arn"] == arn("events", "event-bus/default")
    refused(
        "ValidationException", "Cannot delete event bus default.", events.delete_event_bus, Name="default"
    )
    refused(
        "ResourceAlreadyExistsException",
        "Event bus default already exists.",
        events.create_event_bus,
        Name="default",
    )
    refused(
        "ValidationException", "Event bus name must not contain '/'.", events.create_event_bus, Name="a/b"
    )


def test_permissions_are_statements_of_the_policy(events: Any, bus: str) -> None:
    events.put_permission(
        EventBusName=bus, Action="events:PutEvents", Principal="111111111111", StatementId="one"
    )
    events.put_permission(EventBusName=bus, Action="events:PutEvents", Principal="*", StatementId="two")
    policy = json.loads(events.describe_event_bus(Name=bus)["Policy"])
    assert policy["Statement"][0] == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "events:PutEvents",
        "Resource": arn("events", f"event-bus/{bus}"),
    }
    refused(
        "ResourceNotFoundException",
        "Statement with the provided id does not exist.",
        events.remove_permission,
        EventBusName=bus,
        StatementId="none",
    )
    refused(
        "ValidationException",
        "Provided value in parameter 'action' is not supported.",
        events.put_permission,
        EventBusName=bus,
        Action="events:PutPermission",
        Principal="111111111111",
        StatementId="x",
    )
    events.remove_permission(EventBusName=bus, StatementId="one")
    events.remove_permission(EventBusName=bus, RemoveAllPermissions=True)
    refused(
        "ResourceNotFoundException",
        "Statement with the provided id does not exist.",
        events.remove_permission,
        EventBusName=bus,
        StatementId="one",
    )
    assert "Policy" not in events.describe_event_bus(Name=bus)


def test_a_rule_is_made_changed_disabled_and_removed(events: Any, bus: str) -> None:
    pattern = json.dumps({"source": ["a"]})
    made = events.put_rule(Name="r", EventBusName=bus, EventPattern=pattern, Description="d")
    assert made["RuleArn"] == arn("events", f"rule/{bus}/r")
    shown = events.describe_rule(Name="r", EventBusName=arn("events", f"event-bus/{bus}"))
    del shown["ResponseMetadata"]
    assert shown == {
        "Name": "r",
        "Arn": made["RuleArn"],
        "EventPattern": pattern,
        "State": "ENABLED",
        "Description": "d",
        "EventBusName": bus,
        "CreatedBy": ACCOUNT,
    }
    events.disable_rule(Name="r", EventBusName=bus)
    assert events.describe_rule(Name="r", EventBusName=bus)["State"] == "DISABLED"
    events.enable_rule(Name="r", EventBusName=bus)
    (listed,) = events.list_rules(EventBusName=bus, NamePrefix="r")["Rules"]
    assert listed["State"] == "ENABLED"
    events.delete_rule(Name="r", EventBusName=bus)
    events.delete_rule(Name="r", EventBusName=bus)
    refused(
        "ResourceNotFoundException",
        f"Rule r does not exist on EventBus {bus}.",
        events.describe_rule,
        Name="r",
        EventBusName=bus,
    )


def test_rules_are_listed_page_by_page(events: Any, bus: str) -> None:
    for at in range(5):
        events.put_rule(Name=f"r{at}", EventBusName=bus, EventPattern='{"source":["a"]}')
    first = events.list_rules(EventBusName=bus, Limit=3)
    assert [each["Name"] for each in first["Rules"]] == ["r0", "r1", "r2"]
    rest = events.list_rules(EventBusName=bus, NextToken=first["NextToken"])
    assert [each["Name"] for each in rest["Rules"]] == ["r3", "r4"]
    assert "NextToken" not in rest


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (
            {},
            "ValidationException",
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ),
        (
            {"ScheduleExpression": "rate(1 minute)"},
            "ValidationException",
            "ScheduleExpression is supported only on the default event bus.",
        ),
        (
            {"EventPattern": '{"source": "a"}'},
            "InvalidEventPatternException",
            'Event pattern is not valid. Reason: "source" must be an object or an array\n at [Source: (String)"'
            '{"source": "a"}"; line: 1, column: 13]',
        ),
        (
            {"EventPattern": '{"source": [{"nope": 1}]}'},
            "InvalidEventPatternException",
            'Event pattern is not valid. Reason: Unrecognized match type nope\n at [Source: (String)"'
            '{"source": [{"nope": 1}]}"; line: 1, column: 23]',
        ),
    ],
)
def test_what_is_no_rule_is_refused(events: Any, bus: str, given: Any, code: str, message: str) -> None:
    refused(code, message, events.put_rule, Name="r", EventBusName=bus, **given)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(10 seconds)", "rate(1 minutes)", "rate(10 minute)", "rate()", "rate(0 minutes)",
        "rate( 10 minutes )", " rate(10 minutes)", "rate(10 MINUTES)", "cron(0 1 * * * *)",
        "cron(7 20 * * NOT *)", "cron(INVALID)", "cron(0 dummy ? * MON-FRI *)", "cron(71 8 1 * ? *)", "at(x)",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(events: Any, expression: str) -> None:
    refused(
        "ValidationException",
        "Parameter ScheduleExpression is not valid.",
        events.put_rule,
        Name="s",
        ScheduleExpression=expression,
    )


def test_a_rule_of_the_project_is_changed_there_only(events: Any) -> None:
    assert (
        events.describe_rule(Name="all", EventBusName="declared")["EventPattern"]
        == '{"source":[{"prefix":""}]}'
    )
    (target,) = events.list_targets_by_rule(Rule="all", EventBusName="declared")["Targets"]
    assert target["Arn"] == arn("kinesis", "stream/copies")
    for call, given in (
        (events.put_rule, {"Name": "all", "EventPattern": '{"source":["a"]}'}),
        (events.disable_rule, {"Name": "all"}),
        (events.remove_targets, {"Rule": "all", "Ids": ["1"]}),
    ):
        with pytest.raises(ClientError, match=r"forebay\.yaml"):
            call(EventBusName="declared", **given)


def test_tags_of_rules_and_buses(events: Any, bus: str) -> None:
    events.put_rule(
        Name="r", EventBusName=bus, EventPattern='{"source":["a"]}', Tags=[{"Key": "k", "Value": "v"}]
    )
    for resource, before in ((f"rule/{bus}/r", [{"Key": "k", "Value": "v"}]), (f"event-bus/{bus}", [])):
        its = arn("events", resource)
        assert events.list_tags_for_resource(ResourceARN=its)["Tags"] == before
        events.tag_resource(ResourceARN=its, Tags=[{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "2"}])
        events.untag_resource(ResourceARN=its, TagKeys=["x", "k"])
        assert events.list_tags_for_resource(ResourceARN=its)["Tags"] == [{"Key": "y", "Value": "2"}]
    refused(
        "ResourceNotFoundException",
        "Rule unknown does not exist on EventBus default.",
        events.list_tags_for_resource,
        ResourceARN=arn("events", "rule/unknown"),
    )


def test_a_pattern_is_tried_on_an_event(events: Any) -> None:
    event = json.dumps(
        {"id": "1", "source": "order", "detail-type": "t", "account": "1", "detail": {"a": [1, 2]}}
    )
    assert events.test_event_pattern(Event=event, EventPattern='{"detail":{"a":[2]}}')["Result"] is True
    assert events.test_event_pattern(Event=event, EventPattern='{"source":["else"]}')["Result"] is False
    wide = json.dumps({**json.loads(event), "detail": {"a": 10**400}})
    above = '{"detail":{"a":[{"numeric":[">",1]}]}}'
    assert events.test_event_pattern(Event=wide, EventPattern=above)["Result"] is False
    refused(
        "ValidationException",
        "Parameter Event is not valid.",
        events.test_event_pattern,
        Event="no json",
        EventPattern='{"source":["a"]}',
    )
    refused(
        "InvalidEventPatternException",
        'Event pattern is not valid. Reason: Empty arrays are not allowed\n at [Source: (String)"{"source":[]}";'
        " line: 1, column: 13]",
        events.test_event_pattern,
        Event=event,
        EventPattern='{"source":[]}',
    )


@pytest.mark.parametrize(
    "statement",
    [[None, 1], [{"Effect": "Foo", "Principal": "*", "Action": "events:PutEvents", "Resource": "*"}]],
)
def test_a_policy_that_is_none_is_not_kept(events: Any, bus: str, statement: Any) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    with pytest.raises(ClientError) as error:
        events.put_permission(EventBusName=bus, Policy=text)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "Policy" not in events.describe_event_bus(Name=bus)
