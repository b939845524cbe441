"""What S3 calls the resource that a request is for, in its logs and in its refusals of a method.

Source: "Amazon S3 server access log format" (Amazon S3 User Guide), the field Operation.
"""

from __future__ import annotations

from forebay.wire.protocol.detect import methods, selectors
from forebay.wire.protocol.message import AwsError, Request

_NAMES = {
    "delete": "MULTI_OBJECT_DELETE",
    "attributes": "OBJECT_ATTRIBUTES",
    "uploadId": "UPLOAD",
    "partNumber": "PART",
    "versions": "BUCKETVERSIONS",
    "policy": "BUCKETPOLICY",
    "policyStatus": "POLICY_STATUS",
    "logging": "LOGGING_STATUS",
    "publicAccessBlock": "PUBLIC_ACCESS_BLOCK",
    "ownershipControls": "OWNERSHIP_CONTROLS",
    "requestPayment": "REQUEST_PAYMENT",
    "object-lock": "OBJECT_LOCK_CONFIGURATION",
    "legal-hold": "LEGAL_HOLD",
    "intelligent-tiering": "INTELLIGENT_TIERING",
}
_OF_BOTH = ("acl", "tagging", "encryption")
"""What buckets have, and objects."""
_PART = ["partNumber", "uploadId"]
_METHODS = ("HEAD", "DELETE", "POST", "GET", "PUT")
"""In the order in which S3 names them."""


def resource_of(request: Request) -> str:
    """`OBJECT`, `BUCKET`, `SERVICE`, or what the query names of one: `VERSIONING`, `OBJECT_TAGGING`, `PART`."""
    _, bucket, *key = request.path.split("/", 2)
    selected = selectors("s3", request)
    if not selected:
        return "OBJECT" if "".join(key) else "BUCKET" if bucket else "SERVICE"
    name = _NAMES.get(selected[0], selected[0].upper())
    return f"OBJECT_{name}" if "".join(key) and selected[0] in _OF_BOTH else name


def not_allowed(request: Request) -> AwsError:
    """The refusal of a method that what the path and the query name does not have, and of a query of two minds."""
    selected = selectors("s3", request)
    if len(selected) > 1 and selected != _PART:
        message = f"Conflicting query string parameters: {', '.join(selected)}"
        members = {"ArgumentName": "ResourceType", "ArgumentValue": selected[0]}
        return AwsError("InvalidArgument", message, http=400, **members)
    message = "The specified method is not allowed against this resource."
    kind = resource_of(request)
    error = AwsError("MethodNotAllowed", message, http=405, Method=request.method, ResourceType=kind)
    there = {
        *methods("s3", request),
        *(["POST"] if kind == "BUCKET" else []),
    }  # of a form, which no model has
    there.discard(request.method)  # which lacks a parameter, if it is there
    if there:
        error.headers["allow"] = ", ".join(each for each in _METHODS if each in there)
    return error
