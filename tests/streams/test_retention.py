"""Retention removes what is old, never what a declared subscription has yet to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.streams.reader import Reader
from tests.streams.conftest import NAME, Clock, OpenLog, everything


def test_what_is_older_than_retention_goes_whole_batches_at_a_time(
    open_log: OpenLog, reader: Reader, clock: Clock
) -> None:
    log = open_log(retention=60.0)
    log.append_now([b"a", b"b"])
    clock.forward(50)
    log.append_now([b"c"])
    log.maintain()
    assert log.start == 0
    clock.forward(11)
    log.maintain()
    assert (log.start, reader.start(), log.head) == (2, 2, 3)
    assert everything(reader) == [b"c"]


def test_a_log_without_subscriptions_counts_what_expired(open_log: OpenLog, clock: Clock) -> None:
    log = open_log(retention=60.0)
    log.append_now([b"a", b"b"])
    clock.forward(61)
    log.append_now([b"c"])
    log.maintain()
    for each in (log, open_log()):
        (own,) = each.subscriptions()
        assert (own.name, own.start, own.expired) == (NAME, 0, 2)
        assert each.head - own.start == own.expired + (each.head - each.start)


def test_retention_never_passes_a_declared_subscription(
    open_log: OpenLog, reader: Reader, clock: Clock
) -> None:
    log = open_log(retention=60.0)
    log.declare(["delivery.a", "delivery.b"])
    for _ in range(5):
        log.append_now([b"x", b"x"])
    clock.forward(3600)
    log.advance("delivery.a", 10)
    log.advance("delivery.b", 5)
    log.maintain()
    assert log.start == 4  # the batch that holds event 5 stays
    log = open_log(retention=60.0)
    log.maintain()
    assert log.start == 4
    log.advance("delivery.b", 10)
    log.maintain()
    assert (log.start, reader.start(), log.head) == (10, 10, 10)
    assert all(s.expired == 0 for s in log.subscriptions())


def test_what_is_read_stays_for_its_retention(open_log: OpenLog, reader: Reader, clock: Clock) -> None:
    log = open_log(retention=60.0)
    log.declare(["delivery.a"])
    log.append_now([b"x"])
    log.advance("delivery.a", 1)
    clock.forward(30)
    log.maintain()
    assert everything(reader) == [b"x"]


def test_a_subscription_that_is_no_longer_declared_holds_nothing_back(
    open_log: OpenLog, clock: Clock
) -> None:
    log = open_log(retention=60.0)
    log.declare(["delivery.a"])
    log.append_now([b"x", b"y"])
    clock.forward(61)
    log.declare([])
    log.maintain()
    (own,) = log.subscriptions()
    assert (own.name, own.expired, log.start) == (NAME, 2, 2)


def test_a_new_subscription_counts_from_the_oldest_event_kept(open_log: OpenLog, clock: Clock) -> None:
    log = open_log(retention=60.0)
    log.append_now([b"a"])
    clock.forward(61)
    log.append_now([b"b"])
    log.maintain()
    log.declare(["delivery.late"])
    (late,) = log.subscriptions()
    assert (late.start, late.position) == (1, 1)


def test_a_reader_behind_retention_is_told_so(open_log: OpenLog, reader: Reader, clock: Clock) -> None:
    log = open_log(retention=60.0)
    log.append_now([b"a"])
    clock.forward(61)
    for kept in ([], [b"b"]):
        if kept:
            log.append_now(kept)
        log.maintain()
        with pytest.raises(ForebayError) as raised:
            reader.read(0)
        assert (raised.value.code, raised.value.extra["start"]) == ("PositionExpired", 1)
    assert everything(reader, 1) == [b"b"]


def test_the_file_does_not_grow_for_ever(open_log: OpenLog, tmp_path: Path, clock: Clock) -> None:
    log = open_log(retention=60.0)
    blob = [b"x" * 1000] * 1000
    sizes = []
    for _ in range(60):
        log.append_now(blob)
        clock.forward(10)
        log.maintain()
        sizes.append((tmp_path / "log.db").stat().st_size)
    assert max(sizes) < 20 << 20
    for _ in range(40):
        log.append_now(blob)
    clock.forward(3600)
    log.append_now([b"y"])
    log.maintain()
    assert (tmp_path / "log.db").stat().st_size < 40 << 20
    assert log.start == log.head - 1
