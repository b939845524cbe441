"""Lifecycle rules through boto3: what a bucket may be told, and what answers then say. What rules do: tests/lake."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from forebay.lake.shelf import Object
from forebay.wire.s3.headers import expiration
from tests.harness import System
from tests.wire.s3 import new_bucket, put, raw, refused
from tests.wire.sdk import serving
from tests.wire.test_s3_bodies import md5

system = serving("name: rules\n")
DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
NOON = DAY.replace(hour=12)
TAG, OTHER = {"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}
BIG = {"ObjectSizeGreaterThan": 5}
END, OLDER, ABORT = "Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"
MOVE, MOVE_OLDER = "Transitions", "NoncurrentVersionTransitions"


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def configure(s3: Any, bucket: str, *rules: dict[str, Any]) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})


def rule(given: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A rule for all objects, unless `more` says for which; what it does is `given`, or the end after a year."""
    where: dict[str, Any] = {} if {"Filter", "Prefix"} & more.keys() else {"Filter": {}}
    return {"Status": "Enabled", **where, **(given or {END: {"Days": 365}}), **more}


def to(name: str, days: int | dt.datetime, unit: str = "Days") -> dict[str, Any]:
    return {unit: days, "StorageClass": name}


def older(days: int, name: str = "GLACIER") -> dict[str, Any]:
    return to(name, days, "NoncurrentDays")


def test_rules_are_kept_and_given_back(s3: Any) -> None:
    bucket = new_bucket(s3)
    none = ("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, 404)
    refused(*none, Bucket=bucket)
    old = {"ID": "old", **rule({END: {"Days": 3}}, Filter={"Prefix": "logs/"})}
    configure(s3, bucket, old)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [old]
    done = s3.put_object(Bucket=bucket, Key="logs/a", Body=b"")
    assert 'rule-id="old"' in done["Expiration"]
    told = [s3.head_object(Bucket=bucket, Key="logs/a", **more) for more in ({}, {"VersionId": "null"})]
    assert ["Expiration" in each for each in told] == [True, False]
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="data/a", Body=b"")
    configure(s3, bucket, rule({END: {"Date": DAY}}, Filter={"Prefix": "now/"}))
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0][END]["Date"] == DAY
    s3.delete_bucket_lifecycle(Bucket=bucket)
    refused(*none, Bucket=bucket)


