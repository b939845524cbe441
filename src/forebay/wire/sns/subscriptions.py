"""Subscriptions: made, described, changed, ended."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from typing import Any
from urllib.parse import urlsplit

import msgspec

from forebay.access.actions import Need
from forebay.access.policy import Asked as Question
from forebay.access.policy import decide
from forebay.arn import name_in
from forebay.clock import now_us
from forebay.delivery.section import DeliverySpec
from forebay.functions.section import FunctionSpec
from forebay.topics.section import SubscriptionSpec, function_of
from forebay.wire.protocol.message import AwsError
from forebay.wire.resource_policies import policy_of
from forebay.wire.rights import judged
from forebay.wire.service import Asked, Json
from forebay.wire.sns.attributes import delivery_policy, effective_of, filter_policy, redrive_policy
from forebay.wire.sns.base import (
    MOST,
    SERVICE,
    Subscription,
    Topic,
    all_topics,
    count,
    find_topic,
    flag,
    invalid,
    page,
    put_subscription,
    put_topic,
    refuse_declared,
    same_endpoint,
    subscription_arn,
    subscription_of,
    subscriptions_of,
    topic_arn,
    topic_of,
)

_PROTOCOLS = ("http", "https", "email", "email-json", "lambda", "firehose")
_NOT_OFFERED = {
    "sqs": "forebay has no queues (SQS); subscribe a function, a delivery stream or an endpoint",
    "sms": "forebay sends no text messages; declare a service that does under `services` of the topic",
    "application": "forebay pushes to no mobile applications; declare a service that does under `services` of the topic",
}
_ATTRIBUTES = (
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "DeliveryPolicy",
    "SubscriptionRoleArn",
)
PENDING = "pending confirmation"
_PARTIAL = (
    "protocols are http, https, email, email-json, lambda and firehose; sqs, sms and application are refused."
    " A dead-letter target is a prefix in a bucket (arn:aws:s3:::bucket/prefix/)"
)


def _check_endpoint(asked: Asked, protocol: str, endpoint: str) -> None:
    """Raise InvalidParameter for a subscriber that could not be reached."""
    if protocol in _NOT_OFFERED:
        raise invalid(f"Protocol Reason: {_NOT_OFFERED[protocol]}")
    if protocol not in _PROTOCOLS:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if not endpoint:
        raise invalid("Endpoint")
    if protocol in ("http", "https"):
        try:
            parts = urlsplit(endpoint)
            fits = parts.scheme == protocol and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            fits = False
        if not fits or not re.fullmatch(r"[\x21-\x7e]+", endpoint):
            raise invalid("Endpoint must match the specified protocol")
    elif protocol.startswith("email"):
        if endpoint.count("@") != 1 or any(letter.isspace() for letter in endpoint):
            raise invalid("Email address")
    elif protocol == "lambda":
        if name_in(endpoint, "lambda", "function:").removesuffix(":$LATEST") != function_of(endpoint):
            raise invalid(f"{protocol.capitalize()} endpoint ARN")
        if function_of(endpoint) not in asked.system.project().of(FunctionSpec):
            raise invalid(f"Endpoint Reason: Function does not exist: {endpoint}")
    elif protocol == "firehose":
        name = name_in(endpoint, "firehose", "deliverystream/")
        spec = asked.system.project().of(DeliverySpec).get(name)
        if not name:
            raise invalid("Firehose endpoint ARN")
        if spec is None or spec.from_ is not None:
            raise invalid(f"Endpoint Reason: no delivery stream that is put to: {endpoint}")


async def _check_rights(asked: Asked, topic: Topic, protocol: str, endpoint: str) -> None:
    """Who subscribes a function or a delivery for SNS must let it be reached, or be let to reach it."""
    if not asked.identity.bounded or protocol not in ("lambda", "firehose"):
        return
    action = "lambda:InvokeFunction" if protocol == "lambda" else "firehose:PutRecord"
    if protocol == "lambda":
        keys = {"aws:sourcearn": topic_arn(asked, topic.name), "aws:sourceaccount": asked.account}
        question = Question(action, endpoint, "sns.amazonaws.com", keys)
        if decide(await policy_of(asked, endpoint), question) == "allow":
            return
    why = await judged(asked, asked.identity, [Need(action, endpoint)])
    if why is not None:
        raise AwsError("AuthorizationError", why, http=403)


def _changed(spec: SubscriptionSpec, name: str, value: str) -> SubscriptionSpec:
    """A subscription with an attribute as it is given. Raises InvalidParameter."""
    change: dict[str, Any]
    match name:
        case "RawMessageDelivery":
            if value.lower() not in ("true", "false"):
                raise invalid(
                    f"Attributes Reason: RawMessageDelivery: Invalid value [{value}]. Must be true or false."
                )
            if flag(value) and spec.protocol not in ("http", "https", "firehose"):
                raise invalid(
                    f"Attributes Reason: Delivery protocol [{spec.protocol}] does not support raw message delivery."
                )
            change = {"raw": flag(value)}
        case "FilterPolicyScope":
            if value not in ("MessageAttributes", "MessageBody"):
                raise invalid(
                    f"FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
                )
            change = {"scope": value}
        case "FilterPolicy":
            change = {"filter": filter_policy(value, spec.scope)}
        case "RedrivePolicy":
            change = {"errors": redrive_policy(value)}
        case "DeliveryPolicy":
            change = {"policy": delivery_policy(value)}
        case "SubscriptionRoleArn":
            change = {}
        case _:
            raise invalid("AttributeName")
    return msgspec.structs.replace(spec, **change)


@SERVICE.operation("Subscribe", partial=_PARTIAL)
async def subscribe(asked: Asked, given: Json) -> Json:
    """Subscribe an endpoint; what is not of this system is asked first."""
    protocol, endpoint = given["Protocol"], given.get("Endpoint") or ""
    topic = topic_of(asked, given["TopicArn"])
    _check_endpoint(asked, protocol, endpoint)
    await _check_rights(asked, topic, protocol, endpoint)
    attributes = dict(given.get("Attributes") or {})
    unknown = [name for name in attributes if name not in _ATTRIBUTES]
    if unknown:
        raise invalid(f"Attributes Reason: Unknown attribute: {unknown[0]}")
    spec = SubscriptionSpec(id=str(uuid.uuid4()), protocol=protocol, endpoint=endpoint)
    for name in ("FilterPolicyScope", *(each for each in attributes if each != "FilterPolicyScope")):
        if name in attributes:
            spec = _changed(spec, name, attributes[name])
    for found in subscriptions_of(asked, topic.name):
        if same_endpoint(found, protocol, endpoint):
            return await _again(asked, found, spec, attributes, given)
    if count(asked) >= MOST:
        raise AwsError("SubscriptionLimitExceeded", f"forebay keeps at most {MOST:,} subscriptions", http=403)
    asks = protocol in ("http", "https", "email", "email-json")
    meta: Json = {
        "attributes": attributes,
        "created": now_us(),
        "principal": asked.principal if asked.principal != "root" else f"arn:aws:iam::{asked.account}:root",
        "authenticated": not asks,
    }
    if asks:
        meta["token"] = secrets.token_hex(80)
        spec = msgspec.structs.replace(spec, pending=meta["token"])
    made = Subscription(topic.name, spec, meta)
    put_subscription(asked, made)
    await asked.system.apply()
    return {"SubscriptionArn": _answered(asked, made, given)}


def _answered(asked: Asked, found: Subscription, given: Json) -> str:
    if found.spec.pending is not None and not given.get("ReturnSubscriptionArn"):
        return PENDING
    return subscription_arn(asked, found)


async def _again(
    asked: Asked, found: Subscription, wanted: SubscriptionSpec, attributes: Json, given: Json
) -> Json:
    """Somebody is subscribed already: who was not confirmed is asked once more."""
    for name in attributes:
        field = {
            "FilterPolicy": "filter",
            "FilterPolicyScope": "scope",
            "RawMessageDelivery": "raw",
            "RedrivePolicy": "errors",
            "DeliveryPolicy": "policy",
        }.get(name)
        if field is not None and getattr(found.spec, field) != getattr(wanted, field):
            raise invalid("Attributes Reason: Subscription already exists with different attributes")
    if found.spec.pending is not None and found.meta is not None:
        found.meta["token"] = secrets.token_hex(80)
        found.spec = msgspec.structs.replace(found.spec, pending=found.meta["token"])
        put_subscription(asked, found)
        await asked.system.apply()
    return {"SubscriptionArn": _answered(asked, found, given)}


@SERVICE.operation("GetSubscriptionAttributes")
async def get_subscription_attributes(asked: Asked, given: Json) -> Json:
    """A subscription's attributes."""
    found = subscription_of(asked, given["SubscriptionArn"])
    spec, known = found.spec, found.known
    topic = find_topic(asked, found.topic)
    shown = {
        "SubscriptionArn": subscription_arn(asked, found),
        "TopicArn": topic_arn(asked, found.topic),
        "Owner": asked.account,
        "Protocol": spec.protocol,
        "Endpoint": spec.endpoint,
        "SubscriptionPrincipal": known.get("principal") or f"arn:aws:iam::{asked.account}:root",
        "ConfirmationWasAuthenticated": str(bool(known.get("authenticated", True))).lower(),
        "PendingConfirmation": str(spec.pending is not None).lower(),
        "RawMessageDelivery": str(spec.raw).lower(),
    }
    if spec.filter is not None:
        shown["FilterPolicy"] = (known.get("attributes") or {}).get("FilterPolicy") or json.dumps(spec.filter)
        shown["FilterPolicyScope"] = spec.scope
    if spec.errors is not None and (known.get("attributes") or {}).get("RedrivePolicy"):
        shown["RedrivePolicy"] = known["attributes"]["RedrivePolicy"]
    if spec.protocol in ("http", "https"):
        if spec.policy is not None:
            shown["DeliveryPolicy"] = known["attributes"]["DeliveryPolicy"]
        whole = effective_of(spec.policy, topic.spec.policy if topic is not None else None)
        shown["EffectiveDeliveryPolicy"] = json.dumps(whole, separators=(",", ":"))
    if (known.get("attributes") or {}).get("SubscriptionRoleArn"):
        shown["SubscriptionRoleArn"] = known["attributes"]["SubscriptionRoleArn"]
    return {"Attributes": shown}


