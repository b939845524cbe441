"""Rights over copies and versions: what is read is what was asked for, by whatever name, version and operation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import System
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.sdk import serving

system = serving("name: rights\nlake: {mine: {}}\n")
MINE = "arn:aws:s3:::mine"
ALL = allow(["s3:PutObject", "s3:ListBucket"])
"""Who may do this reads what it is let to read, and is told what is not there."""


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement that keeps out."""
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def someone(iam: Any, *statements: dict[str, Any]) -> dict[str, str]:
    """The keys of a user of the test's own."""
    return user(iam, uuid.uuid4().hex, *statements)


def copying(s3: Any, source: str, *, part: bool = False) -> Any:
    """Copy an object, or a part, from this source as it is written here. boto3 would encode it."""

    def write(params: dict[str, Any], **_: Any) -> None:
        if "x-amz-copy-source" in params["headers"]:
            params["headers"]["x-amz-copy-source"] = source

    to = {"Bucket": "mine", "Key": "copy"}
    s3.meta.events.register("before-call.s3", write, unique_id="source")
    try:
        if not part:
            return s3.copy_object(**to, CopySource="a/b")
        upload = s3.create_multipart_upload(**to)["UploadId"]
        return s3.upload_part_copy(**to, UploadId=upload, PartNumber=1, CopySource="a/b")
    finally:
        s3.meta.events.unregister("before-call.s3", unique_id="source")


@pytest.fixture
def kept_out(s3: Any) -> Iterator[None]:
    """The bucket's policy keeps everybody out of `sec/`."""
    s3.put_bucket_policy(Bucket="mine", Policy=policy(deny("s3:GetObject*", f"{MINE}/sec/*", Principal="*")))
    yield
    s3.delete_bucket_policy(Bucket="mine")


@pytest.mark.usefixtures("kept_out")
@pytest.mark.parametrize(
    "source", ["mine/sec/x", "/mine/sec/x", "http://h/mine/sec/x", "https://h:80/mine/sec/x", "mine%2Fsec/x"]
)
def test_a_copys_source_is_what_is_read_however_it_is_written(
    system: System, iam: Any, s3: Any, source: str
) -> None:
    s3.put_object(Bucket="mine", Key="sec/x", Body=b"1")
    with keyed(system, "s3", someone(iam, allow("s3:*"))) as own:
        assert refused(own.get_object, Bucket="mine", Key="sec/x")[0] == "AccessDenied"
        for part in (False, True):
            with pytest.raises(own.exceptions.ClientError, match="AccessDenied"):
                copying(own, source, part=part)


def test_a_plus_in_a_copys_source_is_the_space_that_is_read(system: System, iam: Any, s3: Any) -> None:
    for key in ("a+b", "a b"):
        s3.put_object(Bucket="mine", Key=key, Body=key.encode())
    only = {"StringEquals": {"s3:x-amz-copy-source": ["mine/a+b", "mine/c d"]}}
    for passed, *rights in (
        ({"mine/a%2Bb"}, ALL, allow("s3:GetObject", f"{MINE}/a+b")),
        ({"mine/a+b", "mine/a%20b"}, ALL, allow("s3:GetObject", f"{MINE}/a b")),
        ({"mine/a%2Bb"}, allow("s3:*", Condition=only)),
    ):
        with keyed(system, "s3", someone(iam, *rights)) as own:
            for source in ("mine/a+b", "/mine/a%20b", "mine/a%2Bb", "/mine/a%2Bb"):
                if source.removeprefix("/") in passed:
                    assert copying(own, source)["CopyObjectResult"]["ETag"]
                else:
                    with pytest.raises(own.exceptions.ClientError, match="AccessDenied"):
                        copying(own, source)


@pytest.fixture(scope="module")
def versions(s3: Any) -> dict[str, str]:
    """Versions of two keys by their tag: of `k` the current one is public, of `gone` it is a delete marker."""
    s3.create_bucket(Bucket="old")
    s3.put_bucket_versioning(Bucket="old", VersioningConfiguration={"Status": "Enabled"})
    made = {}
    for key, tags in (("k", ("private", "public")), ("gone", ("private",))):
        for tag in tags:
            put = s3.put_object(Bucket="old", Key=key, Body=b"1", Tagging=f"for={tag}")
            made[f"{key} {tag}"] = put["VersionId"]
    s3.delete_object(Bucket="old", Key="gone")
    return made


