"""What is in a bucket: keys, versions, uploads under way."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote_plus

from forebay.lake.shelf import Object, Page, Upload
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import (
    OWNER,
    in_thread,
    invalid,
    need_bucket,
    read_token,
    setting,
    shelf,
    token_of,
)
from forebay.wire.s3.headers import abort, moment
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

MOST = 1000


def page_size(given: Json, name: str = "MaxKeys", header: str = "maxKeys") -> int:
    """How many things a page may have. Raises AwsError `InvalidArgument`."""
    asked = given.get(name)
    if asked is None:
        return MOST
    if not 0 <= asked <= 2147483647:
        raise invalid(f"Argument {header} must be an integer between 0 and 2147483647", header, asked)
    return min(int(asked), MOST)


class Encoded:
    """Names as the caller asked for them: as they are, or encoded, a space as `+`: what XML cannot hold, and more."""

    def __init__(self, given: Json) -> None:
        self.type = given.get("EncodingType")
        if self.type not in (None, "", "url"):
            raise invalid("Invalid Encoding Method specified in Request", "encoding-type", self.type)

    def __call__(self, text: str | None) -> str | None:
        """`text`, encoded if that was asked for."""
        if text is None or self.type != "url":
            return text
        return quote_plus(text, safe="/*").replace("~", "%7E")


def _object(found: Object, named: Encoded, *, owner: bool) -> Json:
    members: Json = {
        "Key": named(found.key),
        "LastModified": moment(found.begun),
        "ETag": f'"{found.etag}"',
        "Size": found.size,
        "StorageClass": found.meta.get("class", "STANDARD"),
    }
    if owner:
        members["Owner"] = OWNER
    if found.meta.get("sums"):
        members["ChecksumAlgorithm"] = list(found.meta["sums"])
        members["ChecksumType"] = "COMPOSITE" if found.meta.get("composite") else "FULL_OBJECT"
    return members


def _split(page: Page, named: Encoded, *, owner: bool) -> tuple[list[Json], list[Json]]:
    contents = [_object(item, named, owner=owner) for item in page.items if isinstance(item, Object)]
    prefixes = [{"Prefix": named(item)} for item in page.items if isinstance(item, str)]
    return contents, prefixes


def _name(item: Object | str) -> str:
    return item if isinstance(item, str) else item.key


@operation("ListObjects")
async def list_objects(asked: Asked, given: Json) -> Json:
    """Version 1: by marker."""
    bucket = need_bucket(asked, given)
    named = Encoded(given)
    prefix, delimiter, marker = (given.get(name) or "" for name in ("Prefix", "Delimiter", "Marker"))
    most = page_size(given)
    page = await in_thread(shelf(asked).keys, bucket, prefix, delimiter, marker, most)
    contents, prefixes = _split(page, named, owner=True)
    answer: Json = {
        "Name": bucket,
        "Prefix": named(prefix),
        "Marker": named(marker),
        "MaxKeys": given.get("MaxKeys", MOST) if most < MOST else MOST,
        "IsTruncated": page.truncated,
        "EncodingType": named.type or None,
        "Contents": contents,
        "CommonPrefixes": prefixes,
        "_headers": {"x-amz-bucket-region": asked.region},
    }
    if delimiter:
        answer["Delimiter"] = named(delimiter)
        if page.truncated:
            answer["NextMarker"] = named(_name(page.items[-1]))
    return answer


@operation("ListObjectsV2")
async def list_objects_v2(asked: Asked, given: Json) -> Json:
    """Version 2: by continuation token."""
    bucket = need_bucket(asked, given)
    named = Encoded(given)
    prefix, delimiter, start = (given.get(name) or "" for name in ("Prefix", "Delimiter", "StartAfter"))
    token = given.get("ContinuationToken")
    if token == "":
        raise invalid("The continuation token provided is incorrect", "continuation-token")
    most = page_size(given)
    after = read_token(token) if token is not None else start
    page = await in_thread(shelf(asked).keys, bucket, prefix, delimiter, after, most, begun=token is not None)
    contents, prefixes = _split(page, named, owner=bool(given.get("FetchOwner")))
    answer: Json = {
        "Name": bucket,
        "Prefix": named(prefix),
        "MaxKeys": given.get("MaxKeys", MOST) if most < MOST else MOST,
        "KeyCount": len(page.items),
        "IsTruncated": page.truncated,
        "EncodingType": named.type or None,
        "Contents": contents,
        "CommonPrefixes": prefixes,
        "ContinuationToken": token,
        "_headers": {"x-amz-bucket-region": asked.region},
    }
    if delimiter:
        answer["Delimiter"] = named(delimiter)
    if start and token is None:
        answer["StartAfter"] = named(start)
    if page.truncated:
        answer["NextContinuationToken"] = token_of(_name(page.items[-1]))
    return answer


@operation("ListObjectVersions")
async def list_object_versions(asked: Asked, given: Json) -> Json:
    """Every version and delete marker, the newest of a key first."""
    bucket = need_bucket(asked, given)
    named = Encoded(given)
    prefix, delimiter, key = (given.get(name) or "" for name in ("Prefix", "Delimiter", "KeyMarker"))
    version = given.get("VersionIdMarker")
    if version is not None and not key:
        raise invalid(
            "A version-id marker cannot be specified without a key marker.", "version-id-marker", version
        )
    if version == "":
        raise invalid("A version-id marker cannot be empty.", "version-id-marker", version)
    most = page_size(given)
    page = await in_thread(shelf(asked).versions, bucket, prefix, delimiter, (key, version), most)
    versions, markers = [], []
    for item in page.items:
        if isinstance(item, str):
            continue
        members = _object(item, named, owner=True) | {"VersionId": item.version, "IsLatest": item.latest}
        if item.marker:
            markers.append({k: members[k] for k in ("Key", "VersionId", "IsLatest", "LastModified", "Owner")})
        else:
            versions.append(members)
    answer: Json = {
        "Name": bucket,
        "Prefix": named(prefix),
        "KeyMarker": named(key),
        "VersionIdMarker": version or "",
        "MaxKeys": given.get("MaxKeys", MOST) if most < MOST else MOST,
        "IsTruncated": page.truncated,
        "EncodingType": named.type or None,
        "Versions": versions,
        "DeleteMarkers": markers,
        "CommonPrefixes": [{"Prefix": named(item)} for item in page.items if isinstance(item, str)],
    }
    if delimiter:
        answer["Delimiter"] = named(delimiter)
    if page.truncated:
        last = page.items[-1]
        answer["NextKeyMarker"] = named(_name(last))
        if isinstance(last, Object):
            answer["NextVersionIdMarker"] = last.version
    return answer


@operation("ListMultipartUploads")
async def list_multipart_uploads(asked: Asked, given: Json) -> Json:
    """Uploads under way."""
    bucket = need_bucket(asked, given)
    named = Encoded(given)
    prefix, delimiter, key = (given.get(name) or "" for name in ("Prefix", "Delimiter", "KeyMarker"))
    marker = given.get("UploadIdMarker") or ""
    most = page_size(given, "MaxUploads", "max-uploads")
    found = await in_thread(shelf(asked).uploads, bucket, prefix)
    items: list[Upload | str] = []
    truncated = False
    marked = next((upload.key for upload in found if upload.id == marker), None) if key else None
    if key and marker and (not _UPLOAD.fullmatch(marker) or marked not in (None, key)):
        raise invalid("Invalid uploadId marker", "upload-id-marker", marker)
    passing = marked is not None
    for upload in found:
        if passing and upload.key == key:
            passing = upload.id != marker
            continue
        if upload.key < key or (upload.key == key and not (marker and not passing)):
            continue
        at = upload.key.find(delimiter, len(prefix)) if delimiter else -1
        item: Upload | str = upload if at < 0 else upload.key[: at + len(delimiter)]
        if isinstance(item, str) and (item in items or item <= key):
            continue
        if len(items) == most:
            truncated = True
            break
        items.append(item)
    answer: Json = {
        "Bucket": bucket,
        "Prefix": named(prefix) if prefix else None,
        "KeyMarker": named(key),
        "UploadIdMarker": marker if key else "",
        "MaxUploads": most,
        "IsTruncated": truncated,
        "EncodingType": named.type or None,
        "Uploads": [_upload(item, named) for item in items if isinstance(item, Upload)],
        "CommonPrefixes": [{"Prefix": named(item)} for item in items if isinstance(item, str)],
    }
    if delimiter:
        answer["Delimiter"] = named(delimiter)
    last = items[-1] if items and (truncated or isinstance(items[-1], Upload)) else ""
    answer["NextKeyMarker"] = named(last if isinstance(last, str) else last.key)
    answer["NextUploadIdMarker"] = "" if isinstance(last, str) else last.id
    return answer


_UPLOAD = re.compile(r"[\w-]{64}", re.ASCII)
"""The id of an upload, also of one that has ended since."""


def _upload(upload: Upload, named: Encoded) -> Json:
    found: Json = {
        "UploadId": upload.id,
        "Key": named(upload.key),
        "Initiated": moment(upload.created),
        "StorageClass": upload.doc["meta"].get("class", "STANDARD"),
        "Owner": OWNER,
        "Initiator": OWNER,
    }
    if upload.doc.get("algorithm"):
        found |= {"ChecksumAlgorithm": upload.doc["algorithm"], "ChecksumType": upload.doc["sum_type"]}
    return found


@operation("ListParts")
async def list_parts(asked: Asked, given: Json) -> Json:
    """The parts that an upload has so far."""
    bucket = need_bucket(asked, given)
    upload = await need_upload(asked, bucket, given)
    after = int(given.get("PartNumberMarker") or 0)
    if after < 0:
        name = "part-number-marker"
        raise invalid(f"Argument {name} must be an integer between 0 and 2147483647", name, after)
    most = page_size(given, "MaxParts", "max-parts")
    parts = [part for part in await in_thread(shelf(asked).parts, upload.id) if part.number > after]
    page = parts[:most]
    answer: Json = {
        "Bucket": bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": most,
        "IsTruncated": len(parts) > len(page),
        "StorageClass": upload.doc["meta"].get("class", "STANDARD"),
        "Owner": OWNER,
        "Initiator": OWNER,
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": moment(part.modified),
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **{
                    f"Checksum{name}": value
                    for name, value in part.sums.items()
                    if name == upload.doc.get("algorithm")
                },
            }
            for part in page
        ],
    }
    if upload.doc.get("algorithm"):
        answer |= {"ChecksumAlgorithm": upload.doc["algorithm"], "ChecksumType": upload.doc["sum_type"]}
    return answer | abort(await setting(asked, bucket, "lifecycle"), upload.key, upload.created)


async def need_upload(asked: Asked, bucket: str, given: Json) -> Upload:
    """The upload that is asked about. Raises AwsError `NoSuchUpload`."""
    found: Any = await in_thread(shelf(asked).upload, bucket, given["Key"], given["UploadId"])
    if found is None:
        message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
        raise AwsError("NoSuchUpload", message, http=404, UploadId=given["UploadId"])
    upload: Upload = found
    return upload