@SERVICE.operation("SetSubscriptionAttributes", partial=_PARTIAL)
async def set_subscription_attributes(asked: Asked, given: Json) -> None:
    """Change an attribute."""
    name, value = given["AttributeName"], given.get("AttributeValue") or ""
    if name not in _ATTRIBUTES:
        raise invalid("AttributeName")
    found = subscription_of(asked, given["SubscriptionArn"])
    refuse_declared(found.meta is None, f"SubscriptionArn Reason: subscription {found.spec.id}")
    found.spec = _changed(found.spec, name, value)
    if name == "FilterPolicyScope" and found.spec.filter is not None:
        filter_policy(found.known["attributes"].get("FilterPolicy") or "", value)
    found.known["attributes"] = {**(found.known.get("attributes") or {}), name: value}
    put_subscription(asked, found)
    await asked.system.apply()


@SERVICE.operation("Unsubscribe")
async def unsubscribe(asked: Asked, given: Json) -> None:
    """End a subscription; one that is not there does not matter."""
    try:
        found = subscription_of(asked, given["SubscriptionArn"])
    except AwsError as error:
        if error.code == "NotFound":
            return
        raise
    refuse_declared(found.meta is None, f"SubscriptionArn Reason: subscription {found.spec.id}")
    if found.known.get("authenticate") and "authorization" not in asked.request.headers:
        raise AwsError(
            "AuthorizationError", "Unsubscribing from this subscription needs a signed request", http=403
        )
    asked.system.documents.delete("topics.part", f"{found.topic}/{found.spec.id}")
    topic = find_topic(asked, found.topic)
    if topic is not None:
        _count_deleted(asked, topic)
    await asked.system.apply()


