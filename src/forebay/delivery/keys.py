"""Partition keys that a jq query draws from events: Data Firehose's metadata extraction.

    {customer: .customer_id, day: .at | strftime("%d")}      key → what of the event is its value

A query runs in the flow, so only what is bounded by the event's size is let in: paths, conditions, text and
time functions; nothing that defines, repeats, multiplies or reads. Plain paths, which most queries are made
of, need no jq.
https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import orjson

from forebay.errors import UsageError

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<field>\.(?:[A-Za-z_]\w*|(?=["\[]))?)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<word>@?[A-Za-z_]\w*)
      | (?P<mark>\?//|//|==|!=|<=|>=|[{}()\[\],:|;+\-/%<>?])""",
    re.VERBOSE,
)
_OFFERED = (
    "null true false not and or if then elif else end select map has contains inside startswith endswith"
    " ltrimstr rtrimstr trim ltrim rtrim ascii_downcase ascii_upcase tostring tonumber tojson fromjson length"
    " utf8bytelength type split join test match capture sub first last nth index rindex indices floor ceil round"
    " sqrt abs min max add any all keys values to_entries from_entries sort unique reverse flatten"
    " strftime strptime gmtime localtime strflocaltime mktime todate fromdate fromdateiso8601 todateiso8601"
    " dateadd datesub date now empty error in objects arrays strings numbers booleans nulls scalars"
    " @text @json @base64 @base64d @uri"
)
_WORDS = frozenset(_OFFERED.split())
_PATH = re.compile(r'\s*(?:\.(?:[A-Za-z_]\w*|"[^"\\]+"))+\s*')
_STEP = re.compile(r'\.(?:([A-Za-z_]\w*)|"([^"\\]+)")')
_INSIDE = re.compile(r"\\\(((?:[^()\"]|\([^()]*\)|\"[^\"]*\")*)\)")


class _Program(Protocol):
    def input_text(self, text: str) -> Any:
        """Run on one document."""


@dataclass(frozen=True)
class KeyQuery:
    """A query that has been read: the text of each key's value."""

    text: str
    values: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that it gives."""
        return tuple(self.values)

    @cached_property
    def paths(self) -> Mapping[str, tuple[str, ...]] | None:
        """Key → path, if there is nothing else to it."""
        if not all(_PATH.fullmatch(value) for value in self.values.values()):
            return None
        return {
            key: tuple(plain or quoted for plain, quoted in _STEP.findall(value))
            for key, value in self.values.items()
        }

    @cached_property
    def _program(self) -> _Program:
        return _compiled(self.text)

    def of(self, record: bytes) -> Mapping[str, Any]:
        """The values in one event. Raises ValueError for one that has none."""
        if self.paths is not None:
            event = orjson.loads(record)
            if not isinstance(event, dict):
                raise ValueError("it is JSON, but no object")
            return {key: _at(event, path) for key, path in self.paths.items()}
        try:
            found = self._program.input_text(record.decode()).first()
        except StopIteration:
            raise ValueError("the query gives nothing") from None
        if not isinstance(found, dict):
            raise ValueError("the query gives no object")
        return found


def _at(event: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        event = event.get(step) if isinstance(event, dict) else None
    return event


def compile_query(text: str) -> KeyQuery:
    """Read a query. Raises UsageError `InvalidQuery`."""
    tokens = list(_tokens(text))
    if not tokens or tokens[0][1] != "{" or tokens[-1][1] != "}":
        raise _wrong("it must be an object of keys, {key: .field}", text)
    values: dict[str, str] = {}
    depth, start, key = 0, 0, ""
    for kind, part, at in tokens:
        if part in "{[(" and kind == "mark":
            depth += 1
            if depth == 1:
                start = at + 1
        elif part in "}])" and kind == "mark":
            depth -= 1
        if kind != "mark":
            continue
        if part == ":" and depth == 1 and not key:
            key, start = text[start:at].strip().strip('"'), at + 1
        elif (part == "," and depth == 1) or (part == "}" and depth == 0):
            value = text[start:at].strip()
            name = key or value.strip('"')
            if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
                raise _wrong(f"{name or value or 'nothing'} is no name of a key", text)
            values[name] = value if key else f".{name}"
            key, start = "", at + 1
    query = KeyQuery(text, values)
    if query.paths is None:
        _compiled(text)
    return query


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at, last = 0, ""
    opened: list[str] = []
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _wrong(f"{text[at]} is not offered", text)
        kind, part = str(found.lastgroup), found[0]
        if kind == "word" and part not in _WORDS and not _names(text, found):
            raise _wrong(f"{part} is not offered", text)
        if kind == "text":
            inner = _INSIDE.findall(part)
            if len(inner) != part.count("\\("):
                raise _wrong("so much inside of a text is not offered", text)
            for expression in inner:
                list(_tokens(expression))
        if kind == "mark":
            if part in "([{":
                opened.append(part)
            elif part in ")]}" and opened:
                if opened.pop() == "[" and last == "[":
                    raise _wrong("[], all elements one by one, is not offered", text)
            elif part == "," and (not opened or opened[-1] != "{"):
                raise _wrong("several values for one key are not offered", text)
        if kind != "space":
            last = part
            yield kind, part, at
        at = found.end()


def _names(text: str, found: re.Match[str]) -> bool:
    """Whether a word names a key: `{word: ...}` or `{word}`."""
    before, after = text[: found.start()].rstrip()[-1:], text[found.end() :].lstrip()[:1]
    return before in ("{", ",") and after in (":", ",", "}")


def _compiled(text: str) -> _Program:
    import jq  # noqa: PLC0415 - most systems have no such query

    try:
        program: _Program = jq.compile(text)
    except ValueError as error:
        raise _wrong(str(error).splitlines()[0], text) from None
    return program


def _wrong(why: str, text: str) -> UsageError:
    return UsageError("InvalidQuery", f"a jq query for partition keys: {why}", where=text)
