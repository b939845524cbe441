"""Topics: made, described, changed and deleted."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping

import msgspec

from forebay.access.policy import MalformedPolicy, parse_policy
from forebay.clock import now_us
from forebay.topics.section import TopicSpec
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json
from forebay.wire.sns.attributes import delivery_policy, effective
from forebay.wire.sns.base import (
    PART,
    SERVICE,
    TOPICS,
    Topic,
    all_topics,
    find_topic,
    flag,
    invalid,
    page,
    put_topic,
    refuse_declared,
    subscriptions_of,
    topic_arn,
    topic_of,
)
from forebay.wire.sns.tags import checked_tags

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,251}\.fifo")
_FEEDBACK = re.compile(
    r"(HTTP|SQS|Lambda|Firehose|Application)(SuccessFeedbackRoleArn|SuccessFeedbackSampleRate|FailureFeedbackRoleArn)"
)
_FLAGS = ("FifoTopic", "ContentBasedDeduplication")
_PLAIN = ("DisplayName", "FifoThroughputScope")
_PARTIAL = (
    "KmsMasterKeyId, ArchivePolicy, DataProtectionPolicy, active tracing and delivery status logging are refused: forebay"
    " does none of it"
)


def _checked(name: str, value: str) -> None:
    """Refuse an attribute that is wrong, or that says what is not done here."""
    if name in _FLAGS:
        if value.lower() not in ("true", "false"):
            raise invalid(f"Attributes Reason: {name}: Invalid value [{value}]. Must be true or false.")
    elif name == "DisplayName":
        if len(value) > 100:
            raise invalid("DisplayName")
    elif name == "Policy":
        if value:
            _check_policy(value)
    elif name == "DeliveryPolicy":
        delivery_policy(value, of_topic=True)
    elif name == "SignatureVersion":
        if value not in ("1", "2"):
            raise invalid("Attributes Reason: Invalid value for SignatureVersion. Valid values: [1, 2]")
    elif name == "TracingConfig":
        if value != "PassThrough":
            raise invalid("TracingConfig: forebay does no tracing: PassThrough is the only value")
    elif name == "FifoThroughputScope":
        if value not in ("Topic", "MessageGroup"):
            raise invalid("Attributes Reason: Invalid value for FifoThroughputScope")
    elif name in ("KmsMasterKeyId", "ArchivePolicy", "DataProtectionPolicy") or _FEEDBACK.fullmatch(name):
        if value:
            raise invalid(f"Attributes Reason: {name} is not offered by forebay; leave it out")
    else:
        raise invalid("AttributeName")


def _check_policy(text: str) -> None:
    try:
        parse_policy(text, resource_policy=True)
    except MalformedPolicy as error:
        raise invalid(f"Policy Error: {error.message}") from None


def _spec(old: TopicSpec, attributes: Mapping[str, str]) -> TopicSpec:
    policy = attributes.get("DeliveryPolicy")
    return msgspec.structs.replace(
        old,
        fifo=flag(attributes.get("FifoTopic")),
        signature="2" if attributes.get("SignatureVersion") == "2" else "1",
        policy=json.loads(policy) if policy else None,
    )


@SERVICE.operation("CreateTopic", partial=_PARTIAL)
async def create_topic(asked: Asked, given: Json) -> Json:
    """Make a topic; one that is there with the same attributes is answered."""
    name, attributes = given["Name"], dict(given.get("Attributes") or {})
    fifo = flag(attributes.get("FifoTopic"))
    if name.endswith(".fifo") and not fifo:
        raise invalid("Topic Name")
    if not (_FIFO_NAME if fifo else _NAME).fullmatch(name):
        if fifo:
            raise AwsError(
                "InvalidParameter",
                "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII"
                " letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.",
                http=400,
            )
        raise invalid("Topic Name")
    if given.get("DataProtectionPolicy"):
        raise invalid("Attributes Reason: DataProtectionPolicy is not offered by forebay; leave it out")
    for each, value in attributes.items():
        _checked(each, value)
    if not fifo and ("ContentBasedDeduplication" in attributes or "FifoThroughputScope" in attributes):
        raise invalid(
            "Attributes Reason: Content-based deduplication can only be set for FIFO topics"
            if flag(attributes.get("ContentBasedDeduplication", "true"))
            else "Attributes Reason: Unknown attribute"
        )
    tags = checked_tags(given.get("Tags") or ())
    found = find_topic(asked, name)
    if found is not None:
        _same(asked, found, attributes, tags if given.get("Tags") else None)
        return {"TopicArn": topic_arn(asked, name)}
    topic = Topic(
        name,
        _spec(TopicSpec(region=asked.region), attributes),
        {"attributes": attributes, "tags": tags, "created": now_us()},
        declared=False,
    )
    put_topic(asked, topic)
    await asked.system.apply()
    return {"TopicArn": topic_arn(asked, name)}


def _same(asked: Asked, topic: Topic, attributes: Mapping[str, str], tags: Mapping[str, str] | None) -> None:
    shown = _shown(asked, topic)
    for name, value in attributes.items():
        if shown.get(name) != value and not (name == "FifoTopic" and flag(value) == topic.spec.fifo):
            raise invalid("Attributes Reason: Topic already exists with different attributes")
    if tags is not None and tags != (topic.meta.get("tags") or {}):
        raise invalid("Tags Reason: Topic already exists with different tags")


@SERVICE.operation("DeleteTopic")
async def delete_topic(asked: Asked, given: Json) -> None:
    """Delete a topic with its subscriptions and messages; one that is not there does not matter."""
    try:
        topic = topic_of(asked, given["TopicArn"])
    except AwsError as error:
        if error.code == "NotFound":
            return
        raise
    refuse_declared(topic.declared, f"TopicArn Reason: the topic {topic.name}")
    asked.system.documents.delete(TOPICS, topic.name)
    asked.system.documents.delete_all(PART, f"{topic.name}/")
    log = asked.system.logs.get(f"topics.{topic.name}")
    if log is not None:
        await asyncio.to_thread(log.between, lambda committer: committer.clear())
    await asked.system.apply()


@SERVICE.operation("ListTopics")
async def list_topics(asked: Asked, given: Json) -> Json:
    """All topics, a hundred at a time."""
    names, more = page(all_topics(asked), given)
    return {"Topics": [{"TopicArn": topic_arn(asked, name)} for name in names], **more}


@SERVICE.operation("GetTopicAttributes")
async def get_topic_attributes(asked: Asked, given: Json) -> Json:
    """A topic's attributes."""
    return {"Attributes": _shown(asked, topic_of(asked, given["TopicArn"]))}


