"""What an object is made of, by the names that are asked for."""

from __future__ import annotations

from typing import Any

from forebay.lake.shelf import Object
from forebay.wire.s3 import customer_key, sums
from forebay.wire.s3.base import found_version, in_thread, invalid, need_bucket, shelf
from forebay.wire.s3.headers import checksums, moment
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json


@operation("GetObjectAttributes")
async def get_object_attributes(asked: Asked, given: Json) -> Json:
    """The attributes that are asked for by name."""
    bucket = need_bucket(asked, given)
    found = await found_version(asked, bucket, given)
    customer_key.opened_by(given, found.meta)
    wanted = {name.strip() for each in given.get("ObjectAttributes") or () for name in each.split(",")}
    known = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
    if not wanted or wanted - known:
        raise invalid("Invalid attribute name specified.", "x-amz-object-attributes")
    answer: Json = {"LastModified": moment(found.begun)}
    if await in_thread(shelf(asked).setting, bucket, "versioning") is not None:
        answer["VersionId"] = found.version
    if "ETag" in wanted:
        answer["ETag"] = found.etag
    if "StorageClass" in wanted:
        answer["StorageClass"] = found.meta.get("class", "STANDARD")
    if "ObjectSize" in wanted:
        answer["ObjectSize"] = found.size
    if "Checksum" in wanted and (members := checksums(found.meta)):
        answer["Checksum"] = {
            name: value.partition("-")[0] if name != "ChecksumType" else value
            for name, value in members.items()
        }
    if "ObjectParts" in wanted and (parts := found.meta.get("parts")):
        answer["ObjectParts"] = _parts(given, found, parts)
    return answer


def _parts(given: Json, found: Object, parts: list[Any]) -> Json:
    answer: Json = {"TotalPartsCount": len(parts)}
    if not found.meta.get("composite"):
        return answer
    after = int(given.get("PartNumberMarker") or 0)
    most = int(given.get("MaxParts") or 1000)
    page = list(enumerate(parts, 1))[after : after + most]
    last = page[-1][0] if page else after
    return answer | {
        "PartNumberMarker": after,
        "MaxParts": most,
        "IsTruncated": last < len(parts),
        "NextPartNumberMarker": last,
        "Parts": [
            {"PartNumber": n, "Size": size, **{sums.member(name): value for name, value in own.items()}}
            for n, (size, own) in page
        ],
    }
