"""Who a request is from: before anything is done.

    key → signature verified → identity (then `rights`: what that one may)

On loopback, unless the project says `access: {unsigned: false}`, requests that are unsigned or signed with a
key that is not of this system are root's. A key of this system is verified wherever it is used.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from forebay.access import sigv2
from forebay.access.identity import NOBODY, ROOT, Identity
from forebay.access.sessions import ours
from forebay.access.sigv4 import ALGORITHM, UNSIGNED, ChunkSigner, Refusal, Signature, read, verify
from forebay.runtime.directory import Directory, access_of
from forebay.wire.iam.caller import lasting, session_identity, temporary, user_identity
from forebay.wire.protocol.message import AwsError
from forebay.wire.protocol.model import service_model
from forebay.wire.refused import Why, refusal
from forebay.wire.rights import audit, words
from forebay.wire.service import Asked

logger = logging.getLogger("forebay.wire")

_LINKS = (("sns", "ConfirmSubscription"), ("sns", "Unsubscribe"))
_KEY = re.compile(r"Credential=([^/,&\s]{1,128})/")
_SIGNED_BY_PAYLOAD = {"x-amz-content-sha256", "x-amz-security-token"}
_LARGE = 1 << 20
_ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


async def admit(asked: Asked, *, streamed: bool) -> Identity:
    """Whose request it is. `streamed` where the body is still to come. Raises AwsError."""
    request = asked.request
    key_id = _key_id(asked)
    if asked.service == "s3" and "authorization" not in request.headers and sigv2.is_signed(request.query):
        return await _admit_presigned(asked, streamed=streamed)
    if not ours(key_id):
        if _trusting(asked):
            _not_stale(asked)
            _not_malformed(asked, trusting=True)
            return ROOT
        return _stranger(asked, key_id)
    try:
        signature = read(request.query, request.headers)
        assert signature is not None  # it has a key's id
        directory = Directory.of(asked.system)
        secret, who = _of_key(asked, directory, signature.key_id, signature.token)
        _scope(asked, signature)
        body = None if streamed else await _hash(request.body)
        if streamed and not signature.payload:
            raise Refusal("incomplete", "Missing required header for this request: x-amz-content-sha256")
        if asked.service == "s3":
            _all_signed(asked, signature)  # which S3 looks at first
        key = verify(
            signature,
            secret,
            method=request.method,
            path=request.sent or request.path,
            query=request.query,
            headers=request.headers,
            body_sha256=body,
            now=dt.datetime.now(dt.UTC),
        )
        if asked.service != "s3":
            _all_signed(asked, signature)
    except Refusal as refused:
        raise _refuse(asked, key_id, refused.kind, refused.detail, refused.shown) from None
    if streamed:
        # The body is held against this as it comes, also where a URL said it.
        request.headers = {**request.headers, "x-amz-content-sha256": signature.payload}
        if signature.payload.startswith(_SIGNED):
            request.chunks = ChunkSigner(key, signature)
    return who


def _trusting(asked: Asked) -> bool:
    """Whether who has no key of this system is taken for root: on loopback, unless any site's page may have asked."""
    return asked.system.loopback and not asked.request.foreign and access_of(asked.system.declared()).unsigned


def _key_id(asked: Asked) -> str:
    authorization = asked.request.headers.get("authorization")
    if authorization is not None:
        found = _KEY.search(authorization)
    elif "X-Amz-Credential=" in asked.request.query:
        found = _KEY.search(unquote(asked.request.query))
    else:
        return ""
    return found[1] if found else ""


def _stranger(asked: Asked, key_id: str) -> Identity:
    """Somebody who is not of this system, where all must be. S3 lets them try."""
    _not_malformed(asked, trusting=False)
    try:
        signature = read(asked.request.query, asked.request.headers)
    except Refusal as refused:
        raise _refuse(asked, key_id, refused.kind, refused.detail) from None
    if signature is not None:
        raise _refuse(asked, key_id, "unknown_key", "")
    if asked.service == "s3" and "authorization" not in asked.request.headers:
        return NOBODY
    if (asked.service, asked.operation) in _LINKS:
        return ROOT  # who has the link: it has a token, or an identifier that nobody guesses
    raise _refuse(asked, key_id, "missing", "")


def _not_stale(asked: Asked) -> None:
    """A presigned URL ends when it says so, whoever signed it; and S3 knows a signature when it sees one."""
    if "X-Amz-" not in asked.request.query and asked.service != "s3":
        return
    try:
        signature = read(asked.request.query, asked.request.headers)
    except Refusal as refused:
        if asked.service == "s3" and refused.kind in ("query", "incomplete"):
            raise _refuse(asked, "", refused.kind, refused.detail) from None
        return
    if signature is not None and signature.expires is not None:
        age = dt.datetime.now(dt.UTC) - signature.moment
        if age.total_seconds() > signature.expires:
            raise _refuse(asked, signature.key_id, "expired", "Request has expired")


