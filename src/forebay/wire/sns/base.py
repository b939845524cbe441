"""What SNS's operations share: topics and subscriptions as documents, names and ARNs, errors in its words.

A topic made over the wire is a document of kind `topics`; its subscriptions, and those of a topic that the project
declares, are documents of kind `topics.part`, `<topic>/<uuid>`. `sns.meta` has what only the wire knows of declared
topics: tags and policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from forebay.project.model import Ref
from forebay.topics.section import SubscriptionSpec, TopicSpec, function_of, triggered
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Service, paged, present

TOPICS, PART, META = "topics", "topics.part", "sns.meta"
PAGE = 100
MOST = 1000
"""Subscriptions of a system: each may have a thread."""

SERVICE = Service("sns", validation="ValidationError")


def invalid(message: str) -> AwsError:
    """The caller's words are off."""
    return AwsError("InvalidParameter", f"Invalid parameter: {message}", http=400)


def missing(what: str) -> AwsError:
    """There is no such thing."""
    return AwsError("NotFound", f"{what} does not exist", http=404)


@dataclass(slots=True)
class Topic:
    """A topic. `meta` is what only the wire knows: attributes as they were given, tags, policy, counts."""

    name: str
    spec: TopicSpec
    meta: Json
    declared: bool

    def attribute(self, name: str) -> str | None:
        """An attribute as it was given."""
        found: str | None = (self.meta.get("attributes") or {}).get(name)
        return found


@dataclass(slots=True)
class Subscription:
    """A subscription. `meta` is None for one of the project's own."""

    topic: str
    spec: SubscriptionSpec
    meta: Json | None

    @property
    def known(self) -> Json:
        """`meta`, empty where there is none."""
        return self.meta or {}


def topic_name(asked: Asked, text: str | None, member: str = "TopicArn") -> str:
    """The name in a topic's ARN. Raises InvalidParameter."""
    parts = (text or "").split(":")
    if len(parts) < 6:
        raise invalid(f"{member} Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if parts[0] != "arn" or parts[2] != "sns" or len(parts) > 6:
        raise invalid(f"{member}")
    if parts[3] != asked.region or parts[4] != asked.account:
        raise missing("Topic")
    return parts[5]


def find_topic(asked: Asked, name: str) -> Topic | None:
    """A topic, if there is one."""
    declared = asked.system.declared().get(Ref(TOPICS, name))
    if isinstance(declared, TopicSpec):
        return Topic(name, declared, asked.system.documents.get(META, name) or {}, declared=True)
    doc = asked.system.documents.get(TOPICS, name)
    if doc is None:
        return None
    return Topic(name, msgspec.convert(doc["spec"], TopicSpec), doc["meta"], declared=False)


def topic_of(asked: Asked, text: str | None, member: str = "TopicArn") -> Topic:
    """A topic by ARN. Raises InvalidParameter, NotFound."""
    found = find_topic(asked, topic_name(asked, text, member))
    if found is None:
        raise missing("Topic")
    return found


def all_topics(asked: Asked) -> list[str]:
    """The names of all topics."""
    made = [id for id, _ in asked.system.documents.all(TOPICS)]
    return sorted({*made, *asked.system.declared().of(TopicSpec)})


def put_topic(asked: Asked, topic: Topic) -> None:
    """Keep a topic, or what the wire knows of a declared one."""
    if topic.declared:
        asked.system.documents.put(META, topic.name, topic.meta)
        return
    doc = {"spec": msgspec.to_builtins(topic.spec), "meta": topic.meta}
    asked.system.documents.put(TOPICS, topic.name, doc)


def topic_arn(asked: Asked, name: str) -> str:
    """A topic's ARN."""
    return asked.arn(name, "sns")


def subscription_arn(asked: Asked, subscription: Subscription) -> str:
    """A subscription's ARN."""
    return f"{topic_arn(asked, subscription.topic)}:{subscription.spec.id}"


def subscriptions_of(asked: Asked, topic: str) -> list[Subscription]:
    """A topic's subscriptions; those of the project first."""
    return list(_subscriptions(asked, topic))


def _subscriptions(asked: Asked, topic: str) -> Iterator[Subscription]:
    declared = asked.system.declared()
    spec = declared.get(Ref(TOPICS, topic))
    if not isinstance(spec, TopicSpec):
        spec = TopicSpec()
    for own in spec.subscribers(topic, triggered(declared, topic)):
        full = asked.arn(f"function:{own.endpoint}", "lambda") if own.protocol == "lambda" else own.endpoint
        yield Subscription(topic, msgspec.structs.replace(own, endpoint=full), None)
    for _, doc in asked.system.documents.all(PART, f"{topic}/"):
        yield Subscription(topic, msgspec.convert(doc["spec"], SubscriptionSpec), doc["meta"])


def count(asked: Asked) -> int:
    """How many subscriptions there are, over the wire."""
    return sum(1 for _ in asked.system.documents.all(PART))


def subscription_of(asked: Asked, text: str) -> Subscription:
    """A subscription by ARN. Raises InvalidParameter, NotFound."""
    parts = text.split(":")
    if len(parts) < 6:
        raise invalid(f"SubscriptionArn Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if parts[2] != "sns":
        raise missing("Subscription")
    if len(parts) != 7:
        raise invalid("SubscriptionId")
    for each in subscriptions_of(asked, parts[5]):
        if each.spec.id == parts[6]:
            return each
    raise missing("Subscription")


def put_subscription(asked: Asked, subscription: Subscription) -> None:
    """Keep a subscription."""
    doc = {"spec": msgspec.to_builtins(subscription.spec), "meta": subscription.meta}
    asked.system.documents.put(PART, f"{subscription.topic}/{subscription.spec.id}", doc)


def same_endpoint(one: Subscription, protocol: str, endpoint: str) -> bool:
    """Whether a subscription is of this protocol and endpoint."""
    if one.spec.protocol != protocol:
        return False
    if protocol == "lambda":
        return function_of(one.spec.endpoint) == function_of(endpoint)
    return one.spec.endpoint == endpoint


def refuse_declared(declared: bool, what: str) -> None:
    """Raise for what is the project's own."""
    if declared:
        raise invalid(f"{what} is declared in forebay.yaml and is changed there only")


def parsed(text: str, member: str) -> Any:
    """JSON in an attribute. Raises InvalidParameter."""
    try:
        return json.loads(text)
    except ValueError:
        raise invalid(f"{member}: failed to parse JSON") from None


def page(items: Sequence[Any], given: Json) -> tuple[list[Any], Json]:
    """The asked page of a list, and `{NextToken}` if there is more."""
    bad = invalid("NextToken Reason: Bad value for NextToken")
    chosen, following = paged(items, given.get("NextToken"), PAGE, bad)
    return chosen, present({"NextToken": following})


def flag(text: str | None) -> bool:
    """An attribute that is true or false, as text."""
    return str(text).lower() == "true"
