"""Whether the rows of a test are those that were expected, and where they are not."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

Row = Sequence[Any]


def differences(
    columns: Sequence[str], rows: Sequence[Row], expected: Sequence[Any], *, ordered: bool
) -> list[str]:
    """Lines of a diff, empty if the rows are as expected: `- ` a row that is missing, `+ ` one too many."""
    wanted = [_wanted(columns, row) for row in expected]
    unknown = sorted(
        {name for row in wanted if isinstance(row, dict) for name in row} - {c.lower() for c in columns}
    )
    if unknown:
        return [f"the answer has no column {', '.join(unknown)}; it has {', '.join(columns)}"]
    names = [column.lower() for column in columns]
    if ordered:
        pairs = list(zip(rows, wanted, strict=False))
        if len(rows) == len(wanted) and all(_same(names, row, want) for row, want in pairs):
            return []
        return [*(f"- {_show(names, want)}" for want in wanted), *(f"+ {_show(names, row)}" for row in rows)]
    left = list(rows)
    missing = []
    for want in wanted:
        found = next((index for index, row in enumerate(left) if _same(names, row, want)), None)
        if found is None:
            missing.append(want)
        else:
            left.pop(found)
    return [*(f"- {_show(names, want)}" for want in missing), *(f"+ {_show(names, row)}" for row in left)]


def _wanted(columns: Sequence[str], row: Any) -> Any:
    return {str(name).lower(): value for name, value in row.items()} if isinstance(row, dict) else row


def _same(names: Sequence[str], row: Row, want: Any) -> bool:
    if isinstance(want, dict):
        have = dict(zip(names, row, strict=True))
        return all(equal(have[name], value) for name, value in want.items())
    return len(row) == len(want) and all(equal(a, b) for a, b in zip(row, want, strict=True))


def equal(value: Any, want: Any) -> bool:
    """Numbers as numbers, lists and structs by their parts, everything else as text."""
    if value is None or want is None:
        return value is None and want is None
    if isinstance(value, bool) or isinstance(want, bool):
        return value is want
    if isinstance(value, int | float | Decimal) and isinstance(want, int | float):
        return math.isclose(float(value), want, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(value, list) and isinstance(want, list):
        return len(value) == len(want) and all(equal(a, b) for a, b in zip(value, want, strict=True))
    if isinstance(value, dict) and isinstance(want, dict):
        return value.keys() == want.keys() and all(equal(value[name], want[name]) for name in want)
    return text(value) == text(want)


def text(value: Any) -> str:
    """A value as Athena prints it."""
    match value:
        case dt.datetime():
            return value.isoformat(" ", "milliseconds")
        case dt.date() | dt.time():
            return value.isoformat()
        case bytes():
            return value.hex(" ")
        case _:
            return str(value)


def _show(names: Sequence[str], row: Any) -> str:
    pairs = row.items() if isinstance(row, dict) else zip(names, row, strict=False)
    return ", ".join(f"{name}: {_value(value)}" for name, value in pairs) or "(nothing)"


def _value(value: Any) -> str:
    if value is None:
        return "null"
    return repr(value) if isinstance(value, str) else text(value)
