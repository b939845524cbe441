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
_DAY = re.compile(r"\d{8}")
_LONG = re.compile(r"\d{8}T\d{6}Z")
_FREE = {"x-amz-signature", "signature", "awsaccesskeyid", "policy", "file"}
_IGNORED = ("x-ignore-", "x-amz-checksum-")
_DECODER = json.JSONDecoder()
_SPELLED = {"signature": "Signature", "awsaccesskeyid": "AWSAccessKeyId"}

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Condition:
    """One condition: `text` is how S3 says which one has failed. One that no form can meet has the kind ''."""

    kind: str
    name: str
    value: str
    text: str

    def holds(self, found: str | None) -> bool:
        """Whether a field's value is as it must be; of a field that the form has not, none is."""
        if found is None or self.kind == "eq":
            return found == self.value
        each = found.split(",") if self.name == "content-type" else [found]
        return self.kind == "starts-with" and all(one.strip().startswith(self.value) for one in each)


@dataclass(slots=True)
class Policy:
    """What a form's fields are held against. `least` and `most` are the bytes that its file may have."""

    expires: dt.datetime
    conditions: list[_Condition] = field(default_factory=list)
    least: int = 0
    most: int | None = None

    def check(self, fields: Fields, bucket: str, shown: Fields, now: dt.datetime) -> None:
        """Raise AwsError `AccessDenied` for a form that the policy does not allow, but for its file's size.

        `fields` are by their names in lower case, `shown` says how the form spells them.
        """
        if self.expires < now:
            raise _refused("Policy expired.")
        known = {**fields, "bucket": bucket}
        for condition in self.conditions:
            if not condition.holds(known.get(condition.name)):
                raise _refused(f"Policy Condition failed: {condition.text}")
        named = _FREE | {condition.name for condition in self.conditions}
        extra = [name for name in known if name not in named and not name.startswith(_IGNORED)]
        if extra:
            raise _refused(f"Extra input fields: {', '.join(shown.get(name, name) for name in extra)}")

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


def is_document(text: str) -> bool:
    """Whether a form's policy is JSON in base64 at all."""
    try:
        json.loads(base64.b64decode(text))
    except (ValueError, RecursionError):
        return False
    return True


def read_policy(text: str) -> Policy:
    """The policy that a form has, in base64. Raises AwsError `InvalidPolicyDocument`."""
    doc = _document(text)
    if not isinstance(doc.get("expiration", ""), str):
        raise _wrong("Invalid JSON.")
    for name in doc:
        if name not in ("expiration", "conditions"):
            raise _wrong(f"Unexpected: '{name.lower()}'")
    if "expiration" not in doc:
        raise _wrong("Policy missing expiration.")
    try:
        if not _MOMENT.fullmatch(doc["expiration"]):
            raise ValueError(doc["expiration"])
        policy = Policy(dt.datetime.fromisoformat(doc["expiration"]))
    except ValueError:
        raise _wrong(f"Invalid 'expiration' value: '{doc['expiration']}'") from None
    if "conditions" not in doc:
        raise _wrong("Policy missing conditions.")
    if not isinstance(doc["conditions"], list):
        raise _wrong("Invalid 'conditions' value: must be a List.")
    for written in doc["conditions"]:
        _add(policy, *written)
    return policy


def _document(text: str) -> dict[str, Any]:
    """A policy's members, each of its conditions with how it is written: S3 repeats that when one fails."""
    if not text:
        raise _wrong("Expecting '{' but found End-of-Input")
    try:
        plain = base64.b64decode(text).decode()
    except binascii.Error:
        raise _wrong("invalid Base64 encoding.") from None
    except UnicodeDecodeError:
        raise _wrong("Invalid JSON.") from None
    try:
        whole = json.loads(plain, parse_float=_no_such, parse_constant=_no_such)
    except (ValueError, RecursionError):
        raise _wrong("Invalid JSON.") from None
    if not isinstance(whole, dict):
        raise _wrong("Invalid JSON.")
    found: dict[str, Any] = {}
    at = _next(plain, plain.index("{") + 1)
    while plain[at] != "}":
        name, at = _DECODER.raw_decode(plain, at)
        at = _next(plain, at)
        value, end = _DECODER.raw_decode(plain, at)
        found[name] = _written(plain, at) if name == "conditions" and isinstance(value, list) else value
        at = _next(plain, end)
    return found


def _written(plain: str, at: int) -> list[tuple[Any, str]]:
    """The items of a list that begins there, and their texts."""
    items = []
    at = _next(plain, at + 1)
    while plain[at] != "]":
        value, end = _DECODER.raw_decode(plain, at)
        items.append((value, plain[at:end]))
        at = _next(plain, end)
    return items


