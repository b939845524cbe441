"""S3's presigned URLs of version 2: `AWSAccessKeyId`, `Expires` and `Signature` in the query string.

boto3 and version 1 of the AWS CLI still make them where nobody asks for version 4. Contract: "Query String Request
Authentication Alternative", in "Signing and Authenticating REST Requests" (Amazon S3 Developer Guide).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from forebay.access.sigv4 import Refusal, mismatched

_SAYS = re.compile(r"(?:^|&)(?:AWSAccessKeyId|Signature)=")
_SIGNED = {
    *("accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "encryption", "inventory"),
    *("lifecycle", "location", "logging", "metrics", "notification", "object-lock", "ownershipControls"),
    *("partNumber", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment"),
    *("response-cache-control", "response-content-disposition", "response-content-encoding"),
    *("response-content-language", "response-content-type", "response-expires", "restore", "select"),
    *("select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning"),
    *("versions", "website"),
}
"""What of a query string the resource's name has."""


@dataclass(frozen=True, slots=True)
class Presigned:
    """What such a URL says of itself. `expires` is in seconds since 1970."""

    key_id: str
    expires: int
    signature: str
    token: str | None
    query: tuple[tuple[str, str], ...]

    def check_time(self, now: dt.datetime) -> None:
        """Raise Refusal `expired` for one that has ended."""
        if now.timestamp() > self.expires:
            raise Refusal("expired", "Request has expired")


def is_signed(query: str) -> bool:
    """Whether a query string says that it is signed in version 2."""
    return _SAYS.search(query) is not None


def read(query: str) -> Presigned | None:
    """What a query string is signed with in version 2; None if it is not. Raises Refusal `denied`."""
    if not is_signed(query):
        return None
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    given = dict(pairs)
    if not (given.get("Signature") and given.get("Expires") and given.get("AWSAccessKeyId")):
        missing = "Signature, Expires and AWSAccessKeyId parameters"
        raise Refusal("denied", f"Query-string authentication requires the {missing}")
    if not given["Expires"].isdigit() or len(given["Expires"]) > 18:
        raise Refusal("denied", f"Invalid date (should be seconds since epoch): {given['Expires']}")
    return Presigned(
        given["AWSAccessKeyId"],
        int(given["Expires"]),
        given["Signature"],
        given.get("x-amz-security-token"),
        pairs,
    )


def verify(
    given: Presigned, secret: str, *, method: str, path: str, headers: Mapping[str, str], now: dt.datetime
) -> None:
    """Check `given` against the request; `path` begins with the bucket, however it was named. Raises Refusal."""
    given.check_time(now)
    said = {name.lower(): value for name, value in given.query}
    named = {name: value.strip() for name, value in headers.items() if name.startswith("x-amz-")}
    named |= {name: value for name, value in said.items() if name.startswith("x-amz-")}
    parts = [f"{name}={value}" if value else name for name, value in sorted(given.query) if name in _SIGNED]
    text = "\n".join(
        [
            method,
            said.get("content-md5") or headers.get("content-md5", ""),
            said.get("content-type") or headers.get("content-type", ""),
            str(given.expires),
            *(f"{name}:{named[name]}" for name in sorted(named)),
            path + (f"?{'&'.join(parts)}" if parts else ""),
        ]
    )
    expected = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest())
    if not hmac.compare_digest(expected, given.signature.encode("utf-8", "replace")):
        raise Refusal(
            "mismatch",
            "The request signature we calculated does not match the signature you provided.",
            mismatched(text, given.signature),
        )
