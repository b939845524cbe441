"""Where an object's bytes lie: at `lake/<bucket>/<key>` where that round-trips, else under a hash.

A key is any UTF-8 of up to 1,024 bytes; a path is not. What no path can say (`..`, `p//q`, a trailing
slash, a 300-byte part) lies under `lake/.keys/<bucket>/<sha256>`, with its key in the catalog. So does
what a path could say but another object's path forbids (`a` beside `a/b`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from forebay.errors import UsageError

MAX_KEY = 1024
MAX_PART = 255
TEMPORARY = ".tmp"
HASHED = ".keys"


def check_key(key: str) -> None:
    """Raise UsageError `KeyTooLong` or `InvalidKey` for what is no key on S3 either."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise UsageError("InvalidKey", "an object's key is UTF-8") from None
    if not size:
        raise UsageError("InvalidKey", "an object's key is not empty")
    if size > MAX_KEY:
        raise UsageError("KeyTooLong", f"an object's key has at most {MAX_KEY} bytes, not {size}")


def is_path(key: str) -> bool:
    """Whether the key, taken as a path, is a file of that very name in the bucket's own folder."""
    parts = key.split("/")
    return "\0" not in key and all(
        part not in ("", ".", "..") and len(part.encode()) <= MAX_PART for part in parts
    )


def is_hidden(key: str) -> bool:
    """Whether a part of the key begins with a dot: such files in a bucket's folder are nobody's objects."""
    return key.startswith(".") or "/." in key


def above(text: str) -> str | None:
    """The least text that is greater than all that begin with `text`; None if there is none."""
    while text and text[-1] == "\U0010ffff":
        text = text[:-1]
    if not text:
        return None
    last = ord(text[-1]) + 1
    return text[:-1] + chr(0xE000 if last == 0xD800 else last)


def hashed(lake: Path, bucket: str, key: str) -> Path:
    """Where the object lies whose key is no path."""
    return lake / HASHED / bucket / hashlib.sha256(key.encode()).hexdigest()


def locate(lake: Path, bucket: str, key: str) -> tuple[Path, str | None]:
    """Where an object's bytes lie or shall lie, and its `objects.path` (relative to the state folder).

    Raises UsageError for what is no key.
    """
    check_key(key)
    path = lake / bucket / key
    if is_path(key) and not path.is_dir() and not _below_a_file(lake / bucket, key):
        return path, None
    path = hashed(lake, bucket, key)
    return path, str(path.relative_to(lake.parent))


def _below_a_file(bucket: Path, key: str) -> bool:
    path = bucket
    for part in key.split("/")[:-1]:
        path = path / part
        if not path.is_dir():
            return path.exists()
    return False
