"""Inventories through boto3: what a bucket is told of them, and the reports that are written."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import uuid
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import orc, parquet

from forebay.lake.inventory import DAY, due
from tests.harness import System, until
from tests.wire.s3 import new_bucket, put, read, refused
from tests.wire.sdk import serving

system = serving("name: inventories\nlake:\n  reports: {}\n")
MANY = [
    *("Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded", "EncryptionStatus"),
    *("ObjectLockLegalHoldStatus", "ChecksumAlgorithm"),
]


def config(id: str, *fields: str, form: str = "CSV", versions: str = "All", **more: Any) -> dict[str, Any]:
    """A configuration whose reports go below `id` in the bucket `reports`."""
    to = {"Bucket": "arn:aws:s3:::reports", "Format": form, "Prefix": id}
    return {
        "Id": id,
        "IsEnabled": True,
        "IncludedObjectVersions": versions,
        "Schedule": {"Frequency": "Daily"},
        "Destination": {"S3BucketDestination": to},
        **({"OptionalFields": list(fields)} if fields else {}),
        **more,
    }


def tell(s3: Any, bucket: str, config: dict[str, Any]) -> None:
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id=config["Id"], InventoryConfiguration=config)


def keys(s3: Any, id: str, ending: str = "manifest.json") -> list[str]:
    """The objects of this ending of a configuration's reports."""
    listed = s3.list_objects_v2(Bucket="reports", Prefix=f"{id}/").get("Contents", [])
    return [each["Key"] for each in listed if each["Key"].endswith(ending)]


def report(s3: Any, id: str) -> tuple[dict[str, Any], bytes]:
    """The manifest of the report that is written, and its file."""
    key = until(lambda: keys(s3, id))[0]
    text = read(s3, "reports", key)
    md5 = hashlib.md5(text).hexdigest()  # noqa: S324
    assert read(s3, "reports", key.replace(".json", ".checksum")).decode() == md5
    manifest: dict[str, Any] = json.loads(text)
    (file,) = manifest["files"]
    data = read(s3, "reports", file["key"])
    assert (file["size"], file["MD5checksum"]) == (len(data), hashlib.md5(data).hexdigest())  # noqa: S324
    link = keys(s3, id, "symlink.txt")
    assert read(s3, "reports", link[0]).decode() == f"s3://reports/{file['key']}"
    return manifest, data


