"""Sequence numbers as Kinesis writes them: 56 decimal digits that say shard and offset.

Read as a hexadecimal number, from the left (what public tools found in AWS's own):

    2 | shard created: 9 digits, seconds | 1, of the shard | index: 16 | 00 | arrival: 9, seconds | shard: 8 | 2

`index` is the event's offset + 1, so that 0 is the shard's beginning. Within a shard the numbers grow with the
offset, and as a child is created later than its parents, its numbers are greater than theirs.
"""

from __future__ import annotations

from typing import NamedTuple

from forebay.clock import SECOND
from forebay.streams.shards import Shard

STEP = 1 << 80
"""From an event's number to the next one's, if both arrived in the same second."""
LAST_INDEX = (1 << 63) - 1
_LEAST = 1 << 185
_BEYOND = 3 << 184
_FIRST = 1 << 124
_FIRST_BEYOND = 1 << 129
_SECONDS = (1 << 36) - 1
_TOO_LATE = 16_025_175_000


class Sequence(NamedTuple):
    """What a sequence number says. `offset` is -1 for a shard's beginning."""

    shard: int
    created: int
    offset: int
    arrived: int


def number(shard: Shard, offset: int, arrival: int) -> int:
    """The sequence number of the event at `offset`, which arrived at `arrival` (UTC microseconds)."""
    return _made(shard, offset + 1, arrival // SECOND)


def starting(shard: Shard) -> int:
    """The number before those of all its events."""
    return _made(shard, 0, shard.created)


def ending(shard: Shard) -> int:
    """The number after those of all its events, for a shard that is closed."""
    return _made(shard, LAST_INDEX, (shard.closed_at or 0) // SECOND)


def _made(shard: Shard, index: int, arrived: int) -> int:
    return (
        (2 << 184)
        | (shard.created << 148)
        | ((shard.number & 15) << 144)
        | (index << 80)
        | (arrived << 36)
        | (shard.number << 4)
        | 2
    )


def normal(text: str) -> str:
    """`text` as Kinesis repeats it: the shortest, from its first years, are offsets into their own range."""
    value = int(text)
    return str(value + _FIRST) if value < _FIRST else text


def parse(text: str) -> Sequence:
    """Undo `number`; older forms are told too, with the offset -1. Raises ValueError for what is none."""
    value = int(normal(text))
    if value < _FIRST_BEYOND:  # 1 | created: 9 | .. | shard: 4
        created = (value >> 88) & _SECONDS
        if created >= _TOO_LATE:
            raise ValueError(f"{text} is no sequence number")
        return Sequence(value & 0xFFFF, created, -1, 0)
    if (
        _LEAST <= value < _BEYOND and value & 15 == 1
    ):  # 2 | created: 9 | 1 | .. | arrival: 9 | ..: 16 | shard: 8 | 1
        return Sequence((value >> 4) & 0xFFFFFFFF, (value >> 148) & _SECONDS, -1, (value >> 100) & _SECONDS)
    if not _LEAST <= value < _BEYOND or value & 15 != 2:
        raise ValueError(f"{text} is no sequence number")
    index = (value >> 80) & ((1 << 64) - 1)
    shard = (value >> 4) & ((1 << 32) - 1)
    if index > LAST_INDEX or shard >= 1 << 31:
        raise ValueError(f"{text} is no sequence number")
    created = (value >> 148) & _SECONDS
    arrived = (value >> 36) & _SECONDS
    return Sequence(shard, created, index - 1, arrived)
