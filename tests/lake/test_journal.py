"""The journal of puts: what is in it when it says so, and what a next start finds of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from forebay.lake import journal
from forebay.lake.journal import Journal, Put, pack

SMALL = 64 << 10


def put(n: int, body: bytes | None = None) -> Put:
    doc = pack({"bucket": "shop", "key": f"k{n}", "path": f"lake/.objects/aa/{n}"})
    return Put("shop", f"k{n}", doc, body if body is not None else b"%d;" % n * 100)


def opened(folder: Path, size: int = SMALL) -> Journal:
    made = Journal(folder, size)
    made.open()
    return made


def found(folder: Path) -> list[tuple[int, str, bytes]]:
    lefts = journal.left(folder)
    assert len(lefts) <= 1
    return [(each.number, each.put.key, each.put.body) for left in lefts for each in left.entries]


def test_what_was_added_is_found_in_its_order(tmp_path: Path) -> None:
    made = opened(tmp_path / "puts")
    made.add([put(1), put(2)])
    made.add([put(3, b"")])
    made.close()
    left = journal.left(tmp_path / "puts")
    assert [each.journal for each in left] == [made.id]
    assert found(tmp_path / "puts") == [(1, "k1", b"1;" * 100), (2, "k2", b"2;" * 100), (3, "k3", b"")]
    entry = left[0].entries[0]
    assert journal.unpack(entry.put.doc)["path"] == "lake/.objects/aa/1"


def test_it_is_synced_before_it_says_so_and_has_its_size_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = opened(tmp_path / "puts")
    seen: list[list[str]] = []
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        seen.append([key for _, key, _ in found(tmp_path / "puts")])
        real(fd)

    sizes = {path.name: path.stat().st_size for path in (tmp_path / "puts").iterdir()}
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    made.add([put(1), put(2)])
    assert seen == [["k1", "k2"]]
    assert sizes == {"puts.0": SMALL, "puts.1": SMALL}
    assert {path.stat().st_size for path in (tmp_path / "puts").iterdir()} == {SMALL}
    made.close()


def test_both_files_are_read_in_the_order_of_their_writing(tmp_path: Path) -> None:
    made = opened(tmp_path / "puts")
    made.add([put(1)])
    made.turn()
    made.add([put(2)])
    made.turn()
    made.add([put(3)])  # over the first
    made.close()
    assert [key for _, key, _ in found(tmp_path / "puts")] == ["k2", "k3"]


def test_nothing_of_an_earlier_generation_is_found(tmp_path: Path) -> None:
    made = opened(tmp_path / "puts")
    made.add([put(n) for n in range(1, 9)])  # all of one length, so that old ones begin where new ones end
    made.turn()
    made.turn()
    made.add([put(n) for n in range(9, 11)])
    made.close()
    assert [number for number, _, _ in found(tmp_path / "puts")] == [9, 10]


@pytest.mark.parametrize("at", [3, 20, 60, 200, -1])
def test_a_torn_record_ends_it(tmp_path: Path, at: int) -> None:
    made = opened(tmp_path / "puts")
    made.add([put(1)])
    begin = made.writing.at
    made.add([put(2)])
    end = made.writing.at
    made.add([put(3)])
    made.close()
    place = end + at if at < 0 else begin + at
    with (tmp_path / "puts" / "puts.0").open("r+b") as file:
        file.seek(place)
        was = file.read(1)
        file.seek(place)
        file.write(bytes([was[0] ^ 1]))
    assert [key for _, key, _ in found(tmp_path / "puts")] == ["k1"]


def test_a_body_that_is_made_to_look_like_a_record_is_none(tmp_path: Path) -> None:
    """Who puts what was a record once, so that a shorter one ends right before it later, forges nothing."""
    made = opened(tmp_path / "puts")
    for _ in range(1000):
        made.number += 1
    made.add([put(7, b"genuine" * 300)])
    record = (tmp_path / "puts" / "puts.0").read_bytes()[32 : made.writing.at]
    made.number = 0
    padding = b"p" * 500
    made.turn()
    made.turn()
    made.add([put(1, padding + record)])
    made.turn()
    made.turn()
    made.add([put(1, padding)])
    at = made.writing.at
    made.close()
    assert (tmp_path / "puts" / "puts.0").read_bytes()[at:].startswith(record)
    assert [key for _, key, _ in found(tmp_path / "puts")] == ["k1"]


def test_what_the_disk_refused_does_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = opened(tmp_path / "puts")
    made.add([put(1)])

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", refuse)
        with pytest.raises(OSError, match="no"):
            made.add([put(2), put(3)])
    assert made.number == 3
    made.add([put(4)])  # over what was refused, of which one record is left whole behind it
    made.close()
    assert [number for number, _, _ in found(tmp_path / "puts")] == [1, 4]


def test_room_is_told_before_it_is_passed(tmp_path: Path) -> None:
    made = opened(tmp_path / "puts", 4096)
    one = put(1, b"x" * 1000)
    count = 0
    while made.fits(one.size):
        made.add([one])
        count += 1
    assert count == 3
    with pytest.raises(OSError, match="full"):
        made.add([one])
    made.turn()
    assert made.fits(one.size)
    made.remove()
    assert list((tmp_path / "puts").iterdir()) == []


def test_no_journal_and_foreign_files_are_none(tmp_path: Path) -> None:
    assert journal.left(tmp_path / "none") == []
    (tmp_path / "puts.0").write_bytes(b"something else" * 10)
    (tmp_path / "puts.1").write_bytes(b"")
    assert journal.left(tmp_path) == []
    journal.set_aside(tmp_path)
    assert sorted(path.name[:13] for path in tmp_path.iterdir()) == ["puts.0.unread", "puts.1.unread"]


def test_a_disk_without_room_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(OSError, match="full"):
        Journal(tmp_path / "puts", SMALL).open()
    assert list((tmp_path / "puts").iterdir()) == []
