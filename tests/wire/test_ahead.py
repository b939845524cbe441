"""Answers that are written while the disk works."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from forebay.streams.writer import Receipt
from forebay.wire import ahead
from forebay.wire.ahead import Ahead


def test_an_answer_is_written_once_and_in_a_thread() -> None:
    threads: list[str] = []

    def render(receipt: Receipt) -> bytes:
        threads.append(threading.current_thread().name)
        return b"%d" % receipt.count

    one = Ahead(render)
    one.foresee(Receipt(7, []))
    assert one._future is not None
    one._future.result()
    assert one.body(Receipt(7, [])) == b"7"
    assert len(threads) == 1
    assert threads[0].startswith("answers")


def test_an_answer_that_others_are_before_is_written_by_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    with ThreadPoolExecutor(1) as busy:
        monkeypatch.setattr(ahead, "_thread", lambda: busy)
        busy.submit(go_on.wait, 20)
        one: Ahead[Receipt] = Ahead(lambda receipt: b"%d" % receipt.count)
        one.foresee(Receipt(1, []))
        assert one.body(Receipt(3, [])) == b"3"
        go_on.set()


def test_an_answer_that_was_not_foreseen_is_written_when_it_is_taken() -> None:
    one: Ahead[Receipt] = Ahead(lambda receipt: b"%d" % receipt.count)
    assert one.body(Receipt(3, [])) == b"3"


def test_an_answer_that_fails_to_be_written_fails_its_own_call() -> None:
    def render(receipt: Receipt) -> bytes:
        raise ValueError(f"cannot write {receipt.count}")

    one = Ahead(render)
    one.foresee(Receipt(2, []))
    with pytest.raises(ValueError, match="cannot write 2"):
        one.body(Receipt(2, []))


def test_where_no_thread_begins_anything_more_who_waits_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = ThreadPoolExecutor(1)
    ended.shutdown()
    monkeypatch.setattr(ahead, "_thread", lambda: ended)
    one: Ahead[Receipt] = Ahead(lambda receipt: b"%d" % receipt.count)
    one.foresee(Receipt(4, []))
    assert one.body(Receipt(4, [])) == b"4"
