"""Copies of objects, within a bucket or between buckets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from forebay.access.actions import Need
from forebay.access.copy_source import copy_source
from forebay.lake.files import Files
from forebay.lake.sealed import Opened
from forebay.lake.shelf import Object
from forebay.lake.versions import is_version
from forebay.wire.protocol.message import AwsError
from forebay.wire.rights import also
from forebay.wire.s3 import annotation, body, customer_key, sums
from forebay.wire.s3.base import (
    bucket_names,
    in_thread,
    invalid,
    need_bucket,
    no_such_bucket,
    setting,
)
from forebay.wire.s3.headers import (
    check_source,
    checksums,
    encryption,
    expiration,
    moment,
    write_conditions,
)
from forebay.wire.s3.objects import ENCRYPTED, new_meta, open_object, register
from forebay.wire.s3.restore import check_active
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

BLOCK = 1 << 20
MAX_COPY = 5 << 30
SAME = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
    "metadata, storage class, website redirect location or encryption attributes."
)


@dataclass(slots=True)
class Source:
    """What is copied: an object, open."""

    bucket: str
    found: Object
    fd: int
    versioned: bool
    opened_by: Opened | None = None

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)

    def shown(self) -> Json:
        """The member that names the version that was copied, if it has a name."""
        named = self.versioned and self.found.version != "null"
        return {"CopySourceVersionId": self.found.version} if named else {}


_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
MIN_NAME = 3
"""The fewest characters of a bucket's name."""


async def read_source(asked: Asked, given: Json) -> Source:
    """The object that `x-amz-copy-source` names, under the request's conditions on it."""
    if asked.request.body:
        message = "The request included a body. Requests of this type must not include a non-empty body."
        raise AwsError("InvalidRequest", message, http=400)
    text = given["CopySource"]
    if _BROKEN.search(text.partition("?")[0]):
        raise invalid("Invalid copy source encoding", "x-amz-copy-source", text)
    named = copy_source(text)
    bucket, key, version = named.bucket, named.key, named.version
    if named.query:
        if version is None:
            raise invalid("Unsupported copy source parameter.", "x-amz-copy-source", text)
        _check_version(asked, version)
    if len(bucket) < MIN_NAME:
        raise invalid("Invalid copy source bucket name", "x-amz-copy-source", text)
    if not key:
        raise invalid("Invalid copy source object key", "x-amz-copy-source", "x-amz-copy-source")
    if bucket not in bucket_names(asked.system):
        raise no_such_bucket(bucket)
    try:
        found, fd = await open_object(asked, bucket, key, version)
    except AwsError as error:
        if error.code == "MethodNotAllowed":
            message = (
                "The source of a copy request may not specifically refer to a delete marker by version id."
            )
            raise AwsError("InvalidRequest", message, http=400) from None
        raise
    source = Source(bucket, found, fd, await setting(asked, bucket, "versioning") is not None)
    try:
        check_active(found, source=True)
        check_source(given, found)
        source.opened_by = customer_key.opened_by(given, found.meta, source=True)
    except BaseException:
        source.close()
        raise
    return source


def _check_version(asked: Asked, text: str) -> None:
    """Raise AwsError for a copy's source's version that is none, in words of each operation's own."""
    if not text:
        raise invalid("Version id cannot be the empty string", "x-amz-copy-source", "")
    if not is_version(text) and asked.operation == "CopyObject":
        raise AwsError("InvalidRequest", "Invalid Request", http=400)
    if not is_version(text):
        raise invalid("Invalid version id specified", "x-amz-copy-source", text)


def copied(
    files: Files,
    source: Source,
    algorithms: list[str],
    span: tuple[int, int],
    sealing: customer_key.Sealing | None = None,
) -> body.Received:
    """A durable file with a range of the source's bytes, encrypted anew if it is to be, and their hashes."""
    expected = body.Expected(span[1] - span[0], None, None, None, None, algorithms, sealing)
    sink = body.Sink(files, expected)
    try:
        at, beyond = span
        while at < beyond:
            block = customer_key.read(source.fd, min(BLOCK, beyond - at), at, source.opened_by)
            if not block:
                raise OSError("the file ended before its object does")
            sink.write(block)
            at += len(block)
        sink.finish()
    except BaseException:
        sink.discard()
        raise
    found = {name: sums.text(each.digest()) for name, each in sink.hashes.items()}
    return body.written(sink, expected, found)


