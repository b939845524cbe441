"""Which shard a partition key belongs to: Kinesis's rule.

The MD5 of the key, as a 128-bit integer, falls into one of `shards` equal ranges; the last takes the
remainder (https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html#partition-key).
"""

from __future__ import annotations

from hashlib import md5

_SPACE = 1 << 128


def shard_of(key: bytes, shards: int) -> int:
    """The shard (from 0) of a partition key."""
    if shards == 1:
        return 0
    hashed = int.from_bytes(md5(key, usedforsecurity=False).digest(), "big")
    return min(hashed // (_SPACE // shards), shards - 1)