def _not_malformed(asked: Asked, *, trusting: bool) -> None:
    """What S3 says of a header that is no signature, whoever sent it; one of version 2 is trusted, and not verified."""
    text = asked.request.headers.get("authorization", "")
    if asked.service != "s3" or not text:
        return
    kind, _, rest = text.partition(" ")
    if kind in (ALGORITHM, _ASYMMETRIC):
        return
    if kind == "AWS" and ":" in rest:
        if trusting and not ours(rest.partition(":")[0]):
            return
        message = (
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        )
        raise AwsError("InvalidRequest", message, http=400)
    message = (
        "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature"
        if kind == "AWS"
        else "Unsupported Authorization Type"
    )
    members = {"ArgumentName": "Authorization", "ArgumentValue": text}
    raise AwsError("InvalidArgument", message, http=400, **members)


async def _admit_presigned(asked: Asked, *, streamed: bool) -> Identity:
    """Whose URL of version 2 it is; its body is anybody's."""
    request, now, key_id = asked.request, dt.datetime.now(dt.UTC), ""
    try:
        signature = sigv2.read(request.query)
        assert signature is not None  # it has a key's id
        key_id = signature.key_id

        def check(secret: str) -> None:
            method, path = request.method, request.path
            sigv2.verify(signature, secret, method=method, path=path, headers=request.headers, now=now)

        if not ours(key_id) and _trusting(asked):
            signature.check_time(now)
        who = await admit_form(asked, key_id, signature.token, check)
    except Refusal as refused:
        raise _refuse(asked, key_id, refused.kind, refused.detail, refused.shown) from None
    if streamed:
        request.headers = {"x-amz-content-sha256": UNSIGNED, **request.headers}
    return who


async def admit_form(
    asked: Asked, key_id: str, token: str | None, check: Callable[[str], None] | None
) -> Identity:
    """Whose form it is that is posted, signed with this key; `check` is given its secret. Raises AwsError."""
    if not ours(key_id):
        if _trusting(asked):
            return ROOT
        if not key_id:
            return NOBODY
        raise _refuse(asked, key_id, "unknown_key", "")
    secret, who = _of_key(asked, Directory.of(asked.system), key_id, token)
    if check is not None:
        check(secret)
    return who


def _of_key(asked: Asked, directory: Directory, key_id: str, token: str | None) -> tuple[str, Identity]:
    if token is None:
        lasts = lasting(directory, key_id)
        if lasts is None:
            raise _refuse(asked, key_id, "unknown_key", "")
        return lasts[0], user_identity(directory, lasts[1])
    passing = temporary(directory, key_id, token)
    if passing is None:
        raise _refuse(asked, key_id, "token", "")
    if passing[1].expires < dt.datetime.now(dt.UTC).timestamp():
        raise _refuse(asked, key_id, "token_expired", "")
    who = session_identity(directory, passing[1])
    if who is None:
        raise _refuse(asked, key_id, "token", "")
    return passing[0], who


def _scope(asked: Asked, signature: Signature) -> None:
    """A signature for one service opens no other."""
    expected = service_model(asked.service).signing_name
    if signature.service != expected:
        raise Refusal("mismatch", f"Credential should be scoped to correct service: '{expected}'.")


def _all_signed(asked: Asked, signature: Signature) -> None:
    """What AWS reads of a request must be covered by its signature."""
    left = [
        name
        for name in asked.request.headers
        if name.startswith("x-amz-")
        and name not in signature.signed_headers
        and name not in _SIGNED_BY_PAYLOAD
    ]
    if left:
        if asked.service == "s3":
            message = "There were headers present in the request which were not signed"
            raise AwsError("AccessDenied", message, http=403, HeadersNotSigned=", ".join(left))
        raise Refusal("mismatch", f"these headers are not signed: {', '.join(left)}")


async def _hash(body: bytes) -> str:
    if len(body) > _LARGE:
        return (await asyncio.to_thread(hashlib.sha256, body)).hexdigest()
    return hashlib.sha256(body).hexdigest()


def _refuse(
    asked: Asked, key_id: str, why: Why, detail: str, shown: Mapping[str, str] | None = None
) -> AwsError:
    action = f"{asked.service}:{asked.operation}"
    audit(asked.system.layout).note(
        key_id or "unsigned",
        action,
        "*",
        "refused",
        asked.request.request_id,
        client=asked.request.client,
        why=why,
    )
    refused = refusal(words(asked), why, detail, key_id)
    if why == "expired" and asked.service == "s3":
        refused.members |= _times(asked)
    if why == "mismatch" and asked.service == "s3":
        refused.members |= shown or {}
    return refused


def _times(asked: Asked) -> dict[str, str]:
    """When a presigned URL ended, and what time it is, as S3 shows both."""
    given = dict(asked.request.parameters())
    shown, now = "%Y-%m-%dT%H:%M:%SZ", dt.datetime.now(dt.UTC)
    if "X-Amz-Date" in given:
        begin = dt.datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        end = begin + dt.timedelta(seconds=int(given["X-Amz-Expires"]))
        lasts = {"X-Amz-Expires": given["X-Amz-Expires"]}
    else:
        end, lasts = dt.datetime.fromtimestamp(int(given["Expires"]), dt.UTC), {}
    return {**lasts, "Expires": end.strftime(shown), "ServerTime": now.strftime(shown)}
