"""Annotations of objects through boto3: what they are, whose, what becomes of them, and that they last."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import itertools
import json
import uuid
from typing import Any

import pytest

from tests.harness import System, until
from tests.wire.access import allow, keyed, user
from tests.wire.access import refused as denied
from tests.wire.s3 import new_bucket, put, raw, read, refused
from tests.wire.sdk import serving, speaking
from tests.wire.sns import Endpoint, endpoint
from tests.wire.test_s3_replication import replicate, rule

__all__ = ["endpoint"]
system = serving("name: annotations\nlake:\n  plain: {}\n")
sns = speaking("sns")
_keys = itertools.count()
KEPT = {"Bucket": "plain", "AnnotationName": "a"}
GONE = "NoSuchAnnotation"


@pytest.fixture
def key(s3: Any) -> str:
    """An object of the test's own in the bucket `plain`."""
    key = f"objects/{next(_keys)}"
    put(s3, "plain", key)
    return key


@pytest.fixture
def versioned(s3: Any) -> str:
    return new_bucket(s3, versioned=True)


def annotate(s3: Any, bucket: str, key: str, text: bytes, name: str = "a", **more: Any) -> dict[str, Any]:
    """Put an annotation."""
    named = {"AnnotationName": name, "AnnotationPayload": text}
    answer: dict[str, Any] = s3.put_object_annotation(Bucket=bucket, Key=key, **named, **more)
    return answer


def text_of(s3: Any, bucket: str, key: str, name: str = "a", **more: Any) -> bytes:
    """An annotation's text."""
    answer = s3.get_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, **more)
    text: bytes = answer["AnnotationPayload"].read()
    return text


def names(s3: Any, bucket: str, key: str, **more: Any) -> list[str]:
    """The names of what a version is annotated with."""
    listed = s3.list_object_annotations(Bucket=bucket, Key=key, **more)["Annotations"]
    return [each["AnnotationName"] for each in listed]


def test_an_annotation_is_put_read_replaced_and_deleted_and_its_object_is_as_it_was(
    s3: Any, key: str
) -> None:
    before = s3.head_object(Bucket="plain", Key=key)
    text = '{"größe": 1}'.encode()
    made = annotate(s3, "plain", key, text, "ml.größe_1-2")
    etag = f'"{hashlib.md5(text).hexdigest()}"'  # noqa: S324
    assert (made["Key"], made["AnnotationName"], made["ETag"]) == (key, "ml.größe_1-2", etag)
    assert made["ServerSideEncryption"] == "AES256"
    assert "ObjectVersionId" not in made
    got = s3.get_object_annotation(Bucket="plain", Key=key, AnnotationName="ml.größe_1-2")
    assert (got["ETag"], got["ContentLength"]) == (etag, len(text))
    assert got["AnnotationPayload"].read() == text
    annotate(s3, "plain", key, b"second", "ml.größe_1-2")
    assert text_of(s3, "plain", key, "ml.größe_1-2") == b"second"
    after = s3.head_object(Bucket="plain", Key=key)
    same = ("ETag", "LastModified", "ContentLength")
    assert [before[name] for name in same] == [after[name] for name in same]
    for _ in range(2):  # what is not there may be deleted, too
        gone = s3.delete_object_annotation(Bucket="plain", Key=key, AnnotationName="ml.größe_1-2")
        assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    given = {"Bucket": "plain", "Key": key, "AnnotationName": "ml.größe_1-2"}
    refused(GONE, s3.get_object_annotation, 404, **given)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((name, "InvalidAnnotationName") for name in ("aws.x", "AWSx", "s3-x", "S3", "a b", "a/b", "  ")),
        ("ä" * 257, "AnnotationNameTooLong"),
    ],
)
def test_names_that_may_not_be(s3: Any, key: str, name: str, code: str) -> None:
    given = {"Bucket": "plain", "Key": key, "AnnotationName": name}
    refused(code, s3.put_object_annotation, 400, **given, AnnotationPayload=b"1")
    refused(code, s3.get_object_annotation, 400, **given)
    refused(code, s3.delete_object_annotation, 400, **given)


