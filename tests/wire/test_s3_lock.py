"""Object lock through boto3: what is locked stays, whoever asks, until it may go."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import uuid
import zlib
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from tests.harness import System
from tests.wire.s3 import new_bucket, put, raw, read, refused
from tests.wire.sdk import serving

system = serving("name: locks\n")
CRC_OF_X = base64.b64encode(zlib.crc32(b"x").to_bytes(4, "big")).decode()
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


def sent(
    system: System, path: str, body: bytes = b"", headers: dict[str, str] | None = None, method: str = "PUT"
) -> tuple[int, dict[str, str]]:
    """Status and the error's members of a request that no SDK has touched, its body's MD5 with it if it says nothing."""
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()  # noqa: S324
    status, _, answer = raw(
        system, method, path, body, {"Content-MD5": digest} if headers is None else headers
    )
    return status, {each.tag: each.text or "" for each in ElementTree.fromstring(answer)} if answer else {}  # noqa: S314


def configured(rules: str) -> bytes:
    """A lock configuration with these rules."""
    return f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rules}</ObjectLockConfiguration>".encode()


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


def test_what_a_bucket_without_locks_answers(system: System, s3: Any) -> None:
    bucket = new_bucket(s3)
    put(s3, bucket, "k")
    this = {"Bucket": bucket, "Key": "k"}
    message = "Bucket is missing Object Lock Configuration"
    held = {"LegalHold": {"Status": "ON"}}
    assert refused("InvalidRequest", s3.put_object_legal_hold, 400, **this, **held)["Message"] == message
    assert refused("InvalidRequest", s3.get_object_retention, 400, **this)["Message"] == message
    assert sent(system, f"/{bucket}/k?retention")[1]["Code"] == "MalformedXML"
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


def test_what_is_to_be_locked_comes_with_a_checksum(system: System, s3: Any, bucket: str) -> None:
    retain = {
        "x-amz-object-lock-mode": "GOVERNANCE",
        "x-amz-object-lock-retain-until-date": LATER.isoformat(),
    }
    hold = {"x-amz-object-lock-legal-hold": "ON"}
    payload = {"x-amz-content-sha256": hashlib.sha256(b"x").hexdigest()}
    summed = {"Content-MD5": base64.b64encode(hashlib.md5(b"x").digest()).decode()}  # noqa: S324
    wrong = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put {} requests with Object Lock parameters"

    def check(path: str, what: str, headers: dict[str, str]) -> None:
        for more in ({}, payload):
            status, error = sent(system, path, b"x", headers | more)
            assert (status, error["Code"], error["Message"]) == (400, "InvalidRequest", wrong.format(what))
        for sum in (summed, {"x-amz-checksum-crc32": CRC_OF_X}, {"x-amz-trailer": "x-amz-checksum-crc32"}):
            assert sent(system, path, b"x", headers | sum) == (200, {})

    assert sent(system, f"/{bucket}/k", b"x", {}) == (200, {})
    for headers in (retain, hold):
        check(f"/{bucket}/k", "Object", headers)
    held = s3.create_multipart_upload(Bucket=bucket, Key="k", ObjectLockLegalHoldStatus="ON")["UploadId"]
    check(f"/{bucket}/k?partNumber=1&uploadId={held}", "Part", {})
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    assert sent(system, f"/{bucket}/k?partNumber=1&uploadId={begun}", b"x", {}) == (200, {})
    default(s3, bucket, Mode="GOVERNANCE", Days=1)
    check(f"/{bucket}/k", "Object", {})
    check(f"/{bucket}/k?partNumber=1&uploadId={begun}", "Part", {})


def test_holds_by_events_are_refused_in_documents_too(system: System, bucket: str) -> None:
    rule = "<Mode>GOVERNANCE</Mode><Days>1</Days><DefaultEventHold><Days>1</Days></DefaultEventHold>"
    held = f"<Mode>GOVERNANCE</Mode><RetainUntilDate>{LATER.isoformat()}</RetainUntilDate><EventHold>ON</EventHold>"
    sent(system, f"/{bucket}/k", b"x")
    for path, document in (
        (f"/{bucket}?object-lock", configured(f"<Rule><DefaultRetention>{rule}</DefaultRetention></Rule>")),
        (f"/{bucket}/k?retention", f"<Retention>{held}</Retention>".encode()),
    ):
        status, error = sent(system, path, document)
        assert (status, error["Code"]) == (501, "NotImplemented")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Tue, 01 Jan 2097 00:00:00 GMT", "The retain until date must be provided in ISO 8601 format"),
        ("4008182400", "The retain until date must be provided in ISO 8601 format"),
        ("9999-12-31T23:00:00-08:00", "The retain until date must be provided in ISO 8601 format"),
        ("2020-01-01T00:00:00+01:00", "The retain until date must be in the future!"),
        ("0001-01-01T00:00:00Z", "The retain until date must be in the future!"),
        ("2097-01-01", ""),
        ("2097-01-01T00:00:00.123456789Z", ""),
    ],
)
def test_a_date_of_a_header_is_iso_8601_and_shown_as_it_was_sent(
    system: System, bucket: str, text: str, message: str
) -> None:
    name = "x-amz-object-lock-retain-until-date"
    headers = {name: text, "x-amz-object-lock-mode": "GOVERNANCE", "x-amz-trailer": "x-amz-checksum-crc32"}
    status, error = sent(system, f"/{bucket}/k", b"x", headers)
    assert error.get("Message", "") == message
    if message:
        assert (status, error["Code"]) == (400, "InvalidArgument")
        assert (error["ArgumentName"], error["ArgumentValue"]) == (name, text)
    else:
        assert status == 200


@pytest.mark.parametrize(
    ("date", "shown"),
    [("2020-01-01T00:00:00Z", "Tue Dec 31 16:00:00 PST 2019"), ("0001-01-01T00:00:00Z", "")],
)
def test_a_date_of_a_document_is_shown_where_s3s_clocks_are(
    system: System, bucket: str, date: str, shown: str
) -> None:
    sent(system, f"/{bucket}/k", b"x")
    document = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>"
    status, error = sent(system, f"/{bucket}/k?retention", document.encode())
    assert (status, error["Code"], error["ArgumentName"]) == (400, "InvalidArgument", "RetainUntilDate")
    assert error.get("ArgumentValue", "") == shown


def test_a_default_is_one_and_not_for_ever(system: System, s3: Any, bucket: str) -> None:
    for unit, value, message in (
        ("Days", 0, "Default retention period must be a positive integer value."),
        ("Days", 999_999_999, "Default retention period too large."),
        ("Years", 101, "Default retention period too large."),
    ):
        with pytest.raises(ClientError) as raised:
            default(s3, bucket, Mode="GOVERNANCE", **{unit: value})
        error = raised.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("InvalidArgument", message)
        assert error["ArgumentName"] == unit
    rule = "<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
    status, error = sent(system, f"/{bucket}?object-lock", configured(rule * 2))
    assert (status, error["Code"]) == (400, "MalformedXML")
    assert sent(system, f"/{bucket}?object-lock", configured(rule)) == (200, {})


def test_locks_outlive_a_kill_and_hold_against_lifecycle_rules_too(system: System, s3: Any) -> None:
    name = f"outlives-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    made = s3.put_object(Bucket=name, Key="k", ObjectLockLegalHoldStatus="ON")
    system.kill_all()
    system.start(sql=False)
    this = {"Bucket": name, "Key": "k", "VersionId": made["VersionId"]}
    refused("AccessDenied", s3.delete_object, 403, **this)
