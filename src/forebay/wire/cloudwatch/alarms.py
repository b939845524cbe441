"""Alarms: made, changed, set and deleted. Each is a document of the kind `alerts`, looked at in the flow."""

from __future__ import annotations

from typing import Any

import orjson

from forebay.alerts.alarm import Alarm
from forebay.alerts.composite import Rule
from forebay.alerts.declared import declared
from forebay.alerts.section import AlertSpec
from forebay.alerts.shapes import UPDATED
from forebay.clock import now_us
from forebay.errors import NotFound
from forebay.wire.cloudwatch.alarm_checks import composite_alarm, metric_alarm
from forebay.wire.cloudwatch.base import SERVICE, refused
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

KIND = "alerts"
MOST_TAGS = 50


def alarms(asked: Asked) -> dict[str, Alarm]:
    """Every alarm, by name: those of the project and those made over the wire."""
    project = asked.system.project()
    found = {}
    for name, spec in sorted(project.of(AlertSpec).items()):
        found[name] = declared(name, spec, project)
    return found


def own(asked: Asked, name: str) -> None:
    """Raise AwsError if an alarm is the project's: it is changed there only."""
    if name in asked.system.declared().of(AlertSpec):
        raise refused(f"Alarm {name} is declared in the project and is changed in forebay.yaml only")


@SERVICE.operation(
    "PutMetricAlarm",
    partial="actions are topics and functions; no PromQL, evaluation window, warm-up or interval of its own",
)
async def put_metric_alarm(asked: Asked, given: Json) -> None:
    """Make or change an alarm; one that is there keeps its state."""
    metric_alarm(given)
    await _put(asked, given)


@SERVICE.operation("PutCompositeAlarm", partial="no suppressor of actions")
async def put_composite_alarm(asked: Asked, given: Json) -> None:
    """Make or change an alarm over other alarms."""
    composite_alarm(given, alarms(asked))
    _refuse_ring(asked, given)
    await _put(asked, given)


def _refuse_ring(asked: Asked, given: Json) -> None:
    """Alarms that ask for each other would never come to rest."""
    there = alarms(asked)
    waiting, seen = list(Rule(given["AlarmRule"]).names), set()
    while waiting:
        name = waiting.pop()
        if name == given["AlarmName"]:
            raise refused(f"Error in AlarmRule [Alarm {name} would depend on itself]")
        alarm = there.get(name)
        if name not in seen and alarm is not None and alarm.rule is not None:
            waiting += Rule(alarm.rule).names
        seen.add(name)


async def _put(asked: Asked, given: Json) -> None:
    name = given["AlarmName"]
    own(asked, name)
    documents = asked.system.documents
    now = now_us()
    kept = documents.get(KIND, name)
    meta = dict(kept["meta"]) if kept is not None else {"created": now}
    if kept is None and given.get(
        "Tags"
    ):  # those of an alarm that is there are changed with TagResource only
        meta["tags"] = _tagged({}, given["Tags"])
    members = {key: value for key, value in given.items() if key not in ("AlarmName", "Tags")}
    members[UPDATED] = now
    documents.put(KIND, name, {"spec": {"alarm": members}, "meta": meta})
    await asked.system.apply()


@SERVICE.operation("DeleteAlarms")
async def delete_alarms(asked: Asked, given: Json) -> None:
    """Delete alarms; one that is not there is no error."""
    for name in given["AlarmNames"]:
        own(asked, name)
    gone = [asked.system.documents.delete(KIND, name) for name in given["AlarmNames"]]
    if any(gone):
        await asked.system.apply()


@SERVICE.operation("EnableAlarmActions")
async def enable_alarm_actions(asked: Asked, given: Json) -> None:
    """Have alarms act again."""
    await _enable(asked, given, enabled=True)


@SERVICE.operation("DisableAlarmActions")
async def disable_alarm_actions(asked: Asked, given: Json) -> None:
    """Have alarms change their state without a word."""
    await _enable(asked, given, enabled=False)


async def _enable(asked: Asked, given: Json, *, enabled: bool) -> None:
    documents = asked.system.documents
    changed = False
    for name in given["AlarmNames"]:
        own(asked, name)
        kept = documents.get(KIND, name)
        if kept is not None:
            kept["spec"]["alarm"] |= {"ActionsEnabled": enabled, UPDATED: now_us()}
            documents.put(KIND, name, kept)
            changed = True
    if changed:
        await asked.system.apply()


@SERVICE.operation("SetAlarmState", partial="an alarm without data keeps the state until data come")
async def set_alarm_state(asked: Asked, given: Json) -> None:
    """Have an alarm in a state until it is looked at with data; its actions are done."""
    facts = given.get("StateReasonData")
    if facts is not None:
        try:
            orjson.loads(facts)
        except orjson.JSONDecodeError:
            raise AwsError("InvalidFormat", "StateReasonData is not valid JSON") from None
    try:
        await asked.system.flow.call(
            "alarm_set",
            name=given["AlarmName"],
            state=given["StateValue"],
            reason=given["StateReason"],
            data=facts,
        )
    except NotFound:
        raise AwsError("ResourceNotFound", "", http=404) from None


# --- tags ---


def _resource(asked: Asked, arn: str) -> tuple[str, dict[str, Any]]:
    """Name and document of the alarm with this ARN. Raises AwsError."""
    _, found, name = arn.partition(":alarm:")
    kept = asked.system.documents.get(KIND, name) if found and arn.startswith("arn:") else None
    if kept is None:
        if found and name in asked.system.declared().of(AlertSpec):
            return name, {}
        raise AwsError("ResourceNotFoundException", "Unknown", http=404)
    return name, kept


def _tagged(tags: dict[str, str], given: list[Json]) -> dict[str, str]:
    found = {**tags, **{each["Key"]: each["Value"] for each in given}}
    if len(found) > MOST_TAGS:
        raise refused(f"The maximum number of tags per resource is {MOST_TAGS}")
    return found


@SERVICE.operation("TagResource")
async def tag_resource(asked: Asked, given: Json) -> None:
    """Add tags to an alarm."""
    name, kept = _resource(asked, given["ResourceARN"])
    own(asked, name)
    kept["meta"]["tags"] = _tagged(kept["meta"].get("tags") or {}, given["Tags"])
    asked.system.documents.put(KIND, name, kept)


@SERVICE.operation("UntagResource")
async def untag_resource(asked: Asked, given: Json) -> None:
    """Take tags from an alarm."""
    name, kept = _resource(asked, given["ResourceARN"])
    own(asked, name)
    tags = kept["meta"].get("tags") or {}
    kept["meta"]["tags"] = {key: value for key, value in tags.items() if key not in given["TagKeys"]}
    asked.system.documents.put(KIND, name, kept)


@SERVICE.operation("ListTagsForResource")
async def list_tags_for_resource(asked: Asked, given: Json) -> Json:
    """An alarm's tags."""
    _, kept = _resource(asked, given["ResourceARN"])
    tags = (kept.get("meta") or {}).get("tags") or {}
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
