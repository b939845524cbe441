"""Object lock: what a bucket locks by default, and retention and legal hold of single versions. `lake/lock.py` holds
it against deletions.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

from forebay.clock import to_datetime
from forebay.lake.lock import COMPLIANCE, GOVERNANCE
from forebay.lake.shelf import Object
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3 import sums
from forebay.wire.s3.base import (
    change,
    found_version,
    invalid,
    malformed,
    need_bucket,
    need_setting,
    put_setting,
    setting,
    shelf,
    version_of,
)
from forebay.wire.s3.headers import refuse_unbuilt
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

MODES = (GOVERNANCE, COMPLIANCE)
YEAR = 365
_BOTH = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
_UNTIL = "x-amz-object-lock-retain-until-date"
_NO_DATE = "The retain until date must be provided in ISO 8601 format"
_BYPASS = "x-amz-bypass-governance-retention"
_RULE = re.compile(rb"<(?:[\w.-]+:)?Rule[\s>/]")
_PACIFIC = ZoneInfo("America/Los_Angeles")


# Of a bucket.


@operation("PutObjectLockConfiguration")
async def put_object_lock_configuration(asked: Asked, given: Json) -> Json:
    """Lock versions in this bucket, from now on and for good; the default for new objects may change."""
    bucket = need_bucket(asked, given)
    refuse_unbuilt(_rule(given))
    versioning = await setting(asked, bucket, "versioning") or {}
    if versioning.get("status") != "Enabled":
        message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        raise AwsError("InvalidBucketState", message, http=409)
    if "ObjectLockConfiguration" not in given:
        raise AwsError("MissingRequestBodyError", "Request Body is empty", http=400)
    if len(_RULE.findall(asked.request.body)) > 1:
        raise malformed()
    await put_setting(asked, bucket, "lock", _default(given))
    return {}


def _rule(given: Json) -> Json:
    config = given.get("ObjectLockConfiguration") or {}
    rule: Json = (config.get("Rule") or {}).get("DefaultRetention") or {}
    return rule


def _default(given: Json) -> Json:
    config = given.get("ObjectLockConfiguration") or {}
    if config.get("ObjectLockEnabled") != "Enabled":
        raise malformed()
    if "Rule" not in config:
        return {}
    rule = _rule(given)
    if rule.get("Mode") not in MODES or ("Days" in rule) == ("Years" in rule):
        raise malformed()
    unit = "Days" if "Days" in rule else "Years"
    if rule[unit] <= 0:
        raise invalid("Default retention period must be a positive integer value.", unit)
    days = rule[unit] * (YEAR if unit == "Years" else 1)
    if days > 100 * YEAR:
        raise invalid("Default retention period too large.", unit)
    return {"mode": rule["Mode"], "days": days, "shown": {unit: rule[unit]}}


@operation("GetObjectLockConfiguration")
async def get_object_lock_configuration(asked: Asked, given: Json) -> Json:
    """Whether versions are locked, and how by default."""
    bucket = need_bucket(asked, given)
    message = "Object Lock configuration does not exist for this bucket"
    doc = await need_setting(asked, bucket, "lock", "ObjectLockConfigurationNotFoundError", message)
    config: Json = {"ObjectLockEnabled": "Enabled"}
    if "mode" in doc:
        config["Rule"] = {"DefaultRetention": {"Mode": doc["mode"], **doc["shown"]}}
    return {"ObjectLockConfiguration": config}


async def need_lock(asked: Asked, bucket: str, *, put: bool = False) -> None:
    """Raise AwsError `InvalidRequest` for a bucket that locks nothing, in other words to who puts an object."""
    if await setting(asked, bucket, "lock") is None:
        what = "ObjectLockConfiguration" if put else "Object Lock Configuration"
        raise AwsError("InvalidRequest", f"Bucket is missing {what}", http=400)


async def bypass_of(asked: Asked, bucket: str, given: Json) -> bool:
    """Whether governance is to be set aside; which can be said of a bucket that locks only. Raises AwsError."""
    said = given.get("BypassGovernanceRetention")
    if said is not None and await setting(asked, bucket, "lock") is None:
        raise invalid(f"{_BYPASS} is only applicable to Object Lock enabled buckets.", _BYPASS)
    return bool(said)


# Of versions.


async def check_summed(asked: Asked, bucket: str, meta: Json, what: str) -> None:
    """Raise AwsError `InvalidRequest` where what is to be locked comes with no checksum ("PutObject", S3's API)."""
    if sums.is_stated(asked.request.headers):
        return
    locked = not {"retain", "hold"}.isdisjoint(meta)
    if not locked and asked.system.puts.plain(bucket, shelf(asked).plain) is None:
        locked = bool(await setting(asked, bucket, "lock"))
    if locked:
        message = f"Content-MD5 OR x-amz-checksum- HTTP header is required for {what} requests with Object Lock parameters"
        raise AwsError("InvalidRequest", message, http=400)


def locks_of(asked: Asked, given: Json) -> Json:
    """What a request to make an object says of locks, as its `meta` has it. Raises AwsError."""
    mode, hold = given.get("ObjectLockMode"), given.get("ObjectLockLegalHoldStatus")
    until: str | None = asked.request.headers.get(_UNTIL, given.get("ObjectLockRetainUntilDate"))
    if (mode is None) != (until is None):
        missing = "mode" if mode is None else "retain-until-date"
        raise invalid(_BOTH, f"x-amz-object-lock-{missing}")
    found: Json = {}
    if until is not None:
        if mode not in MODES:
            raise invalid("Unknown wormMode directive.", "x-amz-object-lock-mode", mode)
        found["retain"] = {"mode": mode, "until": _until(_moment(until), _UNTIL, until)}
    if hold is not None:
        if hold not in ("ON", "OFF"):
            message = "Legal Hold must be either of 'ON' or 'OFF'"
            raise invalid(message, "x-amz-object-lock-legal-hold", hold)
        found["hold"] = hold == "ON"
    return found


def _moment(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise invalid(_NO_DATE, _UNTIL, text) from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _until(until: dt.datetime, name: str, shown: str | None = None) -> int:
    """UTC us. Raises AwsError `InvalidArgument`, which shows the date as it was sent, or that of a document as S3 does."""
    try:
        until = until.astimezone(dt.UTC)
        shown = shown or until.astimezone(_PACIFIC).strftime("%a %b %d %H:%M:%S %Z %Y")
    except OverflowError:  # in the first or the last hours of all dates
        raise invalid(_NO_DATE, name, shown) from None
    if until <= dt.datetime.now(dt.UTC):
        raise invalid("The retain until date must be in the future!", name, shown)
    return int(until.timestamp() * 1_000_000)


def shown_locks(meta: Json) -> Json:
    """The members that say how a version is locked."""
    found: Json = {}
    if "retain" in meta:
        found["ObjectLockMode"] = meta["retain"]["mode"]
        found["ObjectLockRetainUntilDate"] = to_datetime(meta["retain"]["until"])
    if "hold" in meta:
        found["ObjectLockLegalHoldStatus"] = "ON" if meta["hold"] else "OFF"
    return found


async def _found(asked: Asked, given: Json) -> Object:
    bucket = need_bucket(asked, given)
    await need_lock(asked, bucket)
    return await found_version(asked, bucket, given)


def _none() -> AwsError:
    message = "The specified object does not have a ObjectLock configuration"
    return AwsError("NoSuchObjectLockConfiguration", message, http=404)


@operation("GetObjectRetention")
async def get_object_retention(asked: Asked, given: Json) -> Json:
    """Until when a version is kept, and how strictly."""
    kept: Any = (await _found(asked, given)).meta.get("retain")
    if kept is None:
        raise _none()
    return {"Retention": {"Mode": kept["mode"], "RetainUntilDate": to_datetime(kept["until"])}}


@operation("PutObjectRetention")
async def put_object_retention(asked: Asked, given: Json) -> Json:
    """Keep a version; for less long than now only where governance is set aside."""
    need_bucket(asked, given)
    asked_for = given.get("Retention")
    if asked_for is None:
        raise malformed()
    refuse_unbuilt(asked_for)
    found = await _found(asked, given)
    retain = None
    if asked_for:
        if asked_for.get("Mode") not in MODES or "RetainUntilDate" not in asked_for:
            raise malformed()
        until = _until(asked_for["RetainUntilDate"], "RetainUntilDate")
        retain = {"mode": asked_for["Mode"], "until": until}
    await _put(asked, given, found, retain=retain, bypass=bool(given.get("BypassGovernanceRetention")))
    return {}


@operation("GetObjectLegalHold")
async def get_object_legal_hold(asked: Asked, given: Json) -> Json:
    """Whether a version is held."""
    meta = (await _found(asked, given)).meta
    if "hold" not in meta:
        raise _none()
    return {"LegalHold": {"Status": "ON" if meta["hold"] else "OFF"}}


@operation("PutObjectLegalHold")
async def put_object_legal_hold(asked: Asked, given: Json) -> Json:
    """Hold a version, or let go of it."""
    status = (given.get("LegalHold") or {}).get("Status")
    bucket = need_bucket(asked, given)
    if not given.get("LegalHold"):
        raise malformed()
    await need_lock(asked, bucket)
    found = await found_version(asked, bucket, given)
    if status not in ("ON", "OFF"):
        raise malformed()
    await _put(asked, given, found, hold=status == "ON")
    return {}


async def _put(asked: Asked, given: Json, found: Object, **what: Any) -> None:
    version = version_of(given) or found.version
    await change(asked, "object_tag", bucket=given["Bucket"], key=given["Key"], version=version, **what)
