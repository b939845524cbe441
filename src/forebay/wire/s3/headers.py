"""What an object carries beside its bytes: from a request's headers to `meta`, and from there to an answer's."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from forebay.clock import to_datetime
from forebay.lake.lifecycle import aborted, expiry
from forebay.lake.shelf import Object
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3 import customer_key, spelled, sums
from forebay.wire.s3.acl import acl_of
from forebay.wire.s3.base import invalid
from forebay.wire.s3.tagset import check_tags
from forebay.wire.service import Asked, Json

DEFAULT_TYPE = "binary/octet-stream"
DEFAULT_ENCRYPTION = "AES256"
"""What S3 says of every object. The files are not encrypted by forebay: that is the disk's part."""
MAX_METADATA = 2048
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""What a header does not carry."""
CLASSES = frozenset(
    [
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "OUTPOSTS",
        "GLACIER_IR",
        "SNOW",
        "EXPRESS_ONEZONE",
        "FSX_OPENZFS",
        "FSX_ONTAP",
    ]
)
_KEPT = {
    "ContentType": "type",
    "ContentEncoding": "encoding",
    "ContentLanguage": "language",
    "ContentDisposition": "disposition",
    "CacheControl": "cache",
    "WebsiteRedirectLocation": "redirect",
}


_UNREAD = "The value could not be read: encode what is not ASCII as RFC 2047 says"


def meta_of(asked: Asked, given: Json) -> Json:
    """An object's `meta`, as a request to make it says. Raises AwsError for what S3 refuses."""
    refuse_unbuilt(given)
    meta: Json = {}
    if (customers := customer_key.key_of(given)) is not None:
        meta["ssec"] = customer_key.sealed(customers)
    for name, key in _KEPT.items():
        value = given.get(name)
        if value:
            if "\ufffd" in value:
                raise invalid(_UNREAD, name)
            meta[key] = value
    if not meta.get("redirect", "/").startswith(("/", "http://", "https://")):
        message = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
        raise AwsError("InvalidRedirectLocation", message, http=400)
    if "aws-chunked" in meta.get("encoding", ""):
        codings = [part.strip() for part in meta["encoding"].split(",")]
        rest = ",".join(part for part in codings if part and part != "aws-chunked")
        meta["encoding"] = rest
        if not rest:
            del meta["encoding"]
    if expires := asked.request.headers.get("expires"):
        meta["expires"] = expires
    storage = given.get("StorageClass")
    if storage is not None and storage != "STANDARD":
        check_class(storage)
        meta["class"] = storage
    if given.get("ServerSideEncryption") not in (None, DEFAULT_ENCRYPTION):
        meta["sse"] = given["ServerSideEncryption"]
        if meta["sse"] not in ("aws:kms", "aws:kms:dsse"):
            raise invalid(
                "The encryption method specified is not supported",
                "x-amz-server-side-encryption",
                meta["sse"],
            )
        _check_context(given.get("SSEKMSEncryptionContext"))
        meta["kms"] = key_arn(asked, given.get("SSEKMSKeyId"))
        if given.get("BucketKeyEnabled"):
            meta["bucket_key"] = True
    elif given.get("SSEKMSKeyId"):
        message = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
        raise invalid(message, "x-amz-server-side-encryption", given.get("ServerSideEncryption"))
    elif given.get("ServerSideEncryption"):
        meta["sse"] = DEFAULT_ENCRYPTION
    if (acl := acl_of(given)) is not None:
        meta["acl"] = acl
    user = given.get("Metadata") or {}
    if any("\ufffd" in value for value in user.values()):
        raise invalid(_UNREAD, "x-amz-meta")
    if user:
        size = sum(len(name.encode()) + len(value.encode()) for name, value in user.items())
        if size > MAX_METADATA:
            message = "Your metadata headers exceed the maximum allowed metadata size"
            raise AwsError("MetadataTooLarge", message, http=400, Size=size, MaxSizeAllowed=MAX_METADATA)
        meta["user"] = dict(user)
    if tags := tags_of(given.get("Tagging") or ""):
        meta["tags"] = tags
    return meta


def refuse_unbuilt(given: Json) -> None:
    """Refuse what would have to be done, and is not: holds by events, said in headers or in a document."""
    if any("EventHold" in name for name in given):
        raise AwsError("NotImplemented", "forebay knows no event-based holds", http=501)


