"""Events put on a bus: each arrives once, in its envelope, where a rule matches it, and is counted; a kill loses none."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, until
from tests.wire.events import FILES, PROJECT, STREAM, arn, arrived, put, refused, rule, stream
from tests.wire.s3 import raw
from tests.wire.sdk import ACCOUNT, serving

system = serving(PROJECT, files=FILES)


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


def test_an_object_that_is_put_is_an_event_of_the_default_bus(system: System, events: Any, s3: Any) -> None:
    key = uuid.uuid4().hex
    s3.put_bucket_notification_configuration(
        Bucket="dead", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    rule(events, "default", {"source": ["aws.s3"]}, STREAM, name="objects")
    s3.put_object(Bucket="dead", Key=key, Body=b"x")
    (found,) = arrived(system, key)
    event = json.loads(found)
    assert (event["detail-type"], event["detail"]["object"]["key"]) == ("Object Created", key)


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


@pytest.mark.parametrize("time", [253402300800, 1e15, -62135596801])
def test_a_time_that_no_clock_shows_is_the_callers_error(system: System, time: float) -> None:
    entry = {"Source": "s", "DetailType": "d", "Detail": "{}"}
    body = json.dumps({"Entries": [entry, {**entry, "Time": time}]}).encode()
    headers = {"x-amz-target": "AWSEvents.PutEvents", "content-type": "application/x-amz-json-1.1"}
    status, _, answer = raw(system, "POST", "/", body, headers)
    assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


def test_a_rate_beyond_all_dates_is_refused(events: Any) -> None:
    for rate in ("rate(9999999 days)", "rate(99999999999999999999 days)"):
        with pytest.raises(ClientError) as error:
            events.put_rule(Name="never", ScheduleExpression=rate)
        assert error.value.response["Error"]["Code"] == "ValidationException"
    events.put_rule(Name="seldom", ScheduleExpression="rate(999999 days)")
    target = {"Id": "1", "Arn": STREAM}
    assert events.put_targets(Rule="seldom", Targets=[target])["FailedEntryCount"] == 0
