"""Puts that are acknowledged before the flow knows of them: told in order, once, also after a crash of either side."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from forebay import room
from forebay.errors import Unavailable
from forebay.lake import journal, keeper, puts
from forebay.lake.journal import pack, unpack
from tests.harness import until
from tests.lake.desk import Desk
from tests.lake.world import World


def refuse(_: int) -> None:
    raise OSError(errno.EIO, "no")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "state")


def test_who_waits_sees_what_was_acknowledged(desk: Desk) -> None:
    async def work() -> None:
        await desk.open()
        assert desk.puts.settled() is None
        assert await desk.put("a", b"one")
        assert desk.puts.key_settled("shop", "b") is None
        assert desk.puts.key_settled("other", "a") is None
        wait = desk.puts.key_settled("shop", "a")
        assert wait is not None
        await wait
        assert desk.world.read("a") == b"one"
        assert desk.puts.settled() is None

    desk.run(work)
    assert not any(desk.layout.puts.iterdir())


def test_what_nobody_waits_for_is_told_all_the_same_and_soon(desk: Desk) -> None:
    async def work() -> None:
        await desk.open()
        await asyncio.gather(*(desk.put(f"k{n}", b"%d" % n) for n in range(20)))
        async with asyncio.timeout(30):
            while len(desk.world.listed()) < 20:
                await asyncio.sleep(0.01)
        assert desk.flow.told == [[*range(1, 21)]]

    desk.run(work)


def test_of_what_is_overwritten_unseen_only_the_last_is_made_and_all_is_told_of(desk: Desk) -> None:
    rule = {"id": "r", "kind": "function", "target": "f", "events": ["s3:ObjectCreated:*"]}
    desk.world.call("bucket_set", bucket="shop", name="notification", doc={"rules": [rule]})

    async def work() -> None:
        await desk.open()
        for n in range(10):
            await desk.put("a", b"%d" % n)
        await desk.settled()
        assert desk.world.read("a") == b"9"

    desk.run(work)
    world = World(desk.layout.root, start=False)
    try:
        told = world.lake.notices.read("function")
        made = [each["event"]["Records"][0]["s3"]["object"]["eTag"] for each in told]
        assert made == [hashlib.md5(b"%d" % n).hexdigest() for n in range(10)]  # noqa: S324
        rows: Any = world.store.reader.execute("SELECT count(*) FROM objects").get
        assert rows == 1
        assert len([path for path in (desk.layout.lake / ".objects").rglob("*") if path.is_file()]) == 1
    finally:
        world.close()


def test_a_flow_that_is_down_is_told_when_it_is_up_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(puts, "PATIENCE", 0.3)

    async def work() -> None:
        await desk.open()
        desk.flow.down = True
        assert await desk.put("a", b"one")
        assert await desk.put("b", b"two")
        with pytest.raises(Unavailable, match="not in the catalog yet"):
            await desk.settled()
        desk.flow.down = False
        monkeypatch.setattr(puts, "PATIENCE", 30)
        await desk.settled()
        assert (desk.world.read("a"), desk.world.read("b")) == (b"one", b"two")

    desk.run(work)


def test_what_is_told_twice_is_taken_once(desk: Desk) -> None:
    async def work() -> None:
        await desk.open()
        desk.flow.dies_after = True
        await desk.put("a", b"one")
        while not desk.flow.down:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        first = desk.world.shelf.find("shop", "a")
        desk.flow.down = False
        await desk.settled()
        assert desk.flow.told[0] == desk.flow.told[-1] == [1]
        assert desk.world.shelf.find("shop", "a") == first

    desk.run(work)


@pytest.mark.parametrize("known", [False, True], ids=["untold", "told"])
def test_what_a_crash_leaves_is_there_after_the_next_start(desk: Desk, known: bool) -> None:
    async def work() -> None:
        await desk.open()
        await desk.put("a", b"old")
        await desk.settled()
        desk.flow.down = not known
        desk.flow.dies_after = known
        await desk.put("a", b"new")
        await desk.put("b", b"two")
        await asyncio.sleep(0.2)
        desk.crash()
        desk.flow.down = False
        desk.puts.start()
        assert not desk.puts.takes("shop", 1), "what is new comes after what was left"
        await desk.settled()
        assert (desk.world.read("a"), desk.world.read("b")) == (b"new", b"two")
        assert not any(desk.layout.puts.iterdir())
        rows: Any = desk.world.store.reader.execute(
            "SELECT count(*) FROM objects WHERE key = 'a' AND state = 'replaced'"
        ).get
        assert rows == 1

    desk.run(work)


def test_files_that_a_power_cut_took_are_restored_and_what_came_later_stays(desk: Desk) -> None:
    """The catalog's commit is on disk, the files of its objects were not yet."""

    async def work() -> None:
        await desk.open()
        for key in ("emptied", "gone", "whole", "deleted", "overwritten"):
            await desk.put(key, key.encode() * 100)
        await desk.settled()
        world = desk.world
        await world.lake.operations()["object_delete"]({"bucket": "shop", "key": "deleted"})
        await desk.put("overwritten", b"later")
        await desk.settled()
        stamps = {
            key: world.shelf.find("shop", key).path.stat().st_mtime_ns for key in ("emptied", "gone", "whole")
        }
        os.truncate(world.shelf.find("shop", "emptied").path, 0)
        world.shelf.find("shop", "gone").path.unlink()
        shutil.rmtree(desk.layout.lake / "shop", ignore_errors=True)
        desk.crash()
        world.lake.recover(desk.layout.puts)  # as the flow does before it serves
        again: Any = world.store.reader.execute(
            "SELECT key FROM lake_views ORDER BY id DESC LIMIT 2"
        ).fetchall()
        assert sorted(again) == [("emptied",), ("gone",)], (
            "their names in the bucket's folder are looked after"
        )
        for key, stamp in stamps.items():
            found = world.shelf.find("shop", key)
            assert found.path.read_bytes() == key.encode() * 100
            assert found.path.stat().st_mtime_ns == stamp == found.meta["stat"]
        desk.puts.start()
        await desk.settled()
        assert world.read("overwritten") == b"later"
        assert world.listed() == ["emptied", "gone", "overwritten", "whole"]

    desk.run(work)


