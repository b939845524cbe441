"""JSON lines and raw bytes: final records as they are, one blob a segment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson
import pyarrow as pa

from forebay.delivery.columns import Columns
from forebay.delivery.compress import Sink
from forebay.delivery.group import Encoded, Group, Rows, Slot, count_inputs, lines_group, without
from forebay.delivery.intake import Work
from forebay.delivery.route import Router
from forebay.event import Records, decode_records
from forebay.ports import Json, Lines, SegmentRow, Table

SAMPLE = 64
_ENDS = b"\r\n"
_SPACES = bytes.maketrans(_ENDS, b"  ")

Final = tuple[Sequence[bytes], Sequence[int], Sequence[Mapping[str, str] | None] | None]


class LineEncoder:
    """`json` (one event a line) and `raw` (the bytes as they are); nobody's bytes are written anew.

    `columns`, where given, are those of a table that is to know what the lines hold: it looks at some
    of every batch.
    """

    def __init__(self, format: str, router: Router, columns: Columns | None, meta: Json) -> None:
        self._raw = format == "raw"
        self._router = router
        self._columns = columns
        self._meta = meta

    def encode(self, output: Lines | Table, work: Work, own: bool) -> Encoded:
        """Final records by slot. `own`: these are the events themselves, no code has touched them."""
        lines, source, keys = final_lines(output, own, raw=self._raw)
        if self._columns is not None:
            self._columns.learn(_some(lines))
        slots, misfits = self._router.lines(lines, source, keys)
        slots = without(slots, source, misfits)
        emptied = 0 if source is output.source else len(set(output.source) - set(source))
        return Encoded(group_lines(slots, lines, source, work, self._meta), misfits, emptied)


def final_lines(output: Lines | Table, own: bool, *, raw: bool = False) -> Final:
    """One row a line, with its input and partition keys; an empty row is none.

    Raw bytes keep their line ends. Of JSON, an event over several lines becomes one (outside of strings,
    where JSON allows none, a line end is only space); what code wrote is one document or one a line.
    """
    if isinstance(output, Table):
        return table_lines(output.rows), output.source, None
    data: Sequence[bytes] = output.data
    source, keys = output.source, output.partition_keys
    kept: Sequence[int] | None = None
    if not raw:
        joined = data.joined() if isinstance(data, Records) else b"".join(data)
        if b"\n" in joined or b"\r" in joined:
            if own:
                data = [record.strip(_ENDS).translate(_SPACES) for record in data]
            else:
                data, kept = _split(data)
    if not (data.full() if isinstance(data, Records) else all(data)):
        full = [i for i, line in enumerate(data) if line]
        data = [data[i] for i in full]
        kept = full if kept is None else [kept[i] for i in full]
    if kept is None:
        return data, source, keys
    return data, [source[i] for i in kept], None if keys is None else [keys[i] for i in kept]


def _split(data: Sequence[bytes]) -> tuple[list[bytes], list[int]]:
    lines: list[bytes] = []
    kept: list[int] = []
    for i, record in enumerate(data):
        text = record.strip(_ENDS)
        if b"\n" in text or b"\r" in text:
            try:
                orjson.loads(text)
            except orjson.JSONDecodeError:
                parts = [part for part in text.splitlines() if part]
                lines += parts
                kept += [i] * len(parts)
                continue
            text = text.translate(_SPACES)
        lines.append(text)
        kept.append(i)
    return lines, kept


def group_lines(
    slots: Mapping[Slot, Rows], data: Sequence[bytes], source: Sequence[int], work: Work, meta: Json
) -> list[Group]:
    """A group for each slot."""
    counts, first = count_inputs(slots, source, len(work.records))
    return [
        lines_group(
            slot,
            data if len(rows) == len(data) else [data[row] for row in rows],
            counts[slot],
            work.origins[first[slot]].arrival,
            meta,
        )
        for slot, rows in slots.items()
    ]


def table_lines(rows: pa.Table) -> list[bytes]:
    """Columns as JSON lines; a column without a value is left out of its row, as Hive's SerDes write it."""
    return [
        orjson.dumps(
            {name: value for name, value in row.items() if value is not None},
            default=str,
            option=orjson.OPT_NON_STR_KEYS,
        )
        for row in rows.to_pylist()
    ]


def _some(lines: Sequence[bytes]) -> list[dict[str, object]]:
    found = []
    for line in lines[:: max(1, len(lines) // SAMPLE)]:
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(event, dict):
            found.append(event)
    return found


def write_lines(file: Sink, segments: Iterable[SegmentRow], meta: Json) -> int:
    """Write the records of all segments to `file`; how many rows. A CSV's header comes first, once."""
    end = b"" if meta["format"] == "raw" else b"\n"
    rows = 0
    for segment in segments:
        columns = decode_records(segment.payload)
        if not rows and len(columns) and "header" in meta:
            file.write(meta["header"].encode() + end)
        rows += len(columns)
        if not len(columns):
            continue
        if end:
            file.write(end.join(columns.records()))
            file.write(end)
        else:
            file.write(columns.data)
    return rows
