"""Lifecycle rules of a bucket: expiry acts, transitions between classes of storage are only kept."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import (
    invalid,
    jsonable,
    malformed,
    need_bucket,
    need_setting,
    operation,
    put_setting,
)
from forebay.wire.service import Asked, Json

PARTIAL = "expiry and aborting act; transitions are only kept, as there is one class of storage"
MOST = 1000
LEAST = 30
_WARM = ("STANDARD_IA", "ONEZONE_IA")
"""Classes to which an object does not go before it is so many days old."""


@operation("PutBucketLifecycleConfiguration", partial=PARTIAL)
async def put_bucket_lifecycle_configuration(asked: Asked, given: Json) -> Json:
    """Replace the rules."""
    bucket = need_bucket(asked, given)
    rules = (given.get("LifecycleConfiguration") or {}).get("Rules") or []
    if not rules or len(rules) > MOST:
        raise malformed()
    seen: set[str] = set()
    kept = []
    for rule in rules:
        _check(rule)
        name = rule.get("ID") or secrets.token_urlsafe(36)
        if len(name) > 255:
            raise invalid("ID length should not exceed allowed limit of 255")
        if name in seen:
            raise invalid("Rule ID must be unique. Found same ID for more than one rule")
        seen.add(name)
        kept.append({**jsonable(rule), "ID": name})
    size = given.get("TransitionDefaultMinimumObjectSize") or "all_storage_classes_128K"
    if size not in ("all_storage_classes_128K", "varies_by_storage_class"):
        message = f"Invalid TransitionDefaultMinimumObjectSize found: {size}"
        raise AwsError("InvalidRequest", message, http=400)
    await put_setting(asked, bucket, "lifecycle", {"rules": kept, "minimum": size})
    return {"TransitionDefaultMinimumObjectSize": size}


def _check(rule: Json) -> None:
    if rule.get("Status") not in ("Enabled", "Disabled"):
        raise malformed()
    if ("Filter" in rule) == ("Prefix" in rule) and "Filter" in rule:
        raise malformed()
    if "Filter" not in rule and "Prefix" not in rule:
        raise malformed()
    if rule.get("NoncurrentVersionExpiration") == {}:
        raise malformed()
    actions = (
        "Expiration",
        "Transitions",
        "NoncurrentVersionTransitions",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    )
    if not any(rule.get(name) for name in actions):
        raise AwsError("InvalidRequest", "At least one action needs to be specified in a rule", http=400)
    found = rule.get("Filter") or {}
    if len(found) > 1:
        raise malformed()
    both = found.get("And")
    keys = [tag.get("Key") for tag in (both or {}).get("Tags") or ()]
    if len(keys) != len(set(keys)):
        raise AwsError("InvalidRequest", "Duplicate Tag Keys are not allowed.", http=400)
    if both is not None and sum((len(both.get("Tags") or ()), *(name in both for name in _OF_AND))) < 2:
        raise malformed()
    gone = rule.get("Expiration")
    if gone is not None:
        _check_expiration(gone, found)
    older = rule.get("NoncurrentVersionExpiration")
    if older is not None and older.get("NoncurrentDays", 1) <= 0:
        raise invalid("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
    for each in rule.get("Transitions") or ():
        if "StorageClass" not in each or ("Days" in each) == ("Date" in each):
            raise malformed()
        kept = each["StorageClass"]
        if kept in _WARM and each.get("Days", LEAST) < LEAST:
            raise invalid(
                f"'Days' in Transition action must be greater than or equal to {LEAST} for storageClass '{kept}'"
            )
    for each in rule.get("NoncurrentVersionTransitions") or ():
        if "StorageClass" not in each or "NoncurrentDays" not in each:
            raise malformed()
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort is not None and abort.get("DaysAfterInitiation", 0) <= 0:
        raise invalid(
            "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"
        )


_OF_AND = ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")


def _check_expiration(gone: Json, found: Json) -> None:
    if sum(name in gone for name in ("Days", "Date", "ExpiredObjectDeleteMarker")) != 1:
        raise malformed()
    if "Days" in gone and gone["Days"] <= 0:
        raise invalid("'Days' for Expiration action must be a positive integer")
    if "Date" in gone:
        when: Any = gone["Date"]
        if (when.hour, when.minute, when.second, when.microsecond) != (0, 0, 0, 0):
            shown = when.astimezone().isoformat()
            raise invalid("'Date' must be at midnight GMT", "Date", shown)
    if "ExpiredObjectDeleteMarker" in gone and ("Tag" in found or "Tags" in (found.get("And") or {})):
        message = "ExpiredObjectDeleteMarker cannot be specified with Object Tags."
        raise AwsError("InvalidRequest", message, http=400)


@operation("GetBucketLifecycleConfiguration", partial=PARTIAL)
async def get_bucket_lifecycle_configuration(asked: Asked, given: Json) -> Json:
    """The rules, each with its id."""
    bucket = need_bucket(asked, given)
    message = "The lifecycle configuration does not exist"
    doc = await need_setting(asked, bucket, "lifecycle", "NoSuchLifecycleConfiguration", message)
    return {
        "Rules": [_timed(rule) for rule in doc["rules"]],
        "TransitionDefaultMinimumObjectSize": doc["minimum"],
    }


def _timed(rule: Json) -> Json:
    """Times as the protocol's encoder takes them."""

    def timed(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: dt.datetime.fromisoformat(item) if key == "Date" else timed(item)
                for key, item in value.items()
            }
        return [timed(item) for item in value] if isinstance(value, list) else value

    found: Json = timed(rule)
    return found


@operation("DeleteBucketLifecycle")
async def delete_bucket_lifecycle(asked: Asked, given: Json) -> Json:
    """No rules."""
    await put_setting(asked, need_bucket(asked, given), "lifecycle", None)
    return {"_status": 204}