def test_who_looks_for_files_by_hand_takes_no_restored_one_for_such(desk: Desk) -> None:
    async def work() -> None:
        world = desk.world
        world.lake.start()
        await desk.open()
        keys = ["emptied", "gone", "whole"]
        for key in keys:
            await desk.put(key, key.encode())
        await desk.settled()
        await asyncio.to_thread(until, lambda: all((world.folder() / key).exists() for key in keys))
        await asyncio.to_thread(world.lake.stop)
        os.truncate(world.shelf.find("shop", "emptied").path, 0)
        world.shelf.find("shop", "gone").path.unlink()
        desk.crash()
        world.close()
        desk.world = desk.flow.world = world = World(desk.layout.root, start=False)
        world.lake.recover(desk.layout.puts)
        world.lake.start()
        await desk.open()
        await asyncio.to_thread(until, lambda: world.lake._watch._looks >= 4)
        rows: Any = world.store.reader.execute(
            "SELECT key, source FROM objects WHERE state = 'live' ORDER BY key"
        )
        assert list(rows) == [(key, "wire") for key in keys]
        for key in keys:
            assert (world.folder() / key).read_bytes() == world.read(key) == key.encode()

    try:
        desk.run(work)
    finally:
        desk.world.lake.stop()


def test_more_than_the_journal_holds_goes_through_it(desk: Desk) -> None:
    async def work() -> None:
        await desk.open()
        body = os.urandom(60 << 10)
        taken = 0
        for n in range(400):  # 24 MB through two files of 4
            async with asyncio.timeout(30):
                while not await desk.put(f"k{n:03}", body + b"%d" % n):
                    await desk.settled()
                    await asyncio.sleep(0.01)
            taken += 1
        await desk.settled()
        assert len(desk.world.listed()) == taken == 400
        assert desk.world.read("k399") == body + b"399"

    desk.run(work)


