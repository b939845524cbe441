"""The key that notifications are signed with, and its certificate, which the AWS port serves.

Contract: "Verifying the signatures of Amazon SNS messages" (SNS Developer Guide): RSA PKCS#1 v1.5 over names and
values, a line each; version 1 with SHA-1, 2 with SHA-256. What differs: the certificate is signed by itself and
lies on this system's own address, so that who verifies must trust that address in place of Amazon's.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

FILE = "topics.pem"
"""In the state folder: the private key and the certificate."""
_YEARS = 20
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class Signer:
    """Signs with the system's key; makes it where there is none."""

    def __init__(self, state: Path) -> None:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only who notifies needs it

        text = _text(state / FILE)
        key = serialization.load_pem_private_key(text, None)
        self._key: RSAPrivateKey = key  # type: ignore[assignment]
        self.certificate = text[text.index(_BEGIN) :]
        self.name = name_of(self.certificate)

    def sign(self, parts: Mapping[str, str], version: str) -> str:
        """The signature of a notification with these members, in Base64."""
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 - as above

        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - AWS's version 1
        signed = self._key.sign(to_sign(parts), padding.PKCS1v15(), algorithm)
        return base64.b64encode(signed).decode()


def to_sign(parts: Mapping[str, str]) -> bytes:
    """What is signed: name and value of each member that counts, a line each."""
    names = [name for name in _SIGNED[parts["Type"]] if name in parts]
    return "".join(f"{name}\n{parts[name]}\n" for name in names).encode()


def certificate(state: Path, name: str) -> bytes | None:
    """The certificate of this name, to be served; None where there is no such one."""
    try:
        text = (state / FILE).read_bytes()
    except FileNotFoundError:
        return None
    found = text[text.index(_BEGIN) :]
    return found if name_of(found) == name else None


def name_of(pem: bytes) -> str:
    """The last part of a certificate's URL."""
    return f"SimpleNotificationService-{hashlib.sha256(pem).hexdigest()[:32]}.pem"


def _text(path: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    made = _make()
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=FILE)  # readable by its owner only
    with os.fdopen(handle, "wb") as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)  # who was first has made the one that counts
    except FileExistsError:
        made = path.read_bytes()
    finally:
        Path(partial).unlink()
    return made


def _make() -> bytes:
    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - as above
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - as above

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365 * _YEARS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)
