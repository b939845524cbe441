"""Object lock through boto3: what is locked stays, whoever asks, until it may go."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from tests.harness import System
from tests.wire.s3 import new_bucket, put, read, refused
from tests.wire.sdk import serving

system = serving("name: locks\n")
LATER = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=30)
LATER_STILL = LATER + dt.timedelta(days=1)


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket that locks."""
    name = f"locked-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def default(s3: Any, bucket: str, **rule: Any) -> None:
    config = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": rule}}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=config)


def test_a_bucket_locks_from_its_making_or_once_it_keeps_versions(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    enabled = {"ObjectLockEnabled": "Enabled"}
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == enabled
    suspended = {"Status": "Suspended"}
    refused(
        "InvalidBucketState",
        s3.put_bucket_versioning,
        409,
        Bucket=bucket,
        VersioningConfiguration=suspended,
    )
    plain = new_bucket(s3)
    refused("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, 404, Bucket=plain)
    lock = {"Bucket": plain, "ObjectLockConfiguration": enabled}
    refused("InvalidBucketState", s3.put_object_lock_configuration, 409, **lock)
    s3.put_bucket_versioning(Bucket=plain, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(**lock)
    assert s3.get_object_lock_configuration(Bucket=plain)["ObjectLockConfiguration"] == enabled


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"ObjectLockEnabled": "Enabled", "Rule": {}},
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE"}}},
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "BAD", "Days": 1}}},
        {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}},
        },
    ],
)
def test_a_configuration_that_says_too_little_or_too_much(s3: Any, bucket: str, config: Any) -> None:
    call = s3.put_object_lock_configuration
    refused("MalformedXML", call, 400, Bucket=bucket, ObjectLockConfiguration=config)


def test_new_objects_are_locked_as_the_bucket_says(s3: Any, bucket: str) -> None:
    put(s3, bucket, "before")
    default(s3, bucket, Mode="GOVERNANCE", Days=3)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["Rule"] == {
        "DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}
    }
    put(s3, bucket, "after")
    found = s3.head_object(Bucket=bucket, Key="after")
    assert found["ObjectLockMode"] == "GOVERNANCE"
    kept = found["ObjectLockRetainUntilDate"] - found["LastModified"]
    assert dt.timedelta(days=3) <= kept < dt.timedelta(days=3, seconds=2)
    assert "ObjectLockMode" not in s3.head_object(Bucket=bucket, Key="before")


def test_a_locked_version_is_not_deleted_but_may_be_covered(s3: Any, bucket: str) -> None:
    made = s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"1",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=LATER,
    )
    this = {"Bucket": bucket, "Key": "k", "VersionId": made["VersionId"]}
    message = "Access Denied because object protected by object lock."
    assert refused("AccessDenied", s3.delete_object, 403, **this)["Message"] == message
    item = {"Key": "k", "VersionId": made["VersionId"]}
    errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": [item]})["Errors"]
    assert errors == [{**item, "Code": "AccessDenied", "Message": message}]
    put(s3, bucket, "k", body=b"2")
    refused("AccessDenied", s3.delete_object, 403, **this)
    assert s3.delete_object(Bucket=bucket, Key="k")["DeleteMarker"] is True
    assert read(s3, bucket, "k", VersionId=made["VersionId"]) == b"1"
    s3.delete_object(**this, BypassGovernanceRetention=True)
    refused("NoSuchVersion", s3.get_object, 404, **this)


def test_compliance_is_never_set_aside_nor_shortened(s3: Any, bucket: str) -> None:
    made = s3.put_object(
        Bucket=bucket, Key="k", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=LATER_STILL
    )
    this = {"Bucket": bucket, "Key": "k", "VersionId": made["VersionId"]}
    refused("AccessDenied", s3.delete_object, 403, **this, BypassGovernanceRetention=True)
    for retention in (
        {"Mode": "COMPLIANCE", "RetainUntilDate": LATER},
        {"Mode": "GOVERNANCE", "RetainUntilDate": LATER_STILL},
    ):
        call = s3.put_object_retention
        refused("AccessDenied", call, 403, **this, Retention=retention, BypassGovernanceRetention=True)
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": LATER_STILL + dt.timedelta(days=1)}
    s3.put_object_retention(**this, Retention=longer)
    assert s3.get_object_retention(**this)["Retention"] == longer


