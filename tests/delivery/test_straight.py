"""What fills a buffer at once becomes an object without being buffered, and is as safe."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from forebay.catalog.deliveries import Deliveries
from forebay.catalog.ledger import subscriptions, verify
from forebay.catalog.store import Store, open_reader
from forebay.delivery.group import ERROR, Group, Slot, lines_group
from forebay.delivery.landing import Held
from forebay.delivery.section import BufferSpec
from forebay.delivery.straight import HOLD, MOST, Straight
from forebay.errors import ForebayError
from forebay.lake.files import Files
from forebay.ports import ObjectRow, Progress, Seal
from tests.delivery.crashing import straight
from tests.delivery.world import World, eventually, spec

LOG = "delivery.raw"
STEPS = ("sealed", "written", "synced", "renamed", "folders", "registered")
META = {"format": "raw", "compression": "none"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, {})
    made.project = straight()
    yield made
    made.close()


def fill(world: World, first: int, n: int) -> bytes:
    """`n` numbered events of 1,000 bytes, in commits of ten; what they are, joined."""
    records = [b"%06d%s\n" % (at, b"x" * 993) for at in range(first, first + n)]
    for at in range(0, n, 10):
        world.send(LOG, *records[at : at + 10])
    return b"".join(records)


def delivered(world: World) -> bytes:
    return b"".join(world.objects().values())


def is_right(world: World, sent: int) -> None:
    """The ledger adds up, and nothing lies about."""
    db = open_reader(world.layout.catalog)
    try:
        line = subscriptions(db, {LOG: sent})[LOG]
        assert verify(db) == []
    finally:
        db.close()
    assert "mismatch" not in line
    assert (line["accepted"], line["delivered"], line["buffered"]) == (sent, sent, 0)
    known = {f"lake/{key}" for (key,) in world.ask("SELECT key FROM objects")}
    lake = world.layout.lake
    assert {str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file()} == known
    for table in ("intents", "segments", "buffers"):
        assert world.ask(f"SELECT count(*) FROM {table}") == [(0,)], table


def never_buffered(world: World) -> bool:
    return world.ask("SELECT count(*) FROM sqlite_sequence WHERE name = 'buffers'") == [(0,)]


def test_what_fills_a_buffer_at_once_is_an_object_and_never_a_buffer(world: World) -> None:
    sent = fill(world, 0, 400)
    with world.flow() as flow:
        eventually(lambda: delivered(world) == sent, "every event in an object")
        assert never_buffered(world)
        eventually(lambda: flow.status()["deliveries"]["raw"]["position"] == 400, "the position")
        told = flow.status()["deliveries"]["raw"]
        assert (told["objects"], told["lag"]) == (len(world.objects()), 0)
    assert all(len(body) >= 10_000 for body in world.objects().values())
    is_right(world, 400)


def test_what_was_buffered_before_comes_first_in_the_same_object(world: World) -> None:
    early = fill(world, 0, 3)
    with world.flow():
        eventually(lambda: len(world.hot()) == 3, "rows in a buffer")
        late = fill(world, 3, 30)
        eventually(lambda: delivered(world) == early + late, "every event in an object")
    first = next(iter(world.objects().values()))
    assert first.startswith(early)
    assert len(first) > len(early)
    is_right(world, 33)


def test_what_does_not_fill_it_is_buffered_soon(world: World) -> None:
    full = fill(world, 0, 60)
    with world.flow() as flow:
        eventually(lambda: delivered(world) == full, "an object")
        rest = fill(world, 60, 4)
        eventually(lambda: b"".join(world.hot()) == rest, "rows in a buffer")
        assert [row["rows"] for row in flow.flush("raw")] == [4]
    is_right(world, 64)


def test_what_comes_bit_by_bit_waits_for_the_rest_of_an_object(world: World) -> None:
    sent = b""
    with world.flow() as flow:
        for n in range(0, 240, 2):
            sent += fill(world, n, 2)
            time.sleep(0.005)
        flow.flush("raw")
        assert flow.status()["deliveries"]["raw"]["lag"] == 0
    assert delivered(world) == sent
    ((buffers,),) = world.ask("SELECT coalesce(sum(seq), 0) FROM sqlite_sequence WHERE name = 'buffers'")
    assert len(world.objects()) > buffers  # all of one came in pieces and was held
    is_right(world, 240)


def run(state: Path, crash: str | None = None) -> int:
    env = {**os.environ, **({"FOREBAY_CRASH_AT": crash} if crash else {})}
    command = [sys.executable, "-m", "tests.delivery.crashing", str(state), "straight"]
    return subprocess.run(command, env=env, check=False, timeout=100).returncode


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_every_event_is_in_one_object(world: World, step: str, nth: int) -> None:
    sent = fill(world, 0, 300)
    assert run(world.layout.root, f"flush.{step}:{nth}") == -signal.SIGKILL
    sent += fill(world, 300, 25)
    assert run(world.layout.root) == 0
    assert delivered(world) == sent
    is_right(world, 325)


@pytest.mark.parametrize("step", STEPS)
def test_killed_with_something_buffered_before_every_event_is_in_one_object(world: World, step: str) -> None:
    sent = fill(world, 0, 3)
    with world.flow():
        eventually(lambda: len(world.hot()) == 3, "rows in a buffer")
    sent += fill(world, 3, 40)
    assert run(world.layout.root, f"flush.{step}") == -signal.SIGKILL
    assert run(world.layout.root) == 0
    assert delivered(world) == sent
    is_right(world, 43)


@pytest.mark.proof
def test_killed_again_and_again_every_event_is_in_one_object(world: World) -> None:
    rng, sent, kills = random.Random(11), b"", 0
    for n in range(40):
        sent += fill(world, len(sent) // 1000, rng.randint(1, 90))
        step = rng.choice([*(f"flush.{step}" for step in STEPS), "commit.before", "commit.after"])
        kills += run(world.layout.root, f"{step}:{rng.randint(1, 6)}") == -signal.SIGKILL
        if n % 10 == 9:
            assert run(world.layout.root) == 0
            assert delivered(world) == sent
            is_right(world, len(sent) // 1000)
    assert kills > 20


@pytest.mark.parametrize("buffered", [0, 3])
def test_a_disk_that_fails_delays_an_object_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, buffered: int
) -> None:
    sent = fill(world, 0, buffered)
    left = [OSError(28, "No space left on device")] * 2
    sync = Files.sync

    def failing(files: Files, file: BinaryIO) -> None:
        if left:
            raise left.pop()
        sync(files, file)

    with world.flow():
        eventually(lambda: len(world.hot()) == buffered, "rows in a buffer")
        monkeypatch.setattr(Files, "sync", failing)
        sent += fill(world, buffered, 200)
        eventually(lambda: len(delivered(world)) == len(sent), "every event in an object")
    lines = delivered(world).splitlines(keepends=True)
    assert sorted(lines) == sent.splitlines(keepends=True)
    assert left == []
    is_right(world, 200 + buffered)


def test_what_rows_are_asked_for_before_they_are_an_object_is_buffered(tmp_path: Path) -> None:
    options: dict[str, Any] = {"buffer": BufferSpec(seconds=3600, bytes=10_000)}
    world = World(
        tmp_path,
        {
            "table": spec("table/", table="events", **options),
            "parts": spec("parts/", partition=["n"], **options),
        },
    )
    for name in ("table", "parts"):
        for at in range(0, 200, 10):
            world.send(
                f"delivery.{name}", *[b'{"n":1,"at":%d}%s' % (i, b" " * 980) for i in range(at, at + 10)]
            )
    rows = "SELECT coalesce(sum(rows), 0) FROM objects WHERE state = 'live' AND bucket = 'shop-lake'"
    with world.flow():
        eventually(lambda: world.ask(rows) == [(400,)], "objects of all")
    buffers = world.ask("SELECT seq FROM sqlite_sequence WHERE name = 'buffers'")
    assert buffers == world.ask("SELECT count(*) FROM objects")  # each was one
    world.close()


# --- by itself ---


def group(n: int, slot: Slot = Slot(), **meta: str) -> Group:  # noqa: B008 - it is frozen
    return lines_group(slot, [b"x" * 994] * n, n, 0, {**META, **meta})


def held(*groups: Group, dropped: int = 0, since: float | None = None) -> Held:
    made = Held(LOG, 0, sum(one.inputs for one in groups), list(groups), dropped, 0)
    if since is not None:
        made.since -= since
    return made


@pytest.fixture
def alone(world: World) -> Iterator[Straight]:
    with world.flow() as flow:
        delivery: Any = flow._deliveries["raw"]  # its parts, without what reads
        yield delivery._straight


def test_only_what_memory_has_room_for_is_held(tmp_path: Path) -> None:
    sizes = {"least": 1, "most": MOST, "more": MOST + 1}
    world = World(
        tmp_path, {name: spec(buffer=BufferSpec(seconds=60, bytes=size)) for name, size in sizes.items()}
    )
    with world.flow() as flow:
        deliveries: Any = flow._deliveries
        assert [name for name in sizes if deliveries[name]._straight is not None] == ["least", "most"]
    world.close()


def test_what_is_dropped_rejected_or_written_otherwise_is_not_held(alone: Straight) -> None:
    assert alone.missing(held(group(2))) == 10_000 - group(2).size
    assert alone.missing(held(group(5), group(6))) == 0
    assert alone.missing(held()) is None
    assert alone.missing(held(group(2), dropped=1)) is None
    assert alone.missing(held(group(2), group(1, Slot(ERROR)))) is None
    assert alone.missing(held(group(2), group(1, Slot(folders="n=1/")))) is None
    assert alone.missing(held(group(2), group(1, header="a,b"))) is None


def test_only_what_is_full_in_a_moment_is_held(alone: Straight) -> None:
    assert alone.may_wait(held(group(1)), HOLD / 2)
    assert not alone.may_wait(held(group(1)), HOLD * 2)
    assert not alone.may_wait(held(group(1), since=HOLD), HOLD / 2)


def test_what_is_held_of_events_in_a_row_is_held_together() -> None:
    first, second = held(group(2), dropped=1, since=3.0), held(group(3), dropped=2)
    second.before, second.position, second.copies = 3, 8, 1
    both = second.joined(first)
    assert second.joined(None) is second
    assert (both.before, both.position, both.dropped, both.copies) == (0, 8, 3, 1)
    assert both.groups == [*first.groups, *second.groups]
    assert both.since == first.since
    assert both.size == first.size + second.size


def test_a_commit_that_does_not_add_up_is_refused(world: World) -> None:
    store = Store(world.layout.catalog)
    catalog = Deliveries(store)
    catalog.attach(LOG, LOG, 0)
    made = ObjectRow("lake", "k", None, 3, "e", "raw", "none", 2, 2, LOG, {"kind": "data"})
    try:
        with pytest.raises(ForebayError, match="nobody intended"):
            catalog.commit(Progress(LOG, LOG, 0, 2, object=made)).result()
        catalog.intend(Seal(0, "lake", "k", None)).result()
        for position in (1, 3):
            with pytest.raises(ForebayError, match="has an end for 2"):
                catalog.commit(Progress(LOG, LOG, 0, position, object=made)).result()
        catalog.commit(Progress(LOG, LOG, 0, 2, object=made)).result()
        with pytest.raises(ForebayError, match="no longer at 0"):
            catalog.commit(Progress(LOG, LOG, 0, 2, object=made)).result()
    finally:
        store.close()
    assert world.ledger(LOG)["delivered"] == 2
