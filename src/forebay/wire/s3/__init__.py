"""Amazon S3: one module a group of operations, each a few lines between a request and the lake."""

from __future__ import annotations

from forebay.wire.s3 import (
    access_log,
    acl,
    annotation,
    attributes,
    buckets,
    config,
    copy,
    cors,
    kept,
    lifecycle,
    listing,
    lock,
    multipart,
    notify,
    objects,
    post,
    replication,
    restore,
    select,
    tags,
    website,
)
from forebay.wire.s3.base import SERVICE

__all__ = [
    "SERVICE",
    "access_log",
    "acl",
    "annotation",
    "attributes",
    "buckets",
    "config",
    "copy",
    "cors",
    "kept",
    "lifecycle",
    "listing",
    "lock",
    "multipart",
    "notify",
    "objects",
    "post",
    "replication",
    "restore",
    "select",
    "tags",
    "website",
]
