"""Roles that a call hands to a service, and what the service will do with their rights.

Source: "Grant a user permissions to pass a role to an AWS service" (IAM User Guide), and the services' guides of
what their roles need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from forebay.arn import ACCOUNT

Given = Mapping[str, Any]
Act = tuple[str, str, str]
"""A role's ARN, and the action and resource that it will need."""

_PASSING = ("Create", "Put", "Update")
# The member that names a role, and whether it may stand anywhere in a call (else at its top, or in each of Targets).
_ROLES = {
    "lambda": ("Role", False),
    "glue": ("Role", False),
    "events": ("RoleArn", False),
    "logs": ("roleArn", False),
    "firehose": ("RoleARN", True),
    "athena": ("ExecutionRole", True),
}


def passed(service: str, operation: str, given: Given) -> list[str]:
    """The ARNs of the roles that a call hands to the service."""
    member, deep = _ROLES.get(service, ("", False))
    if not member or not operation.startswith(_PASSING):
        return []
    found: list[str] = []
    for place in _within(given) if deep else [given, *_list(given.get("Targets"))]:
        found.append(_text(place, member))
        if place.get("ParameterName") == "RoleArn":  # of a delivery's processor
            found.append(_text(place, "ParameterValue"))
    return [role_arn(role) for role in dict.fromkeys(found) if role]


def role_arn(role: str) -> str:
    """A role as some services take it, by its name or path, as an ARN."""
    return role if role.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:role/{role.lstrip('/')}"


def acts(service: str, operation: str, given: Given) -> Iterator[Act]:
    """What the service will do with each role that it is handed, as far as the call says."""
    match service:
        case "events" if operation == "PutTargets":
            for target in _list(given.get("Targets")):
                kind = str(target.get("Arn", "")).split(":")[2:3]
                action = _TARGETS.get(kind[0] if kind else "")
                if action is not None and _text(target, "RoleArn"):
                    yield _text(target, "RoleArn"), action, str(target["Arn"])
        case "firehose" if operation in ("CreateDeliveryStream", "UpdateDestination"):
            yield from _delivery(given)
        case "glue" if operation in ("CreateCrawler", "UpdateCrawler") and _text(given, "Role"):
            targets = given.get("Targets") or {}
            for target in _list(targets.get("S3Targets")):
                bucket, _, prefix = str(target.get("Path", "")).removeprefix("s3://").partition("/")
                role = role_arn(_text(given, "Role"))
                yield role, "s3:ListBucket", f"arn:aws:s3:::{bucket}"
                yield role, "s3:GetObject", f"arn:aws:s3:::{bucket}/{prefix}"


_TARGETS = {"kinesis": "kinesis:PutRecord", "firehose": "firehose:PutRecord"}


def needs_role(arn: str) -> bool:
    """Whether a rule reaches this target with a role only."""
    return arn.split(":")[2:3] in (["kinesis"], ["firehose"])


def _delivery(given: Given) -> Iterator[Act]:
    for place in _within(given):
        role, bucket = _text(place, "RoleARN"), _text(place, "BucketARN")
        if role and bucket:
            for member in ("Prefix", "ErrorOutputPrefix"):
                if member == "Prefix" or _text(place, member):
                    yield role, "s3:PutObject", f"{bucket}/{_text(place, member).partition('!{')[0]}"
        stream = _text(place, "KinesisStreamARN")
        if role and stream:
            yield role, "kinesis:GetRecords", stream
        parameters = {_text(each, "ParameterName"): each for each in _list(place.get("Parameters"))}
        function = _text(parameters.get("LambdaArn", {}), "ParameterValue")
        if function:
            own = _text(parameters.get("RoleArn", {}), "ParameterValue") or _main(given)
            if own:
                yield own, "lambda:InvokeFunction", function


def _main(given: Given) -> str:
    """The role of a delivery's destination, which its processors have unless they say another."""
    return next((role for place in _within(given) if (role := _text(place, "RoleARN"))), "")


def _within(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for each in value.values():
            yield from _within(each)
    elif isinstance(value, list):
        for each in value:
            yield from _within(each)


def _list(value: Any) -> Iterable[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _text(place: Mapping[str, Any], member: str) -> str:
    value = place.get(member)
    return value if isinstance(value, str) else ""
