"""Hidden copies: quick, never wrong, made again when they are lost."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest
import zstandard

from forebay.errors import QueryFailed
from forebay.query import copies, reading
from forebay.query.copysql import Copy
from forebay.query.engine import QueryEngine
from forebay.streams.reader import opener
from tests.query.world import World, line

SUM = "SELECT count(*), sum(a) FROM t"


def copied(world: World) -> list[Path]:
    """The copies on disk, once the background is still and what was merged is removed."""
    world.engine.wait()
    for table in world.engine._copies._tables.values():
        table.retire(0)
    return sorted((world.layout.cache / "tables").rglob("*.parquet"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies after four objects, merged when there are four."""
    monkeypatch.setattr(copies, "KEPT_OBJECTS", 4)
    monkeypatch.setattr(copies, "MERGE", 4)


@pytest.mark.usefixtures("small")
def test_many_small_objects_end_in_few_copies(world: World) -> None:
    world.table("t", [("a", "bigint")])
    total = 0
    for i in range(40):
        world.object(f"t/{i:03d}.json.gz", gzip.compress(line(a=i)))
        total += i
        assert world.cells(SUM) == [[str(i + 1), str(total)]]
        world.engine.wait()
    assert len(copied(world)) <= 8
    assert world.cells(SUM) == [["40", str(total)]]


@pytest.mark.usefixtures("small")
def test_copies_are_used_again_after_a_restart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.table("t", [("a", "bigint")], keys=[("k", "string")])
    for i in range(8):
        world.object(f"t/k={i}/x.json", line(a=i))
    world.ask(SUM)
    assert copied(world)
    world.engine.close()
    world.engine = QueryEngine(world.layout, open_log=opener(world.layout))
    monkeypatch.setattr(reading, "decompress", lambda data, key: pytest.fail(f"{key} is decoded again"))
    assert world.cells("SELECT count(*), sum(a), min(k), max(k) FROM t") == [["8", "28", "0", "7"]]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("harm", ["remove", "truncate", "garble"])
def test_a_lost_or_torn_copy_is_made_again(world: World, harm: str) -> None:
    world.table("t", [("a", "bigint")])
    for i in range(4):
        world.object(f"t/{i}.json", line(a=i))
    expected = world.cells(SUM)
    for path in copied(world):
        match harm:
            case "remove":
                path.unlink()
            case "truncate":
                path.write_bytes(path.read_bytes()[:100])
            case "garble":
                path.write_bytes(b"not a copy at all")
    assert world.cells(SUM) == expected
    world.engine.close()
    for path in (world.layout.cache / "tables").rglob("*.parquet"):
        path.write_bytes(b"PAR1")
    world.engine = QueryEngine(world.layout, open_log=opener(world.layout))
    assert world.cells(SUM) == expected


@pytest.mark.usefixtures("small")
def test_rows_of_an_object_that_is_gone_or_changed_do_not_stay_in_a_copy(world: World) -> None:
    world.table("t", [("a", "bigint")])
    for i in range(8):
        world.object(f"t/{i}.json", line(a=i))
    world.ask(SUM)
    copied(world)
    world.db.execute("DELETE FROM objects WHERE key = 't/3.json'")
    (world.layout.lake / "lake/t/3.json").unlink()
    assert world.cells(SUM) == [["7", "25"]]
    world.object("t/5.json", line(a=500))
    assert world.cells(SUM) == [["7", "520"]]
    for i in (0, 1, 2):
        world.db.execute("DELETE FROM objects WHERE key = ?", (f"t/{i}.json",))
        (world.layout.lake / f"lake/t/{i}.json").unlink()
    assert world.cells(SUM) == [["4", "517"]]
    copied(world)
    assert world.cells(SUM) == [["4", "517"]]


@pytest.mark.usefixtures("small")
def test_a_new_version_of_a_table_leaves_its_old_copies_behind(world: World) -> None:
    world.table("t", [("a", "bigint")])
    for i in range(4):
        world.object(f"t/{i}.json", line(a=i, b="x"))
    world.ask(SUM)
    old = copied(world)
    assert old
    world.table("t", [("a", "bigint"), ("b", "string")])
    assert world.cells("SELECT DISTINCT b FROM t") == [["x"]]
    assert not any(path.exists() for path in old)


@pytest.mark.usefixtures("small")
def test_copies_of_a_table_that_is_no_more_go(world: World) -> None:
    world.table("t", [("a", "bigint")])
    for i in range(4):
        world.object(f"t/{i}.json", line(a=i))
    world.ask(SUM)
    assert copied(world)
    world.db.execute("DELETE FROM tables")
    world.engine.close()
    world.engine = QueryEngine(world.layout, open_log=opener(world.layout))
    assert not list((world.layout.cache / "tables").iterdir())


