"""Column types as they are inferred: merged by field, said in Hive's words.

A kind is None (nothing but nulls was seen), a scalar's name, ("array", kind), ("struct", {field: kind}),
or ("map", key, value).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Kind = Any
Columns = dict[str, Kind]

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double")
DEEPEST = 60


def merge(a: Kind, b: Kind) -> Kind:
    """The kind that holds both; string where nothing better does."""
    if a is None or a == b:
        return b
    if b is None:
        return a
    if isinstance(a, str) and isinstance(b, str):
        if a in _NUMBERS and b in _NUMBERS:
            wider = max(a, b, key=_NUMBERS.index)
            return "double" if wider == "float" and "bigint" in (a, b) else wider
        if a.startswith("decimal") and b.startswith("decimal"):
            return _decimals(a, b)
        decimal, other = (a, b) if a.startswith("decimal") else (b, a)
        if decimal.startswith("decimal") and other in _NUMBERS:
            return "double" if other in ("float", "double") else _decimals(decimal, "decimal(19,0)")
        if {a, b} == {"date", "timestamp"}:
            return "timestamp"
        return "string"
    if isinstance(a, tuple) and isinstance(b, tuple) and a[0] == b[0]:
        if a[0] == "array":
            return ("array", merge(a[1], b[1]))
        if a[0] == "map":
            return ("map", merge(a[1], b[1]), merge(a[2], b[2]))
        return ("struct", merge_columns(a[1], b[1]))
    return "string"


def _decimals(a: str, b: str) -> str:
    (p1, s1), (p2, s2) = (tuple(map(int, kind[8:-1].split(","))) for kind in (a, b))
    scale = max(s1, s2)
    return f"decimal({min(38, max(p1 - s1, p2 - s2) + scale)},{scale})"


def merge_columns(a: Mapping[str, Kind], b: Mapping[str, Kind]) -> Columns:
    """Fields of both, in the order in which they were first seen."""
    merged = dict(a)
    for name, kind in b.items():
        merged[name] = merge(merged[name], kind) if name in merged else kind
    return merged


def merge_all(every: Iterable[Mapping[str, Kind]]) -> Columns:
    """`merge_columns` over all."""
    merged: Columns = {}
    for columns in every:
        merged = merge_columns(merged, columns)
    return merged


def said(kind: Kind) -> str:
    """Hive's spelling. What was never seen but null is a string."""
    if kind is None:
        return "string"
    if isinstance(kind, str):
        return kind
    if kind[0] == "array":
        return f"array<{said(kind[1])}>"
    if kind[0] == "map":
        return f"map<{said(kind[1])},{said(kind[2])}>"
    if not kind[1]:
        return "string"  # `{}`: a struct without fields is no type
    return f"struct<{','.join(f'{name}:{said(inner)}' for name, inner in kind[1].items())}>"
