"""A retry is no second event: idempotency keys and unique fields."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from forebay.errors import DataRejected, Throttled
from forebay.streams.reader import Reader
from forebay.streams.writer import Log, Once, Receipt, Unique
from tests.streams.conftest import Clock, OpenLog, everything


def once(key: str, body: bytes = b"h", scope: str = "me\0clicks", within: float = 86_400.0) -> Once:
    return Once(scope, key, body, lambda kept, known: b"%d kept, %d known" % (kept, known), within)


def together(log: Log, *calls: dict[str, Any]) -> list[Receipt | BaseException]:
    """Submit several requests so that they fall into one commit."""

    async def main() -> list[Receipt | BaseException]:
        waiting = [log.submit([b"x"], **call) for call in calls]
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    return asyncio.run(main())


def test_a_repeat_gets_the_first_answer_also_after_a_restart(open_log: OpenLog, reader: Reader) -> None:
    log = open_log()
    first = log.append_now([b"a", b"b"], once=once("k"))
    assert (first.count, first.repeated, first.answer) == (2, False, b"2 kept, 0 known")
    for _ in range(2):
        again = log.append_now([b"a", b"b"], once=once("k"))
        assert (again.count, again.repeated, again.answer) == (0, True, b"2 kept, 0 known")
        log = open_log()
    assert everything(reader) == [b"a", b"b"]


def test_repeats_within_one_commit_are_one_request(open_log: OpenLog) -> None:
    log = open_log()
    results = together(log, *[{"once": once("k")}] * 5, {"once": once("other")})
    assert [r.repeated for r in results if isinstance(r, Receipt)] == [False, True, True, True, True, False]
    assert {r.answer for r in results if isinstance(r, Receipt)} == {b"1 kept, 0 known"}
    assert log.head == 2


def test_a_key_reused_for_another_body_is_refused_and_the_others_of_the_commit_are_kept(
    open_log: OpenLog,
) -> None:
    log = open_log()
    results = together(log, {"once": once("k")}, {"once": once("k", b"other")}, {})
    assert isinstance(results[1], DataRejected)
    assert results[1].code == "IdempotencyKeyReused"
    assert log.head == 2
    with pytest.raises(DataRejected, match="another body"):
        log.append_now([b"x"], once=once("k", b"other"))


def test_keys_of_different_scopes_do_not_meet(open_log: OpenLog) -> None:
    log = open_log()
    log.append_now([b"a"], once=once("k", scope="me\0clicks"))
    assert not log.append_now([b"a"], once=once("k", scope="you\0clicks")).repeated


def test_a_key_is_forgotten_after_its_time(open_log: OpenLog, clock: Clock) -> None:
    log = open_log()
    log.append_now([b"a"], once=once("k", within=60))
    clock.forward(59)
    assert log.append_now([b"a"], once=once("k", within=60)).repeated
    clock.forward(2)
    assert not log.append_now([b"a"], once=once("k", b"another", within=60)).repeated
    clock.forward(61)
    log.maintain()
    assert log._db.execute("SELECT count(*) FROM once").get == 0


def test_a_unique_value_is_kept_once(open_log: OpenLog, reader: Reader) -> None:
    log = open_log()
    receipt = log.append_now([b"1", b"2", b"1'"], unique=Unique("r", [b"1", b"2", b"1"]))
    assert (receipt.count, list(receipt.duplicates)) == (2, [2])
    receipt = open_log().append_now([b"2'", b"3"], unique=Unique("r", [b"2", b"3"]))
    assert (receipt.count, list(receipt.duplicates)) == (1, [0])
    assert everything(reader) == [b"1", b"2", b"3"]


def test_a_unique_value_twice_in_one_commit_is_kept_once(open_log: OpenLog) -> None:
    log = open_log(shards=3)
    results = together(log, *[{"unique": Unique("r", [b"1"]), "keys": [b"k"]}] * 4)
    assert sorted(r.count for r in results if isinstance(r, Receipt)) == [0, 0, 0, 1]
    assert log.head == 1


def test_what_is_unique_is_so_within_its_scope_and_time(open_log: OpenLog, clock: Clock) -> None:
    log = open_log()
    assert log.append_now([b"1"], unique=Unique("r", [b"1"], within=60)).count == 1
    assert log.append_now([b"1"], unique=Unique("s", [b"1"], within=60)).count == 1
    clock.forward(61)
    assert log.append_now([b"1"], unique=Unique("r", [b"1"], within=60)).count == 1
    assert log.append_now([b"1"], unique=Unique("r", [b"1"], within=60)).count == 0


def test_past_max_keys_a_new_value_is_refused_and_a_known_one_is_not(open_log: OpenLog, clock: Clock) -> None:
    log = open_log()

    def ask(*values: bytes) -> int:
        return log.append_now(list(values), unique=Unique("r", values, within=60, max_keys=3)).count

    assert ask(b"1", b"2", b"3") == 3
    assert ask(b"1", b"3") == 0
    with pytest.raises(Throttled) as raised:
        ask(b"1", b"4")
    assert raised.value.code == "TooManyUniqueKeys"
    assert 1 <= raised.value.extra["retry_after"] <= 61
    clock.forward(61)
    assert ask(b"4", b"5") == 2
    log = open_log()
    assert ask(b"6") == 1
    with pytest.raises(Throttled):
        ask(b"7")


def test_expired_values_are_removed_in_slices_and_their_count_stays_true(
    open_log: OpenLog, clock: Clock
) -> None:
    log = open_log()
    values = [b"%d" % i for i in range(12_000)]
    log.append_now(values, unique=Unique("r", values, within=60))
    clock.forward(30)
    log.append_now([b"x"], unique=Unique("r", [b"x"], within=60))
    clock.forward(31)
    log.maintain()
    rows = log._db.execute("SELECT (SELECT count(*) FROM unique_keys), (SELECT keys FROM scopes)").fetchall()
    assert rows == [(1, 1)]


def test_idempotency_and_uniqueness_work_together(open_log: OpenLog) -> None:
    log = open_log()
    log.append_now([b"1"], unique=Unique("r", [b"1"]))
    receipt = log.append_now([b"1", b"2"], unique=Unique("r", [b"1", b"2"]), once=once("k"))
    assert receipt.answer == b"1 kept, 1 known"
    assert (
        log.append_now([b"1", b"2"], unique=Unique("r", [b"1", b"2"]), once=once("k")).answer
        == receipt.answer
    )
    assert log.head == 2