def test_two_copies_of_one_object_count_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between writing a merged copy and removing its parts leaves both."""
    monkeypatch.setattr(copies, "KEPT_OBJECTS", 1)
    world.table("t", [("a", "bigint")])
    for i in range(3):
        world.object(f"t/{i}.json", line(a=i))
        world.ask(SUM)
        world.engine.wait()
    (kept,) = world.engine._copies._tables.values()
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
    group = list(kept._copies.values())
    assert len(group) == 3
    kept._merge(group, frozenset(one for copy in group for one in copy.entries))
    kept._retired.clear()  # killed before it removed them
    world.engine.close()
    assert len(list((world.layout.cache / "tables").rglob("*.parquet"))) > 1
    world.engine = QueryEngine(world.layout, open_log=opener(world.layout))
    assert world.cells(SUM) == [["3", "3"]]


@pytest.mark.usefixtures("small")
def test_queries_at_once_with_flushes_and_merges_see_a_count_that_never_falls(world: World) -> None:
    world.table("t", [("a", "bigint")])
    stop = threading.Event()
    wrong: list[object] = []
    committed = 0

    def watch() -> None:
        last = 0
        while not stop.is_set():
            try:
                count = int(world.one("SELECT count(*) FROM t") or 0)
            except Exception as error:
                wrong.append(error)
                return
            if count < last or count > committed + 1:
                wrong.append((last, count, committed))
            last = count

    watchers = [threading.Thread(target=watch) for _ in range(3)]
    for thread in watchers:
        thread.start()
    for i in range(60):
        buffer = world.buffer("t/")
        world.segment(buffer, [line(a=i)])
        committed = i + 1
        data = line(a=i) + b"\n"
        key = f"t/{i:03d}.json"
        world.db.execute(
            "INSERT INTO intents(buffer, bucket, key, created) VALUES (?, 'lake', ?, 0)", (buffer, key)
        )
        world.file(key, data)
        with world.db:
            world.register(key, data)
            world.db.execute("DELETE FROM segments WHERE buffer = ?", (buffer,))
            world.db.execute("DELETE FROM intents")
            world.db.execute("DELETE FROM buffers WHERE id = ?", (buffer,))
    stop.set()
    for thread in watchers:
        thread.join()
    assert wrong == []
    assert world.cells(SUM) == [["60", str(sum(range(60)))]]


def test_a_copy_knows_its_objects() -> None:
    copy = Copy("x", 1, frozenset([("u", "e", ("v",))]))
    assert ("u", "e", ("v",)) in copy.entries


@pytest.mark.parametrize("name", ["big.json", "big.json.gz", "big.json.zst"])
def test_a_large_object_is_decoded_in_parts(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for constant, value in (("PART", 10_000), ("PLAIN", 20_000), ("COMPRESSED", 1000)):
        monkeypatch.setattr(reading, constant, value)
    world.table("t", [("a", "bigint"), ("at", "timestamp")], keys=[("day", "date")])
    data = b"\n".join(line(a=i, at="2026-01-02 03:04:05") for i in range(5000))
    packed = {"json": data, "gz": gzip.compress(data), "zst": zstandard.compress(data)}[
        name.rpartition(".")[2]
    ]
    world.object(f"t/day=2026-01-02/{name}", packed)
    world.object("t/day=2026-01-03/small.json", line(a=1))
    sql = "SELECT day, count(*), sum(a), max(at) FROM t GROUP BY day ORDER BY day"
    expected = [["2026-01-02", "5000", "12497500", "2026-01-02 03:04:05.000"], ["2026-01-03", "1", "1", None]]
    assert world.cells(sql) == expected
    assert len(copied(world)) == 1
    world.engine.close()
    world.engine = QueryEngine(world.layout, open_log=opener(world.layout))
    assert world.cells(sql) == expected


def test_a_mistake_deep_in_a_large_object_is_named_with_its_line(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PART", 1000)
    monkeypatch.setattr(reading, "PLAIN", 2000)
    world.table("t", [("a", "bigint")])
    rows = [line(a=i) for i in range(1000)]
    rows[700] = b"nonsense"
    world.object("t/big.json", b"\n".join(rows))
    with pytest.raises(QueryFailed) as refused:
        world.ask("SELECT * FROM t")
    assert refused.value.where == "s3://lake/t/big.json line 701"
    assert copied(world) == []


def test_a_file_that_unpacks_without_end_is_stopped_by_the_clock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "COMPRESSED", 1000)
    world.table("t", [("a", "bigint")])
    world.object("t/bomb.json.gz", gzip.compress(b'{"a": 1}\n' * 20_000_000, 1))
    with pytest.raises(QueryFailed) as refused:
        world.ask("SELECT count(*) FROM t", timeout=0.3)
    assert refused.value.code == "QUERY_TIMEOUT"
