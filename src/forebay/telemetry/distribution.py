"""The values of one period of a metric, bounded: what percentiles and trimmed means are asked of.

Up to `EXACT` different values are kept as they are. Beyond, values share buckets of `GAMMA`'s width, so that a
percentile is within `ERROR` of the true value (the idea is DDSketch's: https://arxiv.org/abs/1908.10693), and there
are never more than `MOST` of them: the least ones share one then.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping

ERROR = 0.01
GAMMA = (1 + ERROR) / (1 - ERROR)
EXACT = 100
MOST = 1000
_LOG = math.log(GAMMA)

Counts = dict[float, float]
"""How often each value, or one for all of its bucket, was there."""


def counted(pairs: Iterable[tuple[float, float]]) -> Counts:
    """(value, count) pairs together, bounded."""
    found: Counts = {}
    for value, count in pairs:
        found[value] = found.get(value, 0.0) + count
    return _bounded(found)


def pack(counts: Mapping[float, float]) -> bytes:
    """As bytes: pairs of doubles, by value."""
    flat = [number for pair in sorted(counts.items()) for number in pair]
    return struct.pack(f"<{len(flat)}d", *flat)


def unpack(packed: bytes) -> Counts:
    """What `pack` was given."""
    flat = struct.unpack(f"<{len(packed) // 8}d", packed)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def between(counts: Mapping[float, float], low: float, high: float) -> list[tuple[float, float]]:
    """The values from one share of all (0 to 1) to another, each with how much of it is in there."""
    total = sum(counts.values())
    start, end, passed = low * total, high * total, 0.0
    found = []
    for value, count in sorted(counts.items()):
        inside = min(passed + count, end) - max(passed, start)
        if inside > 0:
            found.append((value, inside))
        passed += count
    return found


def percentile(counts: Mapping[float, float], share: float) -> float:
    """The least value that at least this share (0 to 1) of all does not exceed; of none, the least."""
    wanted = share * sum(counts.values())
    passed, value = 0.0, 0.0
    for value, count in sorted(counts.items()):
        passed += count
        if passed >= wanted * (1 - 1e-12):
            return value
    return value


def _bounded(counts: Counts) -> Counts:
    if len(counts) <= EXACT:
        return counts
    found: Counts = {}
    for value, count in counts.items():
        shared = _bucket(value)
        found[shared] = found.get(shared, 0.0) + count
    if len(found) > MOST:
        ordered = sorted(found)
        least = ordered[len(found) - MOST]
        for value in ordered[: len(found) - MOST]:
            found[least] += found.pop(value)
    return found


def _bucket(value: float) -> float:
    """The value that stands for all of its bucket, and is in it."""
    if value == 0:
        return 0.0
    number = math.ceil(math.log(abs(value)) / _LOG - 1e-9)
    return math.copysign(2 * math.exp(number * _LOG) / (GAMMA + 1), value)