def test_governance_is_shortened_only_where_it_is_set_aside(s3: Any, bucket: str) -> None:
    put(s3, bucket, "k")
    this = {"Bucket": bucket, "Key": "k"}
    refused("NoSuchObjectLockConfiguration", s3.get_object_retention, 404, **this)
    s3.put_object_retention(**this, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": LATER_STILL})
    less = {"Mode": "GOVERNANCE", "RetainUntilDate": LATER}
    refused("AccessDenied", s3.put_object_retention, 403, **this, Retention=less)
    s3.put_object_retention(**this, Retention=less, BypassGovernanceRetention=True)
    assert s3.get_object_retention(**this)["Retention"] == less
    past = {"Mode": "GOVERNANCE", "RetainUntilDate": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}
    error = refused("InvalidArgument", s3.put_object_retention, 400, **this, Retention=past)
    assert error["Message"] == "The retain until date must be in the future!"


def test_a_legal_hold_holds_until_it_is_taken_off(s3: Any, bucket: str) -> None:
    made = s3.put_object(Bucket=bucket, Key="k", ObjectLockLegalHoldStatus="ON")
    this = {"Bucket": bucket, "Key": "k", "VersionId": made["VersionId"]}
    assert s3.get_object_legal_hold(**this)["LegalHold"]["Status"] == "ON"
    refused("AccessDenied", s3.delete_object, 403, **this, BypassGovernanceRetention=True)
    refused("MalformedXML", s3.put_object_legal_hold, 400, **this, LegalHold={"Status": "on"})
    s3.put_object_legal_hold(**this, LegalHold={"Status": "OFF"})
    assert s3.head_object(**this)["ObjectLockLegalHoldStatus"] == "OFF"
    s3.delete_object(**this)


def test_what_a_bucket_without_locks_answers(s3: Any) -> None:
    bucket = new_bucket(s3)
    put(s3, bucket, "k")
    this = {"Bucket": bucket, "Key": "k"}
    message = "Bucket is missing Object Lock Configuration"
    held = {"LegalHold": {"Status": "ON"}}
    assert refused("InvalidRequest", s3.put_object_legal_hold, 400, **this, **held)["Message"] == message
    assert refused("InvalidRequest", s3.get_object_retention, 400, **this)["Message"] == message
    refused("InvalidRequest", s3.put_object, 400, **this, ObjectLockLegalHoldStatus="ON")
    error = refused("InvalidArgument", s3.delete_object, 400, **this, BypassGovernanceRetention=True)
    assert error["ArgumentName"] == "x-amz-bypass-governance-retention"
    lock: dict[str, Any] = {"ObjectLockMode": "GOVERNANCE"}
    error = refused("InvalidArgument", s3.put_object, 400, **this, **lock)
    assert error["ArgumentName"] == "x-amz-object-lock-retain-until-date"
    lock = {"ObjectLockMode": "WHATEVER", "ObjectLockRetainUntilDate": LATER}
    assert refused("InvalidArgument", s3.put_object, 400, **this, **lock)["Message"].startswith(
        "Unknown worm"
    )


def test_locks_outlive_a_kill_and_hold_against_lifecycle_rules_too(system: System, s3: Any) -> None:
    name = f"outlives-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    made = s3.put_object(Bucket=name, Key="k", ObjectLockLegalHoldStatus="ON")
    system.kill_all()
    system.start(sql=False)
    this = {"Bucket": name, "Key": "k", "VersionId": made["VersionId"]}
    refused("AccessDenied", s3.delete_object, 403, **this)
