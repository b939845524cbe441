"""A topic's policy, statement by statement."""

from __future__ import annotations

import json
from typing import Any

from forebay.wire.service import Asked, Json
from forebay.wire.sns.base import SERVICE, Topic, invalid, put_topic, topic_arn, topic_of
from forebay.wire.sns.topics import default_policy

_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
    "Receive",
)


def _policy(asked: Asked, topic: Topic) -> dict[str, Any]:
    text = topic.meta.get("policy") or topic.attribute("Policy") or default_policy(asked, topic.name)
    found: dict[str, Any] = json.loads(text)
    return found


def _keep(asked: Asked, topic: Topic, policy: dict[str, Any]) -> None:
    topic.meta["policy"] = json.dumps(policy, separators=(",", ":"))
    put_topic(asked, topic)


@SERVICE.operation("AddPermission")
async def add_permission(asked: Asked, given: Json) -> None:
    """Add a statement."""
    topic = topic_of(asked, given["TopicArn"])
    policy = _policy(asked, topic)
    if any(statement.get("Sid") == given["Label"] for statement in policy["Statement"]):
        raise invalid("Statement already exists")
    if any(action not in _ACTIONS for action in given["ActionName"]):
        raise invalid("Policy statement action out of service scope!")
    principals = [f"arn:aws:iam::{account}:root" for account in given["AWSAccountId"]]
    actions = [f"SNS:{action}" for action in given["ActionName"]]
    statement = {
        "Sid": given["Label"],
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": actions[0] if len(actions) == 1 else actions,
        "Resource": topic_arn(asked, topic.name),
    }
    policy["Statement"].append(statement)
    _keep(asked, topic, policy)


@SERVICE.operation("RemovePermission")
async def remove_permission(asked: Asked, given: Json) -> None:
    """Take a statement away; one that is not there does not matter."""
    topic = topic_of(asked, given["TopicArn"])
    policy = _policy(asked, topic)
    policy["Statement"] = [each for each in policy["Statement"] if each.get("Sid") != given["Label"]]
    _keep(asked, topic, policy)
