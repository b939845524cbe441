"""Objects: put, get, head, delete, and what they are made of."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from forebay.access.actions import Need
from forebay.errors import ForebayError, Unavailable
from forebay.lake.sealed import Opened
from forebay.lake.shelf import Object, Shelf
from forebay.lake.versions import is_version
from forebay.wire.protocol.message import AwsError
from forebay.wire.rights import allowed
from forebay.wire.s3 import body, customer_key, held, spelled
from forebay.wire.s3.acl import check_acl
from forebay.wire.s3.base import (
    briefly,
    caller,
    change,
    deleted,
    in_thread,
    invalid,
    malformed,
    need_bucket,
    setting,
    shelf,
    version_of,
)
from forebay.wire.s3.headers import (
    byte_range,
    checksums,
    checksums_sent,
    described,
    encryption,
    expiration,
    meta_of,
    not_modified,
    overrides,
    unquoted,
    write_conditions,
)
from forebay.wire.s3.lock import bypass_of, check_summed, locks_of, need_lock, shown_locks
from forebay.wire.s3.restore import check_active, shown_restore
from forebay.wire.s3.service import SERVICE, operation
from forebay.wire.service import Asked, Json

SMALL = 1 << 18
BLOCK = 1 << 20
MAX_DELETED = 1000
ENCRYPTED = (
    "x-amz-server-side-encryption is answered as S3 does, but forebay encrypts no files with keys of its own: the disk "
    "may. Under customer keys (SSE-C) files are encrypted: SQL over them is refused, and crawlers find noise."
)
UNIMPLEMENTED = "A header you provided implies functionality that is not implemented"

SERVICE.streaming |= {"PutObject", "UploadPart"}
SERVICE.quick |= {"PutObject", "GetObject", "HeadObject"}


@operation("PutObject", partial=ENCRYPTED)
async def put_object(asked: Asked, given: Json) -> Json:
    """PUT of a body."""
    bucket = need_bucket(asked, given)
    meta = await new_meta(asked, bucket, given)
    await check_summed(asked, bucket, meta, "Put Object")
    conditions = write_conditions(given)
    sealing = customer_key.sealing(given, meta)
    holds = None if sealing is not None or conditions else partial(held.takes, asked, bucket)
    received = await body.receive(asked, given, sealing=sealing, holds=holds)
    meta = body.noted(meta, received)
    if received.held is not None:
        done = await held.keep(asked, bucket, given["Key"], received, meta)
    else:
        done = await register(
            asked, bucket, given["Key"], received, meta, op="object_put", how="Put", **conditions
        )
    found = made(given["Key"], received, done, meta)
    return {
        "ETag": f'"{received.etag}"',
        "VersionId": done["version"],
        "Expiration": expiration(done["lifecycle"], found),
        **encryption(meta | done["encrypted"]),
        **checksums(meta),
    }


def made(key: str, received: body.Received, done: Json, meta: Json) -> Object:
    """The object that was registered."""
    return Object(key, received.size, received.etag, done["modified"], received.place, meta)


async def new_meta(asked: Asked, bucket: str, given: Json) -> Json:
    """A new object's `meta`, as the request says, in its bucket. Raises AwsError for what is refused there."""
    meta = meta_of(asked, given)
    if "ssec" in meta:
        await customer_key.check_allowed(asked, bucket)
    locks = locks_of(asked, given)
    if locks:
        await need_lock(asked, bucket, put=True)
    if "acl" in meta:
        await check_acl(asked, bucket, meta["acl"])
    if (
        meta.get("sse") == "aws:kms" and given.get("BucketKeyEnabled") is None
    ):  # the bucket's own says it then
        rules = (await setting(asked, bucket, "default_encryption") or {}).get("rules", [])
        if any(rule.get("BucketKeyEnabled") for rule in rules):
            meta["bucket_key"] = True
    return meta | locks


async def register(
    asked: Asked, bucket: str, key: str, received: body.Received, meta: Json, /, *, op: str, **more: Any
) -> Json:
    """Have the flow make an object of a file that is on disk; the file goes if it refuses.

    Where the flow does not answer it may have been made: the file stays, and is swept if nothing names it.
    """
    try:
        done: Json = await change(asked, op, **{**body.described(asked, bucket, key, received, meta), **more})
    except Unavailable:
        raise
    except ForebayError:
        body.discard(received)
        raise
    return done


def opened(at: Shelf, bucket: str, key: str, version: str | None) -> tuple[Object, int]:
    """An object and its file, open. Raises NotFound, OSError where the file is not what the catalog says."""
    for attempt in range(3):
        found = at.find(bucket, key, version)
        if found.marker:
            return found, -1
        try:
            fd = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            if attempt == 2:
                raise
            continue
        info = os.fstat(fd)
        if info.st_size == found.size and info.st_mtime_ns == found.meta.get("stat", info.st_mtime_ns):
            return found, fd
        os.close(fd)
    raise FileNotFoundError(found.path)