def check_class(name: str) -> None:
    """Raise AwsError `InvalidStorageClass` for what is none."""
    if name not in CLASSES or name == "OUTPOSTS":
        message = "The storage class you specified is not valid"
        raise AwsError("InvalidStorageClass", message, http=400, StorageClassRequested=name)


def tags_of(header: str) -> dict[str, str]:
    """The tags of an `x-amz-tagging` header. Raises AwsError `InvalidArgument`, `InvalidTag`."""
    try:
        pairs = parse_qsl(header, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        pairs = [("", "")]
    tags = dict(pairs)
    unescaped = any(part.count("=") > 1 for part in header.split("&"))
    if unescaped or "" in tags or len(tags) != len(pairs):
        message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
        raise invalid(message, "x-amz-tagging", header)
    return check_tags([{"Key": key, "Value": value} for key, value in pairs], most=10, noun="Object")


def moment(us: int) -> dt.datetime:
    """An object's time as S3 shows it: in whole seconds, everywhere."""
    return to_datetime(us).replace(microsecond=0)


def key_arn(asked: Asked, key: str | None) -> str:
    """The ARN of a KMS key; that of the account's own for S3 where none is named."""
    if not key or key in ("aws/s3", "alias/aws/s3"):
        key = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"s3.{asked.region}.{asked.account}"))
    if key.startswith("arn:"):
        return key
    return asked.arn(key if key.startswith("alias/") else f"key/{key}", "kms")


def _check_context(text: str | None) -> None:
    """Raise AwsError `InvalidArgument` for what is no encryption context of KMS, which is kept nowhere."""
    name = "x-amz-server-side-encryption-context"
    try:
        found = {} if text is None else json.loads(base64.b64decode(text, validate=True))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        message = f"The header '{name}' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map"
        raise invalid(message, name, text)


def encryption(meta: Mapping[str, Any]) -> Json:
    """The members that say how an object is encrypted."""
    if "ssec" in meta:
        return customer_key.shown(meta)
    found: Json = {"ServerSideEncryption": meta.get("sse", DEFAULT_ENCRYPTION)}
    if "kms" in meta:
        found["SSEKMSKeyId"] = meta["kms"]
    if meta.get("bucket_key"):
        found["BucketKeyEnabled"] = True
    return found


def checksums(meta: Mapping[str, Any]) -> Json:
    """The members that say an object's checksum and its type."""
    found = meta.get("sums")
    if not found:
        return {}
    members: Json = {sums.member(name): value for name, value in found.items()}
    members["ChecksumType"] = "COMPOSITE" if meta.get("composite") else "FULL_OBJECT"
    return members


def checksums_sent(given: Json, found: Object, span: tuple[int, int]) -> Json:
    """The same, of the bytes (first, beyond) that are sent: of all of them, or of one part that has its own.

    Source: "Checking object integrity" (Amazon S3 User Guide).
    """
    parts = found.meta.get("parts", []) if found.meta.get("composite") else []
    if span == (0, found.size) and not (parts and given.get("PartNumber") is not None):
        return checksums(found.meta)
    first = 0
    for size, own in parts:
        if span == (first, first + size):
            return checksums({"sums": own, "composite": True})
        first += size
    return {}


def described(found: Object) -> Json:
    """The members of a GET or HEAD that come of the object itself."""
    meta = found.meta
    members: Json = {
        "AcceptRanges": "bytes",
        "LastModified": moment(found.begun),
        "ETag": f'"{found.etag}"',
        "ContentType": spelled.plain(meta.get("type", DEFAULT_TYPE)),
        "Metadata": {name: spelled.metadata(value) for name, value in meta.get("user", {}).items()},
        **encryption(meta),
    }
    for name, key in _KEPT.items():
        if name != "ContentType" and key in meta:
            members[name] = spelled.plain(meta[key])
    if "class" in meta:
        members["StorageClass"] = meta["class"]
    if "replication" in meta:
        members["ReplicationStatus"] = meta["replication"]
    return members


_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}


def overrides(given: Json) -> Json:
    """What `response-*` parameters put in place of the object's own headers. Raises AwsError `InvalidArgument`."""
    found = {to: given[name] for name, to in _OVERRIDES.items() if given.get(name) is not None}
    for to, text in found.items():
        if not spelled.fits(text):
            header = "".join(f"-{one.lower()}" if one.isupper() else one for one in to)
            raise invalid("Header value cannot be represented using ISO-8859-1.", f"response{header}", text)
    return found