def test_the_operation_before_this_one_does_the_same(s3: Any) -> None:
    bucket = new_bucket(s3)
    one = {"ID": "x", "Prefix": "a/", "Status": "Enabled", END: {"Days": 9}, "Transition": to("GLACIER", 3)}
    s3.put_bucket_lifecycle(Bucket=bucket, LifecycleConfiguration={"Rules": [one]})
    assert s3.get_bucket_lifecycle(Bucket=bucket)["Rules"] == [one]
    (kept,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert kept[MOVE] == [one["Transition"]]


EXPIRES_LATE = "must be greater than 'Days' in the Transition action"
V2 = "can only be used in Lifecycle V2."


@pytest.mark.parametrize(
    ("code", "message", "rules"),
    [
        ("MalformedXML", "", []),
        ("MalformedXML", "", [rule({END: {"Days": 2**31}})]),
        ("MalformedXML", "", [rule({MOVE: [to("GLACIER", 2**31)]})]),
        ("MalformedXML", "", [rule({OLDER: {"NewerNoncurrentVersions": 2}})]),
        ("InvalidArgument", "'Days' for Expiration action must be a pos", [rule({END: {"Days": 0}})]),
        ("InvalidArgument", "'Date' must be at midnight GMT", [rule({END: {"Date": NOON}})]),
        ("InvalidArgument", "'Date' must be at midnight GMT", [rule({MOVE: [to("GLACIER", NOON, "Date")]})]),
        (
            "InvalidArgument",
            "'Days' in Transition action must be nonneg",
            [rule({MOVE: [to("GLACIER", -1)]})],
        ),
        (
            "InvalidArgument",
            "'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative",
            [rule({MOVE_OLDER: [older(-1)]})],
        ),
        (
            "InvalidArgument",
            "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer",
            [rule({OLDER: {"NoncurrentDays": 1, "NewerNoncurrentVersions": 0}})],
        ),
        (
            "InvalidRequest",
            f"{ABORT} cannot be specified with Tags.",
            [rule({ABORT: {"DaysAfterInitiation": 1}}, Filter={"Tag": TAG})],
        ),
        (
            "InvalidRequest",
            f"{ABORT} cannot be specified with Tags.",
            [rule({ABORT: {"DaysAfterInitiation": 1}}, Filter={"And": {"Tags": [TAG, OTHER]}})],
        ),
        (
            "InvalidRequest",
            f"{ABORT} cannot be specified with Object Size.",
            [rule({ABORT: {"DaysAfterInitiation": 1}}, Filter=BIG)],
        ),
        (
            "InvalidRequest",
            "ExpiredObjectDeleteMarker cannot be specified with Object Size.",
            [rule({END: {"ExpiredObjectDeleteMarker": True}}, Filter={"And": {"Prefix": "a", **BIG}})],
        ),
        ("InvalidRequest", f"Filter element {V2}", [rule(Prefix="a"), rule(Filter={"Prefix": "b"})]),
        (
            "InvalidRequest",
            "Base level prefix cannot be used",
            [rule(Filter={"Prefix": "b"}), rule(Prefix="a")],
        ),
        (
            "InvalidRequest",
            "Found overlapping prefixes '' and 'a' for same action type 'Expiration'",
            [rule(Prefix="a"), rule(Prefix="")],
        ),
        (
            "InvalidRequest",
            f"NewerNoncurrentVersions element {V2}",
            [rule({OLDER: {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}}, Prefix="a")],
        ),
        (
            "InvalidRequest",
            "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '(prefix=)'",
            [rule({MOVE: [to("GLACIER", 1), to("GLACIER", 2)]})],
        ),
        (
            "InvalidRequest",
            "must be different for 'NoncurrentVersionTransition' actions",
            [rule({MOVE_OLDER: [older(1), older(2)]})],
        ),
        (
            "InvalidRequest",
            "Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule for filter '(prefix=p/)'",
            [rule({MOVE: [to("GLACIER", 1), to("DEEP_ARCHIVE", DAY, "Date")]}, Prefix="p/")],
        ),
        (
            "InvalidRequest",
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for filter "
            "'(prefix=p/ and tag={key=a, value=b} and objectsizegreaterthan=5)'",
            [
                rule(
                    {END: {"Date": DAY}, MOVE: [to("GLACIER", 1)]},
                    Filter={"And": {"Prefix": "p/", "Tags": [TAG], **BIG}},
                )
            ],
        ),
        (
            "InvalidArgument",
            f"'Days' in the Expiration action for filter '(tag={{key=a, value=b}})' {EXPIRES_LATE}",
            [rule({END: {"Days": 9}, MOVE: [to("GLACIER", 9)]}, Filter={"Tag": TAG})],
        ),
        (
            "InvalidArgument",
            "'Date' in the Expiration action for filter '(prefix=)' must be greater",
            [rule({END: {"Date": DAY}, MOVE: [to("GLACIER", DAY, "Date")]})],
        ),
        (
            "InvalidArgument",
            "'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '(prefix=)' must be greater than "
            "'NoncurrentDays' in the NoncurrentVersionTransition action",
            [rule({OLDER: {"NoncurrentDays": 3}, MOVE_OLDER: [older(3)]})],
        ),
        (
            "InvalidArgument",
            "'Days' in the Transition action for StorageClass 'DEEP_ARCHIVE' for filter '(prefix=)' must be greater "
            "than 'Days' in the Transition action for StorageClass 'GLACIER' for filter '(prefix=)'",
            [rule({MOVE: [to("DEEP_ARCHIVE", 1), to("GLACIER", 100)]})],
        ),
        (
            "InvalidRequest",
            "'ObjectSizeLessThan' should be between 1 and 1099511627776000.",
            [rule(Filter={"ObjectSizeLessThan": 0})],
        ),
        ("InvalidRequest", "'ObjectSizeGreaterThan' should be", [rule(Filter={"ObjectSizeGreaterThan": -1})]),
        (
            "InvalidRequest",
            "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
            [rule(Filter={"And": {**BIG, "ObjectSizeLessThan": 5}})],
        ),
    ],
)
def test_what_no_rule_says(s3: Any, bucket: str, code: str, message: str, rules: list[Any]) -> None:
    given = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": rules}}
    assert message in refused(code, s3.put_bucket_lifecycle_configuration, 400, **given)["Message"]


@pytest.mark.parametrize(
    "rules",
    [
        [rule(Filter={"Prefix": ""}), rule(Filter={"Prefix": "a"})],
        [rule(Prefix="ab"), rule(Prefix="b"), rule({ABORT: {"DaysAfterInitiation": 1}}, Prefix="")],
        [rule({END: {"Days": 9}, MOVE: [to("DEEP_ARCHIVE", 2), to("GLACIER", 0)]})],
        [rule({MOVE: [to("GLACIER", 1)], MOVE_OLDER: [older(1)], OLDER: {"NoncurrentDays": 2}})],
        [rule({END: {"ExpiredObjectDeleteMarker": True}, MOVE: [to("GLACIER", DAY, "Date")]})],
        [rule({END: {"Days": 2**31 - 1}}, Filter={"And": {**BIG, "ObjectSizeLessThan": 6}})],
    ],
)
def test_rules_that_go_together(s3: Any, bucket: str, rules: list[Any]) -> None:
    configure(s3, bucket, *rules)


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        ("<Expiration><Date>2020-01-01T00:00:00+02:00</Date></Expiration>", 400, "InvalidArgument"),
        ("<Expiration><Date>2020-01-01T02:00:00+02:00</Date></Expiration>", 200, ""),
        ("<Expiration><Date>0001-01-01T00:00:00+02:00</Date></Expiration>", 400, "MalformedXML"),
        ("<Expiration><Date>Fri, 01 Jan 2016 00:00:00 GMT</Date></Expiration>", 400, "MalformedXML"),
        ("<Expiration><Date>1577836800</Date></Expiration>", 400, "MalformedXML"),
        (f"<Expiration><Days>{'9' * 5000}</Days></Expiration>", 400, "MalformedXML"),
        ("<Expiration><Days>1</Days></Expiration><ID>a&#10;b</ID>", 400, "InvalidArgument"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_values_that_no_client_writes(
    system: System, bucket: str, action: str, status: int, code: str
) -> None:
    text = f"<Rule><Filter/><Status>Enabled</Status>{action}</Rule>"
    body = f"<LifecycleConfiguration>{text}</LifecycleConfiguration>".encode()
    answer = raw(system, "PUT", f"/{bucket}?lifecycle", body, {"content-md5": md5(body)})
    assert (answer[0], code in answer[2].decode()) == (status, True), answer


def test_an_object_that_goes_after_all_dates_is_read_as_any(s3: Any) -> None:
    bucket = new_bucket(s3)
    configure(s3, bucket, rule({END: {"Days": 2**31 - 1}}))
    put(s3, bucket, "k")
    told = s3.head_object(Bucket=bucket, Key="k")["Expiration"]
    assert told.startswith('expiry-date="Fri, 31 Dec 9999 00:00:00 GMT"')


def test_a_name_with_a_line_break_that_was_taken_once_breaks_no_answer() -> None:
    found = Object("k", 1, "etag", 0, Path("k"), {})
    kept = {"rules": [{"ID": "a\nb", **rule({END: {"Days": 1}})}]}
    assert expiration(kept, found) == 'expiry-date="Fri, 02 Jan 1970 00:00:00 GMT", rule-id="a b"'


def test_an_upload_says_when_it_is_over(system: System, s3: Any) -> None:
    bucket, soon = new_bucket(s3), {ABORT: {"DaysAfterInitiation": 2}}
    late = {"ID": "late", **rule({ABORT: {"DaysAfterInitiation": 9}})}
    off = rule({ABORT: {"DaysAfterInitiation": 1}}, Status="Disabled")
    configure(s3, bucket, late, {"ID": "a soon one", **rule(soon, Filter={"Prefix": "p/"})}, off)
    for key, id, days in (("p/a", "a soon one", 2), ("q", "late", 9)):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)
        left = upload["AbortDate"] - dt.datetime.now(dt.UTC)
        assert days <= left / dt.timedelta(days=1) + 0.01 <= days + 1.01
        this = {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}
        listed = s3.list_parts(**this)
        assert {each["AbortRuleId"] for each in (upload, listed)} == {id}
        assert listed["AbortDate"] == upload["AbortDate"]
        headers = raw(system, "GET", f"/{bucket}/{key}?uploadId={this['UploadId']}")[1]
        assert headers["x-amz-abort-date"].endswith(" 00:00:00 GMT")
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert "AbortDate" not in s3.list_parts(**this)
