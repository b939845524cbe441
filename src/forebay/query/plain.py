"""A result's rows as values that MessagePack has, for processes that do not load Arrow."""

from __future__ import annotations

from typing import Any

from forebay.query.result import Result, render_cell

_AS_THEY_ARE = ("boolean", "tinyint", "smallint", "integer", "bigint", "real", "double", "varchar")
_LEAST, _MOST = -(2**63), 2**64


def plain_rows(result: Result) -> list[list[Any]]:
    """Numbers, booleans and text as they are; everything else as Athena prints it, NULL as None."""
    columns: list[list[Any]] = []
    for column, data in zip(result.columns, result.table.columns, strict=True):
        values = data.to_pylist()
        if column.type.partition("(")[0] not in _AS_THEY_ARE:
            values = [render_cell(value, column.type) for value in values]
        elif any(isinstance(value, int) and not _LEAST <= value < _MOST for value in values):
            values = [None if value is None else str(value) for value in values]
        columns.append(values)
    return [list(row) for row in zip(*columns, strict=True)]
