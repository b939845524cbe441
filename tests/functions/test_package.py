"""Uploaded code: what is no harmless zip file is refused, and what was kept can be unpacked again."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from forebay.errors import DataRejected
from forebay.functions import package


def zipped(files: Mapping[str, bytes | str], **infos: Callable[[zipfile.ZipInfo], None]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def test_an_upload_is_kept_once_and_unpacked_read_only(tmp_path: Path) -> None:
    data = zipped({"index.py": "x = 1", "lib/a/b.py": "y = 2"})
    kept = package.keep(tmp_path, data)
    assert kept == package.keep(tmp_path, data)
    folder = package.unpacked(tmp_path, kept.sha256)
    assert (folder / "index.py").read_text() == "x = 1"
    assert (folder / "lib" / "a" / "b.py").read_text() == "y = 2"
    assert not stat.S_IMODE((folder / "index.py").stat().st_mode) & 0o222
    assert sorted(path.name.partition(".")[2] for path in tmp_path.iterdir()) == ["", "boot", "zip"]


def test_after_another_start_of_the_machine_it_is_unpacked_again(tmp_path: Path) -> None:
    kept = package.keep(tmp_path, zipped({"index.py": "x = 1"}))
    folder = tmp_path / kept.sha256
    (folder / "index.py").chmod(0o644)
    (folder / "index.py").write_text("")  # as a power cut leaves what was not synced
    (tmp_path / f"{kept.sha256}.boot").write_text("another")
    assert (package.unpacked(tmp_path, kept.sha256) / "index.py").read_text() == "x = 1"


@pytest.mark.parametrize(
    "name", ["../x.py", "/etc/x", "a/../../x", "a\\..\\x", "..", "x" * 300, "/".join("a" * 70)]
)
def test_an_entry_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataRejected, match="no plain file below its top"):
        package.keep(tmp_path, zipped({"index.py": "", name: "evil"}))
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataRejected, match="no plain file"):
        package.keep(tmp_path, data.getvalue())


def test_a_bomb_is_refused_whatever_it_announces(tmp_path: Path) -> None:
    bomb = zipped({"zeros": bytes(1 << 20)})
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(260):
            archive.writestr(f"z{n}", bytes(1 << 20))
    with pytest.raises(DataRejected, match="Unzipped size must be smaller than 262144000 bytes"):
        package.keep(tmp_path, many.getvalue())
    size = (1 << 20).to_bytes(4, "little")
    lying = bomb.replace(size, (10).to_bytes(4, "little"))
    assert lying != bomb
    with pytest.raises(DataRejected, match="cannot be unpacked"):
        package.keep(tmp_path, lying)


@pytest.mark.parametrize("data", [b"", b"no zip at all", zipped({"a": "b"})[:-10], zipped({"folder/": ""})])
def test_what_is_no_zip_file_with_something_in_it_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataRejected) as caught:
        package.keep(tmp_path, data)
    assert caught.value.code == "NotAZip"


def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRejected, match="a file and a folder at once"):
        package.keep(tmp_path, zipped({"a": "x", "a/b": "y"}))


def test_code_that_nobody_names_is_removed_after_a_while(tmp_path: Path) -> None:
    old = package.keep(tmp_path, zipped({"a.py": "old"})).sha256
    named = package.keep(tmp_path, zipped({"a.py": "named"})).sha256
    fresh = package.keep(tmp_path, zipped({"a.py": "fresh"})).sha256
    for path in tmp_path.iterdir():
        if not path.name.startswith(fresh):
            os.utime(path, (0, 0))
    package.sweep(tmp_path, [named])
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {named, fresh}
    assert not (tmp_path / old).exists()
