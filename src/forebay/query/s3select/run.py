"""One call of S3 Select under way: whoever wants its output takes it in pieces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from forebay.query.s3select import csvs, jsons, writing
from forebay.query.s3select.compiler import Program, Source, compiled
from forebay.query.s3select.errors import refused
from forebay.query.s3select.inputs import LONGEST_RECORD, Bytes, ObjectFile
from forebay.query.s3select.parser import parse
from forebay.query.s3select.syntax import Select

PIECE = 1 << 17
TURN = 0.5
"""Seconds after which what is there is handed over, if it is nothing too: progress is told then."""
_LOOK_EVERY = 16


@dataclass(frozen=True, slots=True)
class Input:
    """What an object is. `kind` is csv, lines, document or parquet; `start` and `end` as for `Bytes`."""

    kind: str
    csv: csvs.Form | None = None
    compression: str = "NONE"
    start: int = 0
    end: int | None = None


class Run:
    """A statement over an open object. Raises QueryFailed: at once for what is wrong with the statement."""

    def __init__(self, expression: str, file: ObjectFile, given: Input, form: writing.Form) -> None:
        self._file = file
        self._form = form
        self._given = given
        self.returned = 0
        self._select = parse(expression)
        self._data = Bytes(file, given.compression, given.start, given.end)
        source, records = self._opened(self._select)
        self._pieces = self._run(compiled(self._select, source), source, records)

    def _opened(self, select: Select) -> tuple[Source, Iterator[Any]]:
        kind, data = self._given.kind, self._data
        if kind == "csv":
            form = self._given.csv or csvs.Form()
            if select.source:
                raise refused("UnsupportedSqlStructure", "Rows of a CSV file have nothing below them.")
            rows = csvs.Rows(data, form, select.alias)
            if data.skipping and form.header == "use":
                rows.header = csvs.Rows(Bytes(self._file, "NONE"), form, select.alias).header
            return rows, iter(rows)
        source = jsons.Documents(select)
        if kind == "parquet":
            # Loaded by the first who needs it.
            from forebay.query.s3select import parquets, used  # noqa: PLC0415

            return source, jsons.taken(parquets.records(self._file, used.columns(select)), select.source)
        found = jsons.documents(data) if kind == "document" else jsons.lines(data)
        return source, jsons.taken(found, select.source)

    @property
    def scanned(self) -> int:
        """Bytes that were read of the object so far."""
        return self._file.scanned

    @property
    def processed(self) -> int:
        """The same, decompressed."""
        return self.scanned if self._given.kind == "parquet" else self._data.processed

    def next(self) -> bytes | None:
        """The next piece of output, which may be empty; None at its end. Raises QueryFailed."""
        found = next(self._pieces, None)
        self.returned += len(found or b"")
        return found

    def close(self) -> None:
        """Let go of the object."""
        self._pieces.close()
        self._file.close()

    def _run(self, program: Program, source: Source, records: Iterator[Any]) -> Any:
        rows = self._sum(program, records) if program.sums else self._rows(program, source, records)
        held: list[bytes] = []
        size = 0
        since = time.monotonic()
        for number, row in enumerate(rows):
            if row is not None:
                if len(row) > LONGEST_RECORD:
                    raise refused("OverMaxRecordSize")
                held.append(row)
                size += len(row)
            if size >= PIECE or (number % _LOOK_EVERY == 0 and time.monotonic() - since > TURN):
                yield b"".join(held)
                held, size, since = [], 0, time.monotonic()
        if held:
            yield b"".join(held)

    def _rows(self, program: Program, source: Source, records: Iterator[Any]) -> Iterator[bytes | None]:
        """Each record's row; None for one that is left out."""
        where, columns, names, write = program.where, program.columns, program.names, self._form.row
        left = program.limit
        if left == 0:
            return
        for record in records:
            if where is not None and where(record) is not True:
                yield None
                continue
            if columns is None:
                yield write(source.names(record), source.values(record))
            elif program.stars:
                yield write(*_spread(program, source, record))
            else:
                yield write(names, [column(record) for column in columns])
            if left is not None:
                left -= 1
                if not left:
                    return

    def _sum(self, program: Program, records: Iterator[Any]) -> Iterator[bytes | None]:
        where = program.where
        for record in records:
            yield None
            if where is not None and where(record) is not True:
                continue
            for accumulator, value in program.sums:
                accumulator.add(1 if value is None else value(record))
        assert program.columns is not None
        if program.limit != 0:
            yield self._form.row(program.names, [column(None) for column in program.columns])


def _spread(program: Program, source: Source, record: Any) -> tuple[list[str], list[Any]]:
    """Names and values, with all of the record in place of `s.*`."""
    names: list[str] = []
    values: list[Any] = []
    for number, column in enumerate(program.columns or ()):
        if number in program.stars:
            names += source.names(record)
            values += source.values(record)
        else:
            names.append(program.names[number])
            values.append(column(record))
    return names, values
