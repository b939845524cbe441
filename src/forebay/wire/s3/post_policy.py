"""The policy of a posted form: what may be posted, until when, and that it was signed.

Source: "Creating a POST policy" and "Authenticating requests in browser-based uploads" (Amazon S3 API Reference).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebay.access.sigv4 import signing_key
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import invalid

V4 = ("x-amz-signature", "x-amz-algorithm", "x-amz-credential", "x-amz-date")
V2 = ("signature", "awsaccesskeyid")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_FREE = {"x-amz-signature", "signature", "awsaccesskeyid", "policy", "file"}
_SPELLED = {"signature": "Signature", "awsaccesskeyid": "AWSAccessKeyId"}

Fields = Mapping[str, str]


@dataclass(slots=True)
class Policy:
    """What a form's fields are held against. `least` and `most` are the bytes that its file may have."""

    expires: dt.datetime
    conditions: list[Any] = field(default_factory=list)
    least: int = 0
    most: int | None = None

    def check(self, fields: Fields, bucket: str, now: dt.datetime) -> None:
        """Raise AwsError `AccessDenied` for a form that the policy does not allow, but for its file's size."""
        if self.expires < now:
            raise _refused("Policy expired.")
        known = {**fields, "bucket": bucket}
        named = set()
        for kind, name, value, written in self.conditions:
            named.add(name)
            found = known.get(name)
            fits = found == value if kind == "eq" else (found or "").startswith(value)
            if not fits or (found is None and value != ""):
                raise _refused(f"Policy Condition failed: {json.dumps(written)}")
        extra = [name for name in known if name not in named | _FREE and not name.startswith("x-ignore-")]
        if extra:
            raise _refused(f"Extra input fields: {', '.join(extra)}")

    def check_size(self, size: int) -> None:
        """Raise AwsError `EntityTooSmall` or `EntityTooLarge`."""
        if size < self.least:
            message = "Your proposed upload is smaller than the minimum allowed size"
            raise AwsError("EntityTooSmall", message, http=400, ProposedSize=size, MinSizeAllowed=self.least)
        if self.most is not None and size > self.most:
            message = "Your proposed upload exceeds the maximum allowed size"
            raise AwsError("EntityTooLarge", message, http=400, ProposedSize=size, MaxSizeAllowed=self.most)


def _refused(why: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {why}", http=403)


def _wrong(why: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", f"Invalid Policy: {why}", http=400)


def read_policy(text: str) -> Policy:
    """The policy that a form has, in base64. Raises AwsError `InvalidPolicyDocument`."""
    try:
        doc = json.loads(base64.b64decode(text))
    except (binascii.Error, UnicodeDecodeError, ValueError, RecursionError):
        raise _wrong("Invalid JSON.") from None
    if not isinstance(doc, dict):
        raise _wrong("Invalid JSON.")
    if "expiration" not in doc:
        raise _wrong("Policy missing expiration.")
    if not isinstance(doc.get("conditions"), list):
        raise _wrong("Policy missing conditions.")
    try:
        if not _MOMENT.fullmatch(str(doc["expiration"])):
            raise ValueError(doc["expiration"])
        expires = dt.datetime.fromisoformat(str(doc["expiration"]))
    except ValueError:
        raise _wrong(f"Invalid 'expiration' value: '{doc['expiration']}'") from None
    policy = Policy(expires)
    for each in doc["conditions"]:
        _add(policy, each)
    return policy


def _add(policy: Policy, condition: Any) -> None:
    match condition:
        case dict() if len(condition) == 1:
            ((name, value),) = condition.items()
            policy.conditions.append(("eq", str(name).lower(), str(value), condition))
        case dict():
            raise _wrong(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
            )
        case [str(kind), str(name), value] if kind.lower() in ("eq", "starts-with") and name.startswith("$"):
            policy.conditions.append((kind.lower(), name[1:].lower(), str(value), condition))
        case [str(kind), least, most] if kind.lower() == "content-length-range":
            try:
                policy.least, policy.most = int(least), int(most)
            except (TypeError, ValueError):
                raise _wrong("Invalid content-length-range.") from None
            if policy.least < 0 or policy.most < 0:
                raise _wrong("Invalid content-length-range.")
        case _:
            raise _wrong(f"Invalid Condition: {json.dumps(condition)[:200]}")


# Signatures.


def key_of(fields: Fields) -> str:
    """The id of the key that a form is signed with; '' where it is not signed. Raises AwsError for half of a signature."""
    for names in (V4, V2):
        if any(name in fields for name in names):
            for name in names:
                if name not in fields:
                    shown = _SPELLED.get(name, "-".join(part.capitalize() for part in name.split("-")))
                    message = (
                        f"Bucket POST must contain a field named '{shown}'.  If it is specified, please check the"
                        " order of the fields."
                    )
                    raise invalid(message, shown, "")
            break
    if "awsaccesskeyid" in fields:
        return fields["awsaccesskeyid"]
    return fields.get("x-amz-credential", "").partition("/")[0]


def is_signed(fields: Fields, secret: str) -> bool:
    """Whether the policy was signed with this secret, in version 4 or 2."""
    policy = fields.get("policy", "").encode()
    if "x-amz-signature" in fields:
        scope = fields["x-amz-credential"].split("/")
        if len(scope) != 5:
            return False
        key = signing_key(secret, scope[1], scope[2], scope[3])
        expected = hmac.new(key, policy, "sha256").hexdigest()
        return hmac.compare_digest(expected.encode(), fields["x-amz-signature"].encode())
    made = base64.b64encode(hmac.new(secret.encode(), policy, hashlib.sha1).digest())
    return hmac.compare_digest(made, fields.get("signature", "").encode())


def mismatch(fields: Fields, key_id: str) -> AwsError:
    """The refusal of a policy that was signed with another secret, or changed since."""
    message = (
        "The request signature we calculated does not match the signature you provided. Check your key and signing"
        " method."
    )
    text = fields.get("policy", "")
    members = {
        "AWSAccessKeyId": key_id,
        "StringToSign": text,
        "SignatureProvided": fields.get("x-amz-signature", fields.get("signature", "")),
        "StringToSignBytes": text.encode().hex(" ", 1),
    }
    return AwsError("SignatureDoesNotMatch", message, http=403, **members)
