"""Objects as files: keys that are paths and keys that are not, and writes that a power cut cannot undo."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.lake.files import Files
from forebay.lake.keys import is_path, locate
from forebay.lake.listing import buckets, files


@pytest.mark.parametrize("key", ["a", "a/b.json", "d=2026-01-01/ü €", "x" * 255, ".hidden", "a/..b"])
def test_a_key_that_round_trips_is_its_path(tmp_path: Path, key: str) -> None:
    assert locate(tmp_path / "lake", "shop", key) == (tmp_path / "lake" / "shop" / key, None)


@pytest.mark.parametrize("key", ["a/", "/a", "p//q", "..", "a/../b", "a/./b", "x" * 256, "nul\0", "."])
def test_a_key_that_is_no_path_lies_under_its_hash(tmp_path: Path, key: str) -> None:
    path, stored = locate(tmp_path / "lake", "shop", key)
    assert path.parent == tmp_path / "lake" / ".keys" / "shop"
    assert stored is not None
    assert path == tmp_path / stored


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_every_key_has_a_place_of_its_own_inside_the_lake(key: str) -> None:
    lake = Path("/nowhere/lake")
    if len(key.encode()) > 1024:
        return
    path, stored = locate(lake, "shop", key)
    inside = Path(os.path.normpath(path))
    assert inside == path
    assert path.is_relative_to(lake / "shop") or path.is_relative_to(lake / ".keys" / "shop")
    assert (stored is None) == is_path(key)
    if stored is None:
        assert str(path.relative_to(lake / "shop")) == key


def test_an_object_beside_one_that_would_be_its_folder(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    (lake / "shop" / "a").mkdir(parents=True)
    (lake / "shop" / "a" / "b").write_bytes(b"")
    assert locate(lake, "shop", "a")[1] is not None
    assert locate(lake, "shop", "a/b/c")[1] is not None
    assert locate(lake, "shop", "a/c")[1] is None


@pytest.mark.parametrize("key", ["", "x" * 1025, "\ud800"])
def test_what_is_no_key_on_s3_is_none_here(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError):
        locate(tmp_path, "shop", key)


def test_a_name_is_given_after_the_bytes_and_every_new_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    synced: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    lakes = Files(lake)
    for day in ("1", "2"):
        temporary = lakes.temporary()
        with lakes.create(temporary) as file:
            file.write(b"x")
            lakes.sync(file)
        target, _ = lakes.locate("shop", f"year/{day}/object")
        lakes.rename(temporary, target)
        lakes.sync_folders(target)
    temporaries = [path for path in synced if ".tmp" in path]
    assert len(temporaries) == 2
    assert [path.removeprefix(str(tmp_path)) for path in synced if path not in temporaries] == [
        *("/lake/shop/year/1", "/lake/shop/year", "/lake/shop", "/lake", ""),
        *("/lake/shop/year/2", "/lake/shop/year"),
    ]


def test_files_that_a_dead_process_left_half_written_are_cleared(tmp_path: Path) -> None:
    lakes = Files(tmp_path)
    lakes.create(lakes.temporary()).close()
    assert lakes.clear_temporary() == 1
    assert lakes.clear_temporary() == 0


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    Files(tmp_path).remove(tmp_path / "none")


def test_a_listing_knows_plain_files_and_follows_no_links(tmp_path: Path) -> None:
    (tmp_path / "shop" / "a").mkdir(parents=True)
    (tmp_path / "shop" / "a" / "b").write_bytes(b"123")
    (tmp_path / "shop" / "c").symlink_to("/etc")
    (tmp_path / ".keys").mkdir()
    assert buckets(tmp_path) == ["shop"]
    assert buckets(tmp_path / "none") == []
    assert [(found.key, found.size) for found in files(tmp_path, "shop")] == [("a/b", 3)]
    assert list(files(tmp_path, "none")) == []
