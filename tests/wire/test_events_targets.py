"""EventBridge over the wire: what may be a rule's target, and what each kind of target gets of an event."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.harness import System, until
from tests.wire.events import FILES, PROJECT, STREAM, arn, arrived, put, refused, rule
from tests.wire.kinesis import everything
from tests.wire.lambdas import create
from tests.wire.sdk import serving

system = serving(PROJECT, files=FILES)


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
        arn("states", "stateMachine:m"),
    ],
)
def test_a_target_that_cannot_be_reached_is_a_failed_entry(events: Any, bus: str, target: str) -> None:
    rule(events, bus, {"source": ["a"]})
    good, bad = {"Id": "good", "Arn": STREAM}, {"Id": "bad", "Arn": target}
    answer = events.put_targets(Rule="r", EventBusName=bus, Targets=[bad, good])
    (failed,) = answer["FailedEntries"]
    assert (answer["FailedEntryCount"], failed["TargetId"]) == (1, "bad")
    assert failed["ErrorCode"] in ("ResourceNotFoundException", "ValidationException")
    assert failed["ErrorMessage"].startswith("Target bad cannot be reached: ")
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"] == [good]


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        (
            {"Arn": "arn:aws:s3:::bucket"},
            "ValidationException",
            "s3 is not a supported service for a target.",
        ),
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
    back = {"Id": "t", "Arn": arn("events", f"event-bus/{bus}")}
    (failed,) = events.put_targets(Rule="r", EventBusName=other, Targets=[back])["FailedEntries"]
    assert "for ever" in failed["ErrorMessage"]


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


def test_an_event_is_sharded_by_what_its_target_says(
    system: System, events: Any, kinesis: Any, bus: str
) -> None:
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
    records = everything(kinesis, "other")
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


def test_a_log_group_has_each_event_as_a_line(events: Any, logs: Any, bus: str) -> None:
    group = f"/aws/events/{bus}"
    rule(events, bus, {"source": ["test"]})
    early = {"Id": "t", "Arn": arn("logs", f"log-group:{group}")}
    assert events.put_targets(Rule="r", EventBusName=bus, Targets=[early])["FailedEntryCount"] == 1
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
    assert (found[0]["timestamp"], found[0]["message"]) == (1_700_000_000_000, "7 came")
    assert json.loads(found[1]["message"])["detail"]["n"] == 7


def test_what_a_function_that_is_gone_does_not_take_is_kept(
    system: System, events: Any, functions: Any, bus: str
) -> None:
    create(functions, name=bus)
    target = {
        "Arn": arn("lambda", f"function:{bus}"),
        "RetryPolicy": {"MaximumRetryAttempts": 0},
        "DeadLetterConfig": {"Arn": f"arn:aws:s3:::dead/{bus}/"},
    }
    rule(events, bus, {"source": ["test"]}, target)
    functions.delete_function(FunctionName=bus)
    put(events, bus, {"lost": True})
    line = f"bus.{bus}/functions.{bus}"
    entry = until(lambda: (found := system.status()["ledger"][line])["rejected"] == 1 and found)
    assert entry["adds_up"]
    (kept,) = until(lambda: list((system.layout.lake / "dead" / bus).rglob("*.json")))
    assert json.loads(json.loads(kept.read_text())["payload"])["detail"] == {"lost": True}
