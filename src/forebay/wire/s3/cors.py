"""Which sites' pages may use a bucket: its rules, and what browsers are told of them.

A page's request names its origin. Where a rule of the bucket lists it, by name or by a pattern like
`https://*.example.org`, the request is answered as if no page had sent it. A rule for every origin (`*`) makes no
friends: a page that only such a rule lets in is nobody, who needs a key of this system, or a policy that lets all in.
So is one that no rule lists and that only reads: its browser shows it no answer, and it could as well ask without
naming its origin, as for an image. What it would change is refused before it is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from forebay.access.guard import Refusal
from forebay.runtime.system import System
from forebay.wire.protocol.encode import encode_error
from forebay.wire.protocol.message import AwsError, Request, Response, s3_ids
from forebay.wire.s3.base import bucket_names, change, jsonable, malformed, need_bucket, setting
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_ASKED = (*METHODS, "PATCH", "OPTIONS")
"""The methods that a browser may ask about."""
MOST = 100
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


@operation("PutBucketCors")
async def put_bucket_cors(asked: Asked, given: Json) -> Json:
    """Let pages of these sites use the bucket."""
    bucket = need_bucket(asked, given)
    rules = given["CORSConfiguration"].get("CORSRules") or []
    if not rules or len(rules) > MOST:
        raise malformed()
    for rule in rules:
        if not rule.get("AllowedOrigins") or not rule.get("AllowedMethods"):
            raise malformed()
        for method in rule["AllowedMethods"]:
            if method not in METHODS:
                message = f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                raise AwsError("InvalidRequest", message, http=400)
        for name, values in (
            ("AllowedOrigin", rule["AllowedOrigins"]),
            ("AllowedHeader", rule.get("AllowedHeaders")),
        ):
            for value in values or ():
                if value.count("*") > 1:
                    message = f'{name} "{value}" can not have more than one wildcard.'
                    raise AwsError("InvalidRequest", message, http=400)
        for value in rule.get("ExposeHeaders") or ():
            if "*" in value:
                message = f'ExposeHeader "{value}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
                raise AwsError("InvalidRequest", message, http=400)
    await change(asked, "bucket_set", bucket=bucket, name="cors", doc=jsonable(rules))
    return {}


@operation("GetBucketCors")
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
    """No page of another site may use the bucket."""
    await change(asked, "bucket_set", bucket=need_bucket(asked, given), name="cors", doc=None)
    return {"_status": 204}


# What browsers ask and are told.


async def shared(system: System, request: Request) -> dict[str, str] | None:
    """The headers by which a page that sent `request` may read the answer; None if no rule of the bucket lets it.

    Marks the request as foreign where only a rule for everybody does.
    """
    rule = await _rule(system, request)
    if rule is None:
        return None
    origin = request.headers.get("origin", "")
    if not any(_like(each, origin) for each in rule["AllowedOrigins"] if each != "*"):
        request.foreign = True
    everybody = "*" in rule["AllowedOrigins"]
    headers = {
        "access-control-allow-origin": "*" if everybody else origin,
        "access-control-allow-methods": ", ".join(rule["AllowedMethods"]),
        "vary": _VARY,
    }
    if not everybody:
        headers["access-control-allow-credentials"] = "true"
    if asked_for := request.headers.get("access-control-request-headers"):
        names = [name.strip().lower() for name in asked_for.split(",")]
        headers["access-control-allow-headers"] = ", ".join(names)
    if rule.get("ExposeHeaders"):
        headers["access-control-expose-headers"] = ", ".join(rule["ExposeHeaders"])
    if rule.get("MaxAgeSeconds"):
        headers["access-control-max-age"] = str(rule["MaxAgeSeconds"])
    return headers


def reads(system: System, request: Request) -> bool:
    """Whether the request asks what is in a bucket, and changes nothing."""
    asks = request.method in ("GET", "HEAD") and "x-amz-target" not in request.headers
    return asks and _bucket(request) in bucket_names(system)


def refused(request: Request, refusal: Refusal) -> Response:
    """The answer to a page that no rule lets in; in JSON to who speaks it."""
    if "x-amz-target" in request.headers:
        said = {"__type": refusal.code, "message": refusal.message}
        return Response(refusal.status, {"content-type": "application/json"}, msgspec.json.encode(said))
    message = f"{refusal.message}: list the origin in a CORS rule of the bucket, if you trust that site"
    return _error(request, AwsError(refusal.code, message, http=refusal.status))


async def preflight(system: System, request: Request) -> Response:
    """The answer to a browser that asks whether a page may send what it wants to."""
    if "origin" not in request.headers:
        message = "Insufficient information. Origin request header needed."
        return _error(request, AwsError("BadRequest", message, http=400))
    bucket = _bucket(request)
    wanted = request.headers.get("access-control-request-method")
    if wanted is not None and wanted not in _ASKED:
        return _no_method(request, wanted)
    headers = await shared(system, request)
    if headers is not None:
        return Response(200, {**headers, **s3_ids(request.request_id)})
    members = {"Method": wanted or "OPTIONS", "ResourceType": "BUCKET"}
    if bucket not in bucket_names(system):
        message = "CORSResponse: Bucket not found"
    elif await setting(Asked(request, "s3", "", system), bucket, "cors") is None:
        message = "CORSResponse: CORS is not enabled for this bucket."
    elif wanted is None:
        return _no_method(request, "null")
    else:
        members = {"Method": wanted, "ResourceType": "OBJECT"}
        message = (
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request"
            " method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the"
            " resource's CORS spec."
        )
    return _error(request, AwsError("AccessForbidden", message, http=403, **members))


def _no_method(request: Request, wanted: str) -> Response:
    message = f"Invalid Access-Control-Request-Method: {wanted}"
    return _error(request, AwsError("BadRequest", message, http=400))


def _error(request: Request, error: AwsError) -> Response:
    return encode_error("s3", "rest-xml", error, request.request_id)


def _bucket(request: Request) -> str:
    return request.path.removeprefix("/").partition("/")[0]


async def _rule(system: System, request: Request) -> Mapping[str, Any] | None:
    headers = request.headers
    bucket = _bucket(request)
    if (
        not bucket
        or "origin" not in headers
        or "x-amz-target" in headers
        or bucket not in bucket_names(system)
    ):
        return None
    rules: Any = await setting(Asked(request, "s3", "", system), bucket, "cors")
    method = headers.get("access-control-request-method") or request.method
    names = [
        name.strip() for name in headers.get("access-control-request-headers", "").split(",") if name.strip()
    ]
    for rule in rules or ():
        fits: Mapping[str, Any] = rule
        if (
            method in fits["AllowedMethods"]
            and any(_like(each, headers["origin"]) for each in fits["AllowedOrigins"])
            and all(any(_like(each, name) for each in fits.get("AllowedHeaders") or ()) for name in names)
        ):
            return fits
    return None


def _like(pattern: str, text: str) -> bool:
    """Whether `text` is as a rule says, in which one `*` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.lower().split("*"))), text.lower()) is not None
