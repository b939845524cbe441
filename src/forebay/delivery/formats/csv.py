"""CSV: the declared columns, or those seen first; a header once per object, quotes where they are needed."""

from __future__ import annotations

import re
from typing import Any

import orjson

from forebay.delivery.coerce import Unfit, coerce, text_of
from forebay.delivery.columns import Columns
from forebay.delivery.formats.lines import final_lines, group_lines
from forebay.delivery.group import Encoded, Misfit, without
from forebay.delivery.intake import Work
from forebay.delivery.prefix import CONVERSION
from forebay.delivery.route import Router
from forebay.ports import Json, Lines, Table

PARSE_ERROR = "DataFormatConversion.ParseError"
_SPECIAL = re.compile(r'[,"\n\r\\]').search


class CsvEncoder:
    """JSON lines → lines of CSV. A column that comes later makes a new object, with a longer header."""

    def __init__(self, router: Router, columns: Columns, meta: Json) -> None:
        self._router = router
        self._columns = columns
        self._meta = meta

    def encode(self, output: Lines | Table, work: Work, own: bool) -> Encoded:
        """Groups by slot; what is no JSON object or does not fit a declared column is a misfit."""
        lines, source, keys = final_lines(output, own)
        slots, misfits = self._router.lines(lines, source, keys)
        events: list[dict[str, Any]] = []
        for row, line in enumerate(lines):
            event, why = _event(line)
            if why is not None:
                misfits.append(Misfit(source[row], CONVERSION, PARSE_ERROR, why))
            events.append(event)
        self._columns.learn(events)
        names = [name for name in self._columns.types if name not in self._router.folders]
        cells = []
        for row, event in enumerate(events):
            try:
                cells.append(self._line(names, event))
            except Unfit as error:
                cells.append(b"")
                misfits.append(Misfit(source[row], CONVERSION, PARSE_ERROR, str(error)))
        slots = without(slots, source, misfits)
        meta = {**self._meta, "header": ",".join(map(quoted, names))}
        emptied = 0 if source is output.source else len(set(output.source) - set(source))
        return Encoded(group_lines(slots, cells, source, work, meta), misfits, emptied)

    def _line(self, names: list[str], event: dict[str, Any]) -> bytes:
        given = event
        if not self._columns.types.keys() >= event.keys():
            given = {name.lower(): value for name, value in event.items() if value is not None}
        declared = self._columns.types if self._columns.declared else None
        parts = []
        for name in names:
            value = given.get(name)
            if value is None:
                parts.append("")
                continue
            if declared is not None:
                try:
                    value = _plain(coerce(value, declared[name]), value)
                except Unfit as error:
                    raise Unfit(f"column {name}: {error}") from None
            parts.append(quoted(value if isinstance(value, str) else text_of(value)))
        # A line of one empty cell is not an empty line, which would be no row.
        return (",".join(parts) or '""').encode()


def _plain(fitted: Any, given: Any) -> Any:
    return fitted if isinstance(fitted, bool | int | float | str | None) else given


def _event(line: bytes) -> tuple[dict[str, Any], str | None]:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return {}, f"it is no JSON: {error}"
    return (event, None) if isinstance(event, dict) else ({}, "it is JSON, but no object")


def quoted(text: str) -> str:
    """A cell, in quotes if it needs them (RFC 4180; a backslash is doubled, as OpenCSV reads it)."""
    if _SPECIAL(text) is None:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
