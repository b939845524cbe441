"""A bucket as a website: its configuration, and pages at `http://<bucket>.s3-website.localhost:<port>/`.

Sources: "Hosting a static website using Amazon S3", "Configuring advanced conditional redirects" (User Guide).
"""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from forebay.errors import ForebayError
from forebay.wire.gate import admit
from forebay.wire.protocol.encode import encode
from forebay.wire.protocol.message import AwsError, Response
from forebay.wire.protocol.model import service_model
from forebay.wire.rights import authorise
from forebay.wire.s3.base import (
    bucket_names,
    invalid,
    jsonable,
    malformed,
    need_bucket,
    no_such_bucket,
    put_setting,
    raise_as_s3,
    setting,
)
from forebay.wire.s3.objects import read_object
from forebay.wire.s3.service import SERVICE, operation
from forebay.wire.service import Asked, Json

MOST_RULES = 50
_PROTOCOLS = ("http", "https")


def _bad_request(message: str) -> AwsError:
    return AwsError("InvalidRequest", message, http=400)


# Configuration.


@operation("PutBucketWebsite")
async def put_bucket_website(asked: Asked, given: Json) -> Json:
    """Serve the bucket as a website."""
    bucket = need_bucket(asked, given)
    config = given["WebsiteConfiguration"]
    _check(config)
    await put_setting(asked, bucket, "website", jsonable(config))
    return {}


