"""EventBridge over the wire, with boto3: buses, rules, targets, events in and where they go, archives, replays."""

from __future__ import annotations

import datetime as dt
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.harness import System, until
from tests.projects import project
from tests.wire.sdk import client

PROJECT = """\
name: shop
bus:
  declared:
    rules:
      all: {when: {source: [{prefix: ""}]}, to: [streams.copies]}
streams:
  copies: {}
  other: {}
  events: {}
functions:
  note: functions/note.handler
delivery:
  lake: {to: lake.shop/lake/, format: json, compression: none}
lake:
  dead: {}
"""
FUNCTION = """\
def handler(event, context):
    return event
"""
ACCOUNT = "000000000000"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("events")
    made = project(folder / "p", PROJECT, **{"functions/note.py": FUNCTION})
    running = System(made, folder / "state", [], {})
    running.start(sql=False)
    yield running
    running.end()


@pytest.fixture(scope="module")
def events(system: System) -> Iterator[Any]:
    made = boto3.client(
        "events",
        endpoint_url=system.urls["aws"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )
    yield made
    made.close()


@pytest.fixture
def bus(events: Any) -> str:
    """A bus of the test's own."""
    name = f"bus-{uuid.uuid4().hex[:8]}"
    events.create_event_bus(Name=name)
    return name


def rule(events: Any, bus: str, pattern: Any, *targets: Any, name: str = "r") -> None:
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    for at, target in enumerate(targets):
        given = {"Id": f"t{at}", **({"Arn": target} if isinstance(target, str) else target)}
        answer = events.put_targets(Rule=name, EventBusName=bus, Targets=[given])
        assert answer["FailedEntryCount"] == 0


def put(events: Any, bus: str, *details: Any, source: str = "test", kind: str = "kind") -> list[str]:
    entries = [
        {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": bus}
        for detail in details
    ]
    answer = events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 0, answer
    return [entry["EventId"] for entry in answer["Entries"]]


def stream(system: System, name: str = "streams.other") -> list[bytes]:
    return [
        each["data"] for each in system.call("front", "log_read", log=name, position=0, max=10_000)["records"]
    ]


def arrived(system: System, marker: str, n: int = 1, log: str = "streams.other") -> list[bytes]:
    """The records of a stream that hold `marker`, once there are `n`."""
    until(lambda: len([r for r in stream(system, log) if marker.encode() in r]) >= n)
    return [r for r in stream(system, log) if marker.encode() in r]


def refused(code: str, message: str, call: Any, **given: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == (code, message)


# Buses.


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
    assert "Policy" not in events.describe_event_bus(Name=bus)


# Rules.


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
            'Event pattern is not valid. Reason: "source" must be an object or an array',
        ),
        (
            {"EventPattern": '{"source": [{"nope": 1}]}'},
            "InvalidEventPatternException",
            "Event pattern is not valid. Reason: Unrecognized match type nope",
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


# Targets.


def test_targets_are_put_listed_and_taken_away(events: Any, bus: str) -> None:
    rule(events, bus, {"source": ["a"]}, arn("kinesis", "stream/other"))
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"] == [
        {"Id": "t0", "Arn": arn("kinesis", "stream/other")}
    ]
    found = events.list_rule_names_by_target(TargetArn=arn("kinesis", "stream/other"), EventBusName=bus)
    assert found["RuleNames"] == ["r"]
    refused(
        "ValidationException",
        "Rule can't be deleted since it has targets.",
        events.delete_rule,
        Name="r",
        EventBusName=bus,
    )
    events.put_rule(Name="r", EventBusName=bus, EventPattern='{"source":["b"]}')
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"], "a changed rule keeps them"
    gone = events.remove_targets(Rule="r", EventBusName=bus, Ids=["t0", "none"])
    assert (gone["FailedEntryCount"], gone["FailedEntries"]) == (0, [])
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"] == []
    refused(
        "ResourceNotFoundException",
        f"Rule none does not exist on EventBus {bus}.",
        events.remove_targets,
        Rule="none",
        EventBusName=bus,
        Ids=["a"],
    )


@pytest.mark.parametrize(
    "target",
    [
        arn("kinesis", "stream/nowhere"),
        arn("lambda", "function:nowhere"),
        arn("firehose", "deliverystream/nowhere"),
        arn("events", "event-bus/nowhere"),
        arn("sns", "topic"),
        arn("sqs", "queue"),
        "arn:aws:s3:::bucket",
    ],
)
def test_a_target_that_cannot_be_reached_is_refused(events: Any, bus: str, target: str) -> None:
    rule(events, bus, {"source": ["a"]})
    with pytest.raises(ClientError, match="cannot be reached"):
        events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "t", "Arn": target}])
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"] == []