def _next(plain: str, at: int) -> int:
    """Where the next value or end is in a text that is known to be JSON."""
    while plain[at] in " \t\r\n,:":
        at += 1
    return at


def _no_such(text: str) -> Any:
    raise ValueError(text)


def _add(policy: Policy, condition: Any, text: str) -> None:
    match condition:
        case dict() if len(condition) == 1:
            ((name, value),) = condition.items()
            if value is None:
                raise _wrong("Invalid JSON.")
            if not isinstance(value, str):
                raise _wrong("Invalid Simple-Condition: value must be a string.")
            shown = f'["eq", "${name}", {json.dumps(value, ensure_ascii=False)}]'
            policy.conditions.append(_Condition("eq", name.lower(), value, shown))
        case dict():
            raise _wrong(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
            )
        case []:
            raise _wrong("Invalid Condition: missing operation identifier.")
        case [str(kind), *operands]:
            _add_operation(policy, kind, operands, text)
        case list():
            raise _wrong("Invalid JSON.")
        case _:
            raise _wrong("Invalid condition test: must be a List or Object.")


def _add_operation(policy: Policy, kind: str, operands: list[Any], text: str) -> None:
    if kind.lower() not in ("eq", "starts-with", "content-length-range"):
        raise _wrong(f"Invalid Condition: unknown operation '{kind}'.")
    if len(operands) != 2:
        raise _wrong(f"Invalid {kind}: wrong number of arguments.")
    name, value = operands
    if kind.lower() == "content-length-range":
        if any(isinstance(one, bool) or not isinstance(one, int | str) for one in operands):
            raise _wrong("Invalid JSON.")
        try:
            least, most = int(name), int(value)
        except ValueError:
            policy.conditions.append(_Condition("", "", "", text))
            return
        if least < 0 or most < 0:
            raise _wrong("Invalid content-length-range.")
        policy.least = max(policy.least, least)
        policy.most = most if policy.most is None else min(policy.most, most)
        return
    if not isinstance(name, str) or not isinstance(value, str):
        raise _wrong("Invalid JSON.")
    met = kind.lower() if name.startswith("$") else ""
    policy.conditions.append(_Condition(met, name.removeprefix("$").lower(), value, text))


# Signatures.


def key_of(fields: Fields) -> str:
    """The id of the key that a form is signed with; '' where it is not signed. Raises AwsError for half of a signature."""
    for names in (V4, V2):
        if any(name in fields for name in names):
            for name in ("policy", *names):
                if name not in fields:
                    shown = _SPELLED.get(name, _shown(name) if "-" in name else name)
                    message = (
                        f"Bucket POST must contain a field named '{shown}'.  If it is specified, please check the"
                        " order of the fields."
                    )
                    raise invalid(message, shown, "")
            break
    if "awsaccesskeyid" in fields:
        return fields["awsaccesskeyid"]
    return _of_credential(fields) if "x-amz-credential" in fields else ""


def _shown(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _of_credential(fields: Fields) -> str:
    credential = fields["x-amz-credential"]
    if fields["x-amz-algorithm"] != "AWS4-HMAC-SHA256":
        message = 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"'
        raise invalid(message, "X-Amz-Algorithm", fields["x-amz-algorithm"])
    scope = credential.split("/")
    wrong = None
    if len(scope) != 5:
        wrong = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
    elif not scope[0]:
        wrong = "a non-empty Access Key (AKID) must be provided in the credential."
    elif not _DAY.fullmatch(scope[1]):
        wrong = f'incorrect date format "{scope[1]}". This date in the credential must be in the format "yyyyMMdd".'
    elif scope[3] != "s3":
        wrong = f'incorrect service "{scope[3]}". This endpoint belongs to "s3".'
    elif scope[4] != "aws4_request":
        wrong = f'incorrect terminal "{scope[4]}". This endpoint uses "aws4_request".'
    if wrong is not None:
        raise invalid(wrong, "X-Amz-Credential", credential)
    if not _LONG.fullmatch(fields["x-amz-date"]):
        message = "X-Amz-Date must be formated via ISO8601 Long format"
        raise invalid(message, "X-Amz-Date", fields["x-amz-date"])
    return scope[0]


def is_signed(fields: Fields, secret: str) -> bool:
    """Whether the policy was signed with this secret, in version 4 or 2."""
    policy = fields.get("policy", "").encode()
    if "x-amz-signature" in fields:
        scope = fields["x-amz-credential"].split("/")
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
