"""Replication: the rules by which versions of a bucket's objects go to others, held against S3's own.

`lake/replication.py` does it. The words, and the order in which rules are looked at, are those of S3.
"""

from __future__ import annotations

import re
import secrets

from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import (
    bucket_names,
    invalid,
    jsonable,
    malformed,
    need_bucket,
    need_setting,
    put_setting,
    setting,
)
from forebay.wire.s3.buckets import region_of
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

PARTIAL = (
    "a replica is made at once, of what is put or copied or completed over S3: not of what deliveries write, nor of tags "
    "and ACLs that come later; owners, times, metrics, keys and changes of replicas are only kept"
)
SETTING = "replication"
MOST = 1000
MINUTES = 15
_LARGEST = 1 << 31
_KEY = re.compile(r"arn:([\w-]+):kms:([^:]*):[^:]*:(?:key|alias)/.*")
_BUCKET = re.compile(r"(?:arn:aws:s3:::)?([^:/]+)")
_FIRST = (
    "{} cannot be used for this version of the replication configuration schema.{}Please refer to the S3 Developer "
    "Guide for more information."
)


@operation("PutBucketReplication", partial=PARTIAL)
async def put_bucket_replication(asked: Asked, given: Json) -> Json:
    """Have versions made from now on go to other buckets, too."""
    bucket = need_bucket(asked, given)
    config = given["ReplicationConfiguration"]
    rules = config.get("Rules") or []
    if not rules or len(rules) > MOST:
        raise malformed()
    versioning = await setting(asked, bucket, "versioning") or {}
    if versioning.get("status") != "Enabled":
        message = "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
        raise AwsError("InvalidRequest", message, http=400)
    for rule in rules:
        _check_form(rule)
    kept: list[Json] = []
    for rule in rules:
        to = _destination(rule)
        there = to in bucket_names(asked.system) and await setting(asked, to, "versioning")
        if not there or there.get("status") != "Enabled":
            raise _refused("Destination bucket must have versioning enabled.")
        _check_rule(rule, region_of(asked, to))
        kept.append({**jsonable(rule), "ID": rule.get("ID") or secrets.token_urlsafe(36)})
    if len({rule["ID"] for rule in kept}) < len(kept):
        raise invalid("Rule Id must be unique. Found same Id for more than one rule")
    for rule in rules:
        _check_schema(rule)
    await put_setting(asked, bucket, SETTING, {"Role": config["Role"], "Rules": kept})
    return {}


@operation("GetBucketReplication", partial=PARTIAL)
async def get_bucket_replication(asked: Asked, given: Json) -> Json:
    """The rules, each with its id."""
    bucket = need_bucket(asked, given)
    message = "The replication configuration was not found"
    doc = await need_setting(asked, bucket, SETTING, "ReplicationConfigurationNotFoundError", message)
    return {"ReplicationConfiguration": doc}


@operation("DeleteBucketReplication")
async def delete_bucket_replication(asked: Asked, given: Json) -> Json:
    """What is made from now on stays here."""
    await put_setting(asked, need_bucket(asked, given), SETTING, None)
    return {"_status": 204}


def _refused(message: str) -> AwsError:
    return AwsError("InvalidRequest", message, http=400)


def _destination(rule: Json) -> str:
    """The bucket that gets the replicas. Raises AwsError `InvalidArgument`."""
    text = rule["Destination"]["Bucket"]
    found = _BUCKET.fullmatch(text)
    if found is None:
        raise invalid("Invalid bucket ARN.", "Bucket", text)
    return found[1]


def _minutes(rule: Json) -> tuple[int | None, int | None]:
    """How many minutes replication may take, and metrics say that it takes."""
    said = rule["Destination"]
    time, metrics = said.get("ReplicationTime"), said.get("Metrics")
    threshold = (metrics or {}).get("EventThreshold")
    return (
        None if time is None else time["Time"].get("Minutes"),
        None if threshold is None else threshold.get("Minutes"),
    )


def _check_form(rule: Json) -> None:
    if any(each is not None and not -_LARGEST <= each < _LARGEST for each in _minutes(rule)):
        raise malformed()
    if len(rule.get("Filter") or {}) > 1:
        raise malformed()


def _check_rule(rule: Json, region: str) -> None:
    criteria, said = rule.get("SourceSelectionCriteria"), rule["Destination"]
    if criteria == {}:
        raise _refused("SourceSelectionCriteria cannot be empty.")
    of_kms = "SseKmsEncryptedObjects" in (criteria or {})
    if of_kms and "EncryptionConfiguration" not in said:
        raise _refused("ReplicaKmsKeyID must be specified if SseKmsEncryptedObjects tag is present.")
    if "EncryptionConfiguration" in said:
        if not of_kms:
            raise _refused("SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present.")
        _check_key(said["EncryptionConfiguration"].get("ReplicaKmsKeyID") or "", region)
    _check_times(rule)


def _check_schema(rule: Json) -> None:
    """Refuse in a rule of the first schema, which has no filter, what only the second has."""
    if "Filter" in rule:
        return
    if "ReplicaModifications" in (rule.get("SourceSelectionCriteria") or {}):
        raise _refused(_FIRST.format("ReplicaModifications", " "))
    for name in ("ReplicationTime", "Metrics"):
        if name in rule["Destination"]:
            raise _refused(_FIRST.format(name, ""))


def _check_key(key: str, region: str) -> None:
    name = "ReplicaKmsKeyID"
    if not key:
        raise invalid("ReplicaKmsKeyID cannot be empty.", name, key)
    found = _KEY.fullmatch(key)
    if found is None:
        raise invalid("Invalid ReplicaKmsKeyID ARN.", name, key)
    if found[1] != "aws":
        raise _refused("KMS key ARN partition must match the destination bucket ARN partition.")
    if found[2] != region:
        raise _refused("KMS key must be in the same region as the destination bucket.")


def _check_times(rule: Json) -> None:
    said = rule["Destination"]
    time, metrics = said.get("ReplicationTime"), said.get("Metrics")
    limit, threshold = _minutes(rule)
    if time is not None and limit != MINUTES:
        raise invalid("Invalid time minute value", "ReplicationTime", limit)
    if metrics is None:
        if time is not None:
            raise _refused(
                "Replication destination must contain both ReplicationTime and Metrics or neither."
            )
        return
    on = time is not None and time["Status"] == "Enabled"
    alone = not on and (time is None or metrics["Status"] == "Enabled")
    if threshold is not None and alone:
        message = (
            "Metrics cannot contain an event threshold when ReplicationTime is not specified or Disabled"
        )
        raise invalid(message, "Metrics")
    if threshold is None and not alone:
        raise invalid("ReplicationMetrics must contain an event threshold", "ReplicationMetrics")
    if threshold not in (None, MINUTES):
        raise invalid("Invalid event threshold minute value", "ReplicationMetrics", threshold)
    if on and metrics["Status"] == "Disabled":
        message = "ReplicationTime and ReplicationMetrics should have the same status"
        raise invalid(message, "ReplicationTime")