STREAM = arn("kinesis", f"stream/{'other'}")


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        (
            {"Arn": "bucket"},
            "ValidationException",
            "Parameter bucket is not valid. Reason: Provided Arn is not in correct format.",
        ),
        (
            {"Arn": STREAM, "InputPath": "$.detail", "InputTransformer": {"InputTemplate": '"x"'}},
            "ValidationException",
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        (
            {
                "Arn": STREAM,
                "InputTransformer": {"InputPathsMap": {"a": "$.a"}, "InputTemplate": '"<a> <b>"'},
            },
            "ValidationException",
            "InputTemplate for target t contains invalid placeholder b.",
        ),
        (
            {"Arn": STREAM, "Id": "!@#$@!#$"},
            "ValidationException",
            "1 validation error detected: Value '!@#$@!#$' at 'targets.1.member.id' failed to satisfy constraint:"
            " Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+",
        ),
    ],
)
def test_what_is_no_target_is_refused(events: Any, bus: str, target: Any, code: str, message: str) -> None:
    rule(events, bus, {"source": ["a"]})
    given = {"Id": "t", **target}
    refused(code, message, events.put_targets, Rule="r", EventBusName=bus, Targets=[given])


def test_a_rule_has_five_targets_at_most(events: Any, bus: str) -> None:
    rule(events, bus, {"source": ["a"]})
    targets = [{"Id": f"t{at}", "Arn": STREAM} for at in range(6)]
    refused(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
        events.put_targets,
        Rule="r",
        EventBusName=bus,
        Targets=targets,
    )
    events.put_targets(Rule="r", EventBusName=bus, Targets=targets[:5])
    first = events.list_targets_by_rule(Rule="r", EventBusName=bus, Limit=3)
    rest = events.list_targets_by_rule(Rule="r", EventBusName=bus, NextToken=first["NextToken"])
    assert [each["Id"] for each in first["Targets"] + rest["Targets"]] == ["t0", "t1", "t2", "t3", "t4"]


def test_events_never_go_round(events: Any, bus: str) -> None:
    other = f"{bus}-other"
    events.create_event_bus(Name=other)
    rule(events, bus, {"source": ["a"]}, arn("events", f"event-bus/{other}"))
    rule(events, other, {"source": ["a"]})
    with pytest.raises(ClientError, match="for ever"):
        events.put_targets(
            Rule="r", EventBusName=other, Targets=[{"Id": "t", "Arn": arn("events", f"event-bus/{bus}")}]
        )


# Events in.


def test_entries_fail_and_succeed_one_by_one(events: Any, bus: str) -> None:
    good = {"Source": "s", "DetailType": "t", "Detail": '{"a": 1}', "EventBusName": bus}
    answer = events.put_events(
        Entries=[
            {**good, "Source": ""},
            {name: value for name, value in good.items() if name != "DetailType"},
            {name: value for name, value in good.items() if name != "Detail"},
            {**good, "Detail": "detail"},
            {**good, "Detail": "[1]"},
            {**good, "Source": "aws.s3"},
            {**good, "EventBusName": "nowhere"},
            good,
        ]
    )
    assert answer["FailedEntryCount"] == 7
    *failed, last = answer["Entries"]
    assert [each["ErrorCode"] for each in failed] == [
        "InvalidArgument", "InvalidArgument", "InvalidArgument", "MalformedDetail", "MalformedDetail",
        "NotAuthorizedForSourceException", "ResourceNotFoundException",
    ]  # fmt: skip
    assert (
        failed[0]["ErrorMessage"] == "Parameter Source is not valid. Reason: Source is a required argument."
    )
    assert failed[3]["ErrorMessage"] == "Detail is malformed."
    assert set(last) == {"EventId"}


