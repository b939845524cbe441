"""Which columns of a Parquet file a statement has to do with."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from forebay.query.s3select.syntax import Name, Path, Select


def columns(select: Select) -> set[str] | None:
    """Their names in lower case; None for all."""
    if select.source:
        first = select.source[0]
        return {first.text.lower()} if isinstance(first, Name) else None
    if not select.columns:
        return None
    found: set[str] = set()
    for path in _paths((select.columns, select.where)):
        steps = path.steps
        if isinstance(steps[0], Name) and select.alias.fits(steps[0].text):
            steps = steps[1:]
        if not steps or not isinstance(steps[0], Name):
            return None
        found.add(steps[0].text.lower())
    return found


def _paths(node: Any) -> list[Path]:
    if isinstance(node, Path):
        return [node]
    if isinstance(node, tuple):
        return [path for item in node for path in _paths(item)]
    if is_dataclass(node):
        return [path for each in fields(node) for path in _paths(getattr(node, each.name))]
    return []
