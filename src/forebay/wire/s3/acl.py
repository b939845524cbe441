"""ACLs of buckets and objects: canned ones, those in headers and those spelled out, checked, kept and given back.

Who may do what is decided by policies alone, as on S3 where a bucket's ownership is BucketOwnerEnforced, which is the
default; a bucket that says so itself refuses ACLs.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from forebay.lake.shelf import Object
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import (
    MALFORMED,
    OWNER,
    caller,
    change,
    found_version,
    invalid,
    need_bucket,
    put_setting,
    setting,
    version_of,
)
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

KEPT = "the ACL is checked, kept and given back; policies decide who may do what, as where ACLs are disabled on S3"
CANNED = frozenset(
    [
        "private",
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
        "log-delivery-write",
    ]
)
_EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
_KNOWN = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
_LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"
_GROUPS = (_EVERYBODY, _KNOWN, _LOGS)
_GRANTED = {
    "public-read": [(_EVERYBODY, "READ")],
    "public-read-write": [(_EVERYBODY, "READ"), (_EVERYBODY, "WRITE")],
    "authenticated-read": [(_KNOWN, "READ")],
    "log-delivery-write": [(_LOGS, "READ_ACP"), (_LOGS, "WRITE")],
}
_HEADERS = {
    "GrantFullControl": ("FULL_CONTROL", "x-amz-grant-full-control"),
    "GrantRead": ("READ", "x-amz-grant-read"),
    "GrantReadACP": ("READ_ACP", "x-amz-grant-read-acp"),
    "GrantWrite": ("WRITE", "x-amz-grant-write"),
    "GrantWriteACP": ("WRITE_ACP", "x-amz-grant-write-acp"),
}
_PERMISSIONS = {permission for permission, _ in _HEADERS.values()}
_USER = re.compile(r"[0-9a-f]{64}")
MOST = 100


def acl_of(given: Json) -> str | list[Json] | None:
    """The ACL that a request's headers say: a canned one's name, or grants; None where they say none. Raises AwsError."""
    canned = given.get("ACL")
    said = {name: given[name] for name in _HEADERS if given.get(name)}
    if canned is not None and said:
        message = "Specifying both Canned ACLs and Header Grants is not allowed"
        raise AwsError("InvalidRequest", message, http=400)
    if canned is not None:
        if canned not in CANNED:
            raise invalid("", "x-amz-acl", canned)
        return str(canned)
    if not said:
        return None
    grants = [
        {"Grantee": _grantee(one.strip(), _HEADERS[name][1]), "Permission": _HEADERS[name][0]}
        for name, text in said.items()
        for one in text.split(",")
    ]
    return _few(grants)


def _grantee(text: str, header: str) -> Json:
    kind, _, value = text.partition("=")
    value = value.strip().strip('"')
    match kind.strip():
        case "uri":
            if value not in _GROUPS:
                raise invalid("Invalid group uri", "uri", value)
            return {"Type": "Group", "URI": value}
        case "id":
            return _user(value, "id")
        case "emailAddress":
            raise _no_such_address(value)
    raise invalid("Argument format not recognized", header, text)


def _user(id: str, name: str) -> Json:
    if not _USER.fullmatch(id):
        raise invalid("Invalid id", name, id)
    return {"Type": "CanonicalUser", "ID": id}


def _no_such_address(address: str) -> AwsError:
    message = "The e-mail address you provided does not match any account on record."
    return AwsError("UnresolvableGrantByEmailAddress", message, http=400, EmailAddress=address)


def _few(grants: list[Json]) -> list[Json]:
    if len(grants) > MOST:
        message = f"The request contained more grants than an ACL may have: {MOST}"
        raise AwsError("InvalidRequest", message, http=400)
    return grants


def _put(asked: Asked, given: Json) -> str | list[Json]:
    """The ACL that is put. Raises AwsError."""
    found = acl_of(given)
    if asked.request.body.strip():
        if found is not None:
            raise AwsError("UnexpectedContent", "This request does not support content", http=400)
        return _spelled(given.get("AccessControlPolicy"))
    if found is None:
        message = "Your request was missing a required header"
        raise AwsError("MissingSecurityHeader", message, http=400, MissingHeaderName="x-amz-acl")
    return found


def _spelled(policy: Json | None) -> list[Json]:
    malformed = AwsError("MalformedACLError", MALFORMED, http=400)
    if not policy or "Owner" not in policy or "Grants" not in policy:
        raise malformed
    owner = policy["Owner"].get("ID", "")
    _user(owner, "CanonicalUser/ID")
    if owner != OWNER["ID"]:
        raise AwsError("AccessDenied", "Access Denied", http=403)
    grants = []
    for grant in policy["Grants"]:
        grantee = grant.get("Grantee") or {}
        if grant.get("Permission") not in _PERMISSIONS:
            raise malformed
        match grantee.get("Type"):
            case "Group":
                if grantee.get("URI") not in _GROUPS:
                    raise invalid("Invalid group uri", "Group/URI", grantee.get("URI"))
                found = {"Type": "Group", "URI": grantee["URI"]}
            case "CanonicalUser":
                found = _user(grantee.get("ID", ""), "CanonicalUser/ID")
            case "AmazonCustomerByEmail":
                raise _no_such_address(grantee.get("EmailAddress", ""))
            case _:
                raise malformed
        grants.append({"Grantee": found, "Permission": grant["Permission"]})
    return _few(grants)


def grants(acl: Any) -> Json:
    """What an ACL grants; a canned one the owner's full control first."""
    if isinstance(acl, list):
        return {"Owner": OWNER, "Grants": acl}
    own = {"Grantee": {"Type": "CanonicalUser", **OWNER}, "Permission": "FULL_CONTROL"}
    others = [
        {"Grantee": {"Type": "Group", "URI": group}, "Permission": permission}
        for group, permission in _GRANTED.get(acl or "", [])
    ]
    return {"Owner": OWNER, "Grants": [own, *others]}


