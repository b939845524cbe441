"""The objects of a target: those that the catalog knows, and files that somebody just put there.

Hidden names (`_SUCCESS`, `.part`) and folder markers are no data, nor are empty objects.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from forebay.errors import UsageError


@dataclass(frozen=True, slots=True)
class Place:
    """An include path: a bucket and what its keys begin with. `exclude` are glob patterns relative to it.

    A pattern that begins with `s3://` concerns the place that it begins with, another every place.
    """

    bucket: str
    prefix: str
    exclude: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self.bucket}/{self.prefix}"

    @staticmethod
    def parse(path: str, exclude: Sequence[str] = ()) -> Place:
        """`s3://bucket/prefix/` (or `lake.bucket/prefix/`, or without a scheme). Raises UsageError."""
        rest = re.sub(r"^(s3[an]?://|lake\.)", "", path.strip())
        bucket, _, prefix = rest.partition("/")
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", bucket) or "://" in rest:
            raise UsageError("InvalidInput", f"{path!r} is no place in the lake: s3://bucket/prefix/")
        whole = f"s3://{bucket}/{prefix}".rstrip("/") + "/"
        own = [pattern.removeprefix(whole) for pattern in exclude if _concerns(pattern, whole)]
        return Place(bucket, prefix, tuple(own))


def _concerns(pattern: str, whole: str) -> bool:
    return not pattern.startswith("s3://") or pattern.startswith(whole)


@dataclass(frozen=True, slots=True)
class File:
    """An object with data. `mark` changes with its content."""

    bucket: str
    key: str
    path: Path
    size: int
    mark: str


def files(db: apsw.Connection, state: Path, place: Place) -> list[File]:
    """The objects under a place, by key. `state` is the state folder; `db` reads the catalog."""
    prefix = place.prefix
    # A path without its slash is a folder, or one object.
    folder = prefix if not prefix or prefix.endswith("/") else prefix + "/"
    excluded = [glob(pattern) for pattern in place.exclude]
    lake = state / "lake"
    # The folder first: what is registered meanwhile is then found in the catalog.
    found = {key: (path, size, mark) for key, path, size, mark in _listed(lake, place.bucket, folder)}
    one = lake / place.bucket / prefix
    if prefix and not prefix.endswith("/") and one.is_file():
        info = one.stat()
        found[prefix] = (one, info.st_size, f"{info.st_mtime_ns:x}")
    known: list[Any] = db.execute(
        "SELECT key, path, size, etag, state FROM objects WHERE bucket = ?1 AND (key = ?2 OR"
        " (key >= ?3 AND key < ?4)) ORDER BY state DESC",
        (place.bucket, prefix, folder, after(folder)),
    ).fetchall()
    for key, path, size, etag, live in known:
        if live == "live":
            found[key] = (state / path if path else lake / place.bucket / key, size, etag)
        else:
            found.pop(key, None)
    making: list[Any] = db.execute("SELECT key FROM intents WHERE bucket = ?", (place.bucket,)).fetchall()
    live_keys = {row[0] for row in known if row[4] == "live"}
    for (key,) in making:
        if key not in live_keys:
            found.pop(key, None)
    return [
        File(place.bucket, key, path, size, f"{mark}-{size:x}")
        for key, (path, size, mark) in sorted(found.items())
        if size and not hidden(key, folder) and not _out(key.removeprefix(folder), excluded)
    ]


def _out(relative: str, excluded: Sequence[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(relative) for pattern in excluded)


def _listed(lake: Path, bucket: str, folder: str) -> Iterator[tuple[str, Path, int, str]]:
    if ".." in folder.split("/"):
        return
    waiting = [folder]
    while waiting:
        prefix = waiting.pop()
        try:
            entries = list(os.scandir(lake / bucket / prefix))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                try:
                    info = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield prefix + entry.name, Path(entry.path), info.st_size, f"{info.st_mtime_ns:x}"


def hidden(key: str, folder: str) -> bool:
    """Whether a key below `folder` is no data: a part of it begins with `_` or `.`, or it marks a folder."""
    parts = key.removeprefix(folder).split("/")
    return key.endswith(("/", "_$folder$")) or any(part.startswith((".", "_")) for part in parts)


def after(prefix: str) -> str:
    """The first text that sorts behind everything that begins with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else "\U0010ffff"


def glob(pattern: str) -> re.Pattern[str]:
    """An exclude pattern as a regular expression over the key below the include path.

    `*` and `?` stay in a folder, `**` does not, `[a-z]` and `[!a]` are sets, `{a,b}` alternatives, `\\`
    escapes (https://docs.aws.amazon.com/glue/latest/dg/define-crawler.html#crawler-data-stores-exclude).
    """
    pattern = pattern.strip().lstrip("/")
    parts: list[str] = []
    at = 0
    inside = False
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\" and at < len(pattern):
            parts.append(re.escape(pattern[at]))
            at += 1
        elif char == "*":
            if pattern[at : at + 1] == "*":
                at += 1
                parts.append(".*")
            else:
                parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[" and (end := pattern.find("]", at + 1)) > 0:
            inner = pattern[at:end].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
            at = end + 1
            parts.append(f"(?!/)[^{inner[1:]}]" if inner.startswith("!") else f"(?!/)[{inner}]")
        elif char == "{" and "}" in pattern[at:] and not inside:
            inside = True
            parts.append("(?:")
        elif char == "}" and inside:
            inside = False
            parts.append(")")
        elif char == "," and inside:
            parts.append("|")
        else:
            parts.append(re.escape(char))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))
