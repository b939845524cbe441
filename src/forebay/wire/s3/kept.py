"""What a bucket is told that is kept and given back, and changes nothing of its objects.

Ownership and public access say who may; accelerated transfer, metrics, analytics and tiering are AWS's own business.
What of it would have to be done here and is not is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.acl import is_owners
from forebay.wire.s3.base import (
    jsonable,
    malformed,
    need_bucket,
    need_setting,
    put_setting,
    read_token,
    setting,
    token_of,
)
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

KEPT_ONLY = "only kept and given back"
ENFORCED = "BucketOwnerEnforced"
OWNERSHIPS = ("BucketOwnerPreferred", "ObjectWriter", ENFORCED)
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
MOST = 1000
_PAGE = 100


# Public access.


@operation("PutPublicAccessBlock")
async def put_public_access_block(asked: Asked, given: Json) -> Json:
    """Let no policy or ACL make the bucket public from now on, as far as each of the four says."""
    bucket = need_bucket(asked, given)
    said = given["PublicAccessBlockConfiguration"]
    if not said:
        raise AwsError("InvalidRequest", "Must specify at least one configuration.", http=400)
    await put_setting(asked, bucket, "public_access", {name: bool(said.get(name)) for name in BLOCKS})
    return {}


@operation(
    "GetPublicAccessBlock", partial="none of it is blocked unless it was put, where S3 blocks all of it"
)
async def get_public_access_block(asked: Asked, given: Json) -> Json:
    """What is blocked."""
    bucket = need_bucket(asked, given)
    message = "The public access block configuration was not found"
    doc = await need_setting(asked, bucket, "public_access", "NoSuchPublicAccessBlockConfiguration", message)
    return {"PublicAccessBlockConfiguration": doc}


@operation("DeletePublicAccessBlock")
async def delete_public_access_block(asked: Asked, given: Json) -> Json:
    """Nothing is blocked."""
    await put_setting(asked, need_bucket(asked, given), "public_access", None)
    return {"_status": 204}


# Ownership.


@operation("PutBucketOwnershipControls", partial="everything is the bucket owner's, whatever is said")
async def put_bucket_ownership_controls(asked: Asked, given: Json) -> Json:
    """Whose objects are, and whether there are ACLs."""
    bucket = need_bucket(asked, given)
    rules = given["OwnershipControls"].get("Rules") or []
    if len(rules) != 1 or rules[0].get("ObjectOwnership") not in OWNERSHIPS:
        raise malformed()
    if rules[0]["ObjectOwnership"] == ENFORCED and not is_owners(await setting(asked, bucket, "acl")):
        message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise AwsError("InvalidBucketAclWithObjectOwnership", message, http=400)
    await put_setting(asked, bucket, "ownership", {"Rules": jsonable(rules)})
    return {}


@operation("GetBucketOwnershipControls")
async def get_bucket_ownership_controls(asked: Asked, given: Json) -> Json:
    """Whose objects are: the bucket owner's, unless something else was said."""
    bucket = need_bucket(asked, given)
    doc = await setting(asked, bucket, "ownership")
    if doc == {}:
        message = "The bucket ownership controls were not found"
        raise AwsError("OwnershipControlsNotFoundError", message, http=404, BucketName=bucket)
    return {"OwnershipControls": doc or {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}


@operation("DeleteBucketOwnershipControls")
async def delete_bucket_ownership_controls(asked: Asked, given: Json) -> Json:
    """Say nothing of it."""
    await put_setting(asked, need_bucket(asked, given), "ownership", {})
    return {"_status": 204}


# Who pays, and how quickly.


@operation(
    "PutBucketRequestPayment",
    partial="all callers are of the bucket owner's account, who is never charged extra",
)
async def put_bucket_request_payment(asked: Asked, given: Json) -> Json:
    """Who pays for requests of other accounts; there are none."""
    bucket = need_bucket(asked, given)
    payer = given["RequestPaymentConfiguration"].get("Payer")
    if payer not in ("Requester", "BucketOwner"):
        raise malformed()
    await put_setting(asked, bucket, "payer", payer)
    return {}


@operation("GetBucketRequestPayment")
async def get_bucket_request_payment(asked: Asked, given: Json) -> Json:
    """The owner, unless something else was said."""
    return {"Payer": await setting(asked, need_bucket(asked, given), "payer") or "BucketOwner"}


@operation("PutBucketAccelerateConfiguration", partial=KEPT_ONLY)
async def put_bucket_accelerate_configuration(asked: Asked, given: Json) -> Json:
    """Whether to transfer by AWS's edge; there is none."""
    bucket = need_bucket(asked, given)
    if "." in bucket:
        message = "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        raise AwsError("InvalidRequest", message, http=400)
    status = given["AccelerateConfiguration"].get("Status")
    if status not in ("Enabled", "Suspended"):
        raise malformed()
    if status == "Enabled" or await setting(asked, bucket, "accelerate") is not None:
        await put_setting(asked, bucket, "accelerate", status)
    return {}


@operation("GetBucketAccelerateConfiguration")
async def get_bucket_accelerate_configuration(asked: Asked, given: Json) -> Json:
    """What was said of it; nothing where nothing was."""
    status = await setting(asked, need_bucket(asked, given), "accelerate")
    return {} if status is None else {"Status": status}


# Configurations of which a bucket has several, by their ids.


def several(noun: str, member: str, name: str, partial: str, check: Callable[[Json, str], None]) -> None:
    """Put, get, list and delete of what is kept by id under a setting's `name`.

    `check` raises AwsError for a configuration that is none, or that does not have the id which is asked for.
    """

    def missing() -> AwsError:
        return AwsError("NoSuchConfiguration", "The specified configuration does not exist.", http=404)

    @operation(f"Put{noun}", partial=partial)
    async def put(asked: Asked, given: Json) -> Json:
        bucket = need_bucket(asked, given)
        config = given[member]
        check(config, given["Id"])
        docs = await setting(asked, bucket, name) or {}
        if given["Id"] not in docs and len(docs) >= MOST:
            raise AwsError("TooManyConfigurations", "Too many configurations", http=400)
        await put_setting(asked, bucket, name, {**docs, given["Id"]: jsonable(config)})
        return {"_status": 204}

    @operation(f"Get{noun}")
    async def get(asked: Asked, given: Json) -> Json:
        docs = await setting(asked, need_bucket(asked, given), name) or {}
        if given["Id"] not in docs:
            raise missing()
        return {member: docs[given["Id"]]}

    @operation(f"Delete{noun}")
    async def delete(asked: Asked, given: Json) -> Json:
        bucket = need_bucket(asked, given)
        docs = await setting(asked, bucket, name) or {}
        if docs.pop(given["Id"], None) is None:
            raise missing()
        await put_setting(asked, bucket, name, docs or None)
        return {"_status": 204}

    @operation(f"List{noun}s")
    async def find(asked: Asked, given: Json) -> Json:
        docs = await setting(asked, need_bucket(asked, given), name) or {}
        token = given.get("ContinuationToken")
        after = read_token(token) if token else ""
        ids = [id for id in sorted(docs) if id >= after]
        answer: Json = {
            f"{member}List": [docs[id] for id in ids[:_PAGE]],
            "IsTruncated": len(ids) > _PAGE,
            "ContinuationToken": token,
        }
        if len(ids) > _PAGE:
            answer["NextContinuationToken"] = token_of(ids[_PAGE])
        return answer


def _check(config: Json, id: str) -> None:
    if config.get("Id") != id:
        raise malformed()
    if (config.get("StorageClassAnalysis") or {}).get("DataExport"):
        raise AwsError("NotImplemented", "forebay exports no analyses", http=501)


several("BucketMetricsConfiguration", "MetricsConfiguration", "metrics", KEPT_ONLY, _check)
several(
    "BucketAnalyticsConfiguration",
    "AnalyticsConfiguration",
    "analytics",
    f"{KEPT_ONLY}; an export is refused",
    _check,
)
several(
    "BucketIntelligentTieringConfiguration",
    "IntelligentTieringConfiguration",
    "tiering",
    f"{KEPT_ONLY}, as there is one class of storage",
    _check,
)
