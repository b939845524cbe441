"""Tag sets: what S3 accepts as one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import malformed

NEW = "New bucket"
"""The noun with tags in the request that makes it, of which S3 speaks in other words."""
_ALLOWED = re.compile(r"[\w\s+\-=._:/@]*", re.UNICODE)


def check_tags(tags: Sequence[Mapping[str, Any]], *, most: int, noun: str) -> dict[str, str]:
    """The tags by key. Raises AwsError `InvalidTag`, `BadRequest`, `MalformedXML`."""
    if len(tags) > most:
        what = "Bucket tag count" if noun == NEW else f"{noun} tags"
        raise AwsError("BadRequest", f"{what} cannot be greater than {most}", http=400)
    found: dict[str, str] = {}
    for tag in tags:
        if "Key" not in tag or "Value" not in tag:
            raise malformed()
        key, value = tag["Key"], tag["Value"]
        if key in found:
            message = "Cannot provide multiple Tags with the same key"
            raise AwsError("InvalidTag", message, http=400, TagKey=key)
        if key.startswith("aws:"):
            if noun == NEW:
                message = (
                    'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system tags. '
                    'Remove "aws:" from your tag keys and try again.'
                )
                raise AwsError("InvalidTag", message, http=400)
            if noun == "Object":
                message = "Your TagKey cannot be prefixed with aws:"
            else:
                message = "System tags cannot be added/updated by requester"
            raise AwsError("InvalidTag", message, http=400, TagKey=key)
        if not key or _size(key) > 128 or not _ALLOWED.fullmatch(key):
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid", http=400, TagKey=key)
        if _size(value) > 256 or not _ALLOWED.fullmatch(value):
            message = "The TagValue you have provided is invalid"
            raise AwsError("InvalidTag", message, http=400, TagKey=key, TagValue=value)
        found[key] = value
    return found


def _size(text: str) -> int:
    """In UTF-16 units, as S3 counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