def tagged(tag: str) -> dict[str, Any]:
    """The condition that an object has this tag."""
    return {"StringEquals": {"s3:ExistingObjectTag/for": tag}}


@pytest.mark.parametrize(
    "rights",
    [[allow("s3:*", Condition=tagged("public"))], [allow("s3:*"), deny("s3:*Object*", Condition=tagged("private"))]],
)  # fmt: skip
def test_tags_are_those_of_the_version_that_is_asked_for(
    system: System, iam: Any, s3: Any, versions: dict[str, str], rights: list[dict[str, Any]]
) -> None:
    to = {"Bucket": "mine", "Key": "copy"}
    with keyed(system, "s3", someone(iam, *rights, allow("s3:PutObject*", f"{MINE}/*"))) as own:
        assert own.get_object(Bucket="old", Key="k", VersionId=versions["k public"])["Body"].read() == b"1"
        for name in ("k private", "gone private"):
            old = {"Bucket": "old", "Key": name.split()[0], "VersionId": versions[name]}
            for call in (own.get_object, own.get_object_tagging, own.delete_object_tagging):
                assert refused(call, **old)[0] == "AccessDenied"
            assert refused(own.copy_object, **to, CopySource=old)[0] == "AccessDenied"


def test_tags_are_no_condition_of_putting_and_deleting(system: System, iam: Any, s3: Any) -> None:
    with keyed(system, "s3", someone(iam, allow("s3:*"), deny("s3:*", Condition=tagged("private")))) as own:
        for call in (own.put_object, own.delete_object):
            s3.put_object(Bucket="mine", Key="t", Tagging="for=private")
            assert refused(own.get_object, Bucket="mine", Key="t")[0] == "AccessDenied"
            call(Bucket="mine", Key="t")
    with keyed(system, "s3", someone(iam, allow("s3:*", Condition=tagged("private")))) as own:
        s3.put_object(Bucket="mine", Key="t", Tagging="for=private")
        for call in (own.put_object, own.delete_object):
            assert refused(call, Bucket="mine", Key="t")[0] == "AccessDenied"


@pytest.mark.parametrize("version", ["", "Version"])
def test_attributes_ask_for_a_right_of_their_own(
    system: System, iam: Any, versions: dict[str, str], version: str
) -> None:
    this = {"Bucket": "old", "Key": "k"} | ({"VersionId": versions["k public"]} if version else {})
    rights = [f"s3:GetObject{version}", f"s3:GetObject{version}Attributes"]
    for given in ([rights[0]], [rights[1]], rights):
        with keyed(system, "s3", someone(iam, allow(given))) as own:
            if given == rights:
                assert own.get_object_attributes(**this, ObjectAttributes=["ObjectSize"])["ObjectSize"] == 1
            else:
                code, status, _ = refused(own.get_object_attributes, **this, ObjectAttributes=["ObjectSize"])
                assert (code, status) == ("AccessDenied", 403)


@pytest.mark.parametrize("version", ["", "Version"])
def test_a_copy_with_tags_asks_for_reading_and_writing_them(
    system: System, iam: Any, versions: dict[str, str], version: str
) -> None:
    source = {"Bucket": "old", "Key": "k"} | ({"VersionId": versions["k private"]} if version else {})
    copy = {"Bucket": "mine", "Key": "tags", "CopySource": source}
    tagging = [f"s3:GetObject{version}Tagging", "s3:PutObjectTagging"]
    for lacking in tagging:
        rights = ["s3:PutObject", f"s3:GetObject{version}", *tagging]
        rights.remove(lacking)
        with keyed(system, "s3", someone(iam, allow(rights))) as own:
            assert lacking in refused(own.copy_object, **copy)[2]
            own.copy_object(**copy, TaggingDirective="REPLACE")
    with keyed(system, "s3", someone(iam, allow([*rights, lacking]))) as own:
        own.copy_object(**copy)