def _count_deleted(asked: Asked, topic: Topic) -> None:
    topic.meta["deleted"] = int(topic.meta.get("deleted") or 0) + 1
    put_topic(asked, topic)


def _listed(asked: Asked, each: Subscription) -> Json:
    return {
        "SubscriptionArn": "PendingConfirmation"
        if each.spec.pending is not None
        else subscription_arn(asked, each),
        "Owner": asked.account,
        "Protocol": each.spec.protocol,
        "Endpoint": each.spec.endpoint,
        "TopicArn": topic_arn(asked, each.topic),
    }


@SERVICE.operation("ListSubscriptions")
async def list_subscriptions(asked: Asked, given: Json) -> Json:
    """All subscriptions, a hundred at a time."""
    every = [each for topic in all_topics(asked) for each in subscriptions_of(asked, topic)]
    chosen, more = page(every, given)
    return {"Subscriptions": [_listed(asked, each) for each in chosen], **more}


@SERVICE.operation("ListSubscriptionsByTopic")
async def list_subscriptions_by_topic(asked: Asked, given: Json) -> Json:
    """A topic's subscriptions, a hundred at a time."""
    topic = topic_of(asked, given["TopicArn"])
    chosen, more = page(subscriptions_of(asked, topic.name), given)
    return {"Subscriptions": [_listed(asked, each) for each in chosen], **more}