def test_too_many_and_too_large_are_refused(events: Any) -> None:
    entry = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    with pytest.raises(ClientError) as caught:
        events.put_events(Entries=[entry] * 11)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(
        "1 validation error detected: Value '[PutEventsRequestEntry(time=null, source=s,"
    )
    assert message.endswith("failed to satisfy constraint: Member must have length less than or equal to 10")
    large = {**entry, "Detail": json.dumps({"a": "x" * 150_000})}
    refused(
        "ValidationException",
        "Total size of the entries in the request is over the limit.",
        events.put_events,
        Entries=[large, large],
    )


def test_an_event_arrives_in_its_envelope(system: System, events: Any, bus: str) -> None:
    rule(events, bus, {"source": ["shop"]}, STREAM)
    marker = uuid.uuid4().hex
    time = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
    answer = events.put_events(
        Entries=[
            {
                "Source": "shop",
                "DetailType": "sold",
                "Detail": json.dumps({"id": marker, "price": 1.50}, indent=2),
                "EventBusName": arn("events", f"event-bus/{bus}"),
                "Time": time,
                "Resources": ["r1", "r2"],
            }
        ]
    )
    (found,) = arrived(system, marker)
    assert json.loads(found) == {
        "version": "0",
        "id": answer["Entries"][0]["EventId"],
        "detail-type": "sold",
        "source": "shop",
        "account": ACCOUNT,
        "time": "2024-05-06T07:08:09Z",
        "region": "us-east-1",
        "resources": ["r1", "r2"],
        "detail": {"id": marker, "price": 1.5},
    }


def test_a_retry_is_no_second_event(system: System, events: Any, bus: str) -> None:
    rule(events, bus, {"source": ["test"]}, STREAM)
    marker = uuid.uuid4().hex

    def always_the_same(request: Any, **_: Any) -> None:
        request.headers["amz-sdk-invocation-id"] = marker

    events.meta.events.register("before-send.events.PutEvents", always_the_same)
    try:
        first, second = put(events, bus, {"id": marker}), put(events, bus, {"id": marker})
    finally:
        events.meta.events.unregister("before-send.events.PutEvents", always_the_same)
    assert first == second
    put(events, bus, {"id": marker + "-end"})
    assert len(arrived(system, marker, 2)) == 2


# Where they go.


def test_only_what_matches_goes_to_a_target_and_all_targets_get_it(
    system: System, events: Any, bus: str
) -> None:
    marker = uuid.uuid4().hex
    pattern = {"detail": {"kind": ["a"], "price": [{"numeric": [">", 10]}]}}
    rule(events, bus, pattern, STREAM, arn("firehose", "deliverystream/lake"))
    details = [{"id": marker, "kind": kind, "price": price} for kind in "ab" for price in (5, 15)]
    put(events, bus, *details)
    (found,) = arrived(system, marker)
    assert json.loads(found)["detail"] == {"id": marker, "kind": "a", "price": 15}
    until(lambda: system.call("flow", "status")["deliveries"]["lake"]["lag"] == 0)
    system.flush("lake")
    files = [path.read_text() for path in (system.layout.lake / "shop" / "lake").rglob("*") if path.is_file()]
    assert sum(text.count(marker) for text in files) == 1


def test_events_before_a_rule_are_not_its_own(system: System, events: Any, bus: str) -> None:
    marker = uuid.uuid4().hex
    put(events, bus, {"id": f"{marker}-before"})
    rule(events, bus, {"source": ["test"]}, STREAM)
    put(events, bus, {"id": f"{marker}-after"})
    assert b"-after" in arrived(system, marker)[0]
    events.disable_rule(Name="r", EventBusName=bus)
    put(events, bus, {"id": f"{marker}-disabled"})
    events.enable_rule(Name="r", EventBusName=bus)
    put(events, bus, {"id": f"{marker}-enabled"})
    found = arrived(system, marker, 2)
    assert [json.loads(each)["detail"]["id"].rpartition("-")[2] for each in found] == ["after", "enabled"]


