"""JSON: a sequence of documents, one a line or not, and what FROM finds in each."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from forebay.query.s3select.errors import refused
from forebay.query.s3select.inputs import LONGEST_RECORD, Bytes, decoded
from forebay.query.s3select.syntax import Every, Name, Select, Step
from forebay.query.s3select.values import MISSING

LONGEST_DOCUMENT = 8 << 20
_SPACE = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _: _no_number())


def _no_number() -> None:
    raise ValueError("NaN and Infinity are no JSON")


def lines(data: Bytes) -> Iterator[Any]:
    """What is on each line."""
    for line in data.records(b"\n"):
        if len(line) > LONGEST_RECORD:
            raise refused("OverMaxRecordSize")
        text = decoded(line, data)
        at = _SPACE.match(text).end()  # type: ignore[union-attr]  # it matches nothing as well
        while at < len(text):
            value, at = _value(text, at)
            yield value
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        raise refused("JSONParsingError") from None


def documents(data: Bytes) -> Iterator[Any]:
    """Documents that follow each other, with or without anything between; each may take many lines."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    blocks = data.blocks()
    text, at, wanted, ended = "", 0, 1, False
    while True:
        while len(text) - at < wanted and not ended:
            block = next(blocks, b"")
            ended = not block
            try:
                more = decoder.decode(block, final=ended)
            except UnicodeDecodeError:
                raise refused("InvalidTextEncoding", f"Near byte {data.processed:,}.") from None
            text, at = text[at:] + more, 0
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing as well
        if at == len(text):
            if ended:
                return
            wanted = 1
            continue
        try:
            value, end = _DECODER.raw_decode(text, at)
        except RecursionError:
            raise refused("JSONParsingError") from None
        except ValueError:
            end = len(text)
        else:
            if end < len(text) or ended:
                yield value
                at, wanted = end, 1
                continue
        if ended:
            raise refused("JSONParsingError")
        if end - at > LONGEST_DOCUMENT:  # it goes on, or never was one
            raise refused("OverMaxRecordSize")
        wanted = 2 * (len(text) - at)


def taken(records: Iterable[Any], steps: tuple[Step, ...]) -> Iterator[Any]:
    """What FROM finds in each: `[*]` makes several of a list, `.*` of an object, and what is not there is missing, and one."""
    for record in records:
        yield from _taken(record, steps)


def _taken(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    for number, step in enumerate(steps):
        if isinstance(step, Every):
            if step.named and isinstance(value, dict):
                value = list(value.values())
            for item in value if isinstance(value, list) else [value]:
                yield from _taken(item, steps[number + 1 :])
            return
        value = below(value, step)
    yield value


def below(value: Any, step: Step) -> Any:
    """One step down. Raises QueryFailed where a name could be two."""
    if isinstance(step, Name):
        return _named(value, step) if isinstance(value, dict) else MISSING
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else MISSING
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else MISSING


def _named(value: dict[str, Any], name: Name) -> Any:
    if name.text in value:
        return value[name.text]
    if name.exact:
        return MISSING
    wanted = name.text.lower()
    found = [item for other, item in value.items() if other.lower() == wanted]
    if len(found) > 1:
        raise refused("AmbiguousFieldName", repr(name.text))
    return found[0] if found else MISSING


def walked(value: Any, steps: tuple[Step, ...]) -> Any:
    """What a path is in a record; with `[*]` in it, a list."""
    for number, step in enumerate(steps):
        value = below(value, step)
        if value is MISSING:
            return MISSING
        if isinstance(step, Every):
            rest = steps[number + 1 :]
            if not rest:
                return value
            deep = isinstance(rest[0], Every)
            found = [walked(item, rest) for item in value]
            if deep:
                return [item for items in found if isinstance(items, list) for item in items]
            return [item for item in found if item is not MISSING]
    return value


class Documents:
    """Records that have fields with fields below them, by a statement's name for them."""

    untyped = False

    def __init__(self, select: Select) -> None:
        self._alias = select.alias

    def path(self, steps: tuple[Step, ...]) -> Any:
        """A path: from the record on where it begins with its name, else a field of the record."""
        first = steps[0]
        if isinstance(first, Name) and self._alias.fits(first.text):
            steps = steps[1:]
        if len(steps) == 1 and isinstance(steps[0], Name):
            name = steps[0]
            exact = name.text

            def field(record: Any) -> Any:
                if type(record) is not dict:
                    return MISSING
                found = record.get(exact, MISSING)
                return _named(record, name) if found is MISSING else found

            return field
        return lambda record: walked(record, steps)

    def names(self, record: Any) -> list[str]:
        """An object's; anything else is `_1`."""
        if isinstance(record, dict):
            return list(record)
        return [] if record is MISSING else ["_1"]

    def values(self, record: Any) -> list[Any]:
        """An object's; anything else is one."""
        if isinstance(record, dict):
            return list(record.values())
        return [] if record is MISSING else [record]
