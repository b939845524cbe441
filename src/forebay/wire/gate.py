"""Who a request is from, and whether they may: before anything is done.

    key → signature verified → identity → (actions, resources) of the call → policies

On loopback, unless the project says `access: {unsigned: false}`, requests that are unsigned or signed with a
key that is not of this system are root's. A key of this system is verified wherever it is used.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import hashlib
import logging
import re
from urllib.parse import unquote

from forebay.access.actions import Needs, changes, needs
from forebay.access.audit import Audit
from forebay.access.identity import NOBODY, ROOT, Identity
from forebay.access.policy import MalformedPolicy, Statement, parse_policy
from forebay.access.sessions import ours
from forebay.access.sigv4 import ChunkSigner, Refusal, Signature, read, verify
from forebay.arn import ACCOUNT, REGION
from forebay.layout import Layout
from forebay.runtime.directory import ROLE, USER, Directory, access_of, arn_of
from forebay.wire.iam.caller import lasting, session_identity, temporary, user_identity
from forebay.wire.protocol.message import AwsError
from forebay.wire.protocol.model import service_model
from forebay.wire.refused import Why, denied, refusal
from forebay.wire.service import Asked, Json

logger = logging.getLogger("forebay.wire")

_KEY = re.compile(r"Credential=([^/,&\s]{1,128})/")
_SIGNED_BY_PAYLOAD = {"x-amz-content-sha256", "x-amz-security-token"}
_LARGE = 1 << 20
_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


async def admit(asked: Asked, *, streamed: bool) -> Identity:
    """Whose request it is. `streamed` where the body is still to come. Raises AwsError."""
    request = asked.request
    key_id = _key_id(asked)
    if not ours(key_id):
        if asked.system.loopback and access_of(asked.system.declared()).unsigned:
            _not_stale(asked)
            return ROOT
        return _stranger(asked, key_id)
    try:
        signature = read(request.query, request.headers)
        assert signature is not None  # it has a key's id
        directory = Directory.of(asked.system)
        secret, who = _of_key(asked, directory, signature)
        _scope(asked, signature)
        body = None if streamed else await _hash(request.body)
        if streamed and not signature.payload:
            raise Refusal("incomplete", "Missing required header for this request: x-amz-content-sha256")
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
        _all_signed(asked, signature)
    except Refusal as refused:
        raise _refuse(asked, key_id, refused.kind, refused.detail) from None
    if streamed:
        # The body is held against this as it comes, also where a URL said it.
        request.headers = {**request.headers, "x-amz-content-sha256": signature.payload}
        if signature.payload.startswith(_SIGNED):
            request.chunks = ChunkSigner(key, signature)
    return who


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
    try:
        signature = read(asked.request.query, asked.request.headers)
    except Refusal as refused:
        raise _refuse(asked, key_id, refused.kind, refused.detail) from None
    if signature is not None:
        raise _refuse(asked, key_id, "unknown_key", "")
    if asked.service == "s3" and "authorization" not in asked.request.headers:
        return NOBODY
    raise _refuse(asked, key_id, "missing", "")


def _not_stale(asked: Asked) -> None:
    """A presigned URL ends when it says so, whoever signed it."""
    if "X-Amz-Expires=" not in asked.request.query:
        return
    try:
        signature = read(asked.request.query, asked.request.headers)
    except Refusal:
        return
    if signature is not None and signature.expires is not None:
        age = dt.datetime.now(dt.UTC) - signature.moment
        if age.total_seconds() > signature.expires:
            raise _refuse(asked, signature.key_id, "expired", "Request has expired")


def _of_key(asked: Asked, directory: Directory, signature: Signature) -> tuple[str, Identity]:
    key_id = signature.key_id
    if signature.token is None:
        lasts = lasting(directory, key_id)
        if lasts is None:
            raise _refuse(asked, key_id, "unknown_key", "")
        return lasts[0], user_identity(directory, lasts[1])
    passing = temporary(directory, key_id, signature.token)
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


# May they?


async def authorise(asked: Asked, given: Json, who: Identity) -> None:
    """Raise AwsError unless the policies let `who` do what is asked."""
    if asked.service == "sts" and asked.operation in ("GetCallerIdentity", "GetSessionToken", "AssumeRole"):
        return  # needs no permission; AssumeRole asks the role's trust policy itself
    wanted = [(action, _in_region(each, asked.region)) for action, each in _needs(asked, given, who)]
    context = _context(asked, given)
    for action, resource in wanted:
        theirs = await _bucket_policy(asked, resource) if action.startswith("s3:") else ()
        decision = who.decide(action, resource, context, theirs)
        # What is here is here in every region: a Deny on it may not be passed by signing for another.
        everywhere = _in_region(resource, REGION)
        if everywhere != resource and who.decide(action, everywhere, context, theirs) == "deny":
            decision = "deny"
        if decision != "allow":
            _audit(asked.system.layout).note(
                who.arn, action, resource, "denied", asked.request.request_id, client=asked.request.client
            )
            raise denied(_words(asked), who, action, resource, explicitly=decision == "deny")


def _in_region(resource: str, region: str) -> str:
    """An ARN as that of a resource of this account in `region`, where it says a region at all."""
    parts = resource.split(":", 5)
    if len(parts) < 6 or not parts[3]:
        return resource
    return ":".join([*parts[:3], region, ACCOUNT, parts[5]])


def _needs(asked: Asked, given: Json, who: Identity) -> Needs:
    documents = asked.system.documents
    if asked.service == "athena":
        groups = [
            doc["WorkGroup"]
            for member, kind in _ATHENA.items()
            for id in (given.get(member), *(given.get(f"{member}s") or ()))
            if id and (doc := documents.get(kind, id)) is not None
        ]
        if groups:
            action = f"athena:{asked.operation}"
            return [(action, asked.arn(f"workgroup/{name}")) for name in dict.fromkeys(groups)]
    if asked.service == "iam":
        if who.kind == "user" and "UserName" not in given and asked.operation in _OWN:
            given = {**given, "UserName": str(who.context["aws:username"])}
        for kind, member in ((USER, "UserName"), (ROLE, "RoleName")):
            found = Directory.of(asked.system).get(kind, given[member]) if given.get(member) else None
            if found is not None:  # with its path
                return [(f"iam:{asked.operation}", arn_of(kind, found))]
    if asked.service == "kinesis" and given.get("ShardIterator") and not given.get("StreamARN"):
        from forebay.wire.kinesis import iterators  # noqa: PLC0415 - only who reads Kinesis needs it

        iterator = iterators.read(given["ShardIterator"], iterators.secret_of(documents))
        given = {**given, "StreamName": iterator.stream}
    return needs(asked.service, asked.operation, given, asked.arn)


def _context(asked: Asked, given: Json) -> dict[str, str]:
    now = dt.datetime.now(dt.UTC)
    request = asked.request
    context = {
        "aws:sourceip": request.client,
        "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(int(now.timestamp())),
        "aws:securetransport": "true" if request.secure else "false",
        "aws:requestedregion": asked.region,
        "aws:useragent": request.headers.get("user-agent", ""),
    }
    if asked.service == "s3":
        for key, member in _S3_KEYS.items():
            value = given.get(member)
            if value is not None:
                context[key] = str(value)
        if "s3:prefix" not in context and asked.operation in ("ListObjects", "ListObjectsV2"):
            context["s3:prefix"] = ""
    return context


_OWN = ("GetUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey")
_ATHENA = {"QueryExecutionId": "athena.execution", "NamedQueryId": "athena.named"}
_S3_KEYS = {
    "s3:prefix": "Prefix",
    "s3:delimiter": "Delimiter",
    "s3:max-keys": "MaxKeys",
    "s3:versionid": "VersionId",
    "s3:x-amz-acl": "ACL",
    "s3:x-amz-server-side-encryption": "ServerSideEncryption",
    "s3:x-amz-storage-class": "StorageClass",
    "s3:x-amz-copy-source": "CopySource",
}


async def _bucket_policy(asked: Asked, resource: str) -> tuple[Statement, ...]:
    bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    if not bucket or bucket == "*":
        return ()
    from forebay.wire.s3.base import setting  # noqa: PLC0415 - only who asks S3 needs it

    text = await setting(asked, bucket, "policy")
    try:
        return parse_policy(text, resource_policy=True) if text else ()
    except MalformedPolicy:  # it was checked when it was put; nothing is let through by one that is not read
        return ()


# The audit log.


@functools.cache
def _audit(layout: Layout) -> Audit:
    return Audit(layout.logs / "audit.log")


def note_change(asked: Asked, given: Json) -> None:
    """Write down that something was changed, and by whom."""
    if changes(asked.operation):
        try:
            (action, resource), *_ = needs(asked.service, asked.operation, given, asked.arn)
        except (AttributeError, TypeError, KeyError):  # members that only this operation understands
            action, resource = f"{asked.service}:{asked.operation}", "*"
        _audit(asked.system.layout).note(
            asked.principal,
            action,
            resource,
            "changed",
            asked.request.request_id,
            client=asked.request.client,
        )


def _words(asked: Asked) -> str:
    return "rest-xml" if asked.service == "s3" else asked.protocol


def _refuse(asked: Asked, key_id: str, why: Why, detail: str) -> AwsError:
    action = f"{asked.service}:{asked.operation}"
    _audit(asked.system.layout).note(
        key_id or "unsigned",
        action,
        "*",
        "refused",
        asked.request.request_id,
        client=asked.request.client,
        why=why,
    )
    return refusal(_words(asked), why, detail, key_id)