def test_while_the_flow_does_not_keep_up_no_more_is_taken_than_there_is_room_for(desk: Desk) -> None:
    async def work() -> None:
        await desk.open()
        desk.flow.down = True
        body = bytes(60 << 10)
        taken = 0
        while await desk.put(f"k{taken:03}", body):
            taken += 1
        assert 100 < taken < 8 * 1024 // 60
        assert sum(path.stat().st_size for path in desk.layout.puts.iterdir()) == 8 << 20
        desk.crash()
        desk.flow.down = False
        desk.puts.start()
        await desk.settled()
        assert len(desk.world.listed()) == taken

    desk.run(work)


def test_a_disk_that_refuses_is_told_to_who_puts_and_nothing_of_it_comes_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        await desk.open()
        desk.flow.down = True
        await desk.put("a", b"kept")
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", refuse)
            with pytest.raises(Unavailable, match="cannot be written"):
                await desk.put("a", b"refused")
        desk.flow.down = False
        await desk.settled()  # the flow knows now that there is nothing in the refused one
        desk.crash()
        desk.puts.start()
        await desk.settled()
        assert desk.world.read("a") == b"kept"

    desk.run(work)


def test_nor_where_nothing_else_is_to_be_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        await desk.open()
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", refuse)
            with pytest.raises(Unavailable, match="cannot be written"):
                await desk.put("a", b"refused")
        await desk.settled()
        desk.crash()
        desk.world.lake._journaled._known = None  # the flow is started anew, too
        desk.puts.start()
        await desk.settled()
        assert desk.world.listed() == []

    desk.run(work)


def test_a_full_disk_and_large_bodies_go_the_usual_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        await desk.open()
        assert not desk.puts.takes("shop", keeper.LARGEST + 1)
        monkeypatch.setattr(room, "RESERVE", 1 << 60)
        monkeypatch.setattr(room, "EVERY", 0)
        assert not desk.puts.takes("shop", 1)
        desk.crash()
        desk.puts.start()
        assert not desk.puts.takes("shop", 1)
        await asyncio.sleep(0.3)
        assert not desk.puts.takes("shop", 1)
        assert not any(desk.layout.puts.glob("puts.*"))

    desk.run(work)


def test_a_bucket_that_is_removed_takes_nothing(desk: Desk) -> None:
    async def work() -> None:
        await desk.open()
        putting = asyncio.create_task(desk.put("a", b"x"))
        await asyncio.sleep(0)
        async with desk.puts.closed("shop"):
            await desk.settled()
            assert desk.world.read("a") == b"x", "what was taken before is known to who waits now"
            assert await putting
            async with desk.puts.closed("shop"):
                assert not desk.puts.takes("shop", 1)
            assert not desk.puts.takes("shop", 1)
            assert desk.puts.takes("other", 1)
        assert desk.puts.takes("shop", 1)

    desk.run(work)


def test_one_that_can_become_no_object_is_told_of_and_holds_nothing_up(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        await desk.open()
        await desk.put("a", b"one")
        desk.world.lake.world.closed.add("shop")
        await desk.settled()
        assert desk.world.listed() == []
        desk.world.lake.world.closed.clear()
        await desk.put("a", b"two")
        await desk.settled()
        assert desk.world.read("a") == b"two"

    desk.run(work)
    assert "an object that was put is none: number 1" in caplog.text


def test_a_journal_that_cannot_be_read_is_set_aside(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: Path) -> list[journal.Left]:
        raise OSError(errno.EIO, "no")

    async def work() -> None:
        await desk.open()
        desk.flow.down = True
        await desk.put("a", b"one")
        desk.crash()
        desk.flow.down = False
        monkeypatch.setattr(journal, "left", refuse)
        await desk.open()
        await desk.settled()
        kept = [path for path in desk.layout.puts.iterdir() if "unread" in path.name]
        assert len(kept) == 2

    desk.run(work)
    assert "cannot be read" in caplog.text


def test_docs_are_what_the_flow_takes() -> None:
    doc = {"bucket": "b", "key": "ä/\x01", "meta": {"user": {"a": "ü"}}, "size": 1}
    assert unpack(pack(doc)) == doc
