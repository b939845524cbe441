"""Records of several blobs are a list of bytes that nobody has made yet."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from forebay.delivery.intake import take
from forebay.event import Batch, Records, decode_records, encode_records

PARTS: list[Sequence[Sequence[bytes]]] = [
    [],
    [[]],
    [[b"a"]],
    [[b"a", b""], [], [b"ccc", b"dd"]],
    [[bytes([n]) * n for n in range(200)], [b"z" * 70_000]],
]


def records(parts: Sequence[Sequence[bytes]], *, keys: bool = False) -> Records:
    blobs = [encode_records(part, [b"key"] * len(part) if keys else None) for part in parts]
    return Records([decode_records(blob) for blob in blobs])


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("parts", PARTS)
def test_they_are_as_a_list_is(parts: Sequence[Sequence[bytes]], keys: bool) -> None:
    plain = [record for part in parts for record in part]
    given = records(parts, keys=keys)
    assert len(given) == len(plain)
    assert bool(given) == bool(plain)
    assert given.full() == all(plain)
    assert given.joined() == b"".join(plain)
    assert encode_records(given) == encode_records(plain)  # by the blob, before anybody looked at one
    assert list(given) == plain
    assert given[1:3] == plain[1:3]
    assert all(given[n] == record for n, record in enumerate(plain))
    assert encode_records(given) == encode_records(plain)


def test_their_keys_are_not_lost_where_some_are_given() -> None:
    given = records([[b"a", b"b"]])
    assert encode_records(given, [b"k", b"l"]) == encode_records([b"a", b"b"], [b"k", b"l"])


def test_what_is_taken_of_a_log_begins_in_the_middle_of_a_batch() -> None:
    rng = random.Random(5)
    plain = [rng.randbytes(rng.randint(0, 9)) for _ in range(60)]
    batches = [Batch(at, 0, 7, 20, encode_records(plain[at : at + 20], [b"k"] * 20)) for at in (0, 20, 40)]
    for position in (0, 1, 13, 19):
        work = take("log", batches, position)
        assert list(work.records) == plain[position:]
        assert encode_records(work.records) == encode_records(plain[position:])
        assert [origin.offset for origin in work.origins] == list(range(position, 60))
        assert work.end == 60
