"""From a body to events: one JSON object, an array of them, or several, usually one a line.

An event is kept as the bytes that were sent, without the white space around it. A batch that is wholly
well-formed is checked in one pass in C; only one that is not is gone through piece by piece, so that
each piece that is wrong is named and the others are kept.

- A body that is one JSON value is one event (pretty-printed over many lines or not) or, if an array, its
  elements. Anything else is several events; where they cannot be read as JSON values one after the
  other, each line is one.
- Duplicate names in an event are kept as sent; wherever a field is read, the last one counts.
- Nesting deeper than 500 and anything that is not an object are refused; so is NaN, which is not JSON.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from forebay.ingest.fields import Fields

MAX_DEPTH = 500
_BOM = b"\xef\xbb\xbf"
_WHITE = b" \t\r\n"
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[][{}]")
_raw_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines
_raw_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw_any = msgspec.json.Decoder(msgspec.Raw).decode


class Refused(msgspec.Struct, frozen=True):
    """An event that is not accepted: its index in the body (from 0), and why."""

    index: int
    code: str
    path: str
    reason: str


@dataclass(slots=True)
class Events:
    """The events of a body: record i was number `index[i]` in it; `seen[i]` has its fields.

    Records are buffers (bytes, or views into the body). `size` is about their total length.
    """

    records: list[bytes]
    seen: list[Any]
    index: Sequence[int]
    size: int
    refused: list[Refused] = field(default_factory=list)


def read_events(body: bytes, fields: Fields, *, lines: bool = False) -> Events:
    """Split `body` into events; `lines` if its content type says one a line.

    Never raises for what the body holds: what is wrong is in `refused`.
    """
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            if lines or b"\n" in body:
                return _each_line(body, fields)
            return _none(0, "InvalidUtf8", f"not UTF-8 at byte {error.start}")
    if not lines:
        try:
            event = fields.one(body)
        except msgspec.ValidationError:
            return _array_or_nothing(body, fields)
        except RecursionError:
            return _none(0, "TooDeep", f"nested deeper than {MAX_DEPTH}")
        except msgspec.DecodeError as error:
            if not _several(body, fields):
                return _none(0, "InvalidJson", str(error))
        else:
            record = body if body[0] == 0x7B and body[-1] == 0x7D else body.strip(_WHITE)
            return _deep_out(Events([record], [event], range(1), len(record)))
    try:
        seen = fields.lines(body)
        records = cast("list[bytes]", _raw_lines(body))
    except (msgspec.DecodeError, RecursionError):
        return _each_line(body, fields)
    return _deep_out(Events(records, seen, range(len(records)), len(body)))


def read_whole(body: bytes, fields: Fields) -> Events:
    """`body` as one event, of any JSON; an empty one is refused."""
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    text = body.strip(_WHITE)
    if not text:
        return _none(0, "EmptyBody", "the body is empty")
    try:
        body.decode()
        _raw_any(text)
        seen = fields.one(text if text[:1] == b"{" else b"{}")
    except UnicodeDecodeError as error:
        return _none(0, "InvalidUtf8", f"not UTF-8 at byte {error.start}")
    except RecursionError:
        return _none(0, "TooDeep", f"nested deeper than {MAX_DEPTH}")
    except msgspec.DecodeError as error:
        return _none(0, "InvalidJson", str(error))
    return _deep_out(Events([text], [seen], range(1), len(text)))


def _none(index: int, code: str, reason: str) -> Events:
    return Events([], [], (), 0, [Refused(index, code, "$", reason)])


def _several(body: bytes, fields: Fields) -> bool:
    """Whether a body that is not one JSON value begins with a whole event, hence means to be several."""
    try:
        fields.one(body.lstrip(_WHITE).partition(b"\n")[0])
        return True
    except msgspec.DecodeError as error:
        if "trailing characters" in str(error):
            return True
    except RecursionError:
        return True
    try:
        fields.one(body)
    except msgspec.DecodeError as error:
        return "trailing characters" in str(error)
    return False


def _array_or_nothing(body: bytes, fields: Fields) -> Events:
    """A body that is JSON and not an object."""
    try:
        records = cast("list[bytes]", _raw_array(body))
    except msgspec.ValidationError:
        return _none(0, "NotAnObject", _not_object(body))
    except msgspec.DecodeError as error:
        return _none(0, "InvalidJson", str(error))
    except RecursionError:
        return _none(0, "TooDeep", f"nested deeper than {MAX_DEPTH}")
    try:
        return _deep_out(Events(records, fields.array(body), range(len(records)), len(body)))
    except (msgspec.DecodeError, RecursionError):
        return _each(records, fields)


def _each_line(body: bytes, fields: Fields) -> Events:
    return _each([line for line in body.split(b"\n") if line.strip(_WHITE)], fields)


def _each(pieces: Sequence[bytes | msgspec.Raw], fields: Fields) -> Events:
    """Every piece by itself: kept if it is an event, else refused with its index."""
    records: list[bytes] = []
    seen: list[Any] = []
    index: list[int] = []
    refused: list[Refused] = []
    for number, each in enumerate(pieces):
        piece = bytes(each).strip(_WHITE)
        try:
            piece.decode()
            seen.append(fields.one(piece))
        except UnicodeDecodeError as error:
            refused.append(Refused(number, "InvalidUtf8", "$", f"not UTF-8 at byte {error.start}"))
        except msgspec.ValidationError:
            refused.append(Refused(number, "NotAnObject", "$", _not_object(piece)))
        except RecursionError:
            refused.append(Refused(number, "TooDeep", "$", f"nested deeper than {MAX_DEPTH}"))
        except msgspec.DecodeError as error:
            refused.append(Refused(number, "InvalidJson", "$", str(error)))
        else:
            records.append(piece)
            index.append(number)
    return _deep_out(Events(records, seen, index, sum(map(len, records)), refused))


def _not_object(piece: bytes) -> str:
    try:
        _raw_any(piece)
    except (msgspec.DecodeError, RecursionError) as error:
        return str(error)
    kinds = {0x5B: "an array", 0x22: "a string", 0x74: "a boolean", 0x66: "a boolean", 0x6E: "null"}
    return f"an event is a JSON object, this is {kinds.get(piece.strip(_WHITE)[0], 'a number')}"


def _deep_out(events: Events) -> Events:
    """Refuse what is nested too deep. A record of fewer than two bytes a level cannot be."""
    if events.size < 2 * MAX_DEPTH:
        return events
    deep = [
        i
        for i, record in enumerate(events.records)
        if len(record) >= 2 * MAX_DEPTH and _too_deep(bytes(record))
    ]
    if deep:
        drop = set(deep)
        events.refused += [
            Refused(events.index[i], "TooDeep", "$", f"nested deeper than {MAX_DEPTH}") for i in deep
        ]
        events.refused.sort(key=lambda refused: refused.index)
        keep = [i for i in range(len(events.records)) if i not in drop]
        events.records = [events.records[i] for i in keep]
        events.seen = [events.seen[i] for i in keep]
        events.index = [events.index[i] for i in keep]
    return events


def _too_deep(record: bytes) -> bool:
    if record.count(b"{") + record.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKETS.finditer(_STRINGS.sub(b"", record)):
        depth += 1 if bracket[0] in b"{[" else -1
        if depth > MAX_DEPTH:
            return True
    return False
