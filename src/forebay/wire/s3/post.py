"""POST of a form: how browsers upload, under a policy that somebody with a key has signed (presigned posts).

No model has this operation. Its fields are those of PutObject, under the names of its headers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from botocore.model import StructureShape

from forebay.errors import ForebayError
from forebay.wire.gate import admit_form
from forebay.wire.protocol.decode_xml import parse_xml, xml_value
from forebay.wire.protocol.message import AwsError, Response, s3_ids
from forebay.wire.protocol.model import service_model
from forebay.wire.rights import authorise, note_change
from forebay.wire.s3 import body, customer_key, sums
from forebay.wire.s3.base import check_key, invalid, malformed, need_bucket, raise_as_s3
from forebay.wire.s3.form import Form, FormReader, boundary_of
from forebay.wire.s3.headers import checksums, encryption, expiration, failed
from forebay.wire.s3.objects import made, new_meta, register
from forebay.wire.s3.post_policy import Policy, is_document, is_signed, key_of, mismatch, read_policy
from forebay.wire.s3.service import SERVICE
from forebay.wire.s3.tagset import check_tags
from forebay.wire.service import Asked, Json

_MEMBERS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-type": "ContentType",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "x-amz-server-side-encryption-customer-key": "SSECustomerKey",
    "x-amz-server-side-encryption-customer-key-md5": "SSECustomerKeyMD5",
    "x-amz-object-lock-mode": "ObjectLockMode",
    "x-amz-object-lock-retain-until-date": "ObjectLockRetainUntilDate",
    "x-amz-object-lock-legal-hold": "ObjectLockLegalHoldStatus",
    "x-amz-signature": "Signature",  # which conditions speak of
}
_META = "x-amz-meta-"
_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")


@SERVICE.unmodelled("PostObject")
async def post_object(asked: Asked) -> Response:
    """An object of a form's file."""
    given: Json = {"Bucket": asked.request.path.strip("/")}
    try:
        bucket = need_bucket(asked, given)
        if not asked.request.is_form:
            raise failed("Bucket POST must be of the enclosure-type multipart/form-data")
        kind = asked.request.headers.get("content-type", "")
        reader = FormReader(asked.request.pieces(), boundary_of(kind))
        form = await reader.form()
        given |= _given(form)
        policy = await _admitted(asked, form, bucket)
        if tags := _tags(form.fields.get("tagging", "")):
            given["Tagging"] = urlencode(tags)
        if asked.identity.bounded:
            await authorise(asked, given, asked.identity)
        meta = await new_meta(asked, bucket, given)
        if form.fields.get("expires"):
            meta["expires"] = form.fields["expires"]
        expected = _expected(form)
        expected.sealing = customer_key.sealing(given, meta)
        received = await body.take(asked, _sized(reader.file(), policy), expected)
        if policy is not None:
            try:
                policy.check_size(received.size)
            except AwsError:
                body.discard(received)
                raise
        meta = body.noted(meta, received)
        done = await register(asked, bucket, given["Key"], received, meta, op="object_put", how="Post")
    except AwsError:
        raise
    except ForebayError as error:
        raise_as_s3(error, asked)
    note_change(asked, given)
    found = made(given["Key"], received, done, meta)
    headers = _headers(asked, bucket, found, done)
    return _answer(form.fields, headers, bucket, found.key, found.etag)


def _given(form: Form) -> Json:
    """The form's fields as PutObject's members. Raises AwsError `InvalidArgument` for one without a key."""
    key = form.fields.get("key")
    if not key:
        message = "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."
        raise invalid(message, "key", "")
    if form.filename is not None:
        key = key.replace("${filename}", form.filename.replace("\\", "/").rpartition("/")[2])
    check_key(key)
    given: Json = {"Key": key}
    for name, member in _MEMBERS.items():
        if form.fields.get(name):
            given[member] = form.fields[name]
    given["Metadata"] = {
        name[len(_META) :]: value for name, value in form.fields.items() if name.startswith(_META)
    }
    for name in given["Metadata"]:
        if not _TOKEN.fullmatch(name):
            raise invalid("The name of metadata must be that of a header", "x-amz-meta", name)
    return given


