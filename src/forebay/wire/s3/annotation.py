"""Annotations of objects: named texts of up to 1 MiB that a version has beside its bytes.

Source: "Annotating your objects" (Amazon S3 User Guide) and the model's own words. `lake/attached.py` keeps them.
"""

from __future__ import annotations

import re
from pathlib import Path

from forebay.access.actions import Need
from forebay.access.copy_source import copy_source
from forebay.errors import ForebayError, Unavailable
from forebay.lake.annotation import MOST, Annotation
from forebay.lake.shelf import Object
from forebay.wire.protocol.message import AwsError
from forebay.wire.rights import also
from forebay.wire.s3 import body, sums
from forebay.wire.s3.base import (
    briefly,
    caller,
    change,
    find_version,
    in_thread,
    invalid,
    need_bucket,
    read_token,
    setting,
    shelf,
    token_of,
    version_of,
)
from forebay.wire.s3.headers import checksums, encryption, moment, unquoted
from forebay.wire.s3.service import SERVICE, operation
from forebay.wire.service import Asked, Json

MAX_NAME = 512
MAX_PAYLOAD = 1 << 20
_NAME = re.compile(r"(?!aws|s3)[\w.-]+", re.IGNORECASE)
_BYPASS = "x-amz-bypass-governance-retention"
_DIRECTIVE = "x-amz-object-annotation-directive"

SERVICE.streaming |= {"PutObjectAnnotation"}


@operation("PutObjectAnnotation")
async def put_object_annotation(asked: Asked, given: Json) -> Json:
    """Put an annotation on a version, in the place of one of this name."""
    bucket, name, version = need_bucket(asked, given), _name(given), version_of(given)
    bypass = await _bypass(asked, given)
    length = asked.request.headers.get("x-amz-decoded-content-length") or asked.request.headers.get(
        "content-length", ""
    )
    if length.isdigit():
        _check_size(int(length))
    received = await body.receive(asked, given)
    try:
        _check_size(received.size)
        await briefly(_check_text, received.place)
        told = {"name": name, "size": received.size, "etag": received.etag, "path": received.path}
        done = await change(
            asked,
            "annotation_put",
            told={**told, "sums": received.sums},
            **_target(asked, bucket, given, version, bypass=bypass),
        )
    except Unavailable:  # it may be there: the file is swept if it is not
        raise
    except (AwsError, ForebayError):
        body.discard(received)
        raise
    return {
        "Key": given["Key"],
        "AnnotationName": name,
        "ObjectVersionId": done["version"],
        "ETag": f'"{received.etag}"',
        "ServerSideEncryption": encryption(done["meta"]).get("ServerSideEncryption"),
        **checksums({"sums": received.sums}),
    }


@operation("GetObjectAnnotation")
async def get_object_annotation(asked: Asked, given: Json) -> Json:
    """An annotation's text."""
    bucket, name, version = need_bucket(asked, given), _name(given), version_of(given)
    found, kept, text = await in_thread(_read, asked, bucket, given["Key"], version, name)
    answer: Json = {
        "AnnotationPayload": text,
        "ContentLength": kept.size,
        "LastModified": moment(kept.modified),
        "ETag": f'"{kept.etag}"',
        "ObjectVersionId": await _shown(asked, bucket, found),
        "ServerSideEncryption": encryption(found.meta).get("ServerSideEncryption"),
        "ReplicationStatus": kept.status,
    }
    if given.get("ChecksumMode") == "ENABLED":
        answer |= checksums({"sums": kept.sums})
    return answer


@operation("ListObjectAnnotations")
async def list_object_annotations(asked: Asked, given: Json) -> Json:
    """A version's annotations, by name, a page at a time."""
    bucket, version = need_bucket(asked, given), version_of(given)
    prefix, token = given.get("AnnotationPrefix") or "", given.get("ContinuationToken")
    most = given.get("MaxAnnotationResults")
    if most is not None and not 1 <= most <= MOST:
        message = f"max-annotation-results must be between 1 and {MOST}"
        raise invalid(message, "max-annotation-results", most)
    if len(prefix.encode()) > MAX_NAME:
        raise AwsError("InvalidPrefix", f"The annotation prefix exceeds {MAX_NAME} bytes.", http=400)
    begin = read_token(token) if token is not None else ""
    most = most or MOST
    at = shelf(asked)
    found = await in_thread(find_version, asked, bucket, given["Key"], version)
    kept = await in_thread(at.annotations, bucket, found, prefix, begin, most + 1)
    answer: Json = {
        "Annotations": [_entry(each) for each in kept[:most]],
        "Bucket": bucket,
        "Key": given["Key"],
        "ObjectVersionId": await _shown(asked, bucket, found),
        "AnnotationPrefix": given.get("AnnotationPrefix"),
        "MaxAnnotationResults": most,
        "AnnotationCount": len(kept[:most]),
        "ContinuationToken": token,
    }
    if len(kept) > most:
        answer["NextContinuationToken"] = token_of(kept[most].name)
    return answer


@operation("DeleteObjectAnnotation")
async def delete_object_annotation(asked: Asked, given: Json) -> Json:
    """Take an annotation off a version for good, if it is there."""
    bucket, name, version = need_bucket(asked, given), _name(given), version_of(given)
    bypass = await _bypass(asked, given)
    target = _target(asked, bucket, given, version, bypass=bypass)
    done = await change(asked, "annotation_delete", name=name, **target)
    return {"_status": 204, "ObjectVersionId": done["version"]}


