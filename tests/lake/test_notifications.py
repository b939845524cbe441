"""Who is told of an object is noted in the commit that makes or removes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lake.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path, start=False)
    yield found
    found.close()


def told(world: World, kind: str) -> list[Any]:
    return [each["event"] for each in world.lake.notices.read(kind, most=1000)]


def configure(world: World, *rules: dict[str, Any], bus: bool = False) -> None:
    filled = [{"id": "r", "kind": "function", "target": "arn", "events": [], **rule} for rule in rules]
    world.call("bucket_set", bucket="shop", name="notification", doc={"rules": filled, "bus": bus})


def test_prefix_suffix_and_kind_of_event_decide(world: World) -> None:
    configure(
        world,
        {"id": "made", "events": ["s3:ObjectCreated:*"], "prefix": "raw/", "suffix": ".csv"},
        {"id": "gone", "events": ["s3:ObjectRemoved:Delete"], "target": "other"},
    )
    for key in ("raw/a b+ü.csv", "raw/a.txt", "x/a.csv"):
        world.put(key, b"12345")
    world.call("object_delete", bucket="shop", key="x/a.csv")
    world.call("object_delete", bucket="shop", key="never")
    made, gone = (event["Records"][0] for event in told(world, "function"))
    assert (made["eventName"], made["s3"]["configurationId"]) == ("ObjectCreated:Put", "made")
    assert made["s3"]["object"]["key"] == "raw/a+b%2B%C3%BC.csv"
    assert (made["s3"]["object"]["size"], made["s3"]["bucket"]["arn"]) == (5, "arn:aws:s3:::shop")
    assert (gone["eventName"], gone["s3"]["object"]["key"]) == ("ObjectRemoved:Delete", "x/a.csv")
    assert "size" not in gone["s3"]["object"]
    assert made["s3"]["object"]["sequencer"] < gone["s3"]["object"]["sequencer"]


def test_the_bus_is_told_of_everything_in_its_own_words(world: World) -> None:
    configure(world, bus=True)
    world.call("bucket_set", bucket="shop", name="versioning", doc={"status": "Enabled"})
    made = world.put("a b", b"12", how="Copy")
    world.call("object_tag", bucket="shop", key="a b", tags={"a": "b"})
    world.call("object_delete", bucket="shop", key="a b")
    world.call("object_delete", bucket="shop", key="a b", version=made["version"])
    events = told(world, "bus")
    assert [(each["detail-type"], each["detail"].get("reason")) for each in events] == [
        ("Object Created", "CopyObject"),
        ("Object Tags Added", None),
        ("Object Deleted", "DeleteObject"),
        ("Object Deleted", "DeleteObject"),
    ]
    assert [each["detail"].get("deletion-type") for each in events[2:]] == [
        "Delete Marker Created",
        "Permanently Deleted",
    ]
    first = events[0]
    assert (first["source"], first["resources"]) == ("aws.s3", ["arn:aws:s3:::shop"])
    assert first["detail"]["bucket"] == {"name": "shop"}
    assert first["detail"]["object"]["key"] == "a b"
    assert first["detail"]["object"]["version-id"] == made["version"]


def test_a_notice_stays_until_it_is_done(world: World) -> None:
    configure(world, bus=True)
    world.put("k", b"")
    world.put("l", b"")
    found = world.lake.notices.read("bus")
    assert world.lake.notices.read("bus") == found
    assert world.lake.notices.read("bus", after=found[0]["id"]) == found[1:]
    world.lake.notices.done([found[0]["id"]]).result()
    assert world.lake.notices.read("bus") == found[1:]
