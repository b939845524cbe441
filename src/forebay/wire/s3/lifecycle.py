"""Lifecycle rules of a bucket: expiry acts, transitions between classes of storage are only kept."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from typing import Any

from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import invalid, jsonable, malformed, need_bucket, need_setting, put_setting
from forebay.wire.s3.headers import CONTROL
from forebay.wire.s3.lifecycle_rules import check_rule, check_together
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

PARTIAL = "expiry and aborting act; transitions are only kept, as there is one class of storage"
MOST = 1000
_DATE = re.compile(rb"<(?:[\w.-]+:)?Date>(?!\s*\d{4}-\d\d-\d\d)")
"""A date in a form that S3 does not take in a document, though it does elsewhere."""


@operation("PutBucketLifecycleConfiguration", partial=PARTIAL)
async def put_bucket_lifecycle_configuration(asked: Asked, given: Json) -> Json:
    """Replace the rules."""
    bucket = need_bucket(asked, given)
    rules = (given.get("LifecycleConfiguration") or {}).get("Rules") or []
    if not rules or len(rules) > MOST or _DATE.search(asked.request.body):
        raise malformed()
    seen: set[str] = set()
    kept = []
    for rule in rules:
        check_rule(rule)
        name = rule.get("ID") or secrets.token_urlsafe(36)
        if len(name) > 255:
            raise invalid("ID length should not exceed allowed limit of 255")
        if CONTROL.search(name):
            raise invalid("ID must not contain control characters")
        if name in seen:
            raise invalid("Rule ID must be unique. Found same ID for more than one rule")
        seen.add(name)
        kept.append({**jsonable(rule), "ID": name})
    check_together(rules)
    size = given.get("TransitionDefaultMinimumObjectSize") or "all_storage_classes_128K"
    if size not in ("all_storage_classes_128K", "varies_by_storage_class"):
        message = f"Invalid TransitionDefaultMinimumObjectSize found: {size}"
        raise AwsError("InvalidRequest", message, http=400)
    await put_setting(asked, bucket, "lifecycle", {"rules": kept, "minimum": size})
    return {"TransitionDefaultMinimumObjectSize": size}


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
