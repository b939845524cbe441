"""A refusal in the words, and with the status, of the service that was asked."""

from __future__ import annotations

from typing import Literal

from forebay.access.identity import Identity, Verdict
from forebay.wire.protocol.message import AwsError

Why = Literal[
    "missing",
    "incomplete",
    "undated",
    "another_day",
    "query",
    "denied",
    "unknown_key",
    "mismatch",
    "skewed",
    "expired",
    "payload",
    "token",
    "token_expired",
]
_INVALID = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access"
    " Key and signing method. Consult the service documentation for details."
)

_JSON: dict[str, tuple[str, str]] = {
    "missing": ("MissingAuthenticationTokenException", "Missing Authentication Token"),
    "incomplete": ("IncompleteSignatureException", ""),
    "undated": ("IncompleteSignatureException", ""),
    "another_day": ("InvalidSignatureException", _MISMATCH),
    "query": ("IncompleteSignatureException", ""),
    "unknown_key": ("UnrecognizedClientException", _INVALID),
    "token": ("UnrecognizedClientException", _INVALID),
    "token_expired": ("ExpiredTokenException", _EXPIRED),
    "mismatch": ("InvalidSignatureException", _MISMATCH),
    "payload": ("InvalidSignatureException", _MISMATCH),
    "skewed": ("InvalidSignatureException", ""),
    "expired": ("InvalidSignatureException", ""),
}
_QUERY: dict[str, tuple[str, str]] = {
    "missing": ("MissingAuthenticationToken", "Request is missing Authentication Token"),
    "incomplete": ("IncompleteSignature", ""),
    "undated": ("IncompleteSignature", ""),
    "another_day": ("SignatureDoesNotMatch", _MISMATCH),
    "query": ("IncompleteSignature", ""),
    "unknown_key": ("InvalidClientTokenId", _INVALID),
    "token": ("InvalidClientTokenId", _INVALID),
    "token_expired": ("ExpiredToken", _EXPIRED),
    "mismatch": ("SignatureDoesNotMatch", _MISMATCH),
    "payload": ("SignatureDoesNotMatch", _MISMATCH),
    "skewed": ("SignatureDoesNotMatch", ""),
    "expired": ("SignatureDoesNotMatch", ""),
}
_S3: dict[str, tuple[str, int, str]] = {
    "missing": ("AccessDenied", 403, "Access Denied"),
    "incomplete": ("AuthorizationHeaderMalformed", 400, ""),
    "undated": ("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header"),
    "another_day": (
        "AuthorizationHeaderMalformed",
        400,
        "The authorization header is malformed; Invalid credential date. Date is not the same as X-Amz-Date.",
    ),
    "query": ("AuthorizationQueryParametersError", 400, ""),
    "denied": ("AccessDenied", 403, ""),  # version 2 alone has it, and S3 alone has that
    "unknown_key": (
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "token": ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    "token_expired": ("ExpiredToken", 400, "The provided token has expired."),
    "mismatch": (
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided."
        " Check your key and signing method.",
    ),
    "payload": ("XAmzContentSHA256Mismatch", 400, ""),
    "skewed": (
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    ),
    "expired": ("AccessDenied", 403, "Request has expired"),
}


_EXPECTED = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
_CREDENTIAL = f"Error parsing the X-Amz-Credential parameter; {_EXPECTED}"
_HEADER = "The authorization header is malformed; "
_COMPONENTS = (
    f"{_HEADER}the authorization header requires three components: Credential, SignedHeaders, and Signature."
)


def refusal(protocol: str, why: Why, detail: str, key_id: str = "") -> AwsError:
    """The answer to a request that is not who it says it is; `detail` where the service itself says no more."""
    if protocol == "rest-xml":
        code, http, message = _S3[why]
        if why == "query" and detail.startswith("Credential must"):
            detail = _CREDENTIAL
        elif why == "incomplete" and detail.startswith("Credential must"):
            detail = _HEADER + _EXPECTED
        elif why == "incomplete" and detail.startswith("Authorization header requires"):
            detail = _COMPONENTS
        elif why == "incomplete" and detail.startswith("Missing required header"):
            code = "InvalidRequest"
        members = {"AWSAccessKeyId": key_id} if why in ("unknown_key", "mismatch") and key_id else {}
        return AwsError(code, message or detail, http=http, **members)
    words = _QUERY if protocol == "query" else _JSON
    code, message = words[why]
    http = 403 if protocol in ("query", "rest-json") else 400
    return AwsError(code, message or detail, http=http)


_COPY = "Anonymous users cannot copy objects.  Please authenticate."
_STRANGERS = {
    "CopyObject": _COPY,
    "UploadPartCopy": _COPY,
    "CreateMultipartUpload": "Anonymous users cannot initiate multipart uploads.  Please authenticate.",
}


def check_known(operation: str, method: str) -> None:
    """Raise AwsError for what S3 does for nobody that it does not know, whatever the bucket's policy allows.

    Source: "Uploading and copying objects using multipart upload" and PutBucketPolicy (S3 User Guide, API Reference).
    """
    if operation in _STRANGERS:
        raise AwsError("AccessDenied", _STRANGERS[operation], http=403)
    if operation in ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"):
        message = "The specified method is not allowed against this resource."
        members = {"Method": method, "ResourceType": "BUCKETPOLICY"}
        raise AwsError("MethodNotAllowed", message, http=405, **members)


def denied(protocol: str, who: Identity, action: str, resource: str, decision: Verdict) -> AwsError:
    """The answer to somebody who may not."""
    if who.kind == "anonymous":
        return AwsError("AccessDenied", "Access Denied", http=403)
    shown = f'"{resource}"' if protocol == "rest-xml" else resource  # as S3 alone does
    message = sentence(who, action, shown, decision)
    if protocol in ("rest-xml", "query"):
        return AwsError("AccessDenied", message, http=403)
    return AwsError("AccessDeniedException", message, http=403 if protocol == "rest-json" else 400)


def sentence(who: Identity, action: str, resource: str, decision: Verdict) -> str:
    """Who may not do what, and why ("Troubleshoot access denied (403 Forbidden) errors", S3 User Guide)."""
    match decision:
        case "deny":
            why = "with an explicit deny in an identity-based policy"
        case "denied by resource":
            why = "with an explicit deny in a resource-based policy"
        case _:
            why = f"because no identity-based policy allows the {action} action"
    return f"User: {who.arn} is not authorized to perform: {action} on resource: {resource} {why}"