def test_a_bucket_is_told_of_inventories_by_id(s3: Any) -> None:
    bucket = new_bucket(s3)
    filtered = config("b", "Size", "ETag", IsEnabled=False, Filter={"Prefix": "in/"})
    wanted = [filtered, config("c", form="ORC", IsEnabled=False)]
    for each in reversed(wanted):
        tell(s3, bucket, each)
    listed = s3.list_bucket_inventory_configurations(Bucket=bucket)
    assert (listed["InventoryConfigurationList"], listed["IsTruncated"]) == (wanted, False)
    found = s3.get_bucket_inventory_configuration(Bucket=bucket, Id="b")
    assert found["InventoryConfiguration"] == wanted[0]
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="b")
    for call in (s3.get_bucket_inventory_configuration, s3.delete_bucket_inventory_configuration):
        refused("NoSuchConfiguration", call, 404, Bucket=bucket, Id="b")


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("IdMismatch", {"Id": "other"}),
        ("MalformedXML", {"IncludedObjectVersions": "Some"}),
        ("MalformedXML", {"Schedule": {"Frequency": "Hourly"}}),
        ("MalformedXML", {"OptionalFields": ["Colour"]}),
        ("MalformedXML", {"Destination": {"S3BucketDestination": {"Bucket": "x", "Format": "XLS"}}}),
        (
            "InvalidS3DestinationBucket",
            {"Destination": {"S3BucketDestination": {"Bucket": "x", "Format": "CSV"}}},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_is_no_inventory_is_refused(s3: Any, code: str, changed: dict[str, Any]) -> None:
    bucket = new_bucket(s3)
    given = {"Bucket": bucket, "Id": "i", "InventoryConfiguration": {**config("i"), **changed}}
    refused(code, s3.put_bucket_inventory_configuration, 400, **given)


def test_a_report_has_every_version_and_is_written_once_whatever_is_killed(system: System, s3: Any) -> None:
    bucket, id = new_bucket(s3, versioned=True), f"i-{uuid.uuid4().hex[:8]}"
    one = s3.put_object(Bucket=bucket, Key="in/ä b", Body=b"one", ServerSideEncryption="aws:kms")
    two = s3.put_object(Bucket=bucket, Key="in/ä b", Body=b"second", ChecksumAlgorithm="SHA256")
    gone = s3.put_object(Bucket=bucket, Key="in/gone", Body=b"")
    marker = s3.delete_object(Bucket=bucket, Key="in/gone")
    put(s3, bucket, "elsewhere")
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    tell(s3, bucket, config(id, *MANY, "LifecycleExpirationDate", Filter={"Prefix": "in/"}))
    manifest, data = report(s3, id)
    schema = manifest["fileSchema"].split(", ")
    assert schema == [
        "Bucket",
        "Key",
        "VersionId",
        "IsLatest",
        "IsDeleteMarker",
        *MANY,
        "LifecycleExpirationDate",
    ]
    assert (manifest["sourceBucket"], manifest["fileFormat"]) == (bucket, "CSV")
    rows = [
        dict(zip(schema, row, strict=True)) for row in csv.reader(io.StringIO(gzip.decompress(data).decode()))
    ]
    shown = ("Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "EncryptionStatus")
    assert [tuple(row[name] for name in shown) for row in rows] == [
        ("in/gone", marker["VersionId"], "true", "true", "", ""),
        ("in/gone", gone["VersionId"], "false", "false", "0", "SSE-S3"),
        ("in/%C3%A4%20b", two["VersionId"], "true", "false", "6", "SSE-S3"),
        ("in/%C3%A4%20b", one["VersionId"], "false", "false", "3", "SSE-KMS"),
    ]
    assert (rows[2]["ETag"], rows[2]["ChecksumAlgorithm"]) == (two["ETag"].strip('"'), "SHA256")
    assert [row["LifecycleExpirationDate"][10:] for row in rows] == ["", "", "T00:00:00.000Z", ""]
    assert rows[2]["LifecycleExpirationDate"] > rows[2]["LastModifiedDate"]
    system.kill("flow")
    put(s3, bucket, "in/later")  # which the flow takes when it is back, and has looked at what is due
    other = f"{id}-other"
    tell(s3, bucket, config(other, versions="Current"))
    manifest, data = report(s3, other)
    assert manifest["fileSchema"] == "Bucket, Key"
    assert gzip.decompress(data).decode().splitlines() == [
        f'"{bucket}","elsewhere"',
        f'"{bucket}","in/later"',
        f'"{bucket}","in/%C3%A4%20b"',
    ]
    days = [key.split("/")[-2][:10] for key in keys(s3, id)]
    assert len(days) == len(set(days))  # which may be two, around midnight


@pytest.mark.parametrize("form", ["Parquet", "ORC"])
def test_reports_in_columns(s3: Any, form: str) -> None:
    bucket, id = new_bucket(s3), f"i-{uuid.uuid4().hex[:8]}"
    put(s3, bucket, "a b", body=b"1234")
    tell(s3, bucket, config(id, "Size", "LastModifiedDate", form=form, versions="Current"))
    manifest, data = report(s3, id)
    source = pa.BufferReader(data)
    table = orc.read_table(source) if form == "ORC" else parquet.read_table(source)
    (row,) = table.to_pylist()
    assert (row["bucket"], row["key"], row["size"]) == (bucket, "a b", 4)
    when = s3.head_object(Bucket=bucket, Key="a b")["LastModified"]
    assert row["last_modified_date"].replace(microsecond=0, tzinfo=None) == when.replace(tzinfo=None)
    begins = {"Parquet": "message s3.inventory { required binary bucket", "ORC": "struct<bucket:string,key:"}
    assert manifest["fileSchema"].startswith(begins[form])


def test_when_reports_are_due() -> None:
    monday = 4 * DAY  # of 1970
    daily, weekly = config("d"), config("w", Schedule={"Frequency": "Weekly"})
    assert due(daily, None, monday)
    assert not due(config("d", IsEnabled=False), None, monday)
    assert [due(daily, monday, monday + after) for after in (DAY - 1, DAY)] == [False, True]
    assert [due(weekly, monday, monday + after * DAY) for after in (1, 5, 6)] == [False, False, True]
    assert not due(weekly, monday - DAY, monday)
