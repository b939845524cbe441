"""What a receipt will be is told before the commit, to whom it is worth writing an answer meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import apsw
import pytest

from forebay.errors import Unavailable
from forebay.streams.commit import Committer
from forebay.streams.writer import Receipt
from tests.streams.conftest import OpenLog
from tests.streams.test_dedup import once, together


def test_a_receipt_is_foreseen_as_it_is_given_and_before(open_log: OpenLog) -> None:
    log = open_log(shards=4)
    told: list[tuple[Receipt, int]] = []

    async def main() -> Receipt:
        await log.append([b"first"])
        keys = [b"k%d" % n for n in range(50)]
        return await log.submit([b"x"] * 50, keys, foreseen=lambda receipt: told.append((receipt, log.head)))

    receipt = asyncio.run(main())
    ((foreseen, head),) = told
    assert foreseen == receipt
    assert sorted(index for _, _, indexes in receipt.places for index in indexes) == list(range(50))
    assert (head, log.head) == (1, 51)  # nothing was committed yet


@pytest.mark.parametrize("shards", [1, 4])
def test_each_of_a_commit_is_told_its_own_and_a_repeat_nothing(open_log: OpenLog, shards: int) -> None:
    log = open_log(shards=shards)
    told: dict[str, Receipt] = {}
    calls: list[dict[str, Any]] = [
        {"once": once("k"), "foreseen": lambda receipt: told.update(first=receipt)},
        {"once": once("k"), "foreseen": lambda receipt: told.update(repeat=receipt)},
        {"once": once("k", b"other"), "foreseen": lambda receipt: told.update(refused=receipt)},
        {"foreseen": lambda receipt: told.update(plain=receipt)},
    ]
    results = together(log, *calls)
    assert told == {"first": results[0], "plain": results[3]}
    together(log, calls[1])
    assert "repeat" not in told


def test_what_is_foreseen_is_not_acknowledged(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log()
    told: list[Receipt] = []
    whole = Committer.transaction

    def failing(self: Committer, action: object) -> object:
        def then_fail() -> None:
            action()  # type: ignore[operator]
            raise apsw.IOError("the disk is gone")

        return whole(self, then_fail)

    async def put() -> Receipt:
        return await log.submit([b"x"], once=once("k"), foreseen=told.append)

    with monkeypatch.context() as patched:
        patched.setattr(Committer, "transaction", failing)
        with pytest.raises(Unavailable, match="the disk is gone"):
            asyncio.run(put())
    assert (len(told), log.head) == (1, 0)
    assert asyncio.run(put()) == told[1]  # the same call again is not taken for a repeat
    assert log.head == 1
