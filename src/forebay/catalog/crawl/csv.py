"""The built-in CSV classifier: which delimiter, whether there is a header, and each column's type.

https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html#classifier-builtin-rules: at least two
columns and two rows; the first row is a header where each of its columns parses as a string, has content
(the last may be empty) of fewer than 150 characters, and some column of the data does not parse as a
string. Without one, columns are col0, col1, ... Whole numbers are bigint, others double; dates stay
strings.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from forebay.catalog.crawl.types import Columns, Kind, merge

DELIMITERS = (",", "|", "\t", ";", "\x01")
MOST_ROWS = 1000
LONGEST_NAME = 150
ALIKE = 0.7
"""Of the rows, at least so many have the same number of fields."""

_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Infinity|NaN")
Header = Literal["unknown", "present", "absent"]


@dataclass(frozen=True, slots=True)
class Custom:
    """What a custom CSV classifier says: https://docs.aws.amazon.com/glue/latest/dg/custom-classifier.html."""

    delimiter: str | None = None
    quote: str = '"'
    header: Header = "unknown"
    names: Sequence[str] = ()
    single: bool = False
    trim: bool = True
    serde: str | None = None


@dataclass(slots=True)
class Found:
    """What a CSV text holds."""

    delimiter: str
    header: bool
    columns: Columns
    rows: int
    names: list[str] = field(default_factory=list)


def classify(text: str, *, whole: bool, custom: Custom | None = None) -> Found | None:
    """The shape of `text`; None where it is no CSV. Without `whole`, its last line may be cut off."""
    custom = custom or Custom()
    text = text.removeprefix("\ufeff")
    if not whole:
        text = text[: text.rfind("\n") + 1]
    if "\0" in text:
        return None
    best: tuple[int, str, list[list[str]]] | None = None
    for delimiter in [custom.delimiter] if custom.delimiter else DELIMITERS:
        rows = _rows(text, delimiter, custom.quote) if delimiter in text or custom.single else []
        width = _width(rows)
        if width >= (1 if custom.single else 2) and (best is None or width > best[0]):
            best = (width, delimiter, rows)
    if best is None or len(best[2]) < 2:
        return None
    width, delimiter, rows = best
    body = rows[1:]
    kinds = [_column(body, i, trim=custom.trim) for i in range(width)]
    header = custom.header == "present" or (
        custom.header == "unknown" and _is_header(rows[0], kinds, width, trim=custom.trim)
    )
    if not header:
        kinds = [_column(rows, i, trim=custom.trim) for i in range(width)]
    names = list(custom.names) or (rows[0] if header else [])
    names = _names(names, width)
    columns = {name: kind or "string" for name, kind in zip(names, kinds, strict=True)}
    return Found(delimiter, header, columns, len(body) if header else len(rows), names)


def _rows(text: str, delimiter: str, quote: str) -> list[list[str]]:
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote or None)
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                rows.append(row)
            if len(rows) > MOST_ROWS:
                break
    except csv.Error:
        return [] if len(rows) < 2 else rows
    return rows


def _width(rows: list[list[str]]) -> int:
    """The number of fields that most rows have; 0 where they do not agree."""
    if not rows:
        return 0
    width, count = Counter(len(row) for row in rows).most_common(1)[0]
    return width if count >= ALIKE * len(rows) else 0


def kind_of(text: str) -> Kind:
    """The kind of one field; None where it is empty."""
    if not text:
        return None
    if _WHOLE.fullmatch(text):
        return "bigint" if -(1 << 63) <= int(text[:40]) < 1 << 63 else "double"
    if _NUMBER.fullmatch(text):
        return "double"
    return "boolean" if text.lower() in ("true", "false") else "string"


def _column(rows: list[list[str]], index: int, *, trim: bool) -> Kind:
    kind: Kind = None
    for row in rows:
        if index < len(row):
            kind = merge(kind, kind_of(row[index].strip() if trim else row[index]))
            if kind == "string":
                break
    return kind


def _is_header(row: list[str], kinds: list[Kind], width: int, *, trim: bool) -> bool:
    if len(row) != width:
        return False
    for index, raw in enumerate(row):
        text = raw.strip() if trim else raw
        last = index == width - 1
        if not text:
            if not last:
                return False
            continue
        if kind_of(text) != "string" or (not last and len(text) >= LONGEST_NAME):
            return False
    return any(kind not in (None, "string") for kind in kinds)


def _names(header: Sequence[str], width: int) -> list[str]:
    names: list[str] = []
    for index in range(width):
        name = re.sub(r"[\r\n]+", " ", header[index]).strip().lower() if index < len(header) else ""
        name = name or f"col{index}"
        unique, n = name, 1
        while unique in names:
            unique, n = f"{name}_{n}", n + 1
        names.append(unique)
    return names
