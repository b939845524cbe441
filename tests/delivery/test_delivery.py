"""A delivery, from a log to objects: what is put comes out once, in order, where it should."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.delivery.section import BufferSpec
from tests.delivery.world import World, eventually, spec


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[list[World]]:
    made: list[World] = []
    yield made
    for world in made:
        world.close()


def test_events_are_hot_at_once_and_become_one_object_on_flush(tmp_path: Path, worlds: list[World]) -> None:
    world = World(tmp_path, {"clicks": spec(compression="gzip")})
    worlds.append(world)
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"a":1}', b'{"a":2}\n', b'{\n"a":\n3}')
        eventually(lambda: world.hot() == [b'{"a":1}', b'{"a":2}', b'{ "a": 3}'], "hot rows")
        assert world.objects() == {}
        flushed = flow.flush("clicks")
        assert [(row["rows"], row["delivery"]) for row in flushed] == [(3, "clicks")]
    ((key, content),) = world.objects().items()
    assert content == b'{"a":1}\n{"a":2}\n{ "a": 3}\n'
    assert re.fullmatch(
        r"clicks/\d{4}/\d\d/\d\d/\d\d/clicks-1-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9a-f-]{36}\.gz", key
    )
    assert world.hot() == []
    assert world.ledger("delivery.clicks") == {
        "delivered": 3,
        "dropped": 0,
        "rejected": 0,
        "erased": 0,
        "removed": 0,
        "read": 3,
        "segments": 0,
    }


def test_a_buffer_becomes_an_object_when_its_seconds_are_over(tmp_path: Path, worlds: list[World]) -> None:
    world = World(tmp_path, {"clicks": spec(buffer=BufferSpec(seconds=0.3))})
    worlds.append(world)
    with world.flow():
        world.send("delivery.clicks", b"1")
        eventually(lambda: list(world.objects().values()) == [b"1\n"], "the object")


def test_a_buffer_becomes_an_object_when_it_has_its_bytes(tmp_path: Path, worlds: list[World]) -> None:
    world = World(tmp_path, {"clicks": spec(buffer=BufferSpec(seconds=3600, bytes=1000))})
    worlds.append(world)
    with world.flow():
        world.send("delivery.clicks", *[b"x" * 100] * 11)
        eventually(world.objects, "the object")


def test_a_flow_goes_on_where_the_last_one_stopped(tmp_path: Path, worlds: list[World]) -> None:
    world = World(tmp_path, {"clicks": spec()})
    worlds.append(world)
    with world.flow():
        world.send("delivery.clicks", b"1", b"2")
        eventually(lambda: world.hot() == [b"1", b"2"], "hot rows")
    world.send("delivery.clicks", b"3")
    with world.flow() as flow:
        flow.flush()
    assert list(world.objects().values()) == [b"1\n2\n3\n"]
