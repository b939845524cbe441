"""What `x-amz-copy-source` names: one reading of it, for who decides whether it may be read and for who reads it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

_URL = re.compile(r"\Ahttps?://[^/]+/")
"""What S3 passes over in front of the bucket of a copy's source."""


class CopySource(NamedTuple):
    """`/bucket/key?versionId=v`, decoded. `query` is what follows the `?`, as it came; parts not there are empty."""

    bucket: str
    key: str
    query: str = ""

    @property
    def version(self) -> str | None:
        """The version that is named, if one is, be it by an empty text."""
        name, _, value = self.query.partition("=")
        return unquote(value) if name == "versionId" else None


def copy_source(text: str) -> CopySource:
    """Read the header. Nothing is refused here."""
    path, _, query = text.partition("?")
    bucket, _, key = unquote_plus(_URL.sub("/", path)).removeprefix("/").partition("/")
    return CopySource(bucket, key, query)
