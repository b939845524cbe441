"""NextTokens: where a list goes on, signed so that nobody makes one, good for five minutes."""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

import msgspec

from forebay.clock import now_us
from forebay.wire.kinesis.base import invalid
from forebay.wire.kinesis.iterators import secret_of
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked

_MAC = 16


def token(asked: Asked, *parts: Any) -> str:
    """A token of the operation that is asked: `parts` say where it goes on."""
    said = msgspec.msgpack.encode([now_us(), asked.operation, *parts])
    return base64.urlsafe_b64encode(_signed(asked, said) + said).decode()


def untoken(asked: Asked, text: str) -> list[Any]:
    """The parts of a token. Raises InvalidArgumentException, ExpiredNextTokenException."""
    try:
        raw = base64.urlsafe_b64decode(text.encode())
    except (binascii.Error, ValueError):
        raise invalid("Invalid NextToken.") from None
    if not compare_digest(raw[:_MAC], _signed(asked, raw[_MAC:])):
        raise invalid("Invalid NextToken.")
    made, operation, *parts = msgspec.msgpack.decode(raw[_MAC:], type=list)
    if operation != asked.operation:
        raise invalid("Invalid NextToken.")
    if now_us() - made > 300_000_000:
        raise AwsError("ExpiredNextTokenException", "The NextToken has expired.")
    return parts


def _signed(asked: Asked, said: bytes) -> bytes:
    return blake2b(said, key=secret_of(asked.system.documents), digest_size=_MAC).digest()