async def open_object(asked: Asked, bucket: str, key: str, version: str | None) -> tuple[Object, int]:
    """An object and its file; a file that was changed or removed by hand is looked at first."""
    try:
        found, fd = await in_thread(opened, shelf(asked), bucket, key, version)
    except OSError:
        await change(asked, "object_look", bucket=bucket, key=key)
        found, fd = await in_thread(opened, shelf(asked), bucket, key, version)
    if found.marker:
        raise deleted(asked, found, version)
    return found, fd


@operation("GetObject", partial=ENCRYPTED)
async def get_object(asked: Asked, given: Json) -> Json:
    """The bytes, or a range or part of them."""
    return await read_object(asked, given, wanted=True)


@operation("HeadObject", partial=ENCRYPTED)
async def head_object(asked: Asked, given: Json) -> Json:
    """All but the bytes."""
    return await read_object(asked, given, wanted=False)


async def read_object(asked: Asked, given: Json, *, wanted: bool) -> Json:
    """What is answered to who reads an object; `wanted` with its bytes. Raises ForebayError, AwsError among them."""
    bucket = need_bucket(asked, given)
    version = version_of(given)
    if (settled := asked.system.puts.key_settled(bucket, given["Key"])) is not None:
        await settled
    refuse_encryption(asked)
    if _is_unsigned(asked) and overrides(given):
        message = "Request specific response headers cannot be used for anonymous GET requests."
        raise AwsError("InvalidRequest", message, http=400)
    try:
        answer = await briefly(_read_now, asked, bucket, given, version, wanted)
    except OSError:  # changed or removed by hand, and not yet noticed
        await change(asked, "object_look", bucket=bucket, key=given["Key"])
        answer = await in_thread(_read_now, asked, bucket, given, version, wanted)
    if asked.identity.bounded:
        await _leave_out(asked, given, answer)
    return answer


async def _leave_out(asked: Asked, given: Json, answer: Json) -> None:
    """Take out of an answer what its reader needs a right of its own for ("HeadObject", Amazon S3 API Reference)."""
    tagging = "s3:GetObjectVersionTagging" if given.get("VersionId") else "s3:GetObjectTagging"
    shown = {
        "ObjectLockMode": "s3:GetObjectRetention",
        "ObjectLockRetainUntilDate": "s3:GetObjectRetention",
        "ObjectLockLegalHoldStatus": "s3:GetObjectLegalHold",
        "TagCount": tagging,
    }
    place = f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"
    version = given.get("VersionId")
    needs = {each: Need(action, place, version=version) for each, action in shown.items()}
    if said := {member: need for member, need in needs.items() if member in answer}:
        may = await allowed(asked, given, said.values())
        for member, need in said.items():
            if need.action not in may:
                del answer[member]


def refuse_encryption(asked: Asked) -> None:
    """Raise AwsError `InvalidArgument` where it is said how to encrypt what is there, or was said before."""
    for header in ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"):
        if header in asked.request.headers:
            message = f"{header} header is not supported for this operation."
            raise invalid(message, header, asked.request.headers[header])


def _is_unsigned(asked: Asked) -> bool:
    request = asked.request
    return "authorization" not in request.headers and "Signature=" not in request.query


def _read_now(asked: Asked, bucket: str, given: Json, version: str | None, wanted: bool) -> Json:
    """All of it in one go; a large body is left to be read as it is sent."""
    at = shelf(asked)
    found, fd = opened(at, bucket, given["Key"], version)
    if found.marker:
        raise deleted(asked, found, version)
    keep = False
    try:
        if wanted:
            check_active(found)
        opened_by = customer_key.opened_by(given, found.meta)
        answer = described(found) | shown_locks(found.meta) | shown_restore(found) | overrides(given)
        settings = at.settings(bucket)
        if "versioning" in settings:
            answer["VersionId"] = found.version
        if version is None:
            answer["Expiration"] = expiration(settings.get("lifecycle"), found)
        expires = answer.pop("Expires", found.meta.get("expires"))
        if expires is not None:
            answer["_headers"] = {"expires": spelled.plain(expires)}
        if not_modified(given, found):
            return {"_status": 304, "ETag": answer["ETag"], "LastModified": answer["LastModified"]}
        if "tags" in found.meta:
            answer["TagCount"] = len(found.meta["tags"])
        first, beyond = _span(given, found, answer)
        answer["ContentLength"] = beyond - first
        if given.get("ChecksumMode", "").upper() == "ENABLED":
            answer |= checksums_sent(given, found, (first, beyond))
        if wanted and beyond - first <= SMALL:
            answer["Body"] = customer_key.read(fd, beyond - first, first, opened_by)
        elif wanted:
            answer["Body"] = _pieces(fd, first, beyond, opened_by)
            keep = True
        return answer
    finally:
        if not keep:
            os.close(fd)


