"""JSON lines and raw bytes: final records as they are, one blob a segment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
import pyarrow as pa

from forebay.delivery.compress import Sink
from forebay.delivery.group import Encoded, Group, Misfit, Slot, lines_group
from forebay.delivery.intake import Work
from forebay.delivery.route import Router
from forebay.event import decode_records
from forebay.ports import Json, Lines, SegmentRow, Table

CHUNK = 1 << 20
_ENDS = b"\r\n"
_SPACES = bytes.maketrans(_ENDS, b"  ")


class LineEncoder:
    """`json` (one event a line) and `raw` (the bytes as they are)."""

    def __init__(self, format: str, router: Router, meta: Json) -> None:
        self._json = format == "json"
        self._router = router
        self._meta = meta

    def encode(self, output: Lines | Table, work: Work, own: bool) -> Encoded:
        """Final records by slot. `own`: these are the events themselves, no code has touched them."""
        if isinstance(output, Table):
            output = Lines(table_lines(output.rows), output.source)
        data, source, keys = output.data, output.source, output.partition_keys
        if self._json:
            joined = b"".join(data)
            if b"\n" in joined or b"\r" in joined:
                data, kept = (_one_line_each(data), None) if own else _split(data)
                if kept is not None:
                    source = [source[i] for i in kept]
                    keys = None if keys is None else [keys[i] for i in kept]
        if not all(data):
            kept = [i for i, line in enumerate(data) if line]
            data = [data[i] for i in kept]
            source = [source[i] for i in kept]
            keys = None if keys is None else [keys[i] for i in kept]
        slots, misfits = self._router.lines(data, source, keys)
        if misfits:
            slots = without(slots, source, misfits)
        emptied = 0
        if source is not output.source:
            emptied = len(set(output.source) - set(source))
        return Encoded(group_lines(slots, data, source, work, self._meta), misfits, emptied)


def without(
    slots: dict[Slot, list[int]], source: Sequence[int], misfits: Sequence[Misfit]
) -> dict[Slot, list[int]]:
    """The rows whose inputs are no misfits: an input is delivered whole or rejected whole."""
    bad = {misfit.index for misfit in misfits}
    kept = {slot: [row for row in rows if source[row] not in bad] for slot, rows in slots.items()}
    return {slot: rows for slot, rows in kept.items() if rows}


def group_lines(
    slots: dict[Slot, list[int]], data: Sequence[bytes], source: Sequence[int], work: Work, meta: Json
) -> list[Group]:
    """A group for each slot; an input is counted where its first row went."""
    if len(slots) == 1 and isinstance(source, range):
        ((slot, rows),) = slots.items()
        if rows and len(rows) == len(data):
            return [lines_group(slot, data, len(data), work.origins[source[0]].arrival, meta)]
    seen = bytearray(len(work.records))
    first: dict[Slot, int] = {}
    counts = dict.fromkeys(slots, 0)
    for row, slot in _by_row(slots):
        first.setdefault(slot, source[row])
        if not seen[source[row]]:
            seen[source[row]] = 1
            counts[slot] += 1
    return [
        lines_group(slot, [data[row] for row in rows], counts[slot], work.origins[first[slot]].arrival, meta)
        for slot, rows in slots.items()
    ]


def _by_row(slots: dict[Slot, list[int]]) -> list[tuple[int, Slot]]:
    pairs = [(row, slot) for slot, rows in slots.items() for row in rows]
    return sorted(pairs, key=lambda pair: pair[0])


def table_lines(rows: pa.Table) -> list[bytes]:
    """Columns as JSON lines; columns without a value are left out of a row, as Hive's SerDes write them."""
    return [
        orjson.dumps({name: value for name, value in row.items() if value is not None}, default=str)
        for row in rows.to_pylist()
    ]


def _one_line_each(data: Sequence[bytes]) -> list[bytes]:
    # Outside of strings, where JSON allows none, a line end is only space.
    return [record.strip(_ENDS).translate(_SPACES) for record in data]


def _split(data: Sequence[bytes]) -> tuple[list[bytes], list[int]]:
    """What code wrote: a JSON document over several lines is one row, otherwise each line is one."""
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


def write_lines(file: Sink, segments: Iterable[SegmentRow], meta: Json) -> int:
    """Write the records of all segments to `file`; how many rows. A CSV's header comes first, once."""
    end = b"" if meta["format"] == "raw" else b"\n"
    header = meta.get("header")
    if header is not None:
        file.write(header.encode() + end)
    rows = 0
    for segment in segments:
        columns = decode_records(segment.payload)
        rows += len(columns)
        if end:
            file.write(end.join(columns.records()))
            file.write(end)
        else:
            file.write(columns.data)
    return rows
