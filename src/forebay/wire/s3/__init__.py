"""Amazon S3: one module a group of operations, each a few lines between a request and the lake."""

from __future__ import annotations

from forebay.wire.s3 import (
    acl,
    buckets,
    config,
    copy,
    kept,
    lifecycle,
    listing,
    lock,
    multipart,
    notify,
    objects,
    post,
    restore,
    tags,
)
from forebay.wire.s3.base import SERVICE

__all__ = [
    "SERVICE",
    "acl",
    "buckets",
    "config",
    "copy",
    "kept",
    "lifecycle",
    "listing",
    "lock",
    "multipart",
    "notify",
    "objects",
    "post",
    "restore",
    "tags",
]
