"""What tags of streams and consumers may be."""

from __future__ import annotations

import re
from collections.abc import Iterable

from forebay.wire.kinesis.base import invalid
from forebay.wire.service import Asked, Json

MOST = 50
_FOREIGN = re.compile(r"[^\u00C0-\u1FFF\u2C00-\uD7FF\w./\-=+ @%:]")


def check_tags(asked: Asked, name: str, tags: Json, have: Iterable[str] = ()) -> Json:
    """`tags`, if they may join those a stream has. Raises InvalidArgumentException."""
    check_characters(asked, name, [*tags, *tags.values()], "add tags to")
    if len({*tags, *have}) > MOST:
        raise invalid(
            f"Failed to add tags to stream {name} under account {asked.account} because a given stream cannot"
            f" have more than {MOST} tags associated with it."
        )
    return tags


def check_characters(asked: Asked, name: str, texts: Iterable[str], doing: str) -> None:
    """Raise InvalidArgumentException for characters that tags may not have."""
    texts = list(texts)
    if any(_FOREIGN.search(text) for text in texts):
        raise invalid(
            "Some tags contain invalid characters. Valid characters: "
            "Unicode letters, digits, white space, _ . / = + - % @."
        )
    if any("%" in text for text in texts):
        raise invalid(
            f"Failed to {doing} stream {name} under account {asked.account} because some tags contained illegal"
            " characters. The allowed characters are Unicode letters, white-spaces,"
            " '_',',','/','=','+','-','@'."
        )
