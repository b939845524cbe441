"""Which files are one table, and which folders are its partitions.

https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-folder-table-partition.html: where the majority of
schemas at a folder level are similar, the folders are partitions of one table, else tables of their own.
The majority is more than 70 %, of at most 5 different schemas; files beside folders, and files of which
no majority is alike, are each a table. Folders that are no `key=value` are partition_0, partition_1, ...
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from forebay.catalog.crawl.classify import Class
from forebay.catalog.crawl.files import File, Place
from forebay.catalog.crawl.types import Columns, merge_all
from forebay.catalog.section import LONGEST_NAME as LONGEST
from forebay.catalog.section import crawled_name

MAJORITY = 0.7
MOST_SCHEMAS = 5


@dataclass(slots=True)
class Seen:
    """A file and what it was found to be."""

    file: File
    kind: Class


@dataclass(slots=True)
class Part:
    """A folder of a table with its files; `values` are the names of the folders from the table's root down."""

    folder: str
    values: tuple[str, ...]
    seen: list[Seen]


@dataclass(slots=True)
class Group:
    """One table: its root (a prefix that ends in `/`, or one object's key), what it is, its parts."""

    bucket: str
    root: str
    kind: Class
    columns: Columns
    keys: list[str]
    parts: list[Part]

    @property
    def location(self) -> str:
        """The table's location."""
        return f"s3://{self.bucket}/{self.root}"

    @property
    def seen(self) -> list[Seen]:
        """All files."""
        return [seen for part in self.parts for seen in part.seen]


@dataclass(slots=True)
class _Unit:
    """Folders that may be one table: as deep as each other, alike."""

    depth: int
    kind: Class
    columns: Columns
    parts: list[Part]


@dataclass(slots=True)
class _Folder:
    name: str
    prefix: str
    files: list[Seen] = field(default_factory=list)
    folders: dict[str, _Folder] = field(default_factory=dict)


def group(
    place: Place, seen: Sequence[Seen], *, combine: bool = False, level: int | None = None
) -> list[Group]:
    """The tables of one target. `combine` asks for one schema whatever the similarity; `level` says at which
    folder tables are, the bucket being 1."""
    if not seen:
        return []
    root = _tree(place, seen)
    if len(seen) == 1 and seen[0].file.key == place.prefix:
        return [_single(seen[0])]
    if level is not None:
        found: list[Group] = []
        for folder in _at_level(root, max(0, level - 1 - root.prefix.count("/"))):
            found += _tables(folder, combine=True)
        return found
    return _tables(root, combine=combine)


def _tree(place: Place, seen: Sequence[Seen]) -> _Folder:
    prefix = place.prefix if not place.prefix or place.prefix.endswith("/") else place.prefix + "/"
    root = _Folder(prefix.rstrip("/").rpartition("/")[2] or place.bucket, prefix)
    for one in seen:
        at = root
        for name in one.file.key.removeprefix(prefix).split("/")[:-1]:
            if name not in at.folders:
                at.folders[name] = _Folder(name, f"{at.prefix}{name}/")
            at = at.folders[name]
        at.files.append(one)
    return root


def _at_level(folder: _Folder, down: int) -> list[_Folder]:
    if down == 0 or folder.files or not folder.folders:
        return [folder]
    return [inner for child in folder.folders.values() for inner in _at_level(child, down - 1)]


def _tables(folder: _Folder, *, combine: bool) -> list[Group]:
    found = _evaluate(folder, combine=combine)
    return found if isinstance(found, list) else [_grouped(folder, found)]


def _evaluate(folder: _Folder, *, combine: bool) -> _Unit | list[Group]:
    if not folder.folders:
        unit = _leaf(folder, combine=combine)
        return unit if unit is not None else [_single(one) for one in folder.files]
    children = [(child, _evaluate(child, combine=combine)) for child in folder.folders.values()]
    if not folder.files:
        units = [found for _, found in children if isinstance(found, _Unit)]
        if len(units) == len(children):
            unit = _joined(folder, list(folder.folders), units, combine=combine)
            if unit is not None:
                return unit
    found = [_single(one) for one in folder.files]
    for child, inner in children:
        found += inner if isinstance(inner, list) else [_grouped(child, inner)]
    return found


