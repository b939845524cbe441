"""Objects under a key of the caller's own (SSE-C): encrypted on their way to disk, and read by who has the key.

    the caller's key, the object's salt ──HMAC-SHA256──▶ the object's key ──AES-256 CTR, a nonce a piece──▶ the file

The key is kept nowhere: `meta["ssec"]` has a salted hash that tells it from another (`check`), its MD5, which S3
shows, and how long each piece is that was written at once (an object put is one, each part of an upload is one)
and with which nonce. A file is as long as its object, so ranges are read as of any other; whoever has no key,
crawlers among them, finds noise. SQL over them is refused, as the files' names end in `layout.SEALED`.

Source: "Using server-side encryption with customer-provided keys" (Amazon S3 User Guide).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from typing import Any

from forebay.lake.sealed import Opened, Seal
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import invalid, setting
from forebay.wire.service import Asked, Json

ALGORITHM = "AES256"
SIZE = 32
_HEADER = "x-amz-server-side-encryption"
_WHAT = "Requests specifying Server Side Encryption with Customer provided keys must provide"

_NONE = "null"
"""What S3 says it was given where it does not repeat a secret."""


class Sealing:
    """One body that is being encrypted: hand `context` to who writes it, and then ask for `piece`."""

    def __init__(self, seal: Seal) -> None:
        self._nonce = secrets.token_bytes(8)
        self.context = seal.context(self._nonce)

    @property
    def nonce(self) -> str:
        """As it is kept."""
        return self._nonce.hex()

    def etag(self, md5: bytes) -> str:
        """The ETag of what was encrypted: as long as an MD5, and says nothing of the bytes, as on S3."""
        return hashlib.md5(self._nonce + md5, usedforsecurity=False).hexdigest()


def key_of(given: Json, *, source: bool = False, reads: bool = False) -> bytes | None:
    """The key that a request gives, of the object it is about or of the source of a copy. Raises AwsError.

    Who `reads` may give one of any length: it is not the object's, as is said then.
    """
    start = "CopySourceSSECustomer" if source else "SSECustomer"
    algorithm, text, md5 = (given.get(f"{start}{name}") for name in ("Algorithm", "Key", "KeyMD5"))
    if not algorithm and not text and not md5:
        return None
    if not source and given.get("ServerSideEncryption"):
        message = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified"
        raise invalid(message, _HEADER, given["ServerSideEncryption"])
    if not algorithm:
        raise invalid(f"{_WHAT} a valid encryption algorithm.", _HEADER, _NONE)
    if algorithm != ALGORITHM:
        message = "The Encryption request you specified is not valid. Supported value: AES256."
        members = {"ArgumentName": _HEADER, "ArgumentValue": algorithm}
        raise AwsError("InvalidEncryptionAlgorithmError", message, http=400, **members)
    if not text:
        raise missing()
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not md5:
        raise invalid(f"{_WHAT} the client calculated MD5 of the secret key.", _HEADER, _NONE)
    if not hmac.compare_digest(md5.encode(), _md5(key).encode()):
        raise invalid(
            "The calculated MD5 hash of the key did not match the hash that was provided.", _HEADER, _NONE
        )
    if len(key) != SIZE and not reads:
        raise invalid("The secret key was invalid for the specified algorithm.", _HEADER, _NONE)
    return key


def missing() -> AwsError:
    """The refusal of what needs a key, and came without."""
    return invalid(f"{_WHAT} an appropriate secret key.", _HEADER, _NONE)


def _md5(key: bytes) -> str:
    return base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode()


def _derived(key: bytes, salt: str, use: str) -> bytes:
    return hmac.digest(key, f"{use} {salt}".encode(), "sha256")


def sealed(key: bytes) -> Json:
    """What is kept of a key with a new object; `pieces` comes when they are known."""
    salt = secrets.token_hex(16)
    return {"salt": salt, "check": _derived(key, salt, "check").hex(), "md5": _md5(key)}


def _fits(key: bytes, kept: Mapping[str, Any]) -> bool:
    return hmac.compare_digest(_derived(key, kept["salt"], "check").hex(), kept["check"])


async def check_allowed(asked: Asked, bucket: str) -> None:
    """Raise AwsError `AccessDenied` where a bucket takes no new objects under customer keys.

    Source: "Blocking or unblocking SSE-C for a general purpose bucket" (Amazon S3 User Guide).
    """
    doc = await setting(asked, bucket, "default_encryption") or {"rules": []}
    for rule in doc["rules"]:
        if "SSE-C" in (rule.get("BlockedEncryptionTypes") or {}).get("EncryptionType", []):
            raise AwsError("AccessDenied", "Access Denied", http=403)


def sealing(given: Json, meta: Mapping[str, Any]) -> Sealing | None:
    """What encrypts the object of which `meta` says so, by the request's key; None where it says nothing."""
    kept = meta.get("ssec")
    key = key_of(given) if kept else None
    return Sealing(Seal(_derived(key, kept["salt"], "data"))) if kept and key else None


def sealing_part(given: Json, meta: Mapping[str, Any]) -> Sealing | None:
    """As `sealing`, of a part of an upload. Raises AwsError where the upload was begun in another way."""
    kept, key = meta.get("ssec"), key_of(given)
    if (kept is None) != (key is None):
        message = (
            "The multipart upload initiate requested encryption. "
            "Subsequent part requests must include the appropriate encryption parameters."
        )
        raise AwsError("InvalidRequest", message, http=400)
    if kept is not None and key is not None and not _fits(key, kept):
        message = "The provided encryption parameters did not match the ones used originally."
        raise AwsError("InvalidRequest", message, http=400)
    return sealing(given, meta)


def opened_by(given: Json, meta: Mapping[str, Any], *, source: bool = False) -> Opened | None:
    """What decrypts an object by the request's key; None for one that is not encrypted. Raises AwsError."""
    kept, key = meta.get("ssec"), key_of(given, source=source, reads=True)
    if kept is None:
        if key is not None:
            message = "The encryption parameters are not applicable to this object."
            raise AwsError("InvalidRequest", message, http=400)
        return None
    if key is None:
        message = (
            "The object was stored using a form of Server Side Encryption. "
            "The correct parameters must be provided to retrieve the object."
        )
        raise AwsError("InvalidRequest", message, http=400)
    if not _fits(key, kept):
        raise AwsError("AccessDenied", f"{_WHAT} the correct secret key.", http=403)
    return Opened(Seal(_derived(key, kept["salt"], "data")), kept["pieces"])


def read(fd: int, size: int, at: int, by: Opened | None) -> bytes:
    """Bytes of an open object, as they were put. Blocks."""
    data = os.pread(fd, size, at)
    return data if by is None else by.turn(data, at)


def shown(meta: Mapping[str, Any]) -> Json:
    """The members that say under whose key an object is."""
    return {"SSECustomerAlgorithm": ALGORITHM, "SSECustomerKeyMD5": meta["ssec"]["md5"]}