def is_owners(acl: str | list[Json] | None) -> bool:
    """Whether an ACL grants nobody but the owner anything."""
    if isinstance(acl, str) or acl is None:
        return acl not in _GRANTED and acl != "aws-exec-read"
    return bool(acl == grants(None)["Grants"])


async def _is_enforced(asked: Asked, bucket: str) -> bool:
    """Whether a bucket says that it has no ACLs."""
    owned = await setting(asked, bucket, "ownership")
    return bool(owned) and bool(owned["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}])


async def check_acl(asked: Asked, bucket: str, acl: str | list[Json], *, put: bool = False) -> None:
    """Raise AwsError where the bucket has no ACLs, or none that are public; `put` for an ACL and no more."""
    if await _is_enforced(asked, bucket) and (put or not is_owners(acl)):
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs", http=400)
    blocked = await setting(asked, bucket, "public_access") or {}
    groups = {grant["Grantee"].get("URI") for grant in grants(acl)["Grants"]}
    if blocked.get("BlockPublicAcls") and groups & {_EVERYBODY, _KNOWN}:
        action = f"s3:{asked.operation}" if asked.operation.endswith("Acl") else "s3:PutObject"
        message = (
            f"User: {asked.identity.arn} is not authorized to perform: {action} on resource:"
            f' "arn:aws:s3:::{unquote(asked.request.path[1:])}" because public ACLs are prevented by the'
            " BlockPublicAcls setting in S3 Block Public Access."
        )
        raise AwsError("AccessDenied", message, http=403)


@operation("PutBucketAcl", partial=KEPT)
async def put_bucket_acl(asked: Asked, given: Json) -> Json:
    """Keep a bucket's ACL."""
    bucket = need_bucket(asked, given)
    acl = _put(asked, given)
    await check_acl(asked, bucket, acl, put=True)
    await put_setting(asked, bucket, "acl", acl)
    return {}


@operation("GetBucketAcl", partial=KEPT)
async def get_bucket_acl(asked: Asked, given: Json) -> Json:
    """A bucket's owner and grants."""
    return grants(await setting(asked, need_bucket(asked, given), "acl"))


@operation("PutObjectAcl", partial=KEPT)
async def put_object_acl(asked: Asked, given: Json) -> Json:
    """Keep the ACL of a version."""
    bucket = need_bucket(asked, given)
    found = await found_version(asked, bucket, given)
    acl = _put(asked, given)
    await check_acl(asked, bucket, acl, put=True)
    version = version_of(given) or found.version
    await change(
        asked, "object_tag", bucket=bucket, key=given["Key"], version=version, acl=acl, caller=caller(asked)
    )
    return await _named(asked, bucket, found)


@operation("GetObjectAcl", partial=KEPT)
async def get_object_acl(asked: Asked, given: Json) -> Json:
    """A version's owner and grants."""
    bucket = need_bucket(asked, given)
    found = await found_version(asked, bucket, given)
    acl = None if await _is_enforced(asked, bucket) else found.meta.get("acl")
    return grants(acl) | await _named(asked, bucket, found)


async def _named(asked: Asked, bucket: str, found: Object) -> Json:
    """The header that says which version it was, of which the model knows nothing."""
    versioned = await setting(asked, bucket, "versioning") is not None
    return {"_headers": {"x-amz-version-id": found.version}} if versioned else {}
