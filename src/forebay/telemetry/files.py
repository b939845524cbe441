"""A text log that another process appends to and rotates, read on from where one was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OLDER = 2
"""A rotated log is `<name>.log.1`, then `<name>.log.2`."""
AT_ONCE = 16 << 20


@dataclass(frozen=True, slots=True)
class FileLines:
    """New whole lines, and where to go on: the file by its inode, and the byte in it."""

    lines: list[str]
    inode: int
    offset: int


def lines_since(path: Path, inode: int, offset: int) -> FileLines:
    """Whole lines that came after byte `offset` of the file that had `inode`, in order; (0, 0) for all.

    Follows rotation: a file that was moved away is read to its end first. At most `AT_ONCE` bytes of each.
    """
    files = [path.with_name(f"{path.name}.{n}") for n in range(OLDER, 0, -1)] + [path]
    there = []
    for file in files:
        try:
            there.append((file, file.stat().st_ino))
        except FileNotFoundError:
            continue
    known = next((at for at, (_, number) in enumerate(there) if number == inode), None)
    lines: list[str] = []
    for file, number in there[known or 0 :]:
        start = offset if number == inode else 0
        try:
            with file.open("rb") as opened:
                opened.seek(start)
                text = opened.read(AT_ONCE)
        except FileNotFoundError:
            continue
        whole, newline, _ = text.rpartition(b"\n")
        lines += whole.decode("utf-8", "replace").split("\n") if newline else []
        inode, offset = number, start + len(whole) + len(newline)
    return FileLines(lines, inode, offset)