def test_what_a_target_gets_of_an_event(system: System, events: Any, bus: str) -> None:
    marker = uuid.uuid4().hex
    paths = {"kind": "$.detail-type", "n": "$.detail.n", "who": "$.detail.who", "none": "$.detail.none"}
    targets = [
        {"Arn": STREAM, "InputPath": "$.detail"},
        {"Arn": STREAM, "InputPath": "$.detail.who.name"},
        {"Arn": STREAM, "Input": json.dumps({"constant": marker})},
        {
            "Arn": STREAM,
            "InputTransformer": {
                "InputPathsMap": paths,
                "InputTemplate": '{"m": "'
                + marker
                + '", "k": <kind>, "t": "<kind>!", "n": <n>, "w": <who>, "x": <none>}',
            },
        },
        {
            "Arn": STREAM,
            "InputTransformer": {
                "InputPathsMap": paths,
                "InputTemplate": f'"{marker} <kind> <n> <who> <none> <aws.events.rule-name> <aws.events.rule-arn>"',
            },
        },
    ]
    rule(events, bus, {"source": ["test"]}, *targets)
    put(events, bus, {"id": marker, "n": 7, "who": {"name": f"Ada {marker}"}}, kind="sold")
    found = {each.decode() for each in arrived(system, marker, 5)}
    who = '{"name":"Ada ' + marker + '"}'
    assert found == {
        '{"id":"' + marker + '","n":7,"who":' + who + "}",
        f'"Ada {marker}"',
        '{"constant": "' + marker + '"}',
        '{"m": "' + marker + '", "k": "sold", "t": "sold!", "n": 7, "w": ' + who + ', "x": ""}',
        f'"{marker} sold 7 {{name:Ada {marker}}}  r {arn("events", f"rule/{bus}/r")}"',
    }


