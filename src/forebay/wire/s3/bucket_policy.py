"""A bucket's policy, which holds where access is on, and what S3 refuses as one."""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from typing import Any

from forebay.access.actions_s3 import IN_POLICIES, s3
from forebay.access.policy import MOST_BYTES, MalformedPolicy, like, parse_policy
from forebay.arn import ACCOUNT
from forebay.runtime.directory import ROLE, USER, Directory, arn_of
from forebay.wire.protocol.message import AwsError
from forebay.wire.protocol.model import service_model
from forebay.wire.s3.base import need_bucket, need_setting, put_setting, setting
from forebay.wire.s3.public import is_public
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

_ARN = "arn:aws:s3:::"


@operation("PutBucketPolicy")
async def put_bucket_policy(asked: Asked, given: Json) -> Json:
    """A policy on the bucket, which holds where access is on."""
    bucket = need_bucket(asked, given)
    text = given["Policy"]
    check_policy(bucket, text, Directory.of(asked.system))
    blocked = await setting(asked, bucket, "public_access") or {}
    if blocked.get("BlockPublicPolicy") and is_public(text):
        message = (
            f"User: {asked.identity.arn} is not authorized to perform: s3:PutBucketPolicy on resource:"
            f' "{_ARN}{bucket}" because public policies are prevented by the BlockPublicPolicy setting in S3'
            " Block Public Access."
        )
        raise AwsError("AccessDenied", message, http=403)
    await put_setting(asked, bucket, "policy", text)
    return {"_status": 204}


@operation("GetBucketPolicy")
async def get_bucket_policy(asked: Asked, given: Json) -> Json:
    """The policy, as it was put."""
    return {"Policy": await _policy(asked, given)}


@operation("DeleteBucketPolicy")
async def delete_bucket_policy(asked: Asked, given: Json) -> Json:
    """No policy."""
    await put_setting(asked, need_bucket(asked, given), "policy", None)
    return {"_status": 204}


@operation("GetBucketPolicyStatus")
async def get_bucket_policy_status(asked: Asked, given: Json) -> Json:
    """Whether the policy lets everybody in."""
    return {"PolicyStatus": {"IsPublic": is_public(await _policy(asked, given))}}


async def _policy(asked: Asked, given: Json) -> str:
    missing = ("NoSuchBucketPolicy", "The bucket policy does not exist")
    text: str = await need_setting(asked, need_bucket(asked, given), "policy", *missing)
    return text


# What is none.


def check_policy(bucket: str, text: str, directory: Directory) -> None:
    """Raise AwsError `MalformedPolicy` for what is no policy of this bucket."""
    if not text or not text.lstrip().startswith("{"):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    if len(text) > MOST_BYTES:
        raise _malformed(f"The policy passes {MOST_BYTES} characters")
    try:
        doc = json.loads(text)
    except (ValueError, RecursionError):
        raise _malformed("This policy contains invalid Json") from None
    if "Statement" not in doc:
        raise _malformed("Missing required field Statement")
    statements = _listed(doc["Statement"])
    if not statements:
        raise _malformed("Could not parse the policy: Statement is empty!")
    for each in statements:
        if isinstance(each, dict):
            _check_statement(each, bucket, directory)
    try:
        parse_policy(text, resource_policy=True)
    except MalformedPolicy as error:
        message = error.message.partition(" (statement")[0].removesuffix(".")  # which is of IAM's words
        raise _malformed(message) from None


def _check_statement(given: Json, bucket: str, directory: Directory) -> None:
    for field in ("Effect", "Principal", "Action", "Resource"):
        if field not in given and f"Not{field}" not in given:
            raise _malformed(f"Missing required field {field}")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {given.get('Effect')}")
    if not _is_principal(given.get("Principal", given.get("NotPrincipal")), directory):
        raise _malformed("Invalid principal in policy")
    actions = [_kinds(str(each)) for each in _listed(given.get("Action", given.get("NotAction")))]
    if not actions or not all(actions):
        raise _malformed("Policy has invalid action")
    resources = _listed(given.get("Resource", given.get("NotResource")))
    if not resources or not all(_is_resource(each, bucket) for each in resources):
        raise _malformed("Policy has invalid resource")
    _check_conditions(given)
    if "Action" in given and "Resource" in given:
        fit = {kind for each in resources for kind in _named_by(each.removeprefix(_ARN))}
        if any(fit.isdisjoint(kinds) for kinds in actions):
            raise _malformed("Action does not apply to any resource(s) in statement")