def test_payloads_are_text_of_a_byte_to_a_mebibyte(s3: Any, key: str) -> None:
    annotate(s3, "plain", key, b"a" * (1 << 20), "n" * 512)
    assert text_of(s3, "plain", key, "n" * 512) == b"a" * (1 << 20)
    given = {**KEPT, "Key": key}
    for wrong in (b"", b"a" * ((1 << 20) + 1)):
        refused("InvalidRequest", s3.put_object_annotation, 400, **given, AnnotationPayload=wrong)
    error = refused(
        "UnsupportedMediaType", s3.put_object_annotation, 415, **given, AnnotationPayload=b"ab\xff"
    )
    assert "byte 2" in error["Message"]
    refused("NoSuchKey", s3.put_object_annotation, 404, **{**given, "Key": "none"}, AnnotationPayload=b"1")
    refused(
        "NoSuchBucket", s3.get_object_annotation, 404, **{**given, "Bucket": f"none-{uuid.uuid4().hex[:8]}"}
    )
    assert names(s3, "plain", key) == ["n" * 512]


def test_requests_without_a_name_are_refused_and_touch_no_object(system: System, s3: Any, key: str) -> None:
    for method, body in (("PUT", b"overwritten"), ("DELETE", None)):
        status, _, answer = raw(system, method, f"/plain/{key}?annotation", body)
        assert (status, b"annotationName" in answer) == (400, True)
    assert read(s3, "plain", key) == b"x"


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("SHA512", base64.b64encode(hashlib.sha512(b"abc").digest()).decode()),
        ("MD5", base64.b64encode(hashlib.md5(b"abc").digest()).decode()),  # noqa: S324
        ("XXHASH64", "RLws9a13CZk="),
        ("CRC64NVME", "BeXKuz/B+us="),
        ("XXHASH3", None),
        ("XXHASH128", None),
    ],
)
def test_checksums_are_held_against_the_payload_and_given_back(
    s3: Any, key: str, algorithm: str, value: str | None
) -> None:
    member = f"Checksum{algorithm}"
    named = {"ChecksumAlgorithm": algorithm} if value is None else {member: value}
    made = annotate(s3, "plain", key, b"abc", **named)
    got = s3.get_object_annotation(**KEPT, Key=key, ChecksumMode="ENABLED")
    assert (got[member], got["ChecksumType"]) == (made[member], "FULL_OBJECT")
    assert s3.list_object_annotations(Bucket="plain", Key=key)["Annotations"][0]["ChecksumAlgorithm"] == [
        algorithm
    ]
    wrong = base64.b64encode(bytes(each ^ 255 for each in base64.b64decode(made[member]))).decode()
    given = {**KEPT, "Key": key, "AnnotationPayload": b"abc", member: wrong}
    refused("BadDigest", s3.put_object_annotation, 400, **given)
    whole = s3.put_object(Bucket="plain", Key=key, Body=b"abc", **named)
    assert whole[member] == made[member]


def test_a_condition_holds_for_the_objects_etag(s3: Any, key: str) -> None:
    etag = s3.head_object(Bucket="plain", Key=key)["ETag"]
    annotate(s3, "plain", key, b"1", ObjectIfMatch=etag)
    other = {**KEPT, "Key": key, "ObjectIfMatch": '"deadbeef"'}
    refused("PreconditionFailed", s3.put_object_annotation, 412, **other, AnnotationPayload=b"2")
    refused("PreconditionFailed", s3.delete_object_annotation, 412, **other)
    assert text_of(s3, "plain", key) == b"1"
    s3.delete_object_annotation(**{**other, "ObjectIfMatch": etag})


