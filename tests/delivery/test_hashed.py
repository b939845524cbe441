"""An object's file is written in pieces that the disk begins with, and is what was given to be written."""

from __future__ import annotations

import hashlib
import os
from array import array
from pathlib import Path

import pytest

from forebay.delivery import flush
from forebay.delivery.flush import BEGUN, PIECE, Hashed


@pytest.mark.parametrize("sizes", [[0], [1], [PIECE], [PIECE + 1] * 9, [5, BEGUN * 3 + 7, 5], [1000] * 3000])
def test_what_is_written_is_whole_and_known_by_its_hash(tmp_path: Path, sizes: list[int]) -> None:
    pieces = [os.urandom(size) for size in sizes]
    with (tmp_path / "object").open("xb", buffering=PIECE) as file:
        hashed = Hashed(file)
        assert [hashed.write(piece) for piece in pieces] == sizes
    whole = b"".join(pieces)
    assert (tmp_path / "object").read_bytes() == whole
    assert (hashed.size, hashed.etag) == (len(whole), hashlib.md5(whole, usedforsecurity=False).hexdigest())


def test_wider_items_than_bytes_are_counted_as_bytes(tmp_path: Path) -> None:
    items = array("I", range(100_000))
    with (tmp_path / "object").open("xb") as file:
        hashed = Hashed(file)
        assert hashed.write(items) == 400_000
    assert (tmp_path / "object").read_bytes() == items.tobytes()


def test_the_disk_begins_while_the_rest_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[int, int]] = []

    def begin(fd: int, start: int, length: int) -> None:
        assert os.fstat(fd).st_size >= start + length  # what the disk can begin with
        begun.append((start, length))

    monkeypatch.setattr(flush, "begin", begin)
    with (tmp_path / "object").open("xb", buffering=PIECE) as file:
        Hashed(file).write(bytes(3 * BEGUN + 10))
    assert [start for start, _ in begun] == [0, BEGUN, 2 * BEGUN]
    assert {length for _, length in begun} == {BEGUN}
