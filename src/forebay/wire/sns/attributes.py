"""Delivery, filter and redrive policies: read, and refused where they are wrong, in SNS's words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.project.model import Location
from forebay.topics.patience import DEFAULT, completed
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Json, present
from forebay.wire.sns.base import invalid, parsed

_RETRY = ("healthyRetryPolicy", "sicklyRetryPolicy")
_OF_SUBSCRIPTION = (*_RETRY, "throttlePolicy", "requestPolicy", "guaranteed")
_OF_TOPIC = (
    "defaultHealthyRetryPolicy",
    "defaultSicklyRetryPolicy",
    "defaultThrottlePolicy",
    "defaultRequestPolicy",
    "disableSubscriptionOverrides",
)
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; *[\w-]+=[\w.-]+)*", re.ASCII)
_BACKOFF = ("linear", "arithmetic", "geometric", "exponential")
MOST_KEYS, MOST_COMBINED = 5, 150


def effective(policy: Mapping[str, Any] | None) -> Json:
    """A topic's delivery policy with what it does not say."""
    http = dict((policy or {}).get("http") or {})
    return {
        "http": {
            **http,
            "defaultHealthyRetryPolicy": completed(http.get("defaultHealthyRetryPolicy")),
            "disableSubscriptionOverrides": bool(http.get("disableSubscriptionOverrides")),
            "defaultRequestPolicy": http.get("defaultRequestPolicy")
            or {"headerContentType": "text/plain; charset=UTF-8"},
        }
    }


def effective_of(own: Mapping[str, Any] | None, topic: Mapping[str, Any] | None) -> Json:
    """A subscription's delivery policy with its topic's and SNS's own."""
    of_topic = effective(topic)["http"]
    own = {} if of_topic["disableSubscriptionOverrides"] else dict(own or {})
    return {
        "healthyRetryPolicy": {
            **of_topic["defaultHealthyRetryPolicy"],
            **present(own.get("healthyRetryPolicy") or {}),
        },
        "sicklyRetryPolicy": own.get("sicklyRetryPolicy"),
        "throttlePolicy": own.get("throttlePolicy"),
        "requestPolicy": own.get("requestPolicy") or of_topic["defaultRequestPolicy"],
        "guaranteed": False,
    }


def delivery_policy(text: str, *, of_topic: bool = False) -> Json | None:
    """A delivery policy, checked; None where the text is empty, which takes it away."""
    if not text:
        return None
    policy = parsed(text, "DeliveryPolicy")
    if not isinstance(policy, dict):
        raise invalid("DeliveryPolicy: must be a JSON object")
    given = policy
    if of_topic:
        if set(policy) - {"http"}:
            raise invalid(f"DeliveryPolicy: unrecognized fields: {', '.join(sorted(set(policy) - {'http'}))}")
        given = policy.get("http") or {}
    unknown = set(given) - set(_OF_TOPIC if of_topic else _OF_SUBSCRIPTION)
    if unknown:
        raise invalid(f"DeliveryPolicy: unrecognized fields: {', '.join(sorted(unknown))}")
    _check_retry(given.get("defaultHealthyRetryPolicy" if of_topic else "healthyRetryPolicy"))
    asked = given.get("defaultRequestPolicy" if of_topic else "requestPolicy") or {}
    kind = asked.get("headerContentType") if isinstance(asked, dict) else asked
    if kind is not None and not (isinstance(kind, str) and _CONTENT_TYPE.fullmatch(kind)):
        raise invalid("DeliveryPolicy: requestPolicy.headerContentType is no content type")
    throttle = (given.get("defaultThrottlePolicy" if of_topic else "throttlePolicy") or {}).get(
        "maxReceivesPerSecond"
    )
    if throttle is not None and not (isinstance(throttle, int) and throttle >= 1):
        raise invalid("DeliveryPolicy: throttlePolicy.maxReceivesPerSecond must be at least 1")
    return policy