def test_annotations_are_listed_by_name_prefix_and_page(s3: Any, versioned: str) -> None:
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    assert s3.list_object_annotations(Bucket=versioned, Key="k")["Annotations"] == []
    for name in ("p.2", "other", "p.0", "p.3", "p.1"):
        annotate(s3, versioned, "k", name.encode(), name)
    whole = s3.list_object_annotations(Bucket=versioned, Key="k")
    assert [each["AnnotationName"] for each in whole["Annotations"]] == ["other", "p.0", "p.1", "p.2", "p.3"]
    assert (whole["AnnotationCount"], whole["ObjectVersionId"], whole["Bucket"]) == (5, version, versioned)
    of = {"Bucket": versioned, "Key": "k", "AnnotationPrefix": "p."}
    first = s3.list_object_annotations(**of, MaxAnnotationResults=3)
    assert [each["AnnotationName"] for each in first["Annotations"]] == ["p.0", "p.1", "p.2"]
    assert (first["AnnotationPrefix"], first["MaxAnnotationResults"]) == ("p.", 3)
    token = first["NextContinuationToken"]
    rest = s3.list_object_annotations(**of, ContinuationToken=token)
    assert [each["AnnotationName"] for each in rest["Annotations"]] == ["p.3"]
    assert rest["ContinuationToken"] == token
    assert "NextContinuationToken" not in rest
    wanted = s3.list_object_annotations
    refused("InvalidPrefix", wanted, 400, **{**of, "AnnotationPrefix": "p" * 513})
    refused("InvalidArgument", wanted, 400, **of, ContinuationToken="!")
    refused("InvalidArgument", wanted, 400, **of, MaxAnnotationResults=1001)


def test_annotations_belong_to_one_version_and_go_with_it(s3: Any, versioned: str) -> None:
    one = s3.put_object(Bucket=versioned, Key="k", Body=b"one")["VersionId"]
    assert annotate(s3, versioned, "k", b"on one")["ObjectVersionId"] == one
    two = s3.put_object(Bucket=versioned, Key="k", Body=b"two")["VersionId"]
    here = {"Bucket": versioned, "Key": "k", "AnnotationName": "a"}
    refused(GONE, s3.get_object_annotation, 404, **here)
    annotate(s3, versioned, "k", b"on two")
    assert text_of(s3, versioned, "k", VersionId=one) == b"on one"
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    refused("NoSuchKey", s3.get_object_annotation, 404, **here)
    refused("NoSuchKey", s3.put_object_annotation, 404, **here, AnnotationPayload=b"1")
    refused("MethodNotAllowed", s3.get_object_annotation, 405, **here, VersionId=marker)
    refused(
        "MethodNotAllowed", s3.put_object_annotation, 405, **here, VersionId=marker, AnnotationPayload=b"1"
    )
    assert text_of(s3, versioned, "k", VersionId=two) == b"on two"
    annotate(s3, versioned, "k", b"on one, later", VersionId=one)
    s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert text_of(s3, versioned, "k") == b"on two"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=two)
    assert text_of(s3, versioned, "k") == b"on one, later"
    refused("NoSuchVersion", s3.get_object_annotation, 404, **here, VersionId=two)
    s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k", "VersionId": one}]})
    s3.delete_bucket(Bucket=versioned)


def test_what_overwrites_or_deletes_an_object_takes_its_annotations(
    system: System, s3: Any, key: str
) -> None:
    annotate(s3, "plain", key, b"1")
    put(s3, "plain", key)
    assert names(s3, "plain", key) == []
    annotate(s3, "plain", key, b"2")
    s3.delete_object(Bucket="plain", Key=key)
    put(s3, "plain", key)
    assert names(s3, "plain", key) == []
    text = uuid.uuid4().hex.encode()
    annotate(s3, "plain", key, text)

    def files() -> int:
        found = 0
        for path in (system.layout.lake / ".objects").rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # what others left is removed meanwhile
                found += path.is_file() and path.read_bytes() == text
        return found

    assert files() == 1
    s3.delete_object(Bucket="plain", Key=key)
    until(lambda: files() == 0)


