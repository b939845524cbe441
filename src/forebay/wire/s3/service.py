"""S3 as a service: what it refuses of any request, and how its operations are offered."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from urllib.parse import unquote

from botocore.model import OperationModel

from forebay.errors import ForebayError
from forebay.wire.protocol.message import AwsError, Response
from forebay.wire.protocol.model import wire_name
from forebay.wire.protocol.validate import validate
from forebay.wire.s3 import sums
from forebay.wire.s3.base import check_key, check_text, invalid, malformed, need_bucket, raise_as_s3
from forebay.wire.s3.resources import not_allowed
from forebay.wire.service import Asked, Json, Operation, Service

_ROOT = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z]\w*)[\s/>]")


class S3(Service):
    """S3's way with broken constraints: those of a document are MalformedXML, others have errors of their own."""

    def unknown(self, asked: Asked) -> AwsError:
        """The refusal of a method that what the path and the query name does not have."""
        return not_allowed(asked.request)

    def look(self, asked: Asked) -> None:
        """Refuse a path that is not UTF-8: of which the signature cannot be right, either."""
        check_text(unquote(asked.request.path))

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """Refuse what is no key, parts of no upload, and documents that break the model or their checksum."""
        if model.name in _WRITES and asked.request.query:
            parameters = dict(asked.request.parameters())
            if model.name in _WHOLE and parameters.get("partNumber"):
                message = "This operation does not accept partNumber without uploadId"
                raise invalid(message, "partNumber", "partNumber")
            if "versionId" in parameters:
                message = "This operation does not accept a version-id."
                raise invalid(message, "versionId", parameters["versionId"])
        _check_no_copy(model.name, asked)
        if "Key" in given:
            check_key(given["Key"])
            if _climbs(given["Key"]):
                raise AwsError("", "Bad Request", http=400)
        elif "Bucket" in given:
            _check_keyless(asked)
        shape = model.input_shape
        payload = shape.serialization.get("payload") if shape is not None else None
        if payload is None or shape.members[payload].type_name == "blob":
            return
        _check_sums(model.name, given, asked)
        if shape.members[payload].type_name != "structure":
            return
        if payload not in given:
            if payload in shape.required_members:
                raise AwsError("MissingRequestBodyError", "Request Body is empty", http=400)
            return
        if payload == "AccessControlPolicy":  # which is looked at with errors of its own
            return
        root = _ROOT.search(asked.request.body)
        if root is None or root[1].decode() != wire_name(payload, shape.members[payload]):
            raise malformed()
        if payload == "Tagging":  # of which the same is true
            given[payload].setdefault("TagSet", [])
            return
        try:
            validate(shape.members[payload], given[payload])
        except AwsError as error:
            values = error.message.count("Member must satisfy enum value set")
            if payload not in _OWN_WORDS or values < error.message.count("failed to satisfy constraint"):
                if model.name not in ("CreateBucket", "DeleteObjects"):
                    need_bucket(asked, given)  # which S3 misses first
                raise malformed() from None


def _check_sums(name: str, given: Json, asked: Asked) -> None:
    """Hold a document against its checksums. Raises AwsError."""
    try:
        sums.check_document(name, given, asked.request.headers, asked.request.body)
    except AwsError:
        if name != "CreateBucket":
            need_bucket(asked, given)  # which S3 misses first
        raise


_NO_COPY = ("GET", "HEAD", "DELETE")


def _check_no_copy(name: str, asked: Asked) -> None:
    """Refuse the source of a copy with what copies nothing."""
    source = asked.request.headers.get("x-amz-copy-source")
    if source is not None and (name == "CompleteMultipartUpload" or asked.request.method in _NO_COPY):
        message = "You can only specify a copy source header for copy requests."
        raise invalid(message, "x-amz-copy-source", source)


def _check_keyless(asked: Asked) -> None:
    """Refuse a part and a version of a bucket, which has neither: who deletes one forgot the key."""
    given = dict(asked.request.parameters()) if asked.request.query else {}
    if "partNumber" in given:
        raise AwsError("InvalidRequest", "Object must have a valid key name.", http=400)
    if "versionId" in given:
        message = "This operation does not accept a version-id."
        raise invalid(message, "versionId", given["versionId"])


_WHOLE = ("PutObject", "CopyObject")
_WRITES = (*_WHOLE, "UploadPart", "UploadPartCopy", "CreateMultipartUpload", "CompleteMultipartUpload")
"""What makes versions, and is not told which."""
_OWN_WORDS = (
    "AccelerateConfiguration",
    "CreateBucketConfiguration",
    "NotificationConfiguration",
    "WebsiteConfiguration",
)
"""Documents with values of which S3 says itself what is wrong with them."""

SERVICE = S3("s3")
SERVICE.sees_objects = True


def _climbs(key: str) -> bool:
    """Whether a key, taken for a path, leads out of its bucket: "Naming Amazon S3 objects" (Amazon S3 User Guide)."""
    depth = 0
    for part in key.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


def operation(name: str, *, partial: str | None = None) -> Callable[[Operation], Operation]:
    """Offer an operation; errors of the lake that have S3's codes leave as S3's errors."""

    def register(function: Operation) -> Operation:
        @functools.wraps(function)
        async def translated(asked: Asked, given: Json) -> Json | Response | None:
            try:
                return await function(asked, given)
            except AwsError:
                raise
            except ForebayError as error:
                raise_as_s3(error, asked)

        SERVICE.operation(name, partial=partial)(translated)
        return translated

    return register
