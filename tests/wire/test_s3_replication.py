"""Replication between buckets: what goes where, what it says of itself, and which rules are refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.wire.s3 import new_bucket, read, refused
from tests.wire.sdk import serving

system = serving("name: replication\n")
ROLE = "arn:aws:iam::000000000000:role/replication"
KEY = "arn:aws:kms:us-east-1:000000000000:key/replica"
FIFTEEN = {"Status": "Enabled", "Time": {"Minutes": 15}}
METRICS = {"Status": "Enabled", "EventThreshold": {"Minutes": 15}}


def rule(to: str, destination: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A rule for everything, with `more`."""
    return {
        "ID": "r",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{to}", **(destination or {})},
        **more,
    }


def replicate(s3: Any, bucket: str, *rules: dict[str, Any]) -> None:
    """Tell a bucket to."""
    config = {"Role": ROLE, "Rules": list(rules)}
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=config)


@pytest.fixture
def pair(s3: Any) -> tuple[str, str]:
    return new_bucket(s3, versioned=True), new_bucket(s3, versioned=True)


def test_versions_go_to_another_bucket_with_all_that_is_theirs(s3: Any, pair: tuple[str, str]) -> None:
    source, to = pair
    replicate(s3, source, rule(to, {"StorageClass": "STANDARD_IA"}, Filter={"Prefix": "a/"}))
    assert s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Role"] == ROLE
    one = s3.put_object(Bucket=source, Key="a/k", Body=b"one", Tagging="x=y", Metadata={"m": "n"})
    s3.put_object(Bucket=source, Key="a/k", Body=b"two")
    s3.put_object(Bucket=source, Key="b", Body=b"stays")
    assert s3.head_object(Bucket=source, Key="a/k")["ReplicationStatus"] == "COMPLETED"
    assert "ReplicationStatus" not in s3.head_object(Bucket=source, Key="b")
    assert read(s3, to, "a/k") == b"two"
    first = s3.get_object(Bucket=to, Key="a/k", VersionId=one["VersionId"])
    assert (first["Body"].read(), first["Metadata"], first["TagCount"]) == (b"one", {"m": "n"}, 1)
    assert (first["ReplicationStatus"], first["StorageClass"]) == ("REPLICA", "STANDARD_IA")
    s3.delete_object(Bucket=source, Key="a/k", VersionId=one["VersionId"])
    assert read(s3, to, "a/k", VersionId=one["VersionId"]) == b"one"
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=to)["Contents"]]
    assert keys == ["a/k"]


def test_two_buckets_that_replicate_each_other_do_not_go_round(s3: Any, pair: tuple[str, str]) -> None:
    source, to = pair
    replicate(s3, source, rule(to, DeleteMarkerReplication={"Status": "Enabled"}))
    replicate(s3, to, rule(source, DeleteMarkerReplication={"Status": "Enabled"}))
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    s3.delete_object(Bucket=to, Key="k")
    for bucket in pair:
        found = s3.list_object_versions(Bucket=bucket)
        assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (1, 1)


def test_what_cannot_be_replicated_says_so(s3: Any, pair: tuple[str, str]) -> None:
    source, to = pair
    replicate(s3, source, rule(to))
    s3.put_bucket_versioning(Bucket=to, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    assert s3.head_object(Bucket=source, Key="k")["ReplicationStatus"] == "FAILED"
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=to, Key="k")
    suspended = {"Bucket": source, "VersioningConfiguration": {"Status": "Suspended"}}
    refused("InvalidBucketState", s3.put_bucket_versioning, 409, **suspended)
    s3.delete_bucket_replication(Bucket=source)
    refused("ReplicationConfigurationNotFoundError", s3.get_bucket_replication, 404, Bucket=source)
    s3.put_object(Bucket=source, Key="l", Body=b"x")
    assert "ReplicationStatus" not in s3.head_object(Bucket=source, Key="l")


def test_rules_are_refused_in_s3s_words_and_order(s3: Any, pair: tuple[str, str]) -> None:
    source, to = pair
    plain = new_bucket(s3)

    def put(bucket: str, *rules: dict[str, Any]) -> tuple[str, str]:
        with pytest.raises(ClientError) as raised:
            replicate(s3, bucket, *rules)
        error = raised.value.response["Error"]
        return error["Code"], error["Message"]

    versioning = "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
    assert put(plain, rule(to)) == ("InvalidRequest", versioning)
    unversioned = "Destination bucket must have versioning enabled."
    assert put(source, rule(plain)) == put(source, rule("none")) == ("InvalidRequest", unversioned)
    assert put(source, rule(to), rule(to))[0] == "InvalidArgument"
    kms = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}

    def key(text: str) -> dict[str, Any]:
        found = rule(to, {"EncryptionConfiguration": {"ReplicaKmsKeyID": text}})
        return {**found, "SourceSelectionCriteria": kms}

    def timed(time: Any, metrics: Any) -> dict[str, Any]:
        said = {"ReplicationTime": time, "Metrics": metrics}
        return rule(to, {name: each for name, each in said.items() if each is not None})

    off = {**FIFTEEN, "Status": "Disabled"}
    first = {"ID": "r", "Prefix": "x", "Status": "Enabled"}
    old = {**first, "Destination": {"Bucket": f"arn:aws:s3:::{to}", "Metrics": {"Status": "Enabled"}}}
    for wrong, words in (
        (timed({**FIFTEEN, "Status": "on"}, METRICS), "The XML you provided was not well-formed"),
        (timed({**FIFTEEN, "Time": {"Minutes": 10}}, METRICS), "Invalid time minute value"),
        (timed(FIFTEEN, None), "Replication destination must contain both"),
        (timed(None, METRICS), "Metrics cannot contain an event threshold"),
        (timed(off, METRICS), "Metrics cannot contain an event threshold"),
        (timed(FIFTEEN, {"Status": "Enabled"}), "ReplicationMetrics must contain an event threshold"),
        (
            timed(FIFTEEN, {**METRICS, "EventThreshold": {"Minutes": 5}}),
            "Invalid event threshold minute value",
        ),
        (timed(FIFTEEN, {**METRICS, "Status": "Disabled"}), "ReplicationTime and ReplicationMetrics should"),
        (rule(to, SourceSelectionCriteria=kms), "ReplicaKmsKeyID must be specified if"),
        (rule(to, {"EncryptionConfiguration": {"ReplicaKmsKeyID": KEY}}), "SseKmsEncryptedObjects must be"),
        (key("alias/x"), "Invalid ReplicaKmsKeyID ARN."),
        (key(KEY.replace("arn:aws:", "arn:aws-cn:")), "KMS key ARN partition must match"),
        (key(KEY.replace("us-east-1", "us-west-2")), "KMS key must be in the same region"),
        (old, "Metrics cannot be used for this version of the replication configuration schema."),
    ):
        assert put(source, wrong)[1].startswith(words)
    replicate(s3, source, key(KEY), {**timed(FIFTEEN, METRICS), "ID": "s"})
