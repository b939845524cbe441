"""Who a bucket tells of its objects: functions, topics and the bus; queues where those are offered."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from forebay.clock import iso, now_us
from forebay.functions.section import FunctionSpec
from forebay.project.model import Ref
from forebay.topics.message import encode
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import invalid, need_bucket, put_setting, setting
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

PARTIAL = "targets are functions, topics and EventBridge; queues are refused"
SUBJECT = "Amazon S3 Notification"
_LISTS = {
    "LambdaFunctionConfigurations": ("function", "LambdaFunctionArn"),
    "TopicConfigurations": ("topic", "TopicArn"),
    "QueueConfigurations": ("queue", "QueueArn"),
}
_ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:([A-Za-z0-9_-]+)(?::[$A-Za-z0-9_-]+)?")
_TOPIC = re.compile(r"arn:aws:sns:[a-z0-9-]+:\d{12}:([A-Za-z0-9_.-]+)")
_OTHER = re.compile(r"arn:aws[a-z-]*:s[nq]s:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+")
_EVENTS = re.compile(
    r"s3:(ObjectCreated|ObjectRemoved|ObjectRestore|Replication|LifecycleExpiration|ObjectTagging|ObjectAnnotation):(\*|[A-Za-z]+)"
    r"|s3:(ReducedRedundancyLostObject|TestEvent|LifecycleTransition|IntelligentTiering|ObjectAcl:Put)"
)


@operation("PutBucketNotificationConfiguration", partial=PARTIAL)
async def put_bucket_notification_configuration(asked: Asked, given: Json) -> Json:
    """Replace the configuration."""
    bucket = need_bucket(asked, given)
    config = given["NotificationConfiguration"]
    rules = []
    for name, (kind, target) in _LISTS.items():
        for each in config.get(name) or ():
            rules.append(
                _rule(
                    asked, each, kind, each.get(target, ""), skip=bool(given.get("SkipDestinationValidation"))
                )
            )
    _check_overlap(rules)
    doc = {"rules": rules, "bus": "EventBridgeConfiguration" in config} if rules or config else None
    await put_setting(asked, bucket, "notification", doc)
    if not given.get("SkipDestinationValidation"):
        await _test(asked, bucket, rules)
    return {}


def _rule(asked: Asked, each: Json, kind: str, target: str, *, skip: bool) -> Json:
    prefix = suffix = ""
    names: list[Any] = []
    for rule in ((each.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ():
        name, value = str(rule.get("Name", "")).lower(), rule.get("Value", "")
        if name == "prefix":
            prefix = value
        elif name == "suffix":
            suffix = value
        else:
            raise invalid(
                "filter rule name must be either prefix or suffix", "FilterRule.Name", rule.get("Name")
            )
        if name in names:
            message = f"Cannot specify more than one {name} rule in a filter."
            raise invalid(message, f"FilterRule.{name}")
        names.append(name)
    events = each.get("Events") or []
    if not events or any(not _EVENTS.fullmatch(event) for event in events):
        raise invalid("The event is not supported for notifications", "Event", ",".join(events))
    if kind != "function" and not _OTHER.fullmatch(target):
        raise invalid("The ARN could not be parsed", "Queue" if kind == "queue" else "TopicArn", target)
    if kind == "queue":
        raise AwsError("NotImplemented", "forebay has no queues to tell of objects", http=501)
    if kind == "function":
        _check_target(asked, target, skip=skip)
    elif not skip and asked.system.project().get(Ref("topics", _topic(target))) is None:
        raise _unable(target, "The destination topic does not exist")
    return {
        "id": each.get("Id") or secrets.token_urlsafe(36),
        "kind": kind,
        "target": target,
        "events": list(events),
        "prefix": prefix,
        "suffix": suffix,
        "filters": [[name.capitalize(), prefix if name == "prefix" else suffix] for name in names],
    }


def _check_target(asked: Asked, target: str, *, skip: bool) -> None:
    found = _ARN.fullmatch(target)
    if found is None:
        raise invalid("The ARN could not be parsed", "LambdaFunctionArn", target)
    if not skip and found[1] not in asked.system.project().of(FunctionSpec):
        raise _unable(target, "The destination Lambda does not exist")


def _unable(target: str, why: str) -> AwsError:
    error = invalid("Unable to validate the following destination configurations")
    error.members |= {"ArgumentName1": target, "ArgumentValue1": why}
    return error


def _topic(target: str) -> str:
    """The name in a topic's ARN; '' for what is none of ours."""
    found = _TOPIC.fullmatch(target)
    return found[1] if found else ""


async def _test(asked: Asked, bucket: str, rules: list[Json]) -> None:
    """Tell each topic that it will be told, as S3 does."""
    request = asked.request.request_id
    said = {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso(now_us())[:23] + "Z",
        "Bucket": bucket,
        "RequestId": request,
        "HostId": request,
    }
    for name in {_topic(rule["target"]) for rule in rules if rule["kind"] == "topic"}:
        log = asked.system.logs.get(f"topics.{name}")
        if log is None:  # nobody has published to it yet
            await asked.system.apply()
            log = asked.system.logs[f"topics.{name}"]
        await log.submit([encode(json.dumps(said), subject=SUBJECT)])


def _check_overlap(rules: list[Json]) -> None:
    """Refuse two rules that could both be told of one event, as S3 does."""
    for at, one in enumerate(rules):
        for other in rules[at + 1 :]:
            same = any(_overlap(a, b) for a in one["events"] for b in other["events"])
            prefixes = one["prefix"].startswith(other["prefix"]) or other["prefix"].startswith(one["prefix"])
            suffixes = one["suffix"].endswith(other["suffix"]) or other["suffix"].endswith(one["suffix"])
            if same and prefixes and suffixes:
                message = (
                    "Configurations overlap. Configurations on the same bucket cannot share a common event type."
                    if not one["filters"] and not other["filters"]
                    else "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the "
                    "prefixes are overlapping for the same event type."
                )
                raise invalid(message)


def _overlap(one: str, other: str) -> bool:
    return one == other or any(
        a.endswith(":*") and b.startswith(a[:-1]) for a, b in ((one, other), (other, one))
    )


@operation("GetBucketNotificationConfiguration", partial=PARTIAL)
async def get_bucket_notification_configuration(asked: Asked, given: Json) -> Json:
    """The configuration, as it was put."""
    doc = await setting(asked, need_bucket(asked, given), "notification") or {}
    answer: Json = {}
    for name, (kind, target) in _LISTS.items():
        found = []
        for rule in doc.get("rules", ()):
            if rule["kind"] != kind:
                continue
            each: Json = {"Id": rule["id"], target: rule["target"], "Events": rule["events"]}
            if rule["filters"]:
                each["Filter"] = {
                    "Key": {"FilterRules": [{"Name": n, "Value": v} for n, v in rule["filters"]]}
                }
            found.append(each)
        if found:
            answer[name] = found
    if doc.get("bus"):
        answer["EventBridgeConfiguration"] = {}
    return answer
