"""Kinesis Data Streams: streams, shards, records in and out, consumers, settings."""

from __future__ import annotations

from forebay.wire.kinesis import consumers, policies, put, read, settings, shards, streams, subscribe, tags
from forebay.wire.kinesis.base import SERVICE

__all__ = [
    "SERVICE",
    "consumers",
    "policies",
    "put",
    "read",
    "settings",
    "shards",
    "streams",
    "subscribe",
    "tags",
]
