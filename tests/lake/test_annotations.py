"""Annotations in the catalog: how many there are, whose files are whose, and what is left of what is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forebay.errors import UsageError
from forebay.lake import annotation
from forebay.lake.shelf import Object
from tests.lake.world import World

SUMS = {"CRC32": "AAAAAA=="}


def told(path: str = "lake/.objects/00/none", name: str = "a") -> dict[str, Any]:
    return {"name": name, "size": 1, "etag": "e", "path": path, "sums": SUMS}


def annotate(world: World, key: str, text: bytes, name: str = "a") -> Path:
    place, path = world.files.fresh()
    place.write_bytes(text)
    world.call("annotation_put", bucket="shop", key=key, told={**told(path, name), "size": len(text)})
    return place


def of(world: World, key: str) -> tuple[str, str, int]:
    return "shop", key, world.shelf.find("shop", key).modified


def test_a_version_has_a_thousand_at_most(tmp_path: Path) -> None:
    world = World(tmp_path, start=False)
    try:
        world.put("k", b"x")
        version = of(world, "k")

        def fill(db: Any) -> None:
            for n in range(annotation.MOST):
                annotation.set_one(db, version, told(name=f"n{n:03}"), n, None)

        world.store.write(fill)
        with pytest.raises(UsageError) as raised:
            world.call("annotation_put", bucket="shop", key="k", told=told(name="more"))
        assert raised.value.code == "AnnotationLimitExceeded"
        world.call("annotation_put", bucket="shop", key="k", told=told(name="n000"))
        found: Object = world.shelf.find("shop", "k")
        assert len(world.shelf.annotations("shop", found)) == annotation.MOST
        page = world.shelf.annotations("shop", found, "n00", "n003", 3)
        assert [each.name for each in page] == ["n003", "n004", "n005"]
    finally:
        world.close()


def test_a_text_is_removed_with_the_last_that_has_it(tmp_path: Path) -> None:
    world = World(tmp_path, start=False)
    try:
        world.put("k", b"x")
        text = annotate(world, "k", b"text")
        bucket, key, seq = of(world, "k")
        kept = world.shelf.annotation("shop", world.shelf.find("shop", "k"), "a")
        assert kept is not None
        source = {"bucket": bucket, "key": key, "seq": seq, "carried": [kept.told()]}
        world.put("copy", b"x", annotated=source)
        world.call("object_delete", bucket="shop", key="k")
        world.lake._remove()
        assert text.read_bytes() == b"text"
        with pytest.raises(UsageError) as raised:  # its source has other annotations by now
            world.put("late", b"x", annotated=source)
        assert raised.value.code == "ConditionalRequestConflict"
        world.call("object_delete", bucket="shop", key="copy")
        world.lake._remove()
        assert not text.exists()
    finally:
        world.close()


def test_what_is_left_of_versions_that_are_no_more_is_swept(tmp_path: Path) -> None:
    world = World(tmp_path, start=False)
    try:
        world.put("k", b"x")
        text = annotate(world, "k", b"stays")
        gone = ("shop", "merged", 7)
        world.store.write(lambda db: annotation.set_one(db, gone, told("lake/.objects/00/7"), 7, None))
        assert world.store.write(annotation.sweep) == ["lake/.objects/00/7"]
        assert world.store.write(annotation.sweep) == []
        assert world.shelf.annotation("shop", world.shelf.find("shop", "k"), "a") is not None
        assert text.exists()
    finally:
        world.close()