def _is_principal(given: Any, directory: Directory) -> bool:
    if given == "*":
        return True
    if not isinstance(given, dict) or not given:
        return False
    for kind, named in given.items():
        names = _listed(named)
        if not names or not all(isinstance(each, str) and each for each in names):
            return False
        if kind == "AWS" and not all(_is_known(each, directory) for each in names):
            return False
    return True


_PRINCIPAL = re.compile(r"\*|\d{12}|A[A-Z0-9]{15,}|arn:aws[a-z-]*:(iam|sts)::[^:*]+:[^:*]+")


def _is_known(name: str, directory: Directory) -> bool:
    """Whether a principal may be one; of this account's own it is known."""
    if not _PRINCIPAL.fullmatch(name):
        return False
    for kind, place in ((USER, "user/"), (ROLE, "role/")):
        if name.startswith(f"arn:aws:iam::{ACCOUNT}:{place}"):
            found = directory.get(kind, name.rpartition("/")[2])
            return found is not None and arn_of(kind, found) == name
    return True


_NAMED = ("Bucket", "Key")


@functools.cache
def _actions() -> dict[str, str]:
    """Every action, in lower case, and what it is of: `bucket`, `object`, or neither."""
    found = {f"s3:{name}".lower(): kind for kind, names in IN_POLICIES.items() for name in names}
    model = service_model("s3")
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        members = shape.members if shape is not None else ()
        for asked_for in (_NAMED, (*_NAMED, "VersionId", "BypassGovernanceRetention")):
            for action, resource, _ in s3(name, {each: "x" for each in asked_for if each in members}):
                rest = resource.partition(_ARN)[2]
                kind = "object" if "/" in rest else "bucket" if rest else ""
                found[action.lower()] = found.get(action.lower()) or kind
    return found


@functools.lru_cache(maxsize=1024)
def _kinds(pattern: str) -> frozenset[str]:
    """What the actions are of that are named so; nothing where none is."""
    return frozenset(kind for name, kind in _actions().items() if like(pattern.lower(), name))


def _is_resource(given: Any, bucket: str) -> bool:
    if not isinstance(given, str) or not given.startswith(_ARN):
        return False
    name = given.removeprefix(_ARN).partition("/")[0]
    return name == bucket or ("*" in name and bucket.startswith(name.partition("*")[0]))


def _named_by(pattern: str) -> set[str]:
    """What a resource's pattern may name."""
    if "/" in pattern:
        return {"object"}
    return {"bucket", "object"} if "*" in pattern else {"bucket"}


_LISTS = re.compile("s3:listbucket(versions)?")
_SPOKEN_OF = {
    "s3:prefix": _LISTS,
    "s3:delimiter": _LISTS,
    "s3:max-keys": _LISTS,
    "s3:x-amz-acl": re.compile("s3:(createbucket|put(bucket|object|objectversion)acl|putobject)"),
    "s3:versionid": re.compile("s3:(.*objectversion.*|restoreobject)"),
}
"""The actions that have a condition key, of those keys that few have."""


def _check_conditions(given: Json) -> None:
    actions = [
        str(each).lower() for each in _listed(given.get("Action", [])) if not set("*?") & set(str(each))
    ]
    conditions = given.get("Condition") or {}
    for tests in conditions.values() if isinstance(conditions, dict) else ():
        for key, values in tests.items() if isinstance(tests, dict) else ():
            if key.lower() == "aws:sourceip" and not all(map(_is_network, _listed(values))):
                raise _malformed("Invalid IP address in Conditions")
            has_it = _SPOKEN_OF.get(key.lower())
            if has_it is not None and not all(map(has_it.fullmatch, actions)):
                message = "Conditions do not apply to combination of actions and resources in statement"
                raise _malformed(message)


def _is_network(text: Any) -> bool:
    try:
        ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return False
    return True


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message, http=400)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
