"""Multipart uploads: begun, parts put or copied, completed, aborted."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from forebay.errors import NotFound
from forebay.lake.files import append
from forebay.lake.shelf import Object, Part, Upload
from forebay.layout import SEALED
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3 import body, customer_key, sums
from forebay.wire.s3.base import change, in_thread, invalid, malformed, need_bucket, setting, shelf
from forebay.wire.s3.copy import copied, read_source
from forebay.wire.s3.headers import (
    abort,
    checksums,
    encryption,
    expiration,
    moment,
    unquoted,
    write_conditions,
)
from forebay.wire.s3.listing import need_upload
from forebay.wire.s3.lock import check_summed
from forebay.wire.s3.objects import ENCRYPTED, new_meta, refuse_encryption, register
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

MIN_PART = 5 << 20
MOST_PARTS = 10_000
_CRCS = ("CRC32", "CRC32C", "CRC64NVME")
_NONCE = "nonce"
"""Beside a part's checksums: with what it is encrypted, under a key of the caller's."""


@operation(
    "CreateMultipartUpload",
    partial=f"{ENCRYPTED} Checksums are CRC32, CRC32C, CRC64NVME, SHA1 and SHA256, where single objects have all of S3's.",
)
async def create_multipart_upload(asked: Asked, given: Json) -> Json:
    """Begin an upload; what the object will carry is said now."""
    bucket = need_bucket(asked, given)
    meta = await new_meta(asked, bucket, given)
    if not {"sse", "ssec"} & meta.keys():
        meta |= (await setting(asked, bucket, "default_encryption") or {}).get("told", {})
    algorithm, kind = given.get("ChecksumAlgorithm"), given.get("ChecksumType")
    if algorithm is not None:
        algorithm = algorithm.upper()
        if algorithm not in sums.OF_PARTS:
            message = (
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
                "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
            )
            raise AwsError("InvalidRequest", message, http=400)
    if kind is not None:
        _check_kind(algorithm, kind)
    elif algorithm is not None:
        kind = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    id = secrets.token_urlsafe(48)
    doc = {"meta": meta, "algorithm": algorithm, "sum_type": kind}
    begun = await change(asked, "upload_begin", id=id, bucket=bucket, key=given["Key"], doc=doc)
    answer: Json = {"Bucket": bucket, "Key": given["Key"], "UploadId": id, **encryption(meta)}
    if algorithm is not None:
        answer |= {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    return answer | abort(await setting(asked, bucket, "lifecycle"), given["Key"], begun)


def _check_kind(algorithm: str | None, kind: str) -> None:
    if kind not in ("COMPOSITE", "FULL_OBJECT"):
        message = "Value for x-amz-checksum-type header is invalid."
        raise AwsError("InvalidRequest", message, http=400)
    if algorithm is None:
        message = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        raise AwsError("InvalidRequest", message, http=400)
    wrong = (kind == "FULL_OBJECT" and algorithm not in _CRCS) or (
        kind == "COMPOSITE" and algorithm == "CRC64NVME"
    )
    if wrong:
        message = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        raise AwsError("InvalidRequest", message, http=400)


def _check_number(given: Json) -> int:
    number: int = given["PartNumber"]
    if not 1 <= number <= MOST_PARTS:
        message = f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        raise invalid(message, "partNumber", number)
    return number


@operation("UploadPart")
async def upload_part(asked: Asked, given: Json) -> Json:
    """PUT of one part."""
    bucket = need_bucket(asked, given)
    refuse_encryption(asked)
    upload = await need_upload(asked, bucket, given)
    number = _check_number(given)
    await check_summed(asked, bucket, upload.doc["meta"], "Put Part")
    wanted = upload.doc.get("algorithm")
    algorithm, _ = sums.asked_for(given, asked.request.headers)
    if algorithm != wanted and (wanted is not None or algorithm not in sums.OF_PARTS):
        expected, actual = ((each or "null").lower() for each in (wanted, algorithm))
        message = (
            f"Checksum Type mismatch occurred, expected checksum Type: {expected}, "
            f"actual checksum Type: {actual}"
        )
        raise AwsError("InvalidRequest", message, http=400)
    # Of an upload that names none, the whole object's is CRC64NVME, whatever its parts came with.
    sealing = customer_key.sealing_part(given, upload.doc["meta"])
    received = await body.receive(asked, given, () if wanted else ("CRC64NVME",), sealing)
    await _add(asked, upload, number, received)
    shown = {} if algorithm is None else {sums.member(algorithm): received.sums[algorithm]}
    return {"ETag": f'"{received.etag}"', **shown, **encryption(upload.doc["meta"])}


async def _add(asked: Asked, upload: Upload, number: int, received: body.Received) -> None:
    found = dict(received.sums)
    if received.nonce is not None:
        found[_NONCE] = received.nonce
    args: Json = {"size": received.size, "etag": received.etag, "path": received.path, "sums": found}
    await change(asked, "upload_part", upload=upload.id, number=number, **args)


@operation("UploadPartCopy")
async def upload_part_copy(asked: Asked, given: Json) -> Json:
    """A part that is a range of an object."""
    bucket = need_bucket(asked, given)
    refuse_encryption(asked)
    upload = await need_upload(asked, bucket, given)
    number = _check_number(given)
    sealing = customer_key.sealing_part(given, upload.doc["meta"])
    source = await read_source(asked, given)
    try:
        first, beyond = _range(given.get("CopySourceRange"), source.found)
        algorithm = upload.doc.get("algorithm")
        names = [algorithm] if algorithm else ["CRC64NVME"]
        files = body.files_of(asked.system.layout)
        received = await in_thread(copied, files, source, names, (first, beyond), sealing)
    finally:
        source.close()
    await _add(asked, upload, number, received)
    result: Json = {"ETag": f'"{received.etag}"', "LastModified": moment(received.stamp // 1000)}
    if algorithm:
        result[sums.member(algorithm)] = received.sums[algorithm]
    return {"CopyPartResult": result, **source.shown(), **encryption(upload.doc["meta"])}


def _range(text: str | None, found: Object) -> tuple[int, int]:
    if text is None:
        return 0, found.size
    start, dash, end = text.removeprefix("bytes=").partition("-")
    if not (text.startswith("bytes=") and dash and start.isdigit() and end.isdigit()) or int(start) > int(
        end
    ):
        message = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy"
        )
        raise invalid(message, "x-amz-copy-source-range", text)
    if int(start) >= found.size:
        message = "The specified copy range is invalid for the source object size"
        raise AwsError("InvalidRequest", message, http=400)
    if int(end) >= found.size:
        message = f"Range specified is not valid for source object of size: {found.size}"
        raise invalid(message, "x-amz-copy-source-range", text)
    return int(start), int(end) + 1


@operation("AbortMultipartUpload")
async def abort_multipart_upload(asked: Asked, given: Json) -> Json:
    """Forget an upload and its parts."""
    bucket = need_bucket(asked, given)
    upload = await need_upload(asked, bucket, given)
    await change(asked, "upload_abort", upload=upload.id)
    return {"_status": 204}


@operation("CompleteMultipartUpload", partial=ENCRYPTED)
async def complete_multipart_upload(asked: Asked, given: Json) -> Json:
    """Join the parts that are named into an object."""
    bucket = need_bucket(asked, given)
    refuse_encryption(asked)
    conditions = write_conditions(given)
    if given.get("MpuObjectSize", 0) < 0:
        message = f"Value for x-amz-mp-object-size header is less than zero: '{given['MpuObjectSize']}'"
        raise AwsError("InvalidRequest", message, http=400)
    wanted = (given.get("MultipartUpload") or {}).get("Parts") or []
    try:
        upload = await need_upload(asked, bucket, given)
    except AwsError:
        if (before := await _completed(asked, bucket, given)) is not None:
            return before
        raise
    if customer_key.key_of(given) is not None:
        customer_key.sealing_part(given, upload.doc["meta"])
    elif "ssec" in upload.doc["meta"] and upload.doc.get("algorithm") is not None:
        raise customer_key.missing()
    if not wanted:
        if "MultipartUpload" not in given:
            raise AwsError("InvalidRequest", "You must specify at least one part", http=400)
        raise malformed()
    there = {part.number: part for part in await in_thread(shelf(asked).parts, upload.id)}
    parts = _chosen(upload, wanted, there)
    meta = dict(upload.doc["meta"])
    meta |= _sums(given, upload, parts)
    size = sum(part.size for part in parts)
    if given.get("MpuObjectSize") not in (None, size):
        message = f"The provided 'x-amz-mp-object-size' header value {given['MpuObjectSize']} does not match what was computed: {size}"
        raise AwsError("InvalidRequest", message, http=400)
    if "ssec" in meta:
        meta["ssec"] = {**meta["ssec"], "pieces": [[part.size, part.sums[_NONCE]] for part in parts]}
    meta["parts"] = [[part.size, _own(upload, part)] for part in parts]
    etag = hashlib.md5(b"".join(bytes.fromhex(p.etag) for p in parts), usedforsecurity=False).hexdigest()
    received = await in_thread(joined, body.files_of(asked.system.layout), parts, sealed="ssec" in meta)
    received.tail = f"{etag}-{len(parts)}"
    meta |= {"stat": received.stamp, "upload": upload.id, "begun": upload.created}
    more = {**conditions, "upload": upload.id, "how": "CompleteMultipartUpload"}
    done = await register(asked, bucket, upload.key, received, meta, op="upload_complete", **more)
    found = Object(
        upload.key, size, received.etag, done["modified"], received.place, meta | done["encrypted"]
    )
    expires = {"Expiration": expiration(done["lifecycle"], found)}
    return _answer(asked, bucket, found) | {"VersionId": done["version"]} | expires


def _answer(asked: Asked, bucket: str, found: Object) -> Json:
    host = asked.request.headers.get("host", "localhost")
    return {
        "Bucket": bucket,
        "Key": found.key,
        "Location": f"http://{host}/{bucket}/{quote(found.key, safe='')}",
        "ETag": f'"{found.etag}"',
        **encryption(found.meta),
        **checksums(found.meta),
    }


async def _completed(asked: Asked, bucket: str, given: Json) -> Json | None:
    """The answer to who completes an upload again, as long as its object is the current one; None otherwise."""
    try:
        found = await in_thread(shelf(asked).find, bucket, given["Key"])
    except NotFound:
        return None
    if found.marker or found.meta.get("upload") != given["UploadId"]:
        return None
    versioned = await setting(asked, bucket, "versioning") is not None
    return _answer(asked, bucket, found) | ({"VersionId": found.version} if versioned else {})


def _own(upload: Upload, part: Part) -> dict[str, str]:
    algorithm = upload.doc.get("algorithm")
    return {algorithm: part.sums[algorithm]} if algorithm in part.sums else {}


def _chosen(upload: Upload, wanted: Sequence[Json], there: dict[int, Part]) -> list[Part]:
    """The parts in the order they are joined. Raises AwsError for what S3 refuses."""
    if any("PartNumber" not in part or "ETag" not in part for part in wanted):
        raise malformed()
    numbers = [part["PartNumber"] for part in wanted]
    if min(numbers) < 1:
        raise invalid("PartNumber must be >= 1", "PartNumber", min(numbers))
    summed = upload.doc.get("sum_type") == "COMPOSITE"
    if numbers != (list(range(1, len(numbers) + 1)) if summed else sorted(set(numbers))):
        message = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise AwsError("InvalidPartOrder", message, http=400, UploadId=upload.id)
    algorithm = upload.doc.get("algorithm")
    found = []
    for asked_for in wanted:
        number, etag = asked_for["PartNumber"], unquoted(asked_for["ETag"])
        part = there.get(number)
        stated = {
            name: asked_for.get(sums.member(name)) for name in sums.SIZES if asked_for.get(sums.member(name))
        }
        if (
            part is None
            or part.etag != etag
            or any(part.sums.get(n) not in (None, v) for n, v in stated.items())
        ):
            raise AwsError(
                "InvalidPart",
                "One or more of the specified parts could not be found.  The part may not have been uploaded, "
                "or the specified entity tag may not match the part's entity tag.",
                http=400,
                UploadId=upload.id,
                PartNumber=number,
                ETag=etag,
            )
        if algorithm and summed and algorithm not in stated:
            message = (
                f"The upload was created using a {algorithm.lower()} checksum. The complete request must include "
                f"the checksum for each part. It was missing for part {number} in the request."
            )
            raise AwsError("InvalidRequest", message, http=400)
        found.append(part)
    for part in found[:-1]:
        if part.size < MIN_PART:
            raise AwsError(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                http=400,
                ProposedSize=part.size,
                MinSizeAllowed=MIN_PART,
                PartNumber=part.number,
                ETag=part.etag,
            )
    return found


def _sums(given: Json, upload: Upload, parts: Sequence[Part]) -> Json:
    """The object's checksum, of the parts'. Raises AwsError `BadDigest`, `InvalidRequest`."""
    algorithm: str | None = upload.doc.get("algorithm")
    kind = upload.doc.get("sum_type")
    if given.get("ChecksumType") is not None and algorithm is not None and given["ChecksumType"] != kind:
        message = f"The upload was created using the {kind} checksum mode. The complete request must use the same checksum mode."
        raise AwsError("InvalidRequest", message, http=400)
    if algorithm is None and "ssec" in upload.doc["meta"]:
        return {}
    if algorithm is None:
        algorithm, kind = "CRC64NVME", "FULL_OBJECT"
    if any(algorithm not in part.sums for part in parts):
        return {}
    stated = given.get(sums.member(algorithm))
    if kind == "COMPOSITE":
        found = sums.composite(algorithm, (part.sums[algorithm] for part in parts))
        if stated is not None and stated.partition("-")[0] != found.partition("-")[0]:
            raise sums.mismatch(algorithm.lower())
        return {"sums": {algorithm: found}, "composite": True}
    found = sums.combined(algorithm, [(part.sums[algorithm], part.size) for part in parts])
    if stated is not None:
        sums.check_form(algorithm, stated)
        if stated != found:
            raise sums.mismatch(algorithm.lower())
    return {"sums": {algorithm: found}}


def joined(files: Any, parts: Sequence[Part], *, sealed: bool) -> body.Received:
    """One durable file of all the parts' bytes."""
    place, path = files.fresh(SEALED if sealed else "")
    fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    size = 0
    try:
        for part in parts:
            source = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                size += append(source, fd)
            finally:
                os.close(source)
        os.fsync(fd)
        stamp = os.fstat(fd).st_mtime_ns
    finally:
        os.close(fd)
    files.sync_folders(place)
    return body.Received(place, path, size, b"", {}, stamp)
