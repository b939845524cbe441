"""The lake's promises, without a server around it: a put is whole or not at all, folders show what is there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forebay.catalog.sweep import sweep
from forebay.clock import now_us
from forebay.errors import ForebayError, NotFound
from forebay.lake.expire import expire
from forebay.lake.lifecycle import DAY
from forebay.readers import Readers
from tests.harness import until
from tests.lake.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.close()


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_folder_shows_the_current_objects(world: World) -> None:
    world.put("a/b.txt", b"one")
    world.put("c.txt", b"two")
    until(lambda: names(world.folder()) == ["a/b.txt", "c.txt"])
    world.put("a/b.txt", b"three")
    until(lambda: (world.folder() / "a/b.txt").read_bytes() == b"three")
    world.call("object_delete", bucket="shop", key="a/b.txt")
    until(lambda: not (world.folder() / "a").exists())
    assert names(world.folder()) == ["c.txt"]


def test_an_overwritten_file_stays_while_somebody_reads_who_may_have_seen_it(world: World) -> None:
    readers = Readers(world.files.lake)
    world.put("k", b"old")
    with readers.one():
        found = world.shelf.find("shop", "k")
        with readers.one():
            world.put("k", b"new")
            until(lambda: (world.folder() / "k").read_bytes() == b"new")
        until(lambda: world.lake._waiting)
        assert found.path.read_bytes() == b"old"
        sweep(world.store, world.files)
        assert found.path.read_bytes() == b"old"
    until(lambda: not found.path.exists())
    assert world.read("k") == b"new"


def test_what_was_not_removed_before_the_end_is_when_its_time_is_over(tmp_path: Path) -> None:
    world = World(tmp_path, start=False)
    world.put("k", b"old")
    found = world.shelf.find("shop", "k")
    world.put("k", b"new")
    world.close()
    again = World(tmp_path)
    until(lambda: (again.folder() / "k").read_bytes() == b"new")
    sweep(again.store, again.files)
    assert found.path.read_bytes() == b"old"
    again.write(lambda db: db.execute("UPDATE objects SET gone_after = 1 WHERE state = 'replaced'") and None)
    sweep(again.store, again.files)
    assert not found.path.exists()
    assert again.read("k") == b"new"
    again.close()


def test_a_file_that_is_an_objects_again_is_not_removed(world: World) -> None:
    world.put("k", b"one")
    path = str(world.shelf.find("shop", "k").stored)
    args = {"bucket": "shop", "key": "k", "path": path, "size": 3, "etag": "e", "meta": {}}
    world.call("object_put", **args)  # a call that was repeated, as its answer was lost
    world.put("other", b"1")
    gone = world.shelf.find("shop", "other").path
    world.put("other", b"2")
    until(lambda: not gone.exists())
    assert world.read("k") == b"one"


def test_a_folder_that_was_not_brought_up_to_date_is_at_the_next_start(tmp_path: Path) -> None:
    world = World(tmp_path, start=False)
    world.put("kept", b"1")
    world.put("gone", b"2")
    world.call("object_delete", bucket="shop", key="gone")
    world.close()
    again = World(tmp_path)
    until(lambda: names(again.folder()) == ["kept"])
    until(lambda: not again.store.reader.execute("SELECT count(*) FROM lake_views").get)
    again.close()


def test_a_key_beside_what_lies_below_it(world: World) -> None:
    world.put("a", b"file")
    world.put("a/b", b"below")
    world.put("//", b"slashes")
    assert (world.read("a"), world.read("a/b"), world.read("//")) == (b"file", b"below", b"slashes")
    until(lambda: names(world.folder()) in (["a"], ["a/b"]))
    assert world.listed() == ["//", "a", "a/b"]


def test_a_file_put_there_by_hand_counts_once_it_is_still(world: World) -> None:
    world.folder().mkdir()
    with (world.folder() / "slow.csv").open("wb") as file:
        for _ in range(3):
            file.write(b"a,b\n")
            file.flush()
            os.fsync(file.fileno())
    until(lambda: world.listed() == ["slow.csv"])
    assert world.shelf.find("shop", "slow.csv").meta["type"] == "text/csv"


def test_what_was_put_there_while_nothing_ran_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "shop" / "x"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    world = World(tmp_path)
    until(lambda: world.listed() == ["x/a.json"])
    world.close()
    (folder / "a.json").unlink()
    again = World(tmp_path)
    until(lambda: again.listed() == [])
    again.close()


def test_a_whole_folder_removed_by_hand_takes_its_objects(world: World) -> None:
    for n in range(3):
        world.put(f"deep/er/{n}", b"x")
    until(lambda: len(names(world.folder())) == 3)
    until(lambda: not world.store.reader.execute("SELECT count(*) FROM lake_views").get)
    for path in world.folder().rglob("*"):
        if path.is_file():
            path.unlink()
    (world.folder() / "deep" / "er").rmdir()
    (world.folder() / "deep").rmdir()
    until(lambda: world.listed() == [])


def test_nobody_looks_where_nobody_develops(tmp_path: Path) -> None:
    world = World(tmp_path, watching=False)
    world.folder().mkdir()
    (world.folder() / "dropped").write_text("x")
    world.put("put", b"x")
    until((world.folder() / "put").exists)
    assert world.listed() == ["put"]
    world.call("object_look", bucket="shop", key="dropped")
    assert world.listed() == ["dropped", "put"]
    world.close()


def test_a_bucket_that_is_being_removed_takes_nothing(world: World) -> None:
    world.put("k", b"x")
    with pytest.raises(ForebayError, match="not empty"):
        world.call("bucket_close", bucket="shop")
    world.call("object_delete", bucket="shop", key="k")
    world.call("bucket_close", bucket="shop")
    with pytest.raises(NotFound):
        world.put("k", b"x")
    world.call("bucket_open", bucket="shop")
    world.put("k", b"x")


def test_an_object_of_a_delivery_that_is_replaced_is_counted_out(tmp_path: Path) -> None:
    world = World(tmp_path, start=False)

    def deliver(db: object) -> None:
        db.execute(  # type: ignore[attr-defined]
            "INSERT INTO objects(bucket, key, size, etag, modified, rows, inputs, source)"
            " VALUES ('shop', 'clicks/1', 3, 'e', 1, 5, 5, 'delivery.clicks')"
        )
        db.execute("INSERT INTO ledger(consumer, delivered) VALUES ('delivery.clicks', 5)")  # type: ignore[attr-defined]

    path = world.folder() / "clicks" / "1"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"abc")
    os.utime(path, (0, 0))
    world.write(deliver)
    world.put("clicks/1", b"other")
    query = "SELECT removed FROM ledger WHERE consumer = 'delivery.clicks'"
    assert world.store.reader.execute(query).get == 5
    world.lake.start()
    until(lambda: path.read_bytes() == b"other")
    world.close()


def versions(world: World) -> list[Any]:
    """All of the bucket, the current ones too."""
    return world.shelf.versions("shop", "", "", ("", None), 10).items


def test_lifecycle_rules_act(world: World) -> None:
    for key in ("old/a", "old/b", "new/a"):
        world.put(key, b"x", meta={"tags": {"keep": "no"}} if key == "old/a" else {})
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 2}}
    world.call("bucket_set", bucket="shop", name="lifecycle", doc={"rules": [rule]})
    now = now_us()
    assert expire(world.store, world.lake.world, now + DAY) == (0, [])
    tagged = {**rule, "Filter": {"And": {"Prefix": "old/", "Tags": [{"Key": "keep", "Value": "no"}]}}}
    world.call("bucket_set", bucket="shop", name="lifecycle", doc={"rules": [tagged]})
    assert expire(world.store, world.lake.world, now + 4 * DAY)[0] == 1
    assert world.listed() == ["new/a", "old/b"]
    world.call("bucket_set", bucket="shop", name="lifecycle", doc={"rules": [rule]})
    assert expire(world.store, world.lake.world, now + 4 * DAY)[0] == 1
    assert world.listed() == ["new/a"]


def test_lifecycle_rules_act_on_older_versions_and_lone_markers(world: World) -> None:
    world.call("bucket_set", bucket="shop", name="versioning", doc={"status": "Enabled"})
    for body in (b"1", b"2", b"3"):
        world.put("k", body)
    rule = {
        "ID": "r",
        "Status": "Enabled",
        "Filter": {},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }
    world.call("bucket_set", bucket="shop", name="lifecycle", doc={"rules": [rule]})
    assert expire(world.store, world.lake.world, now_us() + 3 * DAY)[0] == 2
    assert world.read("k") == b"3"
    world.call("object_delete", bucket="shop", key="k")
    assert expire(world.store, world.lake.world, now_us() + 3 * DAY)[0] == 1
    lone = {"ID": "m", "Status": "Enabled", "Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True}}
    world.call("bucket_set", bucket="shop", name="lifecycle", doc={"rules": [lone]})
    assert expire(world.store, world.lake.world, now_us())[0] == 1
    assert versions(world) == []


@pytest.mark.parametrize("gone", [{"Days": 2}, {"Date": "2020-01-01T00:00:00+00:00"}])
def test_a_lone_marker_goes_as_what_it_took_the_place_of_would(world: World, gone: dict[str, Any]) -> None:
    world.call("bucket_set", bucket="shop", name="versioning", doc={"status": "Enabled"})
    world.put("two", b"x")
    for key in ("one", "two"):
        world.call("object_delete", bucket="shop", key=key)
    rule = {"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": gone}
    world.call("bucket_set", bucket="shop", name="lifecycle", doc={"rules": [rule]})
    if "Days" in gone:
        assert expire(world.store, world.lake.world, now_us() + DAY)[0] == 0
    assert expire(world.store, world.lake.world, now_us() + 4 * DAY)[0] == 1
    assert [each.key for each in versions(world)] == ["two", "two"]


@pytest.mark.parametrize(("newer", "left"), [(None, 1), (1, 2)])
def test_older_markers_are_older_versions(world: World, newer: int | None, left: int) -> None:
    world.call("bucket_set", bucket="shop", name="versioning", doc={"status": "Enabled"})
    older = {"NoncurrentDays": 1} | ({"NewerNoncurrentVersions": newer} if newer else {})
    rule = {"ID": "r", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": older}
    world.call("bucket_set", bucket="shop", name="lifecycle", doc={"rules": [rule]})
    world.put("gone", b"x")
    for key in ("gone", "gone", "k", "k"):
        world.call("object_delete", bucket="shop", key=key)
    world.put("k", b"y")
    world.write(
        lambda db: db.execute("UPDATE lake_versions SET modified = modified - ?", (9 * DAY,)) and None
    )
    assert expire(world.store, world.lake.world, now_us())[0] == 0  # they are older versions since now
    expire(world.store, world.lake.world, now_us() + 3 * DAY)
    found = versions(world)
    assert [(each.key, each.marker) for each in found if each.latest] == [("gone", True), ("k", False)]
    assert len(found) == 2 * left


def test_a_rule_that_cannot_act_keeps_no_other_from_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"ID": "wrong", "Status": "Enabled", "Filter": {}, "Expiration": {"Date": "no date"}}
    late = {"ID": "late", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 10**30}}
    rule = {"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 2}}
    for bucket, rules in (("other", [wrong]), ("shop", [wrong, late, rule])):
        world.put("k", b"x", bucket=bucket)
        world.call("bucket_set", bucket=bucket, name="lifecycle", doc={"rules": rules})
    assert expire(world.store, world.lake.world, now_us() + 4 * DAY)[0] == 1
    assert (world.listed(), world.listed("other")) == ([], ["k"])
    said = [each.getMessage() for each in caplog.records]
    assert said == [f"lifecycle rule 'wrong' of bucket {name} cannot act" for name in ("other", "shop")]


def test_unfinished_uploads_are_over_in_the_end(world: World) -> None:
    world.call("upload_begin", id="u", bucket="shop", key="big", doc={"meta": {}})
    rule = {
        "ID": "r",
        "Status": "Enabled",
        "Filter": {},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    world.call("bucket_set", bucket="shop", name="lifecycle", doc={"rules": [rule]})
    assert expire(world.store, world.lake.world, now_us() + 3 * DAY)[0] == 1
    assert world.shelf.uploads("shop", "") == []


def test_a_buckets_own_expiry_deletes_what_is_older_and_says_so(world: World) -> None:
    rule = {"id": "r", "kind": "function", "target": "f", "events": ["s3:LifecycleExpiration:*"]}
    world.call("bucket_set", bucket="shop", name="notification", doc={"rules": [rule]})
    world.put("old", b"x")
    world.put("new", b"x")
    world.write(lambda db: db.execute("UPDATE objects SET modified = 1 WHERE key = 'old'") and None)
    world.lake.expire({"shop": 3600.0}, 1.0)
    assert world.listed() == ["new"]
    until(lambda: names(world.folder()) == ["new"])
    (told,) = world.lake.notices.read("function")
    assert told["event"]["Records"][0]["eventName"] == "LifecycleExpiration:Delete"


def test_a_file_that_two_come_upon_at_the_same_time_is_put_once(tmp_path: Path) -> None:
    world = World(tmp_path, start=False)
    rule = {"id": "r", "kind": "function", "target": "f", "events": ["s3:ObjectCreated:*"]}
    world.call("bucket_set", bucket="shop", name="notification", doc={"rules": [rule]})
    world.folder().mkdir()
    (world.folder() / "k").write_bytes(b"by hand")
    together = threading.Barrier(2)

    def come() -> None:
        together.wait()
        world.call("object_look", bucket="shop", key="k")

    others = [threading.Thread(target=come) for _ in range(2)]
    for each in others:
        each.start()
    for each in others:
        each.join()
    assert world.read("k") == b"by hand"
    assert len(world.lake.notices.read("function")) == 1
    world.close()
