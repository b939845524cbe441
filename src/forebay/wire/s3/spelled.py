"""How S3 spells what a header cannot carry: metadata as RFC 2047 says, other headers with spaces for it.

A request's headers are read as ISO-8859-1, as S3 reads them; only a form's fields can hold more than that.
Source: "Working with object metadata" (Amazon S3 User Guide).
"""

from __future__ import annotations

import base64

_CHARSET = "UTF-8"
_ROOM = 68 - len(_CHARSET)
"""So many characters may one encoded word have: longer text is halved until its pieces fit."""


def metadata(text: str) -> str:
    """A value of user-defined metadata: as it is where it is printable ASCII, else as encoded words.

    Quoted-printable where more of its characters are ASCII than are not, base64 elsewhere.
    """
    odd = sum(not _is_plain(one) for one in text)
    if not odd:
        return text
    return " ".join(_words(text, "Q" if len(text) - odd > odd else "B"))


def plain(text: str) -> str:
    """Any other header's value: what is not in ISO-8859-1, and control characters, as spaces."""
    return "".join(one if fits(one) else " " for one in text)


def fits(text: str) -> bool:
    """Whether a header can carry a text as it is."""
    return all(one <= "\xff" and (one.isprintable() or one == "\xa0") for one in text)


def _is_plain(one: str) -> bool:
    return " " <= one <= "~"


def _words(text: str, kind: str) -> list[str]:
    data = text.encode("utf-8", "replace")
    coded = _quoted(data) if kind == "Q" else base64.b64encode(data).decode()
    if len(coded) > _ROOM and len(text) > 1:
        half = len(text) // 2
        return [*_words(text[:half], kind), *_words(text[half:], kind)]
    return [f"=?{_CHARSET}?{kind}?{coded}?="]


def _quoted(data: bytes) -> str:
    return "".join(
        "_" if one == 32 else chr(one) if 32 < one < 127 and one not in b"=_?" else f"={one:02X}"
        for one in data
    )
