"""What buckets are told about themselves: versioning, lifecycle, notifications, policy and the rest.

Versioning, lifecycle expiry, notifications and policy act. What else is offered here is only kept and given
back; `partial` says so. What would have to act and does not is refused.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any

from forebay.errors import ForebayError
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import OWNER, change, invalid, malformed, need_bucket, operation, setting
from forebay.wire.s3.headers import CANNED
from forebay.wire.service import Asked, Json

KEPT_ONLY = "only kept and given back"
Check = Callable[[Json], None]


def _kept(noun: str, member: str, name: str, missing: tuple[str, str], *, partial: str = KEPT_ONLY) -> None:
    """Put, get and delete of a document that is only kept under a setting's `name`."""

    @operation(f"Put{noun}", partial=partial)
    async def put(asked: Asked, given: Json) -> Json:
        bucket = need_bucket(asked, given)
        await change(asked, "bucket_set", bucket=bucket, name=name, doc=jsonable(given[member]))
        return {}

    @operation(f"Get{noun}", partial=partial)
    async def get(asked: Asked, given: Json) -> Json:
        bucket = need_bucket(asked, given)
        doc = await setting(asked, bucket, name)
        if doc is None:
            raise AwsError(missing[0], missing[1], http=404, BucketName=bucket)
        found: Json = doc
        return {member: found}

    @operation(f"Delete{noun}")
    async def delete(asked: Asked, given: Json) -> Json:
        bucket = need_bucket(asked, given)
        await change(asked, "bucket_set", bucket=bucket, name=name, doc=None)
        return {"_status": 204}


def jsonable(value: Any) -> Any:
    """A decoded document as JSON has it: times as ISO text."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, Mapping):
        return {key: jsonable(item) for key, item in value.items()}
    return [jsonable(item) for item in value] if isinstance(value, list) else value


_kept(
    "PublicAccessBlock",
    "PublicAccessBlockConfiguration",
    "public_access",
    ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
)
_kept(
    "BucketOwnershipControls",
    "OwnershipControls",
    "ownership",
    ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
)


# Encryption.


@operation("PutBucketEncryption", partial=KEPT_ONLY)
async def put_bucket_encryption(asked: Asked, given: Json) -> Json:
    """Keep the rule."""
    bucket = need_bucket(asked, given)
    rules = given["ServerSideEncryptionConfiguration"].get("Rules") or []
    if len(rules) != 1 or "ApplyServerSideEncryptionByDefault" not in rules[0]:
        raise malformed()
    default = rules[0]["ApplyServerSideEncryptionByDefault"]
    if default["SSEAlgorithm"] not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise malformed()
    if default["SSEAlgorithm"] == "AES256" and default.get("KMSMasterKeyID"):
        message = (
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
        )
        raise invalid(message, "ApplyServerSideEncryptionByDefault")
    await change(asked, "bucket_set", bucket=bucket, name="encryption", doc=rules)
    return {}


@operation("GetBucketEncryption", partial=KEPT_ONLY)
async def get_bucket_encryption(asked: Asked, given: Json) -> Json:
    """The rule, or S3's own."""
    bucket = need_bucket(asked, given)
    default = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
    rules = await setting(asked, bucket, "encryption") or default
    return {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"BucketKeyEnabled": False, **rule} for rule in rules]
        }
    }


@operation("DeleteBucketEncryption")
async def delete_bucket_encryption(asked: Asked, given: Json) -> Json:
    """Back to S3's own."""
    await change(asked, "bucket_set", bucket=need_bucket(asked, given), name="encryption", doc=None)
    return {"_status": 204}


# Versioning.


@operation("PutBucketVersioning")
async def put_bucket_versioning(asked: Asked, given: Json) -> Json:
    """Keep versions from now on, or make no more."""
    bucket = need_bucket(asked, given)
    config = given["VersioningConfiguration"]
    status = config.get("Status")
    if status not in ("Enabled", "Suspended"):
        raise AwsError(
            "IllegalVersioningConfigurationException", "The Versioning element must be specified", http=400
        )
    if config.get("MFADelete") == "Enabled":
        raise AwsError("NotImplemented", "forebay knows no MFA delete", http=501)
    await change(asked, "bucket_set", bucket=bucket, name="versioning", doc={"status": status})
    return {}