def _leaf(folder: _Folder, *, combine: bool) -> _Unit | None:
    kinds = [one.kind for one in folder.files]
    if not _alike(kinds, [kind.columns for kind in kinds], combine=combine):
        return None
    kind = _typical(kinds)
    columns = merge_all(kind.columns for kind in kinds)
    return _Unit(0, kind, columns, [Part(folder.prefix, (), folder.files)])


def _joined(folder: _Folder, names: list[str], units: list[_Unit], *, combine: bool) -> _Unit | None:
    if len({unit.depth for unit in units}) > 1:
        return None
    kinds = [unit.kind for unit in units]
    if not _alike(kinds, [unit.columns for unit in units], combine=combine):
        return None
    parts = [
        Part(part.folder, (name, *part.values), part.seen)
        for name, unit in zip(names, units, strict=True)
        for part in unit.parts
    ]
    columns = merge_all(unit.columns for unit in units)
    return _Unit(units[0].depth + 1, _typical(kinds), columns, parts)


def _typical(kinds: Sequence[Class]) -> Class:
    """The class of most of them: whether there is a header, above all."""
    with_header = sum(kind.header for kind in kinds)
    wanted = with_header * 2 > len(kinds)
    return next((kind for kind in kinds if kind.header is wanted), kinds[0])


def _alike(kinds: Sequence[Class], schemas: Sequence[Columns], *, combine: bool) -> bool:
    if len({kind.same for kind in kinds}) > 1:
        return False
    if combine:
        return True
    clusters: list[tuple[Columns, int]] = []
    for schema in schemas:
        for index, (other, count) in enumerate(clusters):
            if similar(schema, other, ordered=kinds[0].name == "csv"):
                clusters[index] = (other if len(other) >= len(schema) else schema, count + 1)
                break
        else:
            clusters.append((schema, 1))
    most = max(count for _, count in clusters)
    return len(clusters) <= MOST_SCHEMAS and (len(clusters) == 1 or most > MAJORITY * len(schemas))


def similar(a: Columns, b: Columns, *, ordered: bool = False) -> bool:
    """Whether two schemas have most of their columns in common; `ordered` where columns go by position."""
    if not a or not b:
        return a == b
    common = len(a.keys() & b.keys())
    if common * 2 >= len(a.keys() | b.keys()):
        return True
    return not ordered and common >= MAJORITY * min(len(a), len(b))


def _single(one: Seen) -> Group:
    key = one.file.key
    part = Part(key, (), [one])
    return Group(one.file.bucket, key, one.kind, dict(one.kind.columns), [], [part])


def _grouped(folder: _Folder, unit: _Unit) -> Group:
    keys = _keys([part.values for part in unit.parts], unit.depth)
    columns = {name: kind for name, kind in unit.columns.items() if name not in keys}
    for part in unit.parts:
        part.values = tuple(_value(value) for value in part.values)
    return Group(unit.parts[0].seen[0].file.bucket, folder.prefix, unit.kind, columns, keys, unit.parts)


def _keys(paths: Sequence[tuple[str, ...]], depth: int) -> list[str]:
    """The partition keys: of each level the name before `=` where all folders have the same, else its number."""
    keys: list[str] = []
    for level in range(depth):
        names = {path[level].partition("=")[0].strip().lower() for path in paths}
        hive = len(names) == 1 and all("=" in path[level] for path in paths)
        name = names.pop() if hive else ""
        keys.append(name if name and name not in keys else f"partition_{level}")
    return keys


def _value(folder: str) -> str:
    name, equals, value = folder.partition("=")
    return unquote(value) if equals and name else folder


def table_name(group: Group, prefix: str = "") -> str:
    """The table's name: the prefix and the last folder (or the file, or the bucket), in lower case, with `_`
    for whatever is neither letter nor digit."""
    return crawled_name(f"{group.bucket}/{group.root}", prefix)


def hashed(name: str, location: str) -> str:
    """A name that another table has, made its own."""
    digest = hashlib.md5(location.encode(), usedforsecurity=False).hexdigest()
    return f"{name[: LONGEST - 33]}_{digest}"
