"""S3's listings through boto3: order, prefixes, delimiters, pages; versions and delete markers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness import System
from tests.wire.s3 import new_bucket, put, raw, read, refused
from tests.wire.sdk import serving

system = serving("name: listing\n")


KEYS = [
    "a",
    "a/b",
    "a/c/d",
    "b",
    "photos/2024/jan.png",
    "photos/2024/feb.png",
    "photos/2025/a.png",
    "photos/x",
    "z",
]


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    name = new_bucket(s3)
    put(s3, name, *KEYS)
    return name


def keys(page: Any) -> list[str]:
    return [each["Key"] for each in page.get("Contents", [])]


def prefixes(page: Any) -> list[str]:
    return [each["Prefix"] for each in page.get("CommonPrefixes", [])]


def test_keys_come_in_the_order_of_their_bytes(s3: Any) -> None:
    bucket = new_bucket(s3)
    names = ["é", "z", "Z", "_", "~", "a b", "日本", "\U0001f600", "a-b", "a/b", "\uffee"]
    put(s3, bucket, *names)
    assert keys(s3.list_objects_v2(Bucket=bucket)) == sorted(names, key=str.encode)
    assert keys(s3.list_objects(Bucket=bucket)) == sorted(names, key=str.encode)


def test_a_delimiter_rolls_keys_up(s3: Any, bucket: str) -> None:
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert (keys(page), prefixes(page)) == (["a", "b", "z"], ["a/", "photos/"])
    assert page["KeyCount"] == 5
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="photos/")
    assert (keys(page), prefixes(page)) == (["photos/x"], ["photos/2024/", "photos/2025/"])
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="0", Prefix="photos/")
    assert (keys(page), prefixes(page)) == (["photos/x"], ["photos/20"])
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="photos")
    assert (keys(page), prefixes(page)) == ([], ["photos/"])


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "given_", [{}, {"Delimiter": "/"}, {"Prefix": "photos/", "Delimiter": "/"}, {"Prefix": "a"}]
)
def test_pages_together_are_the_whole(s3: Any, bucket: str, size: int, given_: dict[str, str]) -> None:
    whole = s3.list_objects_v2(Bucket=bucket, **given_)
    wanted = sorted(keys(whole) + prefixes(whole))
    for version in ("list_objects_v2", "list_objects"):
        found: list[str] = []
        for page in s3.get_paginator(version).paginate(Bucket=bucket, MaxKeys=size, **given_):
            part = keys(page) + prefixes(page)
            assert len(part) <= size
            found += sorted(part)
        assert found == wanted


_NAMES = st.lists(st.text("ab/é", min_size=1, max_size=5), min_size=1, max_size=12, unique=True)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(names=_NAMES, prefix=st.text("ab/", max_size=2), size=st.integers(1, 5))
def test_any_bucket_lists_as_its_keys_say(s3: Any, names: list[str], prefix: str, size: int) -> None:
    bucket = new_bucket(s3)
    put(s3, bucket, *names)
    kept = [name for name in names if name.startswith(prefix)]
    rolled = {name[: at + 1] if (at := name.find("/", len(prefix))) >= 0 else name for name in kept}
    found: list[str] = []
    for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": size}
    ):
        found += sorted(keys(page) + prefixes(page), key=str.encode)
    assert found == sorted(rolled, key=str.encode)


def test_starting_after_a_key(s3: Any, bucket: str) -> None:
    assert keys(s3.list_objects_v2(Bucket=bucket, StartAfter="photos/2025/a.png")) == ["photos/x", "z"]
    page = s3.list_objects(Bucket=bucket, Marker="b")
    assert (keys(page)[0], page["Marker"]) == ("photos/2024/feb.png", "b")
    page = s3.list_objects(Bucket=bucket, Marker="photos/", Delimiter="/")
    assert (keys(page), prefixes(page)) == (["z"], [])


def test_what_a_page_says_of_itself(s3: Any, bucket: str) -> None:
    page = s3.list_objects_v2(Bucket=bucket, MaxKeys=2, FetchOwner=True)
    assert (page["IsTruncated"], page["KeyCount"], page["MaxKeys"], page["Name"]) == (True, 2, 2, bucket)
    assert page["Contents"][0]["Owner"]["ID"]
    assert page["Contents"][0]["StorageClass"] == "STANDARD"
    empty = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (empty["IsTruncated"], empty["KeyCount"], keys(empty)) == (False, 0, [])
    page = s3.list_objects(Bucket=bucket, MaxKeys=2)
    assert "NextMarker" not in page  # only with a delimiter
    refused("InvalidArgument", s3.list_objects_v2, 400, Bucket=bucket, ContinuationToken="!")
    refused("InvalidArgument", s3.list_objects_v2, 400, Bucket=bucket, MaxKeys=-1)
    refused("NoSuchBucket", s3.list_objects_v2, 404, Bucket="no-such-bucket")


def test_names_that_xml_cannot_hold_are_encoded_when_asked_for(s3: Any, system: System) -> None:
    bucket = new_bucket(s3)
    put(s3, bucket, "a\x01b/c&d", "+ %")
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", EncodingType="url")
    assert (page["Contents"][0]["Key"], page["CommonPrefixes"][0]["Prefix"]) == ("%2B+%25", "a%01b/")
    assert (page["Delimiter"], page["EncodingType"]) == ("/", "url")
    put(s3, bucket, "~")
    assert s3.list_objects_v2(Bucket=bucket, Prefix="~", EncodingType="url")["Prefix"] == "%7E"
    for query in ("", "?list-type=2", "?versions"):
        assert b"<Key>a&#x1;b/c&amp;d</Key>" in raw(system, "GET", f"/{bucket}{query}")[2]


def test_versions_are_kept_and_listed_newest_first(s3: Any) -> None:
    bucket = new_bucket(s3)
    put(s3, bucket, "k", body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"second")["VersionId"]
    assert read(s3, bucket, "k") == b"second"
    for version, body in ((first, b"first"), (second, b"second"), ("null", b"before")):
        assert read(s3, bucket, "k", VersionId=version) == body
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(each["VersionId"], each["IsLatest"]) for each in listed] == [
        (second, True),
        (first, False),
        ("null", False),
    ]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=first)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=first)  # it is gone, and was one
    assert (
        refused("NoSuchVersion", s3.get_object, 404, Bucket=bucket, Key="k", VersionId=first)["VersionId"]
        == first
    )
    for call in (s3.get_object, s3.delete_object, s3.get_object_tagging):
        error = refused("InvalidArgument", call, 400, Bucket=bucket, Key="k", VersionId="x" * 32)
        assert error["Message"] == "Invalid version id specified"


def test_a_delete_marker_hides_and_its_removal_shows_again(s3: Any) -> None:
    bucket = new_bucket(s3, versioned=True)
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    done = s3.delete_object(Bucket=bucket, Key="k")
    assert done["DeleteMarker"] is True
    error = refused("NoSuchKey", s3.get_object, 404, Bucket=bucket, Key="k")
    assert error["Key"] == "k"
    headers = {"x-amz-delete-marker": "true", "x-amz-version-id": done["VersionId"]}
    with pytest.raises(s3.exceptions.ClientError) as raised:
        s3.head_object(Bucket=bucket, Key="k")
    assert headers.items() <= raised.value.response["ResponseMetadata"]["HTTPHeaders"].items()
    refused("MethodNotAllowed", s3.get_object, 405, Bucket=bucket, Key="k", VersionId=done["VersionId"])
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []
    listed = s3.list_object_versions(Bucket=bucket)
    assert [(each["VersionId"], each["IsLatest"]) for each in listed["DeleteMarkers"]] == [
        (done["VersionId"], True)
    ]
    assert [each["IsLatest"] for each in listed["Versions"]] == [False]
    removed = s3.delete_object(Bucket=bucket, Key="k", VersionId=done["VersionId"])
    assert (removed["DeleteMarker"], removed["VersionId"]) == (True, done["VersionId"])
    assert read(s3, bucket, "k") == b"first"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=first)
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)


def test_removing_the_current_version_shows_the_one_before(s3: Any) -> None:
    bucket = new_bucket(s3, versioned=True)
    versions = [s3.put_object(Bucket=bucket, Key="k", Body=b"%d" % n)["VersionId"] for n in range(3)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=versions[2])
    assert read(s3, bucket, "k") == b"1"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=versions[0])
    assert [each["VersionId"] for each in s3.list_object_versions(Bucket=bucket)["Versions"]] == [versions[1]]


def test_suspended_there_is_one_null_version(s3: Any) -> None:
    bucket = new_bucket(s3, versioned=True)
    kept = s3.put_object(Bucket=bucket, Key="k", Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert [each["VersionId"] for each in s3.list_object_versions(Bucket=bucket)["Versions"]] == [
        "null",
        kept,
    ]
    assert read(s3, bucket, "k") == b"two"
    done = s3.delete_object(Bucket=bucket, Key="k")
    assert (done["DeleteMarker"], done["VersionId"]) == (True, "null")
    assert [each["VersionId"] for each in s3.list_object_versions(Bucket=bucket)["Versions"]] == [kept]
    assert read(s3, bucket, "k", VersionId=kept) == b"kept"


def test_pages_of_versions_together_are_the_whole(s3: Any) -> None:
    bucket = new_bucket(s3, versioned=True)
    wanted = []
    for key in ("a", "b/1", "b/2", "c"):
        for n in range(3):
            wanted.append((key, -n, s3.put_object(Bucket=bucket, Key=key, Body=b"")["VersionId"]))
    s3.delete_object(Bucket=bucket, Key="c")
    for size in (1, 2, 5):
        found = []
        for page in s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": size}
        ):
            found += [(each["Key"], each["VersionId"]) for each in page.get("Versions", [])]
        assert found == [(key, version) for key, _, version in sorted(wanted)]
    page = s3.list_object_versions(Bucket=bucket, Delimiter="/", MaxKeys=4)
    assert (prefixes(page), page["IsTruncated"]) == (["b/"], True)
    refused("InvalidArgument", s3.list_object_versions, 400, Bucket=bucket, VersionIdMarker="x")


def test_a_copy_and_tags_of_a_version(s3: Any) -> None:
    bucket = new_bucket(s3, versioned=True)
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    source = {"Bucket": bucket, "Key": "k", "VersionId": old}
    done = s3.copy_object(Bucket=bucket, Key="k", CopySource=source)
    assert done["CopySourceVersionId"] == old
    assert read(s3, bucket, "k") == b"old"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    done = s3.copy_object(Bucket=bucket, Key="k2", CopySource=source)
    assert (done["VersionId"], done["CopySourceVersionId"]) == ("null", old)
    again = s3.copy_object(Bucket=bucket, Key="k3", CopySource={"Bucket": bucket, "Key": "k2"})
    assert (again["VersionId"], "CopySourceVersionId" in again) == ("null", False)
    tags = [{"Key": "a", "Value": "1"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", VersionId=old, Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=old)["TagSet"] == tags
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
