"""Checkpoints beside the commits: they keep nobody waiting, lose nothing, and keep the WAL short."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import apsw
import pytest

from forebay.streams import aside
from forebay.streams.reader import Reader
from forebay.streams.upkeep import LONG_BYTES, PASSES, SHORT_BYTES, Upkeep
from tests.harness import until
from tests.streams.conftest import OpenLog, everything

BIG = b"x" * (1 << 20)
MANY = 2 * SHORT_BYTES // len(BIG)


def copied(folder: Path) -> int:
    """How much of the log is in its database's file."""
    return (folder / "log.db").stat().st_size


def test_commits_go_on_while_a_long_wal_is_copied(
    open_log: OpenLog, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, go_on = threading.Event(), threading.Event()
    work = aside.Aside._work

    def slow(self: aside.Aside) -> None:
        under_way.set()
        assert go_on.wait(20)
        work(self)

    monkeypatch.setattr(aside.Aside, "_work", slow)
    log = open_log()
    rows = 0
    while not under_way.is_set() and rows < 64:
        log.append_now([BIG, b"%d" % rows])
        rows += 1
    assert under_way.wait(20)  # its thread may begin a little later
    for _ in range(4):  # each would wait for ever if the checkpoint kept it
        log.append_now([BIG, b"%d" % rows])
        rows += 1
    go_on.set()
    log.maintain()
    log.close()
    assert [each for each in everything(reader) if each != BIG] == [b"%d" % n for n in range(rows)]


def test_who_writes_alone_waits_for_no_checkpoint_and_the_wal_stays_short(
    open_log: OpenLog, reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[int] = []
    monkeypatch.setattr(Upkeep, "_checkpoint", lambda self: waited.append(self._committer.written))
    log = open_log()
    log._upkeep.at = 1e9  # but for what it does once a second

    async def main() -> None:
        for n in range(64):
            await log.append([b"%d." % n + BIG])
            async with asyncio.timeout(20):
                while log._upkeep._aside.begun or log._upkeep.wal_is_long:  # a caller's own time
                    await asyncio.sleep(0.001)

    asyncio.run(main())
    assert waited == []
    assert copied(tmp_path) > 48 * len(BIG)
    assert (tmp_path / "log.db-wal").stat().st_size < LONG_BYTES
    assert [int(each.split(b".")[0]) for each in everything(reader)] == list(range(64))


def test_who_writes_alone_without_a_pause_waits_for_one_in_the_end(
    open_log: OpenLog, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[int] = []
    work, checkpoint = aside.Aside._work, Upkeep._checkpoint
    rows = passes = 0
    most = MANY

    def outrun(self: aside.Aside) -> None:
        nonlocal passes, most
        before = rows
        # Something comes meanwhile, however slow the disk is, and not too much. The first may be what this began after.
        most = before + MANY
        until(lambda: rows > before + 1 or waited)
        work(self)
        passes += 1
        most = rows + MANY

    def counted(self: Upkeep) -> None:
        checkpoint(self)
        waited.append(self._committer.written)

    def few() -> bool:
        return rows < most or bool(waited)

    monkeypatch.setattr(aside.Aside, "_work", outrun)
    monkeypatch.setattr(Upkeep, "_checkpoint", counted)
    log = open_log()
    log._upkeep.at = 1e9
    while not waited and passes < 2 * (LONG_BYTES // SHORT_BYTES + PASSES):  # or the WAL would grow for ever
        log.append_now([b"%d." % rows + BIG])
        rows += 1
        until(few, every=0.001)
    assert waited == [0]
    assert [int(each.split(b".")[0]) for each in everything(reader)] == list(range(rows))


def test_a_wal_stays_short_and_whole_while_many_write_much(
    open_log: OpenLog, reader: Reader, tmp_path: Path
) -> None:
    log = open_log()
    own = 24

    def write(name: int) -> None:
        for n in range(own):
            log.append_now([b"%d.%d." % (name, n) + BIG])

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: copied(tmp_path) >= SHORT_BYTES)  # while they wrote: that is what takes it out of the WAL
    log.maintain()
    log.append_now([b"0.%d." % own])  # the first commit after all is copied begins at the WAL's start again
    assert (tmp_path / "log.db-wal").stat().st_size <= 64 << 20
    log.close()
    found = [tuple(map(int, each.split(b".")[:2])) for each in everything(reader)]
    for name in range(4):
        assert [n for who, n in found if who == name] == list(range(own + (name == 0)))
    assert apsw.Connection(str(tmp_path / "log.db")).pragma("integrity_check") == "ok"


def test_what_cannot_be_copied_is_said_and_tried_again(
    open_log: OpenLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(path: Path) -> apsw.Connection:
        raise apsw.IOError(f"no reading of {path.name}")

    with monkeypatch.context() as patched:
        patched.setattr(aside, "open_db", broken)
        log = open_log()
        log._upkeep.at = 1e9  # it copies a short WAL itself where nothing comes for a second
        with caplog.at_level(logging.WARNING, "forebay.streams"):
            for n in range(MANY):
                log.append_now([b"%d" % n + BIG])
            until(lambda: "no reading of log.db" in caplog.text)
        assert log.problem is None
        assert copied(tmp_path) < SHORT_BYTES
    for n in range(MANY):
        log.append_now([b"%d" % n + BIG])
    until(lambda: copied(tmp_path) > 2 * SHORT_BYTES)
