"""Buckets: made, removed, listed."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from forebay.clock import now_us, to_datetime
from forebay.errors import UsageError
from forebay.runtime.documents import refuse_declared
from forebay.wire.protocol.encode import S3_NAMESPACE
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.acl import acl_of
from forebay.wire.s3.base import (
    OWNER,
    bucket_names,
    change,
    invalid,
    malformed,
    need_bucket,
    no_such_bucket,
    put_setting,
)
from forebay.wire.s3.kept import OWNERSHIPS
from forebay.wire.s3.service import operation
from forebay.wire.s3.tagset import NEW, check_tags
from forebay.wire.service import Asked, Json

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_BESIDE = ("..", ".-", "-.")
_RESERVED = ("xn--", "sthree-", "amzn-s3-demo-")
_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_REGION = re.compile(r"(?:us|eu|ap|sa|ca|me|af|il|mx|cn)(?:-gov|-iso[a-z]?)?-[a-z]+-\d|EU")
_SCOPE = re.compile(r"Credential=[^/,\s]*/\d{8}/([^/]+)/s3/aws4_request")
_REGIONAL = re.compile(r".+-(\d{12})-(.+)-an")
HOME = "us-east-1"
_FIRST = (HOME, "eu-west-1")
"""The regions that had names before constraints were regions'."""
DOCUMENT = '<?xml version="1.0" encoding="UTF-8"?>\n'


def region_of(asked: Asked, name: str) -> str:
    """Where a bucket is."""
    region: str = _meta(asked, name).get("region", HOME)
    return region


def check_name(name: str) -> None:
    """Raise AwsError `InvalidBucketName` for what is no bucket's name on S3."""
    wrong = not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name) or any(two in name for two in _BESIDE)
    if wrong or name.startswith(_RESERVED) or name.endswith(_ENDS):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", http=400, BucketName=name)


def _meta(asked: Asked, name: str) -> Json:
    """When a bucket was made, and where. Of one that the project has: when it was first asked about."""
    documents = asked.system.documents
    doc = documents.get("lake", name) or documents.get("s3.bucket", name)
    if doc is None:
        doc = {"meta": {"created": now_us(), "region": HOME}}
        documents.put("s3.bucket", name, doc)
    meta: Json = doc.get("meta", {})
    return meta


