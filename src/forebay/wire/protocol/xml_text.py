"""Text without what XML 1.0 cannot hold: control characters."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def readable(text: str) -> str:
    """A document that any XML parser reads: U+FFFD is in place of what it could not."""
    return _CONTROL.sub("\ufffd", text)


def listed(text: str) -> str:
    """The same of S3's lists, which has references to it: those who read XML 1.1 see every key."""
    return _CONTROL.sub(lambda found: f"&#x{ord(found[0]):x};", text)