# What they share.


def _name(given: Json) -> str:
    name: str | None = given.get("AnnotationName")
    if name is None:
        raise AwsError("InvalidRequest", "Missing required parameter: annotationName", http=400)
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME:
        raise AwsError("AnnotationNameTooLong", f"The annotation name exceeds {MAX_NAME} bytes.", http=400)
    if not _NAME.fullmatch(name):
        message = (
            "The annotation name you provided is invalid: it has letters, digits, underscores, periods and hyphens, "
            "and does not begin with aws or s3."
        )
        raise AwsError("InvalidAnnotationName", message, http=400)
    return name


def _check_size(size: int) -> None:
    if not 1 <= size <= MAX_PAYLOAD:
        message = f"An annotation's payload has from 1 byte to 1 MiB ({MAX_PAYLOAD} bytes), not {size}."
        raise AwsError("InvalidRequest", message, http=400)


def _check_text(place: Path) -> None:
    try:
        place.read_bytes().decode()
    except UnicodeDecodeError as error:
        message = (
            f"The annotation's payload is not valid UTF-8 (byte {error.start}). To store binary data, encode it with "
            "Base64 first."
        )
        raise AwsError("UnsupportedMediaType", message, http=415) from None


async def _bypass(asked: Asked, given: Json) -> bool:
    """Whether governance is to be set aside, by who may."""
    if asked.request.headers.get(_BYPASS, "").lower() != "true":
        return False
    place = f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"
    await also(asked, given, [Need("s3:BypassGovernanceRetention", place)])
    return True


def _target(asked: Asked, bucket: str, given: Json, version: str | None, *, bypass: bool) -> Json:
    wanted = given.get("ObjectIfMatch")
    return {
        "bucket": bucket,
        "key": given["Key"],
        "version": version,
        "bypass": bypass,
        "caller": caller(asked),
        "if_match": None if wanted is None else unquoted(wanted),
    }


def _read(
    asked: Asked, bucket: str, key: str, version: str | None, name: str
) -> tuple[Object, Annotation, bytes]:
    at = shelf(asked)
    for attempt in range(3):
        found = find_version(asked, bucket, key, version)
        kept = at.annotation(bucket, found, name)
        if kept is None:
            break
        try:
            return found, kept, text_of(asked, kept)
        except FileNotFoundError:  # another came in its place, after we looked
            if attempt == 2:
                raise
    message = "The specified annotation does not exist on this object."
    raise AwsError("NoSuchAnnotation", message, http=404, Key=key)


def text_of(asked: Asked, kept: Annotation) -> bytes:
    """An annotation's bytes."""
    return (asked.system.layout.lake.parent / kept.path).read_bytes()


async def _shown(asked: Asked, bucket: str, found: Object) -> str | None:
    return None if await setting(asked, bucket, "versioning") is None else found.version


def _entry(kept: Annotation) -> Json:
    return {
        "AnnotationName": kept.name,
        "LastModified": moment(kept.modified),
        "ETag": f'"{kept.etag}"',
        "ChecksumAlgorithm": list(kept.sums),
        "Size": kept.size,
        "ReplicationStatus": kept.status,
    }


# Copies.


def check_directive(given: Json) -> bool:
    """Whether a copy has the annotations of its source. Raises AwsError `InvalidArgument`."""
    directive = given.get("AnnotationDirective") or "COPY"
    if directive not in ("COPY", "EXCLUDE"):
        raise invalid("Unknown annotation directive.", _DIRECTIVE, directive)
    return bool(directive == "COPY")


async def carried(asked: Asked, given: Json, source: str, found: Object, meta: Json) -> Json | None:
    """What `objects.put` is told of the annotations that a copy is to have; None if there are none.

    Raises AwsError where the caller may not read or write them, and for a copy that cannot have any.
    """
    kept = await in_thread(shelf(asked).annotations, source, found)
    if not kept:
        return None
    if "ssec" in meta:
        message = (
            "Objects that are encrypted with customer-provided keys (SSE-C) cannot have annotations: copy without them, "
            f"with {_DIRECTIVE}: EXCLUDE."
        )
        raise AwsError("InvalidRequest", message, http=400)
    version = copy_source(given["CopySource"]).version
    action = "s3:GetObjectVersionAnnotation" if version else "s3:GetObjectAnnotation"
    await also(
        asked,
        given,
        [
            Need(action, f"arn:aws:s3:::{source}/{found.key}", version=version),
            Need("s3:PutObjectAnnotation", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"),
        ],
    )
    algorithm = given.get("ChecksumAlgorithm")
    told = [await in_thread(_told, asked, each, algorithm) for each in kept]
    return {"bucket": source, "key": found.key, "seq": found.modified, "carried": told}


def _told(asked: Asked, kept: Annotation, algorithm: str | None) -> Json:
    """What becomes of one in the copy: its checksum is of the algorithm that was asked for."""
    if algorithm is None or algorithm in kept.sums:
        return kept.told()
    whole = sums.new(algorithm)
    whole.update(text_of(asked, kept))
    return kept.told(sums={algorithm: sums.text(whole.digest())})