@operation("CopyObject", partial=ENCRYPTED)
async def copy_object(asked: Asked, given: Json) -> Json:
    """Copy an object, with its metadata and tags or with those of the request, with its annotations or without."""
    bucket, key = need_bucket(asked, given), given["Key"]
    conditions = write_conditions(given)
    directives: dict[str, Any] = {}
    for name in ("MetadataDirective", "TaggingDirective"):
        directives[name] = given.get(name) or "COPY"
        if directives[name] not in ("COPY", "REPLACE"):
            what = "metadata" if name == "MetadataDirective" else "tagging"
            raise invalid(f"Unknown {what} directive.", f"x-amz-{what}-directive", directives[name])
    annotated = annotation.check_directive(given)
    asked_meta = await new_meta(asked, bucket, given)
    source = await read_source(asked, given)
    try:
        found = source.found
        meta = _meta(given, found, asked_meta, directives)
        if "tags" in meta and directives["TaggingDirective"] == "COPY":
            await _check_tagging(asked, given, source)
        if (
            (source.bucket, found.key) == (bucket, key)
            and found.latest
            and copy_source(given["CopySource"]).version is None
        ):
            await _check_changed(asked, given, source, directives)
        if found.size > MAX_COPY:
            message = f"The specified copy source is larger than the maximum allowable size for a copy source: {MAX_COPY}"
            raise AwsError("InvalidRequest", message, http=400)
        algorithm = given.get("ChecksumAlgorithm") or next(iter(found.meta.get("sums", {})), "CRC64NVME")
        if algorithm not in sums.SIZES:
            raise invalid("Invalid checksum algorithm", "x-amz-checksum-algorithm", algorithm)
        more: Json = {"how": "Copy", **conditions}
        if annotated:
            more["annotated"] = await annotation.carried(asked, given, source.bucket, found, meta)
        received = await in_thread(
            copied,
            body.files_of(asked.system.layout),
            source,
            [algorithm],
            (0, found.size),
            customer_key.sealing(given, meta),
        )
    finally:
        source.close()
    meta = body.noted(meta, received)
    done = await register(asked, bucket, key, received, meta, op="object_put", **more)
    made = Object(key, received.size, received.etag, done["modified"], received.place, meta)
    summed = checksums(meta)
    return {
        "CopyObjectResult": {
            "ETag": f'"{received.etag}"',
            "LastModified": moment(done["modified"]),
            **summed,
        },
        "VersionId": done["version"] or await _null(asked, bucket),
        "Expiration": expiration(done["lifecycle"], made),
        **source.shown(),
        **encryption(meta | done["encrypted"]),
    }


async def _null(asked: Asked, bucket: str) -> str | None:
    """The version that a copy is where versioning is suspended; None where it never was enabled."""
    return None if await setting(asked, bucket, "versioning") is None else "null"


_HEADERS = ("type", "encoding", "language", "disposition", "cache", "expires", "user")


def _meta(given: Json, found: Object, asked: Json, directives: dict[str, str]) -> Json:
    meta = {name: value for name, value in asked.items() if name not in (*_HEADERS, "tags")}
    given_from = asked if directives["MetadataDirective"] == "REPLACE" else found.meta
    meta |= {name: given_from[name] for name in _HEADERS if name in given_from}
    tags = asked if directives["TaggingDirective"] == "REPLACE" else found.meta
    if tags.get("tags"):
        meta["tags"] = tags["tags"]
    return meta


async def _check_tagging(asked: Asked, given: Json, source: Source) -> None:
    """Raise AwsError `AccessDenied` for who may not read the source's tags, or give the copy any."""
    version = copy_source(given["CopySource"]).version
    action = "s3:GetObjectVersionTagging" if version else "s3:GetObjectTagging"
    read = Need(action, f"arn:aws:s3:::{source.bucket}/{source.found.key}", version=version)
    await also(
        asked, given, [read, Need("s3:PutObjectTagging", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}")]
    )


async def _check_changed(asked: Asked, given: Json, source: Source, directives: dict[str, str]) -> None:
    """Raise AwsError `InvalidRequest` for a copy of an object onto itself that changes nothing."""
    names = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "SSECustomerKey")
    if directives["MetadataDirective"] == "REPLACE" or any(given.get(name) for name in names):
        return
    if not {"restored", "ssec"} & source.found.meta.keys() and not await setting(
        asked, source.bucket, "default_encryption"
    ):
        raise AwsError("InvalidRequest", SAME, http=400)