def default_policy(asked: Asked, name: str) -> str:
    """The policy that a topic has until it is given one."""
    actions = (
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    )
    policy = {
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [
            {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [f"SNS:{action}" for action in actions],
                "Resource": topic_arn(asked, name),
                "Condition": {"StringEquals": {"AWS:SourceOwner": asked.account}},
            }
        ],
    }
    return json.dumps(policy, separators=(",", ":"))


def _shown(asked: Asked, topic: Topic) -> dict[str, str]:
    given = dict(topic.meta.get("attributes") or {})
    subscriptions = subscriptions_of(asked, topic.name)
    pending = sum(each.spec.pending is not None for each in subscriptions)
    found = {
        "TopicArn": topic_arn(asked, topic.name),
        "Owner": asked.account,
        "DisplayName": given.pop("DisplayName", ""),
        "Policy": topic.meta.get("policy") or given.get("Policy") or default_policy(asked, topic.name),
        "SubscriptionsPending": str(pending),
        "SubscriptionsConfirmed": str(len(subscriptions) - pending),
        "SubscriptionsDeleted": str(topic.meta.get("deleted", 0)),
        "EffectiveDeliveryPolicy": json.dumps(effective(topic.spec.policy), separators=(",", ":")),
    }
    given.pop("Policy", None)
    for name in _FLAGS:
        if name in given:
            given[name] = given[name].lower()
    if topic.spec.fifo:
        given.setdefault("ContentBasedDeduplication", "false")
    else:
        given.pop("FifoTopic", None)
    return {**found, **{name: value for name, value in given.items() if value}}


@SERVICE.operation("SetTopicAttributes", partial=_PARTIAL)
async def set_topic_attributes(asked: Asked, given: Json) -> None:
    """Change an attribute."""
    name, value = given["AttributeName"], given.get("AttributeValue") or ""
    topic = topic_of(asked, given["TopicArn"])
    if name == "FifoTopic":
        raise invalid("AttributeName")
    _checked(name, value)
    if name == "ContentBasedDeduplication" and not topic.spec.fifo:
        raise invalid("Content-based deduplication can only be set for FIFO topics")
    attributes = dict(topic.meta.get("attributes") or {})
    if name == "Policy":
        topic.meta["policy"] = value or None
        put_topic(asked, topic)
        return
    if name != "DisplayName":
        refuse_declared(topic.declared, f"TopicArn Reason: the topic {topic.name}")
    attributes[name] = value
    topic.meta["attributes"] = attributes
    if not topic.declared:
        topic.spec = _spec(topic.spec, attributes)
    put_topic(asked, topic)
    if name in ("DeliveryPolicy", "SignatureVersion"):
        await asked.system.apply()
