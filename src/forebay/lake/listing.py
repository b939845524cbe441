"""What lies in a bucket's folder, whoever put it there: a folder of plain files is a bucket too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Found:
    """A file: its key, where it is, its size, and when it was last changed (UTC microseconds)."""

    key: str
    path: Path
    size: int
    modified: int


def buckets(lake: Path) -> list[str]:
    """The buckets that have a folder, by name; what begins with a dot is forebay's own."""
    try:
        return sorted(entry.name for entry in os.scandir(lake) if entry.is_dir() and entry.name[0] != ".")
    except FileNotFoundError:
        return []


def files(lake: Path, bucket: str) -> Iterator[Found]:
    """Every file in a bucket's folder, in no order. Links are not followed: they could lead anywhere."""
    waiting = [("", lake / bucket)]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{prefix}{entry.name}/", Path(entry.path)))
            elif entry.is_file(follow_symlinks=False):
                try:
                    info = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield Found(prefix + entry.name, Path(entry.path), info.st_size, info.st_mtime_ns // 1000)