def test_copies_have_their_sources_annotations_unless_they_are_excluded(s3: Any, versioned: str) -> None:
    one = s3.put_object(Bucket=versioned, Key="k", Body=b"one")["VersionId"]
    annotate(s3, versioned, "k", b"abc")
    s3.put_object(Bucket=versioned, Key="k", Body=b"two")
    annotate(s3, versioned, "k", b"def")
    source = {"Bucket": versioned, "Key": "k"}
    s3.copy_object(Bucket="plain", Key="copy", CopySource=source)
    s3.copy_object(Bucket="plain", Key="old", CopySource={**source, "VersionId": one})
    s3.copy_object(Bucket="plain", Key="bare", CopySource=source, AnnotationDirective="EXCLUDE")
    s3.copy_object(Bucket="plain", Key="summed", CopySource=source, ChecksumAlgorithm="SHA256")
    assert [text_of(s3, "plain", key) for key in ("copy", "old", "summed")] == [b"def", b"abc", b"def"]
    assert names(s3, "plain", "bare") == []
    summed = s3.get_object_annotation(**KEPT, Key="summed", ChecksumMode="ENABLED")
    assert summed["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"def").digest()).decode()
    # One that is the only name of its text: the copy takes the place of its own source.
    same = {"Bucket": "plain", "Key": "copy"}
    s3.delete_object(Bucket=versioned, Key="k", VersionId=s3.head_object(**source)["VersionId"])
    s3.copy_object(**same, CopySource=same, MetadataDirective="REPLACE", Metadata={"n": "1"})
    for key in ("old", "summed"):
        s3.delete_object(Bucket="plain", Key=key)
    assert text_of(s3, "plain", "copy") == b"def"
    answer = {"Bucket": "plain", "Key": "x", "CopySource": source, "AnnotationDirective": "REPLACE"}
    refused("InvalidArgument", s3.copy_object, 400, **answer)


def test_replicas_are_annotated_too(s3: Any, versioned: str) -> None:
    to = new_bucket(s3, versioned=True)
    replicate(s3, versioned, rule(to))
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    annotate(s3, versioned, "k", b"1")
    here = s3.get_object_annotation(Bucket=versioned, Key="k", AnnotationName="a")
    there = s3.get_object_annotation(Bucket=to, Key="k", AnnotationName="a")
    assert (here["ReplicationStatus"], there["ReplicationStatus"]) == ("COMPLETED", "REPLICA")
    assert there["AnnotationPayload"].read() == b"1"
    s3.copy_object(Bucket=versioned, Key="copy", CopySource={"Bucket": versioned, "Key": "k"})
    assert text_of(s3, to, "copy") == b"1"
    s3.delete_object_annotation(Bucket=versioned, Key="k", AnnotationName="a")
    assert text_of(s3, to, "k") == b"1"


def test_annotations_are_encrypted_as_their_object_is_said_to_be(s3: Any, key: str) -> None:
    s3.put_object(Bucket="plain", Key=key, Body=b"x", ServerSideEncryption="aws:kms")
    assert annotate(s3, "plain", key, b"1")["ServerSideEncryption"] == "aws:kms"
    customers = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    source = {"Bucket": "plain", "Key": key}
    given = {"Bucket": "plain", "Key": "sealed", "CopySource": source, **customers}
    assert "EXCLUDE" in refused("InvalidRequest", s3.copy_object, 400, **given)["Message"]
    s3.copy_object(**given, AnnotationDirective="EXCLUDE")
    wanted = {**KEPT, "Key": "sealed", "AnnotationPayload": b"1"}
    assert "SSE-C" in refused("InvalidRequest", s3.put_object_annotation, 400, **wanted)["Message"]


def test_a_locked_version_takes_annotations_of_who_may_set_governance_aside(
    system: System, iam: Any, s3: Any
) -> None:
    bucket = f"locked-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    put(s3, bucket, "free")
    annotate(s3, bucket, "free", b"1")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    locks = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": later}
    s3.put_object(Bucket=bucket, Key="kept", Body=b"x", **locks)
    s3.put_object(Bucket=bucket, Key="held", Body=b"x", ObjectLockLegalHoldStatus="ON")

    def asked(method: str, key: str, **more: str) -> tuple[int, bytes]:
        body = b"1" if method == "PUT" else None
        where = f"/{bucket}/{key}?annotation&annotationName=a"
        status, _, answer = raw(system, method, where, body, more)
        return status, answer

    bypass = {"x-amz-bypass-governance-retention": "true"}
    for method, done in (("PUT", 200), ("DELETE", 204)):
        status, answer = asked(method, "kept")
        assert (status, b"object lock retention" in answer) == (403, True)
        assert asked(method, "kept", **bypass)[0] == done
        status, answer = asked(method, "held", **bypass)
        assert (status, b"object lock legal hold" in answer) == (403, True)


def test_each_operation_asks_for_a_right_of_its_own(
    system: System, iam: Any, s3: Any, versioned: str
) -> None:
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    everything = f"arn:aws:s3:::{versioned}/*"
    may = ["s3:GetObject", "s3:PutObject", "s3:PutObjectAnnotation", "s3:GetObjectVersionAnnotation"]
    keys = user(iam, f"u-{uuid.uuid4().hex[:8]}", allow(may, everything))
    here = {"Bucket": versioned, "Key": "k", "AnnotationName": "a"}
    with keyed(system, "s3", keys) as own:
        own.put_object_annotation(**here, AnnotationPayload=b"1")
        assert text_of(own, versioned, "k", VersionId=version) == b"1"
        given = {"Bucket": versioned, "Key": "k"}
        copy = {"Bucket": versioned, "Key": "c", "CopySource": given}
        for call, asked, right in (
            (own.get_object_annotation, here, "s3:GetObjectAnnotation"),
            (own.list_object_annotations, given, "s3:ListObjectAnnotations"),
            (own.delete_object_annotation, here, "s3:DeleteObjectAnnotation"),
            (
                own.delete_object_annotation,
                {**here, "VersionId": version},
                "s3:DeleteObjectVersionAnnotation",
            ),
            (own.copy_object, copy, "s3:GetObjectAnnotation"),
        ):
            code, status, message = denied(call, **asked)
            assert (code, status, right in message) == ("AccessDenied", 403, True), message
        own.copy_object(**copy, AnnotationDirective="EXCLUDE")


def test_a_topic_is_told_of_annotations(s3: Any, sns: Any, endpoint: Endpoint, versioned: str) -> None:
    topic = sns.create_topic(Name="annotated")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url + "/told")
    asked = until(lambda: endpoint.of("/told", "SubscriptionConfirmation"))
    sns.confirm_subscription(TopicArn=topic, Token=asked[0].json()["Token"])
    events = ["s3:ObjectAnnotation:*", "s3:ObjectCreated:Copy"]
    config = {"TopicConfigurations": [{"TopicArn": topic, "Events": events}]}
    s3.put_bucket_notification_configuration(Bucket=versioned, NotificationConfiguration=config)
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"xy")["VersionId"]
    annotate(s3, versioned, "k", b"abc")
    s3.copy_object(Bucket=versioned, Key="with", CopySource={"Bucket": versioned, "Key": "k"})
    s3.delete_object_annotation(Bucket=versioned, Key="k", AnnotationName="a")
    s3.delete_object_annotation(Bucket=versioned, Key="k", AnnotationName="a")
    s3.copy_object(Bucket=versioned, Key="without", CopySource={"Bucket": versioned, "Key": "k"})

    def told() -> list[dict[str, Any]]:
        found = [json.loads(text).get("Records", []) for text in endpoint.messages("/told")]
        records = [record for each in found for record in each]
        return sorted(records, key=lambda each: str(each["s3"]["object"]["sequencer"]))

    until(lambda: len(told()) == 4)
    made, copied, gone, bare = told()
    assert made["eventName"] == "ObjectAnnotation:Put"
    etag = hashlib.md5(b"abc").hexdigest()  # noqa: S324
    assert made["objectAnnotation"] == [{"name": "a", "size": 3, "eTag": etag}]
    assert (made["s3"]["object"]["versionId"], made["s3"]["object"]["size"]) == (version, 2)
    assert (gone["eventName"], gone["objectAnnotation"]) == ("ObjectAnnotation:Delete", [{"name": "a"}])
    flags = [each["s3"]["object"]["hasObjectAnnotation"] for each in (copied, bare)]
    assert flags == [True, False]


def test_what_was_acknowledged_outlives_a_kill(system: System, s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    for n in range(5):
        name, text = f"n{n}", f"text {n}".encode()
        annotate(s3, versioned, "k", text, name)
        if n in (1, 4):
            system.kill("flow")
    s3.delete_object_annotation(Bucket=versioned, Key="k", AnnotationName="n2")
    system.kill("flow")
    assert names(s3, versioned, "k") == ["n0", "n1", "n3", "n4"]
    assert [text_of(s3, versioned, "k", f"n{n}") for n in (0, 1, 3, 4)] == [
        f"text {n}".encode() for n in (0, 1, 3, 4)
    ]
