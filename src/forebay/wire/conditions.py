"""What a policy's conditions may speak of: the condition keys of a call.

Source: "AWS global condition context keys" (IAM User Guide) and the Service Authorization Reference. A key that
a call does not have is absent, which is for the operator to make of what it does.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from forebay.access import sigv2, sigv4
from forebay.access.copy_source import copy_source
from forebay.arn import ACCOUNT
from forebay.wire.service import Asked, Json

Keys = dict[str, str | Sequence[str]]

_S3 = {
    "s3:prefix": "Prefix",
    "s3:delimiter": "Delimiter",
    "s3:max-keys": "MaxKeys",
    "s3:versionid": "VersionId",
    "s3:x-amz-acl": "ACL",
    "s3:x-amz-server-side-encryption": "ServerSideEncryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "s3:x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "s3:x-amz-storage-class": "StorageClass",
    "s3:x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "s3:x-amz-grant-full-control": "GrantFullControl",
    "s3:x-amz-grant-read": "GrantRead",
    "s3:x-amz-grant-read-acp": "GrantReadACP",
    "s3:x-amz-grant-write": "GrantWrite",
    "s3:x-amz-grant-write-acp": "GrantWriteACP",
    "s3:x-amz-metadata-directive": "MetadataDirective",
    "s3:if-match": "IfMatch",
    "s3:if-none-match": "IfNoneMatch",
}
_CREATES = {
    **dict.fromkeys(("PutObject", "PostObject", "CopyObject", "CompleteMultipartUpload"), "true"),
    **dict.fromkeys(("CreateMultipartUpload", "UploadPart", "UploadPartCopy"), "false"),
}
"""Whether what is put is an object already ("Enforce conditional writes on Amazon S3 buckets", S3 User Guide)."""
_LISTS = ("ListObjects", "ListObjectsV2", "ListObjectVersions")


def conditions(asked: Asked, given: Json) -> Keys:
    """The condition keys of a call; those of who asks are its identity's."""
    now = dt.datetime.now(dt.UTC)
    request = asked.request
    keys: Keys = {
        "aws:sourceip": request.client,
        "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(int(now.timestamp())),
        "aws:securetransport": "true" if request.secure else "false",
        "aws:requestedregion": asked.region,
        "aws:useragent": request.headers.get("user-agent", ""),
        "aws:resourceaccount": ACCOUNT,
        "aws:viaawsservice": "false",
        "aws:principalisawsservice": "false",
    }
    if "x-amz-security-token" in request.headers:
        keys["aws:multifactorauthpresent"] = "false"  # of lasting keys it is absent
    if "referer" in request.headers:
        keys["aws:referer"] = request.headers["referer"]
    tags = _tags(given.get("Tags") or given.get("tags"))
    if tags:
        keys["aws:tagkeys"] = list(tags)
        keys |= {f"aws:requesttag/{name.lower()}": value for name, value in tags.items()}
    elif given.get("TagKeys"):
        keys["aws:tagkeys"] = [str(each) for each in given["TagKeys"]]
    if asked.service == "s3":
        keys |= _of_s3(asked, given)
    elif asked.service == "dynamodb":
        from forebay.wire.dynamodb import rights  # noqa: PLC0415 - only who has tables needs it

        keys |= rights.conditions(asked, given)
    return keys


def _tags(given: object) -> dict[str, str]:
    """Tags in any of the forms that services have for them."""
    if isinstance(given, Mapping):
        return {str(name): str(value) for name, value in given.items() if isinstance(value, str)}
    found = {}
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping):
            name = each.get("Key") or each.get("TagKey")
            if name:
                found[str(name)] = str(each.get("Value") or each.get("TagValue") or "")
    return found