def _check_retry(retry: Any) -> None:
    if retry is None:
        return
    if not isinstance(retry, dict) or set(retry) - set(DEFAULT):
        raise invalid("DeliveryPolicy: healthyRetryPolicy has unrecognized fields")
    whole = completed(retry)
    for name, value in whole.items():
        if name != "backoffFunction" and (not isinstance(value, int) or value < 0):
            raise invalid(f"DeliveryPolicy: healthyRetryPolicy.{name} must be a positive number")
    if whole["backoffFunction"] not in _BACKOFF:
        raise invalid(
            f"DeliveryPolicy: healthyRetryPolicy.backoffFunction must be one of {', '.join(_BACKOFF)}"
        )
    for name in ("minDelayTarget", "maxDelayTarget"):
        if not 1 <= whole[name] <= 3600:
            raise invalid(f"DeliveryPolicy: healthyRetryPolicy.{name} must be from 1 to 3600")
    if whole["minDelayTarget"] > whole["maxDelayTarget"]:
        raise invalid("DeliveryPolicy: healthyRetryPolicy.minDelayTarget must not pass maxDelayTarget")
    if whole["numRetries"] > 100:
        raise invalid("DeliveryPolicy: healthyRetryPolicy.numRetries must be from 0 to 100")
    parts = sum(whole[name] for name in ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries"))
    if parts > whole["numRetries"]:
        raise invalid("DeliveryPolicy: healthyRetryPolicy.numRetries must be at least the sum of the others")


def filter_policy(text: str, scope: str) -> Json | None:
    """A filter policy, checked; None where the text is empty, which takes it away."""
    if not text:
        return None
    try:
        policy = json.loads(text)
    except ValueError:
        raise invalid("FilterPolicy: failed to parse JSON.") from None
    if not isinstance(policy, dict):
        raise invalid("FilterPolicy: failed to parse JSON.")
    if not policy:
        return None  # which lets everything by, as none does
    if len(policy) > MOST_KEYS:
        raise invalid("FilterPolicy: Filter policy can not have more than 5 keys")
    combined, rules = _rules(policy, scope, 1)
    if combined > MOST_COMBINED:
        raise invalid("FilterPolicy: Filter policy is too complex")
    for rule in rules:
        _check_rule(rule)
    try:
        compile_pattern(text)
    except InvalidPattern as error:
        reason = error.message.partition("Reason: ")[2]
        raise invalid(f"FilterPolicy: {reason}") from None
    return policy


def _rules(policy: Mapping[str, Any], scope: str, depth: int) -> tuple[int, list[Any]]:
    combined, found = 1, []
    for key, value in policy.items():
        if isinstance(value, dict):
            if scope != "MessageBody":
                raise invalid("Filter policy scope MessageAttributes does not support nested filter policy")
            inner, rules = _rules(value, scope, depth + 1)
            combined *= inner
            found += rules
        elif isinstance(value, list):
            if key == "$or":
                for each in value:
                    if isinstance(each, dict):
                        inner, rules = _rules(each, scope, depth + 1)
                        combined *= inner
                        found += rules
            else:
                found += value
            combined *= len(value) * depth
        else:
            raise invalid(f'FilterPolicy: "{key}" must be an object or an array')
    return combined, found


def _check_rule(rule: Any) -> None:
    if isinstance(rule, list):
        raise invalid("FilterPolicy: Match value must be String, number, true, false, or null")
    if isinstance(rule, int | float) and not isinstance(rule, bool) and not -(10**9) < rule < 10**9:
        raise AwsError("InternalError", "Unknown", http=500)
    if not isinstance(rule, dict):
        return
    keyword, value = next(iter(rule.items()), ("", None))
    if keyword == "exists" and not isinstance(value, bool):
        raise invalid("FilterPolicy: exists match pattern must be either true or false.")
    if keyword == "numeric":
        _check_numeric(value)


def _check_numeric(value: Any) -> None:
    def wrong(what: str) -> AwsError:
        return invalid(f"Attributes Reason: FilterPolicy: {what}\n at ...")

    rest = list(value) if isinstance(value, list) else []
    if not rest:
        raise wrong("Invalid member in numeric match: ]")
    operator = rest.pop(0)
    if not isinstance(operator, str):
        raise wrong(f"Invalid member in numeric match: {operator}")
    if operator not in ("<", "<=", "=", ">", ">="):
        raise wrong(f"Unrecognized numeric range operator: {operator}")
    bottom = rest.pop(0) if rest else None
    if not isinstance(bottom, int | float):
        raise wrong(f"Value of {operator} must be numeric")
    if not rest:
        return
    if operator not in (">", ">="):
        raise wrong("Too many elements in numeric expression")
    second = rest.pop(0)
    if second not in ("<", "<="):
        raise wrong(f"Bad numeric range operator: {second}")
    top = rest.pop(0) if rest else None
    if not isinstance(top, int | float):
        raise wrong(f"Value of {second} must be numeric")
    if top <= bottom:
        raise wrong("Bottom must be less than top")


def redrive_policy(text: str) -> Location | None:
    """Where a redrive policy sends what was not taken: a prefix in a bucket, in place of a queue."""
    if not text:
        return None
    policy = parsed(text, "RedrivePolicy")
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    if not isinstance(target, str) or not target.startswith("arn:"):
        raise invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if not target.startswith("arn:aws:s3:::"):
        raise invalid(
            "RedrivePolicy: forebay has no queues; it keeps dead letters in a bucket:"
            f" arn:aws:s3:::bucket/prefix/, not {target}"
        )
    try:
        return Location.parse("s3://" + target.removeprefix("arn:aws:s3:::"))
    except ValueError as error:
        raise invalid(f"RedrivePolicy: deadLetterTargetArn: {error}") from None
