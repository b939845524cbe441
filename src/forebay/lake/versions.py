"""Ids of versions."""

from __future__ import annotations

import base64
import os
import zlib

NULL = "null"
"""The version of what is put where versions are not kept."""


def new_version() -> str:
    """A version id: 32 characters, as S3's are, the last of which depend on the others."""
    drawn = os.urandom(20)
    return base64.b64encode(drawn + zlib.crc32(drawn).to_bytes(4, "big"), altchars=b"._").decode()


def is_version(text: str) -> bool:
    """Whether `text` may be the id of a version; what never was one is told apart from what is no more."""
    try:
        found = base64.b64decode(text, altchars=b"._", validate=True)
    except ValueError:
        return text == NULL
    return text == NULL or (len(found) == 24 and zlib.crc32(found[:20]) == int.from_bytes(found[20:], "big"))