def expiration(config: Mapping[str, Any] | None, found: Object) -> str | None:
    """`x-amz-expiration`, where a lifecycle rule takes the object."""
    when = expiry(config, found.key, found.size, found.modified, found.meta.get("tags", {}))
    if when is None:
        return None
    date = format_datetime(to_datetime(when[0]), usegmt=True)
    return f'expiry-date="{date}", rule-id="{CONTROL.sub(" ", when[1])}"'


def abort(config: Mapping[str, Any] | None, key: str, created: int) -> Json:
    """The members that say when an upload is over, where a lifecycle rule ends it."""
    when = aborted(config, key, created)
    return (
        {} if when is None else {"AbortDate": to_datetime(when[0]), "AbortRuleId": CONTROL.sub(" ", when[1])}
    )


# Ranges and conditions.

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def byte_range(text: str, size: int) -> tuple[int, int] | None:
    """(first, beyond) of a range header; None where S3 takes no notice. Raises AwsError `InvalidRange`."""
    found = _RANGE.fullmatch(text.strip().replace(" ", ""))
    if found is None or (not found[1] and not found[2]):
        return None
    if not found[1]:
        n = int(found[2])
        first, beyond = max(0, size - n), size
        wrong = n == 0 or size == 0
    else:
        first = int(found[1])
        beyond = min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < first:
            return None
        wrong = first >= size
    if wrong:
        message = "The requested range is not satisfiable"
        raise AwsError("InvalidRange", message, http=416, ActualObjectSize=size, RangeRequested=text)
    return first, beyond


def unquoted(etag: str) -> str:
    """An ETag without its quotes."""
    return etag.strip().removeprefix("W/").strip('"')


def _any(header: str, etag: str) -> bool:
    return any(unquoted(one) in ("*", etag) for one in header.split(","))


def not_modified(given: Json, found: Object) -> bool:
    """Whether the answer is 304. Raises AwsError `PreconditionFailed` where a condition asks for another."""
    modified = to_datetime(found.begun).replace(microsecond=0)
    if (wanted := given.get("IfMatch")) is not None:
        if not _any(wanted, found.etag):
            raise failed("If-Match")
    elif (since := given.get("IfUnmodifiedSince")) is not None and modified > since:
        raise failed("If-Unmodified-Since")
    if (unwanted := given.get("IfNoneMatch")) is not None:
        return _any(unwanted, found.etag)
    since = given.get("IfModifiedSince")
    return since is not None and modified <= since <= dt.datetime.now(dt.UTC)


def check_source(given: Json, found: Object) -> None:
    """Hold the conditions on a copy's source against it. Raises AwsError `PreconditionFailed`."""
    names = ("IfMatch", "IfUnmodifiedSince", "IfNoneMatch", "IfModifiedSince")
    asked = {name: given.get(f"CopySource{name}") for name in names}
    try:
        unchanged = not_modified(asked, found)
    except AwsError as error:
        raise failed(f"x-amz-copy-source-{error.members['Condition']}") from None
    if unchanged:
        name = "If-None-Match" if asked["IfNoneMatch"] is not None else "If-Modified-Since"
        raise failed(f"x-amz-copy-source-{name}")


def failed(condition: str) -> AwsError:
    """The refusal of what was asked under a condition that does not hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", message, http=412, Condition=condition)


def write_conditions(given: Json) -> Json:
    """The conditions on what a write replaces, as the lake takes them. Raises AwsError 501 as S3 does."""
    wanted, unwanted = given.get("IfMatch"), given.get("IfNoneMatch")
    name = None
    if wanted is not None and unwanted is not None:
        name, more = "If-Match,If-None-Match", "Multiple conditional request headers present in the request"
    elif (unwanted is not None and unwanted != "*") or wanted == "*":
        name = "If-Match" if unwanted is None else "If-None-Match"
        more = f"We don't accept the provided value of {name} header for this API"
    if name is not None:
        message = "A header you provided implies functionality that is not implemented"
        raise AwsError("NotImplemented", message, http=501, Header=name, additionalMessage=more)
    found: Json = {}
    if wanted is not None:
        found["if_match"] = unquoted(wanted)
    if unwanted is not None:
        found["if_none_match"] = "*"
    return found