def _check(config: Json) -> None:
    """Raise AwsError for a configuration that S3 refuses."""
    everything = config.get("RedirectAllRequestsTo")
    if everything is not None:
        if len(config) > 1:
            message = "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            raise invalid(message, "RedirectAllRequestsTo", "not null")
        if "HostName" not in everything:
            raise malformed()
        _check_protocol(everything)
        return
    index = config.get("IndexDocument")
    if not index:
        message = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty"
        raise invalid(message, "IndexDocument", "null")
    suffix = index.get("Suffix")
    if not suffix or "/" in suffix:
        raise invalid("The IndexDocument Suffix is not well formed", "IndexDocument", suffix)
    if "ErrorDocument" in config and not config["ErrorDocument"].get("Key"):
        raise malformed()
    rules = config.get("RoutingRules")
    if rules is not None and not 1 <= len(rules) <= MOST_RULES:
        raise malformed()
    for rule in rules or ():
        redirect = rule.get("Redirect") or {}
        if "ReplaceKeyPrefixWith" in redirect and "ReplaceKeyWith" in redirect:
            raise _bad_request("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
        if "Condition" in rule and not rule["Condition"]:
            raise _bad_request(
                "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't"
                " be present."
            )
        _check_protocol(redirect)


def _check_protocol(redirect: Json) -> None:
    if redirect.get("Protocol") not in (None, *_PROTOCOLS):
        raise _bad_request(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically."
        )


def _none(bucket: str) -> AwsError:
    message = "The specified bucket does not have a website configuration"
    return AwsError("NoSuchWebsiteConfiguration", message, http=404, BucketName=bucket)


@operation("GetBucketWebsite")
async def get_bucket_website(asked: Asked, given: Json) -> Json:
    """The configuration, as it was put."""
    bucket = need_bucket(asked, given)
    doc: Any = await setting(asked, bucket, "website")
    if doc is None:
        raise _none(bucket)
    found: Json = doc
    return found


@operation("DeleteBucketWebsite")
async def delete_bucket_website(asked: Asked, given: Json) -> Json:
    """Serve nothing any more."""
    await put_setting(asked, need_bucket(asked, given), "website", None)
    return {"_status": 204}


# Pages.


@SERVICE.unmodelled("WebsiteObject")
async def website_object(asked: Asked) -> Response:
    """A page of a bucket; errors are pages too."""
    request = asked.request
    if request.method not in ("GET", "HEAD"):
        members = {"Method": request.method, "ResourceType": "OBJECT"}
        message = "The specified method is not allowed against this resource."
        return _error_page(asked, AwsError("MethodNotAllowed", message, http=405, **members))
    try:
        return await _Visit(asked, request.website).answer()
    except AwsError as error:
        return _error_page(asked, error)


class _Visit:
    """One request for a page."""

    def __init__(self, asked: Asked, bucket: str) -> None:
        self._asked = asked
        self._bucket = bucket
        self._key = unquote(asked.request.path.removeprefix("/"))

    async def answer(self) -> Response:
        """The page, or where it is. Raises AwsError."""
        if self._bucket not in bucket_names(self._asked.system):
            raise no_such_bucket(self._bucket)
        config = await setting(self._asked, self._bucket, "website")
        if config is None:
            raise _none(self._bucket)
        self._asked.identity = await admit(self._asked, streamed=False)
        everything = config.get("RedirectAllRequestsTo")
        if everything is not None:
            return self._elsewhere(everything, self._key)
        rules = config.get("RoutingRules") or []
        for rule in rules:
            condition = rule.get("Condition") or {}
            if "HttpErrorCodeReturnedEquals" not in condition and self._begins(condition):
                return self._redirected(rule)
        index = config["IndexDocument"]["Suffix"]
        wanted = self._key + index if self._key.endswith("/") or not self._key else self._key
        try:
            return await self._page(wanted)
        except AwsError as error:
            if error.http == 404 and wanted == self._key and await self._is_there(f"{wanted}/{index}"):
                return Response(302, {"location": f"/{quote(self._key)}/"})
            for rule in rules:
                condition = rule.get("Condition") or {}
                status = condition.get("HttpErrorCodeReturnedEquals")
                if status == str(error.http) and self._begins(condition):
                    return self._redirected(rule)
            return await self._sorry(config, wanted, error)

    def _begins(self, condition: Json) -> bool:
        return self._key.startswith(condition.get("KeyPrefixEquals", ""))

    async def _page(self, key: str, status: int | None = None) -> Response:
        given: Json = {"Bucket": self._bucket, "Key": key}
        headers = self._asked.request.headers
        if status is None:
            given |= {
                member: headers[name]
                for member, name in (
                    ("IfNoneMatch", "if-none-match"),
                    ("IfMatch", "if-match"),
                    ("Range", "range"),
                )
                if name in headers
            }
        self._asked.operation = "GetObject"
        if self._asked.identity.bounded:
            await authorise(self._asked, given, self._asked.identity)
        try:
            found = await read_object(self._asked, given, wanted=self._asked.request.method == "GET")
        except ForebayError as error:
            if isinstance(error, AwsError):
                raise
            raise_as_s3(error, self._asked)
        if "WebsiteRedirectLocation" in found:
            if hasattr(found.get("Body"), "aclose"):
                await found["Body"].aclose()
            return Response(301, {"location": found["WebsiteRedirectLocation"]})
        model = service_model("s3").operation_model("GetObject")
        page = encode("s3", "rest-xml", model, found, self._asked.request.request_id)
        if status is not None:
            page.status = status
        return page

    async def _is_there(self, key: str) -> bool:
        try:
            found = await read_object(self._asked, {"Bucket": self._bucket, "Key": key}, wanted=False)
        except ForebayError:
            return False
        return bool(found)

    async def _sorry(self, config: Json, wanted: str, error: AwsError) -> Response:
        """The bucket's own page for errors. Raises `error` where it has none."""
        error.members.setdefault("Key", wanted)
        page = (config.get("ErrorDocument") or {}).get("Key")
        if page is None or error.http is None or error.http >= 500:
            raise error
        try:
            return await self._page(page, error.http)
        except AwsError:
            error.members["ErrorDocumentKey"] = page
            raise error from None

    def _redirected(self, rule: Json) -> Response:
        redirect = rule.get("Redirect") or {}
        key = self._key
        if "ReplaceKeyWith" in redirect:
            key = redirect["ReplaceKeyWith"]
        elif "ReplaceKeyPrefixWith" in redirect:
            prefix = (rule.get("Condition") or {}).get("KeyPrefixEquals", "")
            key = redirect["ReplaceKeyPrefixWith"] + key.removeprefix(prefix)
        return self._elsewhere(redirect, key)

    def _elsewhere(self, redirect: Json, key: str) -> Response:
        request = self._asked.request
        host = redirect.get("HostName") or request.headers.get("host", "localhost")
        protocol = redirect.get("Protocol") or ("https" if request.secure else "http")
        where = urlsplit(f"{protocol}://{host}/{quote(key)}")._replace(query=request.query).geturl()
        return Response(int(redirect.get("HttpRedirectCode") or 301), {"location": where})


_TITLES = {403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 412: "Precondition Failed"}


def _error_page(asked: Asked, error: AwsError) -> Response:
    status = error.http or 500
    title = f"{status} {_TITLES.get(status, 'Error')}"
    id = asked.request.request_id
    members = {"Code": error.code, "Message": error.message, **error.members, "RequestId": id, "HostId": id}
    nested = members.pop("ErrorDocumentKey", None)
    lines = [
        f"<li>{html.escape(str(name))}: {html.escape(str(value))}</li>" for name, value in members.items()
    ]
    more = ""
    if nested is not None:
        inner = {"Code": "NoSuchKey", "Message": "The specified key does not exist.", "Key": nested}
        said = "\n".join(f"<li>{name}: {html.escape(str(value))}</li>" for name, value in inner.items())
        more = f"<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n{said}\n</ul>\n"
    text = (
        f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n"
        + "\n".join(lines)
        + f"\n</ul>\n{more}<hr/>\n</body>\n</html>\n"
    )
    headers = {"content-type": "text/html; charset=utf-8", "x-amz-request-id": id}
    headers |= {"x-amz-error-code": error.code}
    return Response(status, headers, text.encode())
