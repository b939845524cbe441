"""What the EventBridge tests share: their project, rules and events in a line, and what a stream got."""

from __future__ import annotations

import json
from typing import Any

from tests.harness import System, until
from tests.wire import sdk
from tests.wire.sdk import ACCOUNT

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
FILES = {"functions/note.py": "def handler(event, context):\n    return event\n"}


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"


STREAM = arn("kinesis", "stream/other")


def rule(events: Any, bus: str, pattern: Any, *targets: Any, name: str = "r") -> None:
    """A rule with these targets: ARNs, or as `put_targets` takes them."""
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    for at, target in enumerate(targets):
        given = {"Id": f"t{at}", **({"Arn": target} if isinstance(target, str) else target)}
        answer = events.put_targets(Rule=name, EventBusName=bus, Targets=[given])
        assert answer["FailedEntryCount"] == 0


def put(events: Any, bus: str, *details: Any, source: str = "test", kind: str = "kind") -> list[str]:
    """Events of these details, all taken; their ids."""
    entries = [
        {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": bus}
        for detail in details
    ]
    answer = events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 0, answer
    return [entry["EventId"] for entry in answer["Entries"]]


def stream(system: System, name: str = "streams.other") -> list[bytes]:
    """All records of a stream."""
    return [
        each["data"] for each in system.call("front", "log_read", log=name, position=0, max=10_000)["records"]
    ]


def arrived(system: System, marker: str, n: int = 1, log: str = "streams.other") -> list[bytes]:
    """The records of a stream that hold `marker`, once there are `n`."""
    until(lambda: len([r for r in stream(system, log) if marker.encode() in r]) >= n)
    return [r for r in stream(system, log) if marker.encode() in r]


def refused(code: str, message: str, call: Any, **given: Any) -> None:
    """A call raises the error of this code, and of this message to the letter."""
    assert sdk.refused(code, message, call, **given)["Message"] == message