def _of_s3(asked: Asked, given: Json) -> Keys:
    request = asked.request
    keys = _of_signature(asked, given) | {"s3:resourceaccount": ACCOUNT}
    if asked.operation in _CREATES:
        keys["s3:objectcreationoperation"] = _CREATES[asked.operation]
    for key, member in _S3.items():
        value = given.get(member)
        if value is not None:
            keys[key] = str(value)
    if given.get("CopySource"):
        source = copy_source(given["CopySource"])
        keys["s3:x-amz-copy-source"] = f"{source.bucket}/{source.key}"
    if asked.operation in _LISTS:
        keys.setdefault("s3:prefix", "")
    if "x-amz-content-sha256" in request.headers:
        keys["s3:x-amz-content-sha256"] = request.headers["x-amz-content-sha256"]
    place = (given.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
    if place:
        keys["s3:locationconstraint"] = str(place)
    return keys | _of_locks(given) | _of_object_tags(asked, given)


def _of_locks(given: Json) -> Keys:
    """Of a new object's headers, or of the document that is put to one."""
    retention = given.get("Retention") or {}
    until = _moment(given.get("ObjectLockRetainUntilDate") or retention.get("RetainUntilDate"))
    keys = {
        "s3:object-lock-mode": given.get("ObjectLockMode") or retention.get("Mode"),
        "s3:object-lock-legal-hold": given.get("ObjectLockLegalHoldStatus")
        or (given.get("LegalHold") or {}).get("Status"),
    }
    if until is not None:
        left = (until - dt.datetime.now(dt.UTC)) / dt.timedelta(days=1)
        keys["s3:object-lock-retain-until-date"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
        keys["s3:object-lock-remaining-retention-days"] = str(math.ceil(left))
    return {key: value for key, value in keys.items() if value}


def _moment(said: Any) -> dt.datetime | None:
    """A date, of a form as text; None for one that is refused as soon as it is read."""
    try:
        date = dt.datetime.fromisoformat(said) if isinstance(said, str) else said
        if date is None:
            return None
        return (date if date.tzinfo else date.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def _of_object_tags(asked: Asked, given: Json) -> Keys:
    tagging = given.get("Tagging")
    if not tagging or "Key" not in given:
        return {}
    if asked.operation == "CopyObject" and given.get("TaggingDirective") != "REPLACE":
        return {}  # it has its source's
    if isinstance(tagging, str):
        tags = dict(parse_qsl(tagging, keep_blank_values=True))
    else:
        tags = _tags(tagging.get("TagSet"))
    keys: Keys = {f"s3:requestobjecttag/{name.lower()}": value for name, value in tags.items()}
    return keys | {"s3:requestobjecttagkeys": list(tags)}


def _of_signature(asked: Asked, given: Json) -> Keys:
    """How the request is signed, if it is.

    Source: "Amazon S3 Signature Version 4 Authentication Specific Policy Keys" (S3 API Reference).
    """
    request = asked.request
    if asked.identity.kind == "anonymous":
        return {}
    if asked.operation == "PostObject":
        version = sigv4.ALGORITHM if given.get("Signature") else "AWS"
        return {"s3:authtype": "POST", "s3:signatureversion": version}
    in_header = "authorization" in request.headers
    kind = "REST-HEADER" if in_header else "REST-QUERY-STRING"
    old = not in_header and sigv2.is_signed(
        request.query
    )  # which is held against that, whatever else it says
    signature = None if old else sigv4.read(request.query, request.headers)
    if signature is None:  # version 2, which has no age
        return {"s3:authtype": kind, "s3:signatureversion": "AWS", "s3:signatureage": "0"}
    age = (dt.datetime.now(dt.UTC) - signature.moment) // dt.timedelta(milliseconds=1)
    return {
        "s3:authtype": kind,
        "s3:signatureversion": sigv4.ALGORITHM,
        "s3:signatureage": str(max(age, 0)),
    }


def through(asked: Asked) -> Keys:
    """The condition keys of what the service that was asked does on the caller's behalf, as Athena reads tables.

    It calls from an address of its own: a condition on the caller's does not hold.
    """
    keys = conditions(asked, {})
    del keys["aws:sourceip"]
    service = f"{asked.service}.amazonaws.com"
    return keys | {
        "aws:viaawsservice": "true",
        "aws:calledvia": [service],
        "aws:calledviafirst": service,
        "aws:calledvialast": service,
    }
