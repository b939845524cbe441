"""Sequence numbers of a call's records, written quickly, are those that each record has."""

from __future__ import annotations

import random

import pytest

from forebay.streams import sequence
from forebay.streams.shards import SPACE, Shard
from forebay.wire.kinesis import put


@pytest.mark.parametrize("seed", range(4))
def test_numbers_of_a_call_are_those_of_its_records(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(500):
        shard = Shard(rng.choice([0, 1, 7, 9_999]), 0, SPACE - 1, 1_700_000_000, 0)
        offset = rng.choice([0, 8, 10**6, rng.randrange(10**9), rng.randrange(1 << 40)])
        arrival, count = rng.randrange(1_700_000_000, 1_900_000_000) * 1_000_000, rng.randrange(1, 501)
        same, numbers = put._numbers(shard, offset, arrival, count)
        wanted = [str(sequence.number(shard, offset + n, arrival)) for n in range(count)]
        assert [same + number for number in numbers] == wanted
