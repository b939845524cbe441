"""What of objects policies may speak of, and what of them is shown to whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import System
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.sdk import ACCOUNT, serving
from tests.wire.test_s3_customer_keys import KEY, under
from tests.wire.test_s3_post import posted

system = serving("name: objects\nlake: {mine: {}}\n")
ALL = "arn:aws:s3:::*"


def days(count: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=count)


@pytest.fixture(scope="module")
def keys(iam: Any) -> dict[str, str]:
    return user(iam, "ann")


@pytest.fixture
def own(system: System, keys: dict[str, str]) -> Iterator[Any]:
    with keyed(system, "s3", keys) as s3:
        yield s3


@pytest.fixture(scope="module")
def locked(s3: Any) -> str:
    """A bucket that locks."""
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True, ObjectOwnership="BucketOwnerPreferred")
    return "locked"


def may(iam: Any, *statements: dict[str, Any]) -> None:
    """Let the user do this, and nothing else."""
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy(*statements))


RETAINED = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": days(10)}
PUTS = ["s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectRetention", "s3:PutObjectLegalHold"]


@pytest.mark.parametrize(
    ("condition", "good", "bad"),
    [
        (
            {"StringEquals": {"s3:RequestObjectTag/security": "public"}},
            {"Tagging": "security=public&a=b"},
            {"Tagging": "security=secret"},
        ),
        (
            {"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["security"]}},
            {"Tagging": "security=x"},
            {"Tagging": "security=x&foo=y"},
        ),
        ({"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "true"}}, {}, under(KEY)),
        (
            {"StringLike": {"s3:x-amz-website-redirect-location": "/*"}},
            {"WebsiteRedirectLocation": "/a"},
            {"WebsiteRedirectLocation": "https://a.example"},
        ),
        (
            {"StringEquals": {"s3:object-lock-mode": "GOVERNANCE"}},
            RETAINED,
            {**RETAINED, "ObjectLockMode": "COMPLIANCE"},
        ),
        (
            {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "10"}},
            RETAINED,
            {**RETAINED, "ObjectLockRetainUntilDate": days(11.5)},
        ),
        (
            {"DateLessThan": {"s3:object-lock-retain-until-date": days(20).isoformat()}},
            RETAINED,
            {**RETAINED, "ObjectLockRetainUntilDate": days(30)},
        ),
        (
            {"StringEquals": {"s3:object-lock-legal-hold": "OFF"}},
            {"ObjectLockLegalHoldStatus": "OFF"},
            {"ObjectLockLegalHoldStatus": "ON"},
        ),
        (
            {"StringLike": {"s3:x-amz-grant-read": "*AuthenticatedUsers*"}},
            {"GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AuthenticatedUsers"'},
            {"GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
        ),
    ],
)
def test_what_is_said_of_a_new_object_are_conditions(
    iam: Any, own: Any, locked: str, *, condition: Any, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    may(iam, allow([*PUTS, "s3:PutObjectAcl"], ALL, Condition=condition))
    own.put_object(Bucket=locked, Key="k", Body=b"x", **good)
    assert refused(own.put_object, Bucket=locked, Key="k", Body=b"x", **bad)[0] == "AccessDenied"


def test_a_policy_may_ask_for_conditional_writes(iam: Any, own: Any) -> None:
    new = {"Null": {"s3:if-none-match": "false"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    parts = {
        "Bool": {"s3:ObjectCreationOperation": "false"},
        "StringEquals": {"s3:ResourceAccount": ACCOUNT},
    }
    may(iam, allow("s3:PutObject", ALL, Condition=new), allow("s3:PutObject", ALL, Condition=parts))
    upload: dict[str, Any] = {"Bucket": "mine", "Key": "parts"}
    upload["UploadId"] = own.create_multipart_upload(**upload)["UploadId"]
    tag = own.upload_part(**upload, PartNumber=1, Body=b"1")["ETag"]
    upload["MultipartUpload"] = {"Parts": [{"ETag": tag, "PartNumber": 1}]}
    for call, asked in (
        (own.put_object, {"Bucket": "mine", "Key": "new"}),
        (own.complete_multipart_upload, upload),
    ):
        assert refused(call, **asked)[0] == "AccessDenied"
        call(**asked, IfNoneMatch="*")


def test_documents_of_tags_and_locks_are_conditions(iam: Any, own: Any, s3: Any, locked: str) -> None:
    s3.put_object(Bucket=locked, Key="k", Body=b"x")
    short = {
        "StringEquals": {"s3:object-lock-mode": "GOVERNANCE"},
        "NumericLessThan": {"s3:object-lock-remaining-retention-days": "5"},
    }
    may(
        iam,
        allow("s3:PutObjectTagging", ALL, Condition={"StringEquals": {"s3:RequestObjectTag/a": "b"}}),
        allow("s3:PutObjectRetention", ALL, Condition=short),
        allow("s3:PutObjectLegalHold", ALL, Condition={"StringEquals": {"s3:object-lock-legal-hold": "OFF"}}),
    )
    for call, member, good, bad in (
        (
            own.put_object_tagging,
            "Tagging",
            *({"TagSet": [{"Key": "a", "Value": each}]} for each in ("b", "c")),
        ),
        (
            own.put_object_retention,
            "Retention",
            *({"Mode": "GOVERNANCE", "RetainUntilDate": days(each)} for each in (3, 6)),
        ),
        (own.put_object_legal_hold, "LegalHold", *({"Status": each} for each in ("OFF", "ON"))),
    ):
        call(Bucket=locked, Key="k", **{member: good})
        assert refused(call, Bucket=locked, Key="k", **{member: bad})[0] == "AccessDenied"


def test_tags_that_a_copy_does_not_take_are_no_conditions(iam: Any, own: Any, s3: Any) -> None:
    s3.put_object(Bucket="mine", Key="from", Body=b"x", Tagging="class=secret")
    only = {"StringEquals": {"s3:RequestObjectTag/class": "open"}}
    may(iam, allow("s3:GetObject", ALL), allow(PUTS, ALL, Condition=only))
    asked = {"Bucket": "mine", "Key": "to", "CopySource": "mine/from", "Tagging": "class=open"}
    assert refused(own.copy_object, **asked)[0] == "AccessDenied"
    own.copy_object(**asked, TaggingDirective="REPLACE")


def test_tags_of_a_form_want_the_right_to_tag(system: System, iam: Any, own: Any, s3: Any) -> None:
    tagging = "<Tagging><TagSet><Tag><Key>a b</Key><Value>c</Value></Tag></TagSet></Tagging>"
    said = {"Fields": {"tagging": tagging}, "Conditions": [{"tagging": tagging}]}
    fields = own.generate_presigned_post("mine", "form", **said)["fields"]
    for actions, status in ((PUTS[:1], 403), (PUTS[:2], 204)):
        may(iam, allow(actions, ALL, Condition={"StringEquals": {"s3:RequestObjectTag/a b": "c"}}))
        assert posted(system, "mine", fields)[0] == status
    assert s3.get_object_tagging(Bucket="mine", Key="form")["TagSet"] == [{"Key": "a b", "Value": "c"}]


SHOWN = {
    "s3:GetObjectRetention": ("ObjectLockMode", "ObjectLockRetainUntilDate"),
    "s3:GetObjectLegalHold": ("ObjectLockLegalHoldStatus",),
    "s3:GetObjectTagging": ("TagCount",),
}


@pytest.mark.parametrize("action", SHOWN)
def test_locks_and_the_number_of_tags_are_shown_to_who_may_read_them(
    iam: Any, own: Any, s3: Any, locked: str, action: str
) -> None:
    said = {**RETAINED, "ObjectLockLegalHoldStatus": "ON", "Tagging": "a=b"}
    version = s3.put_object(Bucket=locked, Key="shown", Body=b"x", **said)["VersionId"]
    every = {name for names in SHOWN.values() for name in names}
    both = ["s3:GetObject", "s3:GetObjectVersion"]
    may(iam, allow(both, ALL))
    this = {"Bucket": locked, "Key": "shown"}
    for call in (own.head_object, own.get_object):
        assert every.isdisjoint(call(**this))
    may(iam, allow([*both, action], ALL))
    for call in (own.head_object, own.get_object):
        assert every.intersection(call(**this)) == set(SHOWN[action])
    if action == "s3:GetObjectTagging":
        assert "TagCount" not in own.head_object(**this, VersionId=version)
        may(iam, allow([*both, "s3:GetObjectVersionTagging"], ALL))
        assert own.head_object(**this, VersionId=version)["TagCount"] == 1