def test_an_event_is_sharded_by_what_its_target_says(system: System, events: Any, bus: str) -> None:
    kinesis = client(system, "kinesis")
    rule(
        events,
        bus,
        {"source": ["test"]},
        {"Arn": STREAM, "KinesisParameters": {"PartitionKeyPath": "$.detail.who"}},
        {"Arn": STREAM},
    )
    marker = uuid.uuid4().hex
    (id,) = put(events, bus, {"who": marker})
    arrived(system, marker, 2)
    shard = kinesis.list_shards(StreamName="other")["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName="other", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    kinesis.close()
    assert [r["PartitionKey"] for r in records if marker.encode() in r["Data"]] == [marker, id]


def test_from_bus_to_bus(system: System, events: Any, bus: str) -> None:
    other = f"{bus}-other"
    events.create_event_bus(Name=other)
    rule(events, bus, {"source": ["test"]}, arn("events", f"event-bus/{other}"))
    rule(events, other, {"source": ["test"]}, STREAM)
    marker = uuid.uuid4().hex
    (id,) = put(events, bus, {"id": marker})
    (found,) = arrived(system, marker)
    assert json.loads(found)["id"] == id


def test_a_function_is_called_with_the_event(system: System, events: Any, bus: str) -> None:
    rule(events, bus, {"source": ["test"]}, arn("lambda", "function:note"))
    put(events, bus, {"id": 1}, {"id": 2})
    line = f"bus.{bus}/functions.note"
    entry = until(
        lambda: (found := system.status()["ledger"].get(line)) and found["delivered"] == 2 and found
    )
    assert entry["adds_up"]
    assert entry["accepted"] == 2


def test_a_log_group_has_each_event_as_a_line(system: System, events: Any, bus: str) -> None:
    logs = client(system, "logs")
    group = f"/aws/events/{bus}"
    rule(events, bus, {"source": ["test"]})
    with pytest.raises(ClientError, match="cannot be reached"):
        events.put_targets(
            Rule="r", EventBusName=bus, Targets=[{"Id": "t", "Arn": arn("logs", f"log-group:{group}")}]
        )
    logs.create_log_group(logGroupName=group)
    template = '{"timestamp": <at>, "message": "<n> came"}'
    transformer = {"InputPathsMap": {"at": "$.detail.at", "n": "$.detail.n"}, "InputTemplate": template}
    rule(
        events,
        bus,
        {"source": ["test"]},
        arn("logs", f"log-group:{group}"),
        {"Arn": arn("logs", f"log-group:{group}:*"), "InputTransformer": transformer},
    )
    put(events, bus, {"n": 7, "at": 1_700_000_000_000})
    until(lambda: len(logs.filter_log_events(logGroupName=group)["events"]) == 2)
    found = logs.filter_log_events(logGroupName=group)["events"]
    logs.close()
    assert (found[0]["timestamp"], found[0]["message"]) == (1_700_000_000_000, "7 came")
    assert json.loads(found[1]["message"])["detail"]["n"] == 7


def test_an_object_that_is_put_is_an_event_of_the_default_bus(system: System, events: Any) -> None:
    s3 = client(system, "s3")
    key = uuid.uuid4().hex
    s3.put_bucket_notification_configuration(
        Bucket="dead", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    rule(events, "default", {"source": ["aws.s3"]}, STREAM, name="objects")
    s3.put_object(Bucket="dead", Key=key, Body=b"x")
    s3.close()
    (found,) = arrived(system, key)
    event = json.loads(found)
    assert (event["detail-type"], event["detail"]["object"]["key"]) == ("Object Created", key)


def test_what_a_function_that_is_gone_does_not_take_is_kept(system: System, events: Any, bus: str) -> None:
    lambda_ = client(system, "lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("f.py", "def handler(event, context):\n    return 1\n")
    lambda_.create_function(
        FunctionName=bus,
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="f.handler",
        Code={"ZipFile": code.getvalue()},
    )
    target = {
        "Arn": arn("lambda", f"function:{bus}"),
        "RetryPolicy": {"MaximumRetryAttempts": 0},
        "DeadLetterConfig": {"Arn": f"arn:aws:s3:::dead/{bus}/"},
    }
    rule(events, bus, {"source": ["test"]}, target)
    lambda_.delete_function(FunctionName=bus)
    lambda_.close()
    put(events, bus, {"lost": True})
    line = f"bus.{bus}/functions.{bus}"
    entry = until(lambda: (found := system.status()["ledger"][line])["rejected"] == 1 and found)
    assert entry["adds_up"]
    (kept,) = until(lambda: list((system.layout.lake / "dead" / bus).rglob("*.json")))
    assert json.loads(json.loads(kept.read_text())["payload"])["detail"] == {"lost": True}


def test_the_ledger_has_a_line_for_each_target_and_it_adds_up(system: System, events: Any, bus: str) -> None:
    rule(events, bus, {"detail": {"k": ["a"]}}, STREAM)
    rule(events, bus, {"detail": {"k": ["a", "b"]}}, STREAM, name="r2")
    put(events, bus, *({"k": kind} for kind in "aabbbcccc"))
    line = f"bus.{bus}/streams.other"
    until(lambda: system.status()["ledger"][line]["buffered"] == 0)
    entry = system.status()["ledger"][line]
    # Two of the nine matched both rules: each is accepted once more, and delivered once more.
    assert (entry["accepted"], entry["delivered"], entry["dropped"]) == (11, 7, 4)
    assert entry["adds_up"]
    assert system.call("flow", "bus", name="counts", args={"bus": bus})["unmatched"] == 4


# Archives and replays.


def test_an_archive_counts_what_matches_it(events: Any, bus: str) -> None:
    source = arn("events", f"event-bus/{bus}")
    put(events, bus, {"k": 0})
    made = events.create_archive(
        ArchiveName=f"{bus}-a", EventSourceArn=source, EventPattern='{"source":["test"]}', RetentionDays=3
    )
    assert made["ArchiveArn"] == arn("events", f"archive/{bus}-a")
    assert made["State"] == "ENABLED"
    put(events, bus, {"k": 1}, {"k": 2})
    put(events, bus, {"k": 3}, source="else")
    shown = events.describe_archive(ArchiveName=f"{bus}-a")
    assert (shown["EventCount"], shown["RetentionDays"], shown["EventSourceArn"]) == (2, 3, source)
    assert shown["SizeBytes"] > 100
    (listed,) = events.list_archives(EventSourceArn=source)["Archives"]
    assert "ArchiveArn" not in listed
    managed = events.describe_rule(Name=f"Events-Archive-{bus}-a", EventBusName=bus)
    assert managed["ManagedBy"] == "prod.vhs.events.aws.internal"
    events.update_archive(ArchiveName=f"{bus}-a", Description="new", RetentionDays=5)
    assert events.describe_archive(ArchiveName=f"{bus}-a")["RetentionDays"] == 5
    events.delete_archive(ArchiveName=f"{bus}-a")
    refused(
        "ResourceNotFoundException",
        f"Archive {bus}-a does not exist.",
        events.describe_archive,
        ArchiveName=f"{bus}-a",
    )
    refused(
        "ValidationException",
        "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.",
        events.list_archives,
        NamePrefix="a",
        State="ENABLED",
    )


def test_a_replay_sends_again_what_was_archived_and_only_that(system: System, events: Any, bus: str) -> None:
    source, marker = arn("events", f"event-bus/{bus}"), uuid.uuid4().hex
    rule(events, bus, {"source": ["test"]}, STREAM, name="one")
    rule(events, bus, {"source": ["test"]}, arn("kinesis", "stream/events"), name="two")
    made = events.create_archive(
        ArchiveName=bus, EventSourceArn=source, EventPattern=json.dumps({"detail": {"keep": [True]}})
    )
    ids = put(events, bus, {"id": marker, "keep": True}, {"id": marker, "keep": False})
    arrived(system, marker, 2)
    now = dt.datetime.now(dt.UTC)
    started = events.start_replay(
        ReplayName=bus,
        EventSourceArn=made["ArchiveArn"],
        EventStartTime=now - dt.timedelta(minutes=1),
        EventEndTime=now + dt.timedelta(minutes=1),
        Destination={"Arn": source, "FilterArns": [arn("events", f"rule/{bus}/one")]},
    )
    assert (started["State"], started["ReplayArn"]) == ("STARTING", arn("events", f"replay/{bus}"))
    shown = until(lambda: (found := events.describe_replay(ReplayName=bus))["State"] == "COMPLETED" and found)
    assert shown["Destination"]["Arn"] == source
    again = json.loads(arrived(system, marker, 3)[2])
    assert again["replay-name"] == bus
    assert again["detail"] == {"id": marker, "keep": True}
    assert again["id"] not in ids
    until(lambda: system.status()["ledger"][f"bus.{bus}/streams.events"]["buffered"] == 0)
    assert len(arrived(system, marker, 2, "streams.events")) == 2, "the other rule did not see it again"
    assert events.describe_archive(ArchiveName=bus)["EventCount"] == 1, "nor did the archive"
    refused(
        "ResourceAlreadyExistsException",
        f"Replay {bus} already exists.",
        events.start_replay,
        ReplayName=bus,
        EventSourceArn=made["ArchiveArn"],
        EventStartTime=now - dt.timedelta(minutes=1),
        EventEndTime=now,
        Destination={"Arn": source},
    )
    refused(
        "IllegalStatusException",
        f"Replay {bus} is not in a valid state for this operation.",
        events.cancel_replay,
        ReplayName=bus,
    )


# Patterns.


def test_a_pattern_is_tried_on_an_event(events: Any) -> None:
    event = json.dumps(
        {"id": "1", "source": "order", "detail-type": "t", "account": "1", "detail": {"a": [1, 2]}}
    )
    assert events.test_event_pattern(Event=event, EventPattern='{"detail":{"a":[2]}}')["Result"] is True
    assert events.test_event_pattern(Event=event, EventPattern='{"source":["else"]}')["Result"] is False
    refused(
        "ValidationException",
        "Parameter Event is not valid.",
        events.test_event_pattern,
        Event="no json",
        EventPattern='{"source":["a"]}',
    )
    refused(
        "InvalidEventPatternException",
        "Event pattern is not valid. Reason: Empty arrays are not allowed",
        events.test_event_pattern,
        Event=event,
        EventPattern='{"source":[]}',
    )


def test_a_schedule_fires_into_its_own_targets(system: System, events: Any) -> None:
    made = events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
    marker = uuid.uuid4().hex
    events.put_targets(
        Rule="tick", Targets=[{"Id": "t", "Arn": STREAM, "Input": json.dumps({"tick": marker})}]
    )
    rule(events, "default", {"source": [{"prefix": ""}]}, arn("kinesis", "stream/events"), name="every")
    # A minute is long for a test: the clock is told that the rule is due.
    assert system.call("flow", "bus", name="fire", args={"bus": "default", "rule": "tick"}) == {"due": True}
    assert arrived(system, marker)
    assert made["RuleArn"].encode() not in b"".join(stream(system, "streams.events"))


def test_what_was_made_is_there_after_everything_was_killed(system: System, events: Any, bus: str) -> None:
    rule(events, bus, {"source": ["test"]}, STREAM)
    marker = uuid.uuid4().hex
    put(events, bus, *({"id": marker, "n": n} for n in range(10)))
    system.kill_all()
    system.start(sql=False)
    put(events, bus, {"id": marker, "n": 10})
    found = arrived(system, marker, 11)
    assert sorted(json.loads(each)["detail"]["n"] for each in found) == list(range(11))
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"]