@operation("CreateBucket")
async def create_bucket(asked: Asked, given: Json) -> Json:
    """Make a bucket; one that is there already is the caller's own."""
    name = given["Bucket"]
    check_name(name)
    signed = _SCOPE.search(asked.request.headers.get("authorization", ""))
    region = signed[1] if signed else asked.region
    constraint = (given.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
    if constraint == "":
        raise malformed()
    acl = acl_of(given)
    owned = given.get("ObjectOwnership")
    if owned is not None and owned not in OWNERSHIPS:
        raise invalid(f"Invalid x-amz-object-ownership header: {owned}", "x-amz-object-ownership")
    if owned == "BucketOwnerEnforced" and acl not in (None, "private"):
        message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise AwsError("InvalidBucketAclWithObjectOwnership", message, http=400)
    _check_namespace(name, given.get("BucketNamespace"), region, asked.account)
    place = _place(region, constraint)
    tags = (given.get("CreateBucketConfiguration") or {}).get("Tags")
    if name in bucket_names(asked.system):
        if tags or region != HOME or region_of(asked, name) != HOME:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise AwsError("BucketAlreadyOwnedByYou", message, http=409, BucketName=name)
        await put_setting(asked, name, "acl", acl)  # as S3 does in its first region
        return {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}
    settings: Json = {}
    if tags:
        settings["tags"] = check_tags(tags, most=50, noun=NEW)
    if owned:
        settings["ownership"] = {"Rules": [{"ObjectOwnership": owned}]}
    if acl is not None:
        settings["acl"] = acl
    if given.get("ObjectLockEnabledForBucket"):
        settings |= {"versioning": {"status": "Enabled"}, "lock": {}}
    await change(asked, "bucket_open", bucket=name, settings=settings)
    meta = {"created": now_us(), "region": place}
    asked.system.documents.put("lake", name, {"spec": {}, "meta": meta})
    await asked.system.apply()
    return {
        "Location": f"/{name}" if place == HOME else f"http://{name}.s3.amazonaws.com/",
        "BucketArn": f"arn:aws:s3:::{name}",
    }


def _place(region: str, constraint: str | None) -> str:
    """The region of a new bucket. Raises AwsError where the two do not fit."""
    if not _REGION.fullmatch(region):
        region = HOME  # `US`, for one, as s3cmd signs
    if region == HOME and constraint is None:
        return HOME
    if (constraint == HOME and region in _FIRST) or (
        region == HOME and not _REGION.fullmatch(constraint or "")
    ):
        message = "The specified location-constraint is not valid"
        raise AwsError("InvalidLocationConstraint", message, http=400, LocationConstraint=constraint)
    if region not in (HOME, constraint) and not (constraint == "EU" and region == "eu-west-1"):
        message = (
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region specific endpoint "
            "this request was sent to."
        )
        raise AwsError("IllegalLocationConstraintException", message, http=400)
    return str(constraint)


def _check_namespace(name: str, wanted: str | None, region: str, account: str) -> None:
    """Hold a bucket's name against the namespace that it is asked for in. Raises AwsError."""
    header = "x-amz-bucket-namespace"
    if wanted not in (None, "global", "account-regional"):
        message = (
            f"The {header} header value {wanted} is not valid. Only account-regional or global is supported."
        )
        raise AwsError("InvalidNamespaceHeader", message, http=400, Header=header, HeaderValue=wanted)
    regional = name.endswith("-an")
    if regional and wanted is None:
        message = (
            "The requested bucket is an account-regional namespace bucket, but your request is missing the required"
            f" {header} header."
        )
        raise AwsError("MissingNamespaceHeader", message, http=400, Header=header)
    if regional and wanted == "global":
        message = (
            f"The requested bucket is an account-regional namespace bucket, but the provided {header} header value is"
            f" global. If you want to create an account-regional namespace bucket, set your {header} header to"
            " account-regional."
        )
        raise AwsError("InvalidNamespaceHeader", message, http=400, Header=wanted, HeaderValue=name)
    if wanted != "account-regional":
        return
    found = _REGIONAL.fullmatch(name)
    if found is None:
        message = (
            "The requested bucket name did not include the account-regional namespace suffix, but the provided"
            f" {header} header value is account-regional. Specify -[accountId]-[region]-an as the bucket name suffix to"
            " create a bucket in your account-regional namespace, or remove the header."
        )
        raise AwsError("InvalidNamespaceHeader", message, http=400, Header=name)
    for what, said, real in (("AWS Account ID", found[1], account), ("region", found[2], region)):
        if said != real:
            whose = "caller's AWS Account ID" if what != "region" else "current region"
            message = (
                f"The requested bucket is an account-regional namespace bucket, but the requested {what} '{said}' does"
                f" not match the {whose} '{real}'. Specify the {'targeted region' if what == 'region' else whose} in"
                " the bucket name."
            )
            raise AwsError("InvalidBucketNamespace", message, http=400, BucketNamespace=name)


@operation("DeleteBucket")
async def delete_bucket(asked: Asked, given: Json) -> Json:
    """Remove an empty bucket that was made over the wire."""
    name = need_bucket(asked, given)
    documents = asked.system.documents
    doc = documents.get("lake", name)
    try:
        refuse_declared(asked.system.declared(), "lake", name)
    except UsageError as error:
        message = f"{error.message}: {error.fix}"
        raise AwsError("InvalidBucketState", message, http=409, BucketName=name) from None
    if doc is None:
        message = f"{name} is written to by the project in forebay.yaml and is removed with what does so"
        raise AwsError("InvalidBucketState", message, http=409, BucketName=name)
    async with asked.system.puts.closed(name):
        await change(asked, "bucket_close", bucket=name)
        documents.delete("lake", name)
        documents.delete("s3.bucket", name)
        await asked.system.apply()
    return {"_status": 204}


@operation("ListBuckets")
async def list_buckets(asked: Asked, given: Json) -> Json:
    """Every bucket, by name."""
    prefix = given.get("Prefix") or ""
    after = given.get("ContinuationToken") or ""
    most = given.get("MaxBuckets")
    if most is not None and not 1 <= most <= 10_000:
        raise invalid("Argument max-buckets must be an integer between 1 and 10000", "max-buckets", most)
    region = given.get("BucketRegion")
    if region is not None and not _REGION.fullmatch(region):
        raise invalid(f"Argument value {region} is not a valid AWS Region", "bucket-region")
    found: list[Json] = []
    more = False
    for name in sorted(bucket_names(asked.system)):
        if not name.startswith(prefix) or name <= after:
            continue
        meta = _meta(asked, name)
        if given.get("BucketRegion") not in (None, meta.get("region", HOME)):
            continue
        if most is not None and len(found) == most:
            more = True
            break
        each: Json = {"Name": name, "CreationDate": to_datetime(meta["created"]).replace(microsecond=0)}
        if most is not None or region is not None or prefix or after:
            each["BucketRegion"] = meta.get("region", HOME)
        found.append(each)
    answer: Json = {"Buckets": found, "Owner": OWNER}
    if prefix:
        answer["Prefix"] = prefix
    if more:
        answer["ContinuationToken"] = found[-1]["Name"]
    return answer


@operation("HeadBucket")
async def head_bucket(asked: Asked, given: Json) -> Json:
    """Whether a bucket is there."""
    if given["Bucket"] not in bucket_names(asked.system):
        raise no_such_bucket(given["Bucket"])
    name = need_bucket(asked, given)
    return {
        "BucketRegion": region_of(asked, name),
        "BucketArn": f"arn:aws:s3:::{name}",
        "AccessPointAlias": False,
        "_headers": {"content-type": "application/xml"},
    }


@operation("GetBucketLocation")
async def get_bucket_location(asked: Asked, given: Json) -> Json:
    """Where a bucket is said to be; nothing for us-east-1, as on S3."""
    region: Any = region_of(asked, need_bucket(asked, given))
    text = escape("" if region == HOME else region)
    body = f"{DOCUMENT}<LocationConstraint xmlns={quoteattr(S3_NAMESPACE)}>{text}</LocationConstraint>"
    return {"_body": body.encode(), "_headers": {"content-type": "application/xml"}}
