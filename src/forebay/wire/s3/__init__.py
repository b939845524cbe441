"""Amazon S3: one module a group of operations, each a few lines between a request and the lake."""

from __future__ import annotations

from forebay.wire.s3 import acl, buckets, config, copy, lifecycle, listing, multipart, notify, objects, tags
from forebay.wire.s3.base import SERVICE

__all__ = [
    "SERVICE",
    "acl",
    "buckets",
    "config",
    "copy",
    "lifecycle",
    "listing",
    "multipart",
    "notify",
    "objects",
    "tags",
]