async def _admitted(asked: Asked, form: Form, bucket: str) -> Policy | None:
    """Whose form it is, into `asked`, and the policy that it keeps to. Raises AwsError."""
    fields = form.fields
    key_id = key_of(fields)
    if "policy" not in fields:
        asked.identity = await admit_form(asked, "", None, None)
        return None
    if not key_id:
        raise AwsError("AccessDenied", "Access Denied", http=403)

    def check(secret: str) -> None:
        if not is_signed(fields, secret):
            raise mismatch(fields, key_id)

    asked.identity = await admit_form(asked, key_id, fields.get("x-amz-security-token"), check)
    asked.principal = asked.identity.arn if asked.identity.bounded else "root"
    if not asked.identity.bounded and fields["policy"] and not is_document(fields["policy"]):
        raise mismatch(fields, key_id)  # nobody signed this
    policy = read_policy(fields["policy"])
    key = {
        "key": fields["key"].replace("${filename}", "${filename}" if form.filename is None else form.filename)
    }
    policy.check({**fields, **key}, bucket, form.shown, dt.datetime.now(dt.UTC))
    return policy


def _expected(form: Form) -> body.Expected:
    """What the form says of its file's checksums. Raises AwsError."""
    headers = {
        name: value
        for name, value in form.fields.items()
        if name.startswith(("x-amz-checksum", "content-md5"))
    }
    algorithm, stated = sums.asked_for({}, headers)
    return body.Expected(0, sums.md5_of(headers), algorithm, stated, None, [algorithm or "CRC64NVME"])


async def _sized(pieces: AsyncIterator[bytes], policy: Policy | None) -> AsyncIterator[bytes]:
    """The pieces, as long as they are not too many. Raises AwsError `EntityTooLarge`."""
    most = body.MAX_PUT if policy is None or policy.most is None else min(policy.most, body.MAX_PUT)
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > most:
            message = "Your proposed upload exceeds the maximum allowed size"
            raise AwsError("EntityTooLarge", message, http=400, ProposedSize=size, MaxSizeAllowed=most)
        yield piece


def _tags(text: str) -> dict[str, str]:
    """The tags of a `tagging` field, which is XML. Raises AwsError `MalformedXML`, `InvalidTag`."""
    if not text:
        return {}
    model = service_model("s3").operation_model("PutObjectTagging")
    shape = cast("StructureShape", model.input_shape).members["Tagging"]
    try:
        tagging = xml_value(shape, parse_xml(text.encode()))
    except AwsError:
        raise malformed() from None
    tags = tagging.get("TagSet") or []
    return check_tags(tags, most=10, noun="Object")


def _headers(asked: Asked, bucket: str, found: Any, done: Json) -> dict[str, str]:
    host = asked.request.headers.get("host", "localhost")
    headers = {
        **s3_ids(asked.request.request_id),
        "etag": f'"{found.etag}"',
        "location": f"http://{host}/{bucket}/{quote(found.key, safe='')}",
    }
    kept = encryption(found.meta | done["encrypted"])
    if "ServerSideEncryption" in kept:
        headers["x-amz-server-side-encryption"] = kept["ServerSideEncryption"]
    else:
        headers["x-amz-server-side-encryption-customer-algorithm"] = kept["SSECustomerAlgorithm"]
        headers["x-amz-server-side-encryption-customer-key-md5"] = kept["SSECustomerKeyMD5"]
    if "SSEKMSKeyId" in kept:
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = kept["SSEKMSKeyId"]
    if done["version"] is not None:
        headers["x-amz-version-id"] = done["version"]
    if (gone := expiration(done["lifecycle"], found)) is not None:
        headers["x-amz-expiration"] = gone
    for name, value in found.meta["sums"].items():
        headers[sums.header(name)] = value
    headers["x-amz-checksum-type"] = checksums(found.meta)["ChecksumType"]
    return headers


def _answer(fields: dict[str, str], headers: dict[str, str], bucket: str, key: str, etag: str) -> Response:
    redirect = fields.get("success_action_redirect") or fields.get("redirect")
    if redirect and urlsplit(redirect).scheme in ("http", "https") and urlsplit(redirect).netloc:
        parts = urlsplit(redirect)
        said = urlencode([("bucket", bucket), ("key", key), ("etag", f'"{etag}"')])
        query = f"{parts.query}&{said}" if parts.query else said
        return Response(303, {**headers, "location": parts._replace(query=query).geturl()})
    status = fields.get("success_action_status", "204")
    if status == "201":
        inner = "".join(
            f"<{name}>{escape(value)}</{name}>"
            for name, value in (
                ("Location", headers["location"]),
                ("Bucket", bucket),
                ("Key", key),
                ("ETag", f'"{etag}"'),
            )
        )
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{inner}</PostResponse>'
        return Response(201, {**headers, "content-type": "application/xml"}, text.encode())
    return Response(200 if status == "200" else 204, headers)