@operation("GetBucketVersioning")
async def get_bucket_versioning(asked: Asked, given: Json) -> Json:
    """Whether versions are kept; nothing where they never were."""
    doc = await setting(asked, need_bucket(asked, given), "versioning")
    return {} if doc is None else {"Status": doc["status"]}


# Policy.


@operation("PutBucketPolicy")
async def put_bucket_policy(asked: Asked, given: Json) -> Json:
    """A policy on the bucket, which holds where access is on."""
    bucket = need_bucket(asked, given)
    text = given["Policy"]
    if not text or not text.lstrip().startswith("{"):
        message = "Policies must be valid JSON and the first byte must be '{'"
        raise AwsError("MalformedPolicy", message, http=400)
    check_policy(bucket, text)
    await change(asked, "bucket_set", bucket=bucket, name="policy", doc=text)
    return {"_status": 204}


def check_policy(bucket: str, text: str) -> None:
    """Raise AwsError `MalformedPolicy` for what is no policy of this bucket."""
    from forebay.access.policy import parse_policy  # noqa: PLC0415 - only who sets policies needs it

    try:
        parse_policy(text, resource_policy=True)
    except ForebayError as error:
        raise AwsError("MalformedPolicy", error.message, http=400) from None
    statements = json.loads(text)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        resources = statement.get("Resource", statement.get("NotResource", []))
        for resource in [resources] if isinstance(resources, str) else resources:
            name = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
            if not resource.startswith("arn:aws:s3:::") or not _covers(name, bucket):
                raise AwsError("MalformedPolicy", "Policy has invalid resource", http=400)


def _covers(pattern: str, bucket: str) -> bool:
    return pattern == bucket or ("*" in pattern and bucket.startswith(pattern.partition("*")[0]))


@operation("GetBucketPolicy")
async def get_bucket_policy(asked: Asked, given: Json) -> Json:
    """The policy, as it was put."""
    bucket = need_bucket(asked, given)
    text = await setting(asked, bucket, "policy")
    if text is None:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", http=404, BucketName=bucket)
    return {"Policy": text}


@operation("DeleteBucketPolicy")
async def delete_bucket_policy(asked: Asked, given: Json) -> Json:
    """No policy."""
    await change(asked, "bucket_set", bucket=need_bucket(asked, given), name="policy", doc=None)
    return {"_status": 204}


@operation("GetBucketPolicyStatus")
async def get_bucket_policy_status(asked: Asked, given: Json) -> Json:
    """Whether the policy lets everybody in."""
    bucket = need_bucket(asked, given)
    text = await setting(asked, bucket, "policy")
    if text is None:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", http=404, BucketName=bucket)
    statements = json.loads(text)["Statement"]
    public = any(
        each.get("Effect") == "Allow"
        and each.get("Principal") in ("*", {"AWS": "*"})
        and not each.get("Condition")
        for each in (statements if isinstance(statements, list) else [statements])
    )
    return {"PolicyStatus": {"IsPublic": public}}


# CORS.


@operation("PutBucketCors", partial=KEPT_ONLY)
async def put_bucket_cors(asked: Asked, given: Json) -> Json:
    """Keep the rules."""
    bucket = need_bucket(asked, given)
    rules = given["CORSConfiguration"].get("CORSRules") or []
    if not rules or len(rules) > 100:
        raise malformed()
    for rule in rules:
        if not rule.get("AllowedOrigins") or not rule.get("AllowedMethods"):
            raise malformed()
        for method in rule["AllowedMethods"]:
            if method not in ("GET", "PUT", "HEAD", "POST", "DELETE"):
                message = f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                raise AwsError("InvalidRequest", message, http=400)
    await change(asked, "bucket_set", bucket=bucket, name="cors", doc=jsonable(rules))
    return {}