def _span(given: Json, found: Object, answer: Json) -> tuple[int, int]:
    """(first, beyond) of the bytes that are asked for; 206 and the range go into `answer`."""
    text, number = given.get("Range"), given.get("PartNumber")
    span: tuple[int, int] | None = None
    if number is not None:
        if text is not None:
            raise AwsError(
                "InvalidRequest", "Cannot specify both Range header and partNumber query parameter", http=400
            )
        span = _part(found, number, answer)
    elif text is not None:
        span = byte_range(text, found.size)
    if span is None:
        return 0, found.size
    answer["_status"] = 206
    if found.size:
        answer["ContentRange"] = f"bytes {span[0]}-{span[1] - 1}/{found.size}"
    return span


def _part(found: Object, number: int, answer: Json) -> tuple[int, int]:
    parts = found.meta.get("parts")
    count = len(parts) if parts else 1
    if not 1 <= number <= count:
        message = "The requested partnumber is not satisfiable"
        members = {"PartNumberRequested": number, "ActualPartCount": count}
        raise AwsError("InvalidPartNumber", message, http=416, **members)
    if not parts:
        return 0, found.size
    answer["PartsCount"] = count
    first = sum(size for size, *_ in parts[: number - 1])
    return first, first + int(parts[number - 1][0])


async def _pieces(fd: int, first: int, beyond: int, by: Opened | None) -> AsyncIterator[bytes]:
    try:
        while first < beyond:
            piece = await in_thread(customer_key.read, fd, min(BLOCK, beyond - first), first, by)
            if not piece:
                raise OSError("the file ended before its object does")
            first += len(piece)
            yield piece
    finally:
        os.close(fd)


@operation("DeleteObject")
async def delete_object(asked: Asked, given: Json) -> Json:
    """Delete a key, or one version of it for good."""
    bucket = need_bucket(asked, given)
    args: Json = {
        "bucket": bucket,
        "key": given["Key"],
        "version": version_of(given),
        "caller": caller(asked),
        "bypass": await bypass_of(asked, bucket, given),
    }
    if given.get("IfMatch") is not None:
        if args["version"] is not None:
            raise AwsError("NotImplemented", UNIMPLEMENTED, http=501, Header="If-Match")
        args["if_match"] = unquoted(given["IfMatch"])
    for name, header in (("IfMatchLastModifiedTime", "last-modified-time"), ("IfMatchSize", "size")):
        if given.get(name) is not None:
            raise AwsError("NotImplemented", UNIMPLEMENTED, http=501, Header=f"x-amz-if-match-{header}")
    done = await change(asked, "object_delete", **args)
    answer: Json = {"_status": 204}
    if done["version"] is not None:
        answer["VersionId"] = done["version"]
    if done["marker"]:
        answer["DeleteMarker"] = True
    return answer


@operation("DeleteObjects")
async def delete_objects(asked: Asked, given: Json) -> Json:
    """Delete up to a thousand keys or versions in one transaction."""
    bucket = need_bucket(asked, given)
    items = given["Delete"].get("Objects") or []
    if not items or len(items) > MAX_DELETED:
        raise malformed()
    quiet = bool(given["Delete"].get("Quiet"))
    bypass = await bypass_of(asked, bucket, given)
    wanted = [
        {
            "key": item["Key"],
            "version": item.get("VersionId"),
            "if_match": unquoted(item["ETag"]) if item.get("ETag") else None,
            "bypass": bypass,
        }
        for item in items
    ]
    errors: list[Json] = []
    for item, asked_for in zip(list(wanted), items, strict=True):
        if asked_for.get("LastModifiedTime") is not None or asked_for.get("Size") is not None:
            wanted.remove(item)
            errors.append({"Key": item["key"], "Code": "NotImplemented", "Message": UNIMPLEMENTED})
            continue
        action = "s3:DeleteObject" if item["version"] is None else "s3:DeleteObjectVersion"
        refusals = (
            asked.denied.get((each, item["key"])) for each in (action, "s3:BypassGovernanceRetention")
        )
        if (why := next(filter(None, refusals), None)) is not None:
            wanted.remove(item)
            errors.append(
                {"Key": item["key"], "VersionId": item["version"], "Code": "AccessDenied", "Message": why}
            )
    known = [item for item in wanted if item["version"] is None or is_version(item["version"])]
    errors += [
        {
            "Key": item["key"],
            "VersionId": item["version"],
            "Code": "NoSuchVersion",
            "Message": "The specified version does not exist.",
        }
        for item in wanted
        if item not in known
    ]
    answers = await change(asked, "objects_delete", bucket=bucket, items=known, caller=caller(asked))
    deleted_: list[Json] = []
    for item, done in zip(known, answers, strict=True):
        named: Json = {"Key": item["key"]}
        if item["version"] is not None:
            named["VersionId"] = item["version"]
        if "error" in done:
            errors.append({**named, "Code": done["error"]["code"], "Message": done["error"]["message"]})
            continue
        if done["marker"]:
            named |= {"DeleteMarker": True, "DeleteMarkerVersionId": done["version"]}
        if not quiet:
            deleted_.append(named)
    return {"Deleted": deleted_ or None, "Errors": errors or None}
