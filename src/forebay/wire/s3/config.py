"""What buckets are told about themselves: how new objects are encrypted, and whether versions are kept."""

from __future__ import annotations

from forebay.lake.section import versioned
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import invalid, jsonable, malformed, need_bucket, put_setting, setting
from forebay.wire.s3.headers import key_arn
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

# Encryption.


DEFAULT = (
    "objects say that they are encrypted so, as on S3; their files are encrypted as the disk is, if it is. Customer "
    "keys (SSE-C) are blocked where that was put only, where S3 blocks them in new buckets too."
)


@operation("PutBucketEncryption", partial=DEFAULT)
async def put_bucket_encryption(asked: Asked, given: Json) -> Json:
    """How new objects are said to be encrypted that do not say it themselves."""
    bucket = need_bucket(asked, given)
    rules = given["ServerSideEncryptionConfiguration"].get("Rules") or []
    if len(rules) != 1:
        raise malformed()
    if "BlockedEncryptionTypes" in rules[0]:  # which may be all that is said
        rules[0].setdefault("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"})
    default = rules[0].get("ApplyServerSideEncryptionByDefault") or {}
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
