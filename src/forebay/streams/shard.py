"""Which shard a partition key belongs to, while the ranges are even: Kinesis's rule.

The MD5 of the key, as a 128-bit integer, falls into one of `shards` equal ranges; the last takes the
remainder (https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html#partition-key).
"""

from __future__ import annotations

import hashlib

try:
    # A quarter of what OpenSSL's costs for something as short as a key.
    from _md5 import md5 as _md5  # type: ignore[import-not-found]
except ImportError:  # a Python built without it
    _md5 = hashlib.md5

_SPACE = 1 << 128


def digest(key: bytes) -> bytes:
    """A partition key's hash key: 16 bytes, big-endian."""
    hashed: bytes = _md5(key, usedforsecurity=False).digest()
    return hashed


def shard_of(key: bytes, shards: int) -> int:
    """The shard (from 0) of a partition key."""
    if shards == 1:
        return 0
    hashed = int.from_bytes(digest(key), "big")
    return min(hashed // (_SPACE // shards), shards - 1)
