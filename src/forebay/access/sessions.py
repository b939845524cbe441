"""Temporary credentials: a session token says whose they are and until when, sealed with the system's secret.

Nothing is kept of them: the token comes back with every request, and the secret key is derived from the
key's id. So they outlive a restart, and a role that is removed ends them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Literal

import msgspec

MARK = "FB"
"""After `AKIA` or `ASIA`: the keys that this system made, and so always verifies."""
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_MAC = 32


class Session(msgspec.Struct, frozen=True, array_like=True):
    """Of whom temporary credentials are. `expires` in seconds since 1970; `policy` narrows, None does not.

    `id` is the unique id of the user or role: one that is made anew under the name is another.
    A function's session has none, as its role is told by name.
    """

    key_id: str
    kind: Literal["root", "user", "role"]
    name: str
    session: str
    expires: float
    id: str = ""
    policy: tuple[str, ...] | None = None


_decoder = msgspec.msgpack.Decoder(Session)


def new_id(prefix: str) -> str:
    """An id as AWS's, of 20 characters or 21: `AKIA...`, `AIDA...`."""
    mark = MARK if prefix in ("AKIA", "ASIA") else ""
    length = (16 if mark else 17) - len(mark)
    return prefix + mark + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def ours(key_id: str) -> bool:
    """Whether a key's id is one that this system gives out."""
    return key_id[:6] in (f"AKIA{MARK}", f"ASIA{MARK}")


def new_secret() -> str:
    """The secret of a lasting key: 40 characters."""
    return secrets.token_urlsafe(30)


def token_of(session: Session, master: bytes) -> str:
    """The session token."""
    body = msgspec.msgpack.encode(session)
    return base64.b64encode(hmac.digest(master, b"token\0" + body, "sha256") + body).decode()


def secret_of(key_id: str, master: bytes) -> str:
    """The secret key of temporary credentials."""
    return base64.b64encode(hmac.digest(master, b"secret\0" + key_id.encode(), "sha256")).decode()[:40]


def open_token(token: str, master: bytes) -> Session | None:
    """What a token says; None if this system did not make it. Whether it has expired is the caller's to ask."""
    try:
        raw = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None
    body = raw[_MAC:]
    if not hmac.compare_digest(raw[:_MAC], hmac.digest(master, b"token\0" + body, "sha256")):
        return None
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError:
        return None
