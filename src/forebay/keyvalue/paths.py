"""Document paths: `address.lines[2]` in an item, read, projected, and held against each other.

A path is a tuple of names and indexes, the attribute's name first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forebay.keyvalue.values import Item, Value

Path = tuple[str | int, ...]


def shown(path: Path) -> str:
    """`[address, lines, [2]]`, as errors show paths."""
    return "[" + ", ".join(f"[{part}]" if isinstance(part, int) else part for part in path) + "]"


def find(item: Mapping[str, Value], path: Path) -> Value | None:
    """The value at a path; None if there is none."""
    found: Any = {"M": item}
    for part in path:
        if isinstance(part, int):
            inner = found.get("L")
            if inner is None or part >= len(inner):
                return None
            found = inner[part]
        else:
            found = (found.get("M") or {}).get(part)
            if found is None:
                return None
    value: Value = found
    return value


def clash(paths: Sequence[Path]) -> str | None:
    """What is wrong with naming these paths together; None if nothing is."""
    for at, one in enumerate(paths):
        for other in paths[at + 1 :]:
            shorter = min(len(one), len(other))
            same = next((n for n in range(shorter) if one[n] != other[n]), shorter)
            if same == shorter:
                return (
                    "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                    f"path one: {shown(one)}, path two: {shown(other)}"
                )
            if isinstance(one[same], int) != isinstance(other[same], int):
                return (
                    "Two document paths conflict with each other; must remove or rewrite one of these paths; "
                    f"path one: {shown(one)}, path two: {shown(other)}"
                )
    return None


def project(item: Mapping[str, Value], paths: Iterable[Path]) -> Item:
    """What of an item is at these paths. Of a list, its chosen elements stand together, in their order."""
    tree: dict[str | int, Any] = {}
    for path in paths:
        inner = tree
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
            if inner is None:
                break
        else:
            inner[path[-1]] = None
    return _chosen_map(item, tree)


def _chosen(value: Value, tree: dict[str | int, Any] | None) -> Value | None:
    if tree is None:
        return value
    if "M" in value:
        found = _chosen_map(value["M"], tree)
        return {"M": found} if found else None
    if "L" in value:
        content = value["L"]
        indexes = sorted(part for part in tree if isinstance(part, int) and part < len(content))
        parts = [part for part in (_chosen(content[at], tree[at]) for at in indexes) if part is not None]
        return {"L": parts} if parts else None
    return None


def _chosen_map(content: Mapping[str, Value], tree: dict[str | int, Any]) -> Item:
    found = {}
    for name, value in content.items():
        if name in tree and (part := _chosen(value, tree[name])) is not None:
            found[name] = part
    return found
