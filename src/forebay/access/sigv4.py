"""AWS Signature Version 4, verified: in the Authorization header, in a query string, and chunk by chunk.

Contract: "Authenticating Requests (AWS Signature Version 4)" (Amazon S3 API Reference) and "Signing AWS API
requests" (IAM User Guide). A repeat within the fifteen minutes is valid, as on AWS. Which words a refusal is
put in depends on the service; `Refusal.kind` says which refusal it is.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = 15 * 60
LONGEST = 7 * 24 * 3600
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()
STREAMING = "STREAMING-"

_IN_QUERY = (
    *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date"),
    *("X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Expires"),
)
_SENT = {":authority": "host"}
"""Under which name a header is read that HTTP/2 has another for."""

Kind = Literal[
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
]


class Refusal(Exception):
    """A request that is not who it says it is. `detail` is safe to tell the caller, and so is `shown`: what was
    to be signed, as S3 shows it of a signature that does not match.
    """

    def __init__(self, kind: Kind, detail: str, shown: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.shown = dict(shown or {})


def mismatched(text: str, signature: str, canonical: str | None = None) -> dict[str, str]:
    """What S3 shows of a signature that does not match: it was made of other words than these."""
    shown = {
        "StringToSign": text,
        "SignatureProvided": signature,
        "StringToSignBytes": text.encode().hex(" "),
    }
    if canonical is not None:
        shown |= {
            "CanonicalRequest": canonical,
            "CanonicalRequestBytes": canonical.encode("utf-8", "surrogateescape").hex(" "),
        }
    return shown


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says of its signature. `moment` is when it was signed; `expires` seconds, if presigned."""

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    moment: dt.datetime
    payload: str
    expires: int | None = None
    token: str | None = None

    @property
    def scope(self) -> str:
        """`20260131/us-east-1/s3/aws4_request`."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read(query: str, headers: Mapping[str, str]) -> Signature | None:
    """The signature that a request carries; None if it carries none. Raises Refusal `incomplete`, `undated`, `query`.

    `headers` have lower-case names.
    """
    authorization = headers.get("authorization")
    if authorization is not None and authorization.startswith(ALGORITHM):
        return _from_header(authorization, headers)
    if "X-Amz-Algorithm=" in query or "X-Amz-Signature=" in query:
        return _from_query(dict(parse_qsl(query, keep_blank_values=True)))
    return None


def _from_header(authorization: str, headers: Mapping[str, str]) -> Signature:
    parts = {}
    for part in authorization[len(ALGORITHM) :].split(","):
        name, _, value = part.strip().partition("=")
        parts[name] = value
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(name):
            raise Refusal("incomplete", f"Authorization header requires '{name}' parameter.")
    return _signature(
        parts["Credential"],
        parts["SignedHeaders"],
        parts["Signature"],
        moment=headers.get("x-amz-date") or headers.get("date"),
        payload=headers.get("x-amz-content-sha256", ""),
        expires=None,
        token=headers.get("x-amz-security-token"),
    )


def _from_query(query: Mapping[str, str]) -> Signature:
    if not all(query.get(name) for name in _IN_QUERY):
        raise Refusal(
            "query",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature,"
            " X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise Refusal("query", f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    text = query["X-Amz-Expires"]
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise Refusal("query", "X-Amz-Expires should be a number")
    if int(text) < 0:
        raise Refusal("query", "X-Amz-Expires must be non-negative")
    if int(text) > LONGEST:
        raise Refusal(
            "query",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than"
            f" {LONGEST} seconds",
        )
    try:
        return _signature(
            query["X-Amz-Credential"],
            query["X-Amz-SignedHeaders"],
            query["X-Amz-Signature"],
            moment=query["X-Amz-Date"],
            # S3's presigned URLs leave the body open; other services sign the (usually empty) body.
            payload=query.get(
                "X-Amz-Content-Sha256", UNSIGNED if "/s3/" in query["X-Amz-Credential"] else ""
            ),
            expires=int(text),
            token=query.get("X-Amz-Security-Token"),
        )
    except Refusal as refused:
        if refused.kind in ("incomplete", "undated"):
            raise Refusal("query", refused.detail) from None
        raise


def _signature(
    credential: str,
    signed: str,
    signature: str,
    *,
    moment: str | None,
    payload: str,
    expires: int | None,
    token: str | None,
) -> Signature:
    scope = credential.rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise Refusal(
            "incomplete",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
        )
    names = tuple(signed.lower().split(";"))
    if "host" not in names and ":authority" not in names:
        raise Refusal("incomplete", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    if moment is None:
        raise Refusal(
            "undated",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    try:
        when = dt.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError:
        raise Refusal("undated", "Date must be in ISO-8601 'basic format', as 20260131T093000Z") from None
    return Signature(scope[0], scope[1], scope[2], scope[3], names, signature, when, payload, expires, token)


def verify(
    given: Signature,
    secret: str,
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body_sha256: str | None,
    now: dt.datetime,
) -> bytes:
    """Check `given` against the request. Returns the signing key, for the chunks of a streamed body.

    `path` and `query` are as sent; `body_sha256` is the body's hash in hex, or None where the body is not
    at hand (it is then the caller's to compare with `given.payload`). Raises Refusal.
    """
    age = (now - given.moment).total_seconds()
    if given.expires is None:
        if abs(age) > SKEW:
            raise Refusal("skewed", _skewed(given, now))
    elif age > given.expires:
        raise Refusal("expired", "Request has expired")
    elif age < -SKEW:
        raise Refusal("skewed", "Request is not yet valid")
    if given.date != _basic(given.moment)[:8]:
        raise Refusal(
            "another_day" if given.expires is None else "mismatch",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        )
    payload = given.payload
    if not payload:
        payload = body_sha256 if body_sha256 is not None else EMPTY
    elif body_sha256 is not None and _is_hash(payload) and not hmac.compare_digest(payload, body_sha256):
        raise Refusal(
            "payload", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    key = signing_key(secret, given.date, given.region, given.service)
    canonical = "\n".join(
        [
            method,
            canonical_path(path, given.service),
            canonical_query(query),
            *(
                f"{name}:{' '.join(_as_sent(headers.get(_SENT.get(name, name), '')).split())}"
                for name in given.signed_headers
            ),
            "",
            ";".join(given.signed_headers),
            payload,
        ]
    )
    text = f"{ALGORITHM}\n{_basic(given.moment)}\n{given.scope}\n{hashlib.sha256(canonical.encode('utf-8', 'surrogateescape')).hexdigest()}"
    expected = hmac.new(key, text.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(expected.encode(), given.signature.encode("utf-8", "replace")):
        raise Refusal(
            "mismatch",
            "The request signature we calculated does not match the signature you provided."
            " Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
            mismatched(text, given.signature, canonical),
        )
    return key


def _as_sent(value: str) -> str:
    """A header's bytes, which were read as ISO-8859-1, as the UTF-8 that clients sign."""
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _is_hash(text: str) -> bool:
    return len(text) == 64


def _basic(moment: dt.datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _skewed(given: Signature, now: dt.datetime) -> str:
    signed, present = _basic(given.moment), _basic(now)
    if given.moment < now:
        limit = _basic(now - dt.timedelta(seconds=SKEW))
        return f"Signature expired: {signed} is now earlier than {limit} ({present} - 15 min.)"
    limit = _basic(now + dt.timedelta(seconds=SKEW))
    return f"Signature not yet current: {signed} is still later than {limit} ({present} + 15 min.)"


@functools.lru_cache(maxsize=256)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of a day, region and service; it signs many requests, so it is remembered."""
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key


def canonical_path(path: str, service: str) -> str:
    """The path as it is signed: S3's is encoded once, everybody else's normalised and encoded again."""
    path = path or "/"
    if service == "s3":
        return quote(unquote_to_bytes(path), safe="/-_.~")
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if kept:
                kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    normal = "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")
    return quote(normal, safe="/-_.~")


def canonical_query(query: str) -> str:
    """The query string as it is signed: sorted, without the signature itself."""
    pairs = []
    for part in query.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        name = quote(unquote_to_bytes(name.replace("+", " ")), safe="-_.~")
        if name != "X-Amz-Signature":
            pairs.append((name, quote(unquote_to_bytes(value.replace("+", " ")), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


class ChunkSigner:
    """Verifies the chunks of `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`: each signature covers the one before."""

    def __init__(self, key: bytes, given: Signature) -> None:
        self._key = key
        self._given = given
        self._previous = given.signature

    def check(self, chunk_sha256: str, signature: str) -> None:
        """The next chunk, by its hash. Raises Refusal `mismatch`."""
        self._check("AWS4-HMAC-SHA256-PAYLOAD", [EMPTY, chunk_sha256], signature)

    def check_trailer(self, headers: Iterable[tuple[str, str]], signature: str) -> None:
        """The trailing headers, in the order they came. Raises Refusal `mismatch`."""
        text = "".join(f"{name.lower()}:{value.strip()}\n" for name, value in headers)
        self._check("AWS4-HMAC-SHA256-TRAILER", [hashlib.sha256(text.encode()).hexdigest()], signature)

    def _check(self, kind: str, hashes: list[str], signature: str) -> None:
        text = "\n".join([kind, _basic(self._given.moment), self._given.scope, self._previous, *hashes])
        expected = hmac.new(self._key, text.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise Refusal("mismatch", "The signature of a chunk does not match what was computed.")
        self._previous = signature