@operation("GetBucketCors", partial=KEPT_ONLY)
async def get_bucket_cors(asked: Asked, given: Json) -> Json:
    """The rules."""
    bucket = need_bucket(asked, given)
    rules = await setting(asked, bucket, "cors")
    if rules is None:
        message = "The CORS configuration does not exist"
        raise AwsError("NoSuchCORSConfiguration", message, http=404, BucketName=bucket)
    return {"CORSRules": rules}


@operation("DeleteBucketCors")
async def delete_bucket_cors(asked: Asked, given: Json) -> Json:
    """No rules."""
    await change(asked, "bucket_set", bucket=need_bucket(asked, given), name="cors", doc=None)
    return {"_status": 204}


# ACLs.

_EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
_KNOWN = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
_GRANTED = {
    "public-read": [(_EVERYBODY, "READ")],
    "public-read-write": [(_EVERYBODY, "READ"), (_EVERYBODY, "WRITE")],
    "authenticated-read": [(_KNOWN, "READ")],
}
ACL_KEPT = "a canned ACL is kept and given back; policies decide who may do what"


def grants(canned: str | None) -> Json:
    """What a canned ACL grants, the owner's full control first."""
    own = {"Grantee": {"Type": "CanonicalUser", **OWNER}, "Permission": "FULL_CONTROL"}
    others = [
        {"Grantee": {"Type": "Group", "URI": group}, "Permission": permission}
        for group, permission in _GRANTED.get(canned or "", [])
    ]
    return {"Owner": OWNER, "Grants": [own, *others]}


@operation("PutBucketAcl", partial=ACL_KEPT)
async def put_bucket_acl(asked: Asked, given: Json) -> Json:
    """Keep a canned ACL."""
    bucket = need_bucket(asked, given)
    await change(asked, "bucket_set", bucket=bucket, name="acl", doc=canned_of(given))
    return {}


def canned_of(given: Json) -> str:
    """The canned ACL that a request names. Raises AwsError: 501 for one that is spelled out."""
    canned = given.get("ACL")
    if canned is None:
        if given.get("AccessControlPolicy") is None and not any(name.startswith("Grant") for name in given):
            message = "Your request was missing a required header"
            raise AwsError("MissingSecurityHeader", message, http=400, MissingHeaderName="x-amz-acl")
        raise AwsError("NotImplemented", "forebay keeps canned ACLs only; use a bucket policy", http=501)
    if canned not in CANNED:
        raise invalid("", "x-amz-acl", canned)
    found: str = canned
    return found


@operation("GetBucketAcl", partial=ACL_KEPT)
async def get_bucket_acl(asked: Asked, given: Json) -> Json:
    """Owner and grants."""
    return grants(await setting(asked, need_bucket(asked, given), "acl"))


# What has one answer only.


@operation("GetBucketRequestPayment")
async def get_bucket_request_payment(asked: Asked, given: Json) -> Json:
    """The owner pays."""
    need_bucket(asked, given)
    return {"Payer": "BucketOwner"}


@operation("GetBucketAccelerateConfiguration")
async def get_bucket_accelerate_configuration(asked: Asked, given: Json) -> Json:
    """There is none."""
    need_bucket(asked, given)
    return {}


@operation("GetBucketLogging")
async def get_bucket_logging(asked: Asked, given: Json) -> Json:
    """There is none."""
    need_bucket(asked, given)
    return {}


def _never(name: str, code: str, message: str) -> None:
    @operation(name)
    async def get(asked: Asked, given: Json) -> Json:
        bucket = need_bucket(asked, given)
        raise AwsError(code, message, http=404, BucketName=bucket)


_never(
    "GetBucketWebsite",
    "NoSuchWebsiteConfiguration",
    "The specified bucket does not have a website configuration",
)
_never(
    "GetBucketReplication",
    "ReplicationConfigurationNotFoundError",
    "The replication configuration was not found",
)
_never(
    "GetObjectLockConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "Object Lock configuration does not exist for this bucket",
)
