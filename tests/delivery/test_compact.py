"""Small Parquet files become few; rows, counts and the ledger stay; old files go when nobody can need them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from forebay.catalog.ledger import verify
from forebay.catalog.store import open_reader
from forebay.delivery import compact
from forebay.running import upkeep
from tests.delivery.world import World, eventually, spec


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(upkeep, "EVERY", 0.05)
    made = World(
        tmp_path, {"clicks": spec(format="parquet", compression="snappy", table="clicks", prefix="")}
    )
    yield made
    made.close()


def rows(world: World) -> list[object]:
    tables = [pq.read_table(io.BytesIO(raw)) for raw in world.objects().values()]
    return [value for table in tables for value in table.column("n").to_pylist()]


def test_eight_small_files_become_one(world: World) -> None:
    with world.flow() as flow:
        for n in range(8):
            world.send("delivery.clicks", b'{"n":%d}' % n if n else b'{"n":0.5}')
            flow.flush()
        eventually(lambda: len(world.objects()) == 1, "the merge")
        assert rows(world) == [0.5, 1, 2, 3, 4, 5, 6, 7]
        assert world.ask("SELECT rows, inputs FROM objects WHERE state = 'live'") == [(8, 8)]
        assert world.ask("SELECT count(*) FROM objects WHERE state = 'replaced'") == [(8,)]
        assert world.ask("SELECT count(*) FROM intents") == [(0,)]
    db = open_reader(world.layout.catalog)
    assert verify(db) == []
    db.close()
    assert len(list((world.layout.lake / "shop-lake" / "clicks").iterdir())) == 9


def test_replaced_files_go_when_their_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact.Compaction.__init__, "__defaults__", (0.1,))
    with world.flow() as flow:
        for n in range(8):
            world.send("delivery.clicks", b'{"n":%d}' % n)
            flow.flush()
        folder = world.layout.lake / "shop-lake" / "clicks"
        eventually(lambda: len(list(folder.iterdir())) == 1, "the old files are gone")
    assert rows(world) == list(range(8))


def test_what_is_left_of_a_folder_is_merged_when_nothing_comes_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "SETTLED", 0.2)
    with world.flow() as flow:
        for n in range(2):
            world.send("delivery.clicks", b'{"n":%d}' % n)
            flow.flush()
        eventually(lambda: len(world.objects()) == 1, "the merge")
    assert sorted(rows(world), key=str) == [0, 1]
