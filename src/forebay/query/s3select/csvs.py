"""CSV: bytes to rows of texts, by the request's delimiters and quotation marks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from forebay.query.s3select.errors import refused
from forebay.query.s3select.inputs import LONGEST_RECORD, Bytes, decoded
from forebay.query.s3select.syntax import Name, Step
from forebay.query.s3select.values import MISSING


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written. `header` is none, use or ignore."""

    header: str = "none"
    field: str = ","
    record: str = "\n"
    quote: str = '"'
    escape: str = '"'
    comment: str = "#"
    quoted_records: bool = False


class Rows:
    """The rows of a CSV file; what it has as a header is read at once.

    Where the reading begins in the middle, `header` is set to one that was read elsewhere.
    """

    untyped = True

    def __init__(self, data: Bytes, form: Form, alias: Name) -> None:
        self._form = form
        self._data = data
        self._alias = alias
        self.header: list[str] | None = None
        self._lines = self._records()
        if form.header != "none" and not data.skipping:
            first = next(self._lines, None)
            if form.header == "use" and first is not None:
                self.header = self._fields(first)

    def __iter__(self) -> Iterator[list[str]]:
        field, quote = self._form.field, self._form.quote
        for line in self._lines:
            yield line.split(field) if not quote or quote not in line else self._fields(line)

    # Where rows end.

    def _records(self) -> Iterator[str]:
        comment = self._form.comment
        for line in self._quoted() if self._form.quoted_records else self._plain():
            if len(line) > LONGEST_RECORD:
                raise refused("OverMaxRecordSize")
            if line and not (comment and line.startswith(comment)):
                yield line

    def _plain(self) -> Iterator[str]:
        end = self._form.record
        bare = end == "\n"
        for line in self._data.records(end.encode()):
            text = decoded(line, self._data)
            yield text[:-1] if bare and text.endswith("\r") else text

    def _quoted(self) -> Iterator[str]:
        """Lines put together again where a quotation mark is open at their end."""
        open_: list[str] = []
        size = 0
        inside = False
        for line in self._plain():
            inside = self._open_after(line, inside=inside)
            open_.append(line)
            size += len(line)
            if size > LONGEST_RECORD:
                raise refused("OverMaxRecordSize")
            if not inside:
                yield self._form.record.join(open_)
                open_, size = [], 0
        if open_:
            yield self._form.record.join(open_)

    def _open_after(self, line: str, *, inside: bool) -> bool:
        quote, escape = self._form.quote, self._form.escape
        if not quote:
            return False
        if escape and escape != quote:
            line = line.replace(escape * 2, "").replace(escape + quote, "")
        return inside != (line.count(quote) % 2 == 1)

    # What is in a row.

    def _fields(self, line: str) -> list[str]:
        field, quote = self._form.field, self._form.quote
        found: list[str] = []
        at = 0
        while True:
            if quote and line.startswith(quote, at):
                text, at = self._within(line, at + 1)
            else:
                text = ""
            end = line.find(field, at)
            if end < 0:
                found.append(text + line[at:])
                return found
            found.append(text + line[at:end])
            at = end + len(field)

    def _within(self, line: str, at: int) -> tuple[str, int]:
        """What is in quotation marks from `at` on, and where it ends; at the row's end if nowhere else."""
        quote, escape = self._form.quote, self._form.escape
        parts: list[str] = []
        while True:
            end = line.find(quote, at)
            if escape and escape != quote:
                turn = line.find(escape, at)
                if 0 <= turn < (end if end >= 0 else len(line)):
                    parts.append(line[at:turn] + line[turn + 1 : turn + 2])
                    at = turn + 2
                    continue
            if end < 0:
                parts.append(line[at:])
                return "".join(parts), len(line)
            parts.append(line[at:end])
            if escape == quote and line.startswith(quote, end + 1):
                parts.append(quote)
                at = end + 2
                continue
            return "".join(parts), end + 1

    # What a statement asks for.

    def path(self, steps: tuple[Step, ...]) -> Any:
        """A column: by its place (`_2`), or by the name that the header gives it."""
        if len(steps) == 2 and isinstance(steps[0], Name) and self._alias.fits(steps[0].text):
            steps = steps[1:]
        name = steps[0]
        if len(steps) > 1 or not isinstance(name, Name):
            raise refused(
                "ParseInvalidPathComponent", "A row of a CSV file has columns and nothing below them."
            )
        found = self._column(name)

        def column(record: list[str]) -> Any:
            return record[found] if found < len(record) else MISSING

        return column

    def _column(self, name: Name) -> int:
        header = self.header
        if header is not None:
            exactly = [number for number, other in enumerate(header) if other == name.text]
            loosely = [number for number, other in enumerate(header) if name.fits(other)]
            numbers = exactly or loosely
            if len(numbers) > 1:
                raise refused("AmbiguousFieldName", repr(name.text))
            if numbers:
                return numbers[0]
        if name.text.startswith("_") and name.text[1:].isdigit():
            number = int(name.text[1:])
            if not number:
                raise refused("InvalidColumnIndex", repr(name.text))
            return number - 1
        raise refused("MissingHeaders", repr(name.text))

    def names(self, record: list[str]) -> list[str]:
        """The header's, and places for what has none."""
        header = self.header or []
        return [*header[: len(record)], *(f"_{number}" for number in range(len(header) + 1, len(record) + 1))]

    def values(self, record: list[str]) -> list[Any]:
        """The fields."""
        return record
