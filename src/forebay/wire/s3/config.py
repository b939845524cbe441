"""What buckets are told about themselves: versioning, lifecycle, notifications, policy and the rest.

Versioning, lifecycle expiry, notifications and policy act. What else is offered here is only kept and given
back; `partial` says so. What would have to act and does not is refused.
"""

from __future__ import annotations

import json

from forebay.errors import ForebayError
from forebay.lake.section import versioned
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import (
    invalid,
    jsonable,
    malformed,
    need_bucket,
    need_setting,
    operation,
    put_setting,
    setting,
)
from forebay.wire.s3.headers import key_arn
from forebay.wire.service import Asked, Json

# Encryption.


DEFAULT = (
    "objects say that they are encrypted so, as on S3; their files are encrypted as the disk is, if it is"
)


@operation("PutBucketEncryption", partial=DEFAULT)
async def put_bucket_encryption(asked: Asked, given: Json) -> Json:
    """How new objects are said to be encrypted that do not say it themselves."""
    bucket = need_bucket(asked, given)
    rules = given["ServerSideEncryptionConfiguration"].get("Rules") or []
    if len(rules) != 1 or "ApplyServerSideEncryptionByDefault" not in rules[0]:
        raise malformed()
    default = rules[0]["ApplyServerSideEncryptionByDefault"]
    if default.get("SSEAlgorithm") not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise malformed()
    if default["SSEAlgorithm"] == "AES256" and "KMSMasterKeyID" in default:
        message = (
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
        )
        raise invalid(message, "ApplyServerSideEncryptionByDefault")
    told: Json = {}
    if default["SSEAlgorithm"] != "AES256":
        key = key_arn(asked, default.get("KMSMasterKeyID"))
        told = {"sse": default["SSEAlgorithm"], "kms": key}
        if rules[0].get("BucketKeyEnabled"):
            told["bucket_key"] = True
    doc = {"rules": jsonable(rules), "told": told}
    await put_setting(asked, bucket, "default_encryption", doc)
    return {}


@operation("GetBucketEncryption", partial=DEFAULT)
async def get_bucket_encryption(asked: Asked, given: Json) -> Json:
    """The rule, or S3's own."""
    bucket = need_bucket(asked, given)
    default = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    doc = await setting(asked, bucket, "default_encryption") or {"rules": default}
    rules = [{"BucketKeyEnabled": False, **rule} for rule in doc["rules"]]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


@operation("DeleteBucketEncryption")
async def delete_bucket_encryption(asked: Asked, given: Json) -> Json:
    """Back to S3's own."""
    await put_setting(asked, need_bucket(asked, given), "default_encryption", None)
    return {"_status": 204}


# Versioning.


@operation("PutBucketVersioning")
async def put_bucket_versioning(asked: Asked, given: Json) -> Json:
    """Keep versions from now on, or make no more."""
    bucket = need_bucket(asked, given)
    config = given["VersioningConfiguration"]
    status = config.get("Status")
    if status is not None and status not in ("Enabled", "Suspended"):
        raise malformed()
    if status is None:
        raise AwsError(
            "IllegalVersioningConfigurationException", "The Versioning element must be specified", http=400
        )
    if config.get("MFADelete") == "Enabled":
        raise AwsError("NotImplemented", "forebay knows no MFA delete", http=501)
    if status == "Suspended" and await setting(asked, bucket, "lock") is not None:
        message = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        raise AwsError("InvalidBucketState", message, http=409)
    if status == "Suspended" and await setting(asked, bucket, "replication") is not None:
        message = (
            "A replication configuration is present on this bucket, so you cannot change the versioning state. "
            "To change the versioning state, first delete the replication configuration."
        )
        raise AwsError("InvalidBucketState", message, http=409)
    if status == "Suspended" and bucket in versioned(asked.system.declared()):
        message = f"The project keeps versions of this bucket: lake.{bucket} in forebay.yaml says so"
        raise AwsError("InvalidBucketState", message, http=409)
    await put_setting(asked, bucket, "versioning", {"status": status})
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
    blocked = await setting(asked, bucket, "public_access") or {}
    if blocked.get("BlockPublicPolicy") and is_public(text):
        message = (
            f"User: {asked.identity.arn} is not authorized to perform: s3:PutBucketPolicy on resource:"
            f' "arn:aws:s3:::{bucket}" because public policies are prevented by the BlockPublicPolicy setting in S3'
            " Block Public Access."
        )
        raise AwsError("AccessDenied", message, http=403)
    await put_setting(asked, bucket, "policy", text)
    return {"_status": 204}


def check_policy(bucket: str, text: str) -> None:
    """Raise AwsError `MalformedPolicy` for what is no policy of this bucket."""
    from forebay.access.policy import parse_policy  # noqa: PLC0415 - only who sets policies needs it

    try:
        doc = json.loads(text)
    except (ValueError, RecursionError):
        message = "Policies must be valid JSON and the first byte must be '{'"
        raise AwsError("MalformedPolicy", message, http=400) from None
    if "Statement" not in doc:
        raise AwsError("MalformedPolicy", "Missing required field Statement", http=400)
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
    text = await need_setting(
        asked, bucket, "policy", "NoSuchBucketPolicy", "The bucket policy does not exist"
    )
    return {"Policy": text}


@operation("DeleteBucketPolicy")
async def delete_bucket_policy(asked: Asked, given: Json) -> Json:
    """No policy."""
    await put_setting(asked, need_bucket(asked, given), "policy", None)
    return {"_status": 204}


@operation("GetBucketPolicyStatus")
async def get_bucket_policy_status(asked: Asked, given: Json) -> Json:
    """Whether the policy lets everybody in."""
    bucket = need_bucket(asked, given)
    text = await need_setting(
        asked, bucket, "policy", "NoSuchBucketPolicy", "The bucket policy does not exist"
    )
    return {"PolicyStatus": {"IsPublic": is_public(text)}}


def is_public(text: str) -> bool:
    """Whether a policy lets everybody in."""
    statements = json.loads(text)["Statement"]
    return any(
        each.get("Effect") == "Allow"
        and each.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and not _is_narrowed(each.get("Condition") or {})
        for each in (statements if isinstance(statements, list) else [statements])
    )


_NARROWING = frozenset(
    f"aws:{name}".lower()
    for name in (
        *("SourceIp", "SourceArn", "SourceVpc", "SourceVpce", "SourceOwner", "SourceAccount", "userid"),
        *("PrincipalArn", "PrincipalAccount", "PrincipalOrgID", "PrincipalOrgPaths"),
    )
) | {"s3:dataaccesspointarn", "s3:dataaccesspointaccount", "s3:x-amz-server-side-encryption-aws-kms-key-id"}


def _is_narrowed(condition: Json) -> bool:
    """Whether a statement is for some only: one of the keys that say whom has values without a wildcard."""
    for operator, tests in condition.items():
        if operator.lower().startswith(("stringnot", "arnnot", "notip")):
            continue
        for name, value in tests.items():
            values = value if isinstance(value, list) else [value]
            if name.lower() in _NARROWING and not any(set("*?$") & set(str(each)) for each in values):
                return True
    return False
