"""JSON text as EventBridge's parser walks it: tokens and where it stands after each, and its own complaints.

EventBridge reads patterns with Jackson, whose words and whose position in the text are part of the message of an
InvalidEventPatternException. A position is where the parser has got to, not where a token begins: past a number
or a bracket, but only past the opening quote of text that nobody has asked for yet; a field's name is read
together with the beginning of its value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

MOST_SHOWN = 500
DEEPEST = 200
_BLANK = " \t\r\n"
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[A-Za-z0-9_$]*")
_CONSTANTS = {"true": True, "false": False, "null": None}
_ANY = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


class Malformed(Exception):
    """What is no JSON: the parser's words, and the offset that it has got to."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


@dataclass(slots=True)
class Node:
    """A value. `lazy` is the offset when the parser has met it, `done` when it has read it to its end.

    `fields` are an object's, by name, in order, those twice; `items` an array's; `value` is that of anything else.
    """

    kind: str
    lazy: int
    done: int = 0
    value: Any = None
    fields: list[tuple[str, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    def plain(self) -> Any:
        """As `json.loads` gives it."""
        if self.kind == "object":
            return {name: inner.plain() for name, inner in self.fields}
        return [inner.plain() for inner in self.items] if self.kind == "array" else self.value


def located(text: str, reason: str, at: int) -> str:
    """A reason, with where in the text it was found."""
    return f"{reason}\n at {_place(text, at)}"


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    left = len(text) - MOST_SHOWN
    source = f'(String)"{text[:MOST_SHOWN]}"' + (f"[truncated {left} chars]" if left > 0 else "")
    return f"[Source: {source}; line: {line}, column: {column}]"


def read(text: str) -> Node | None:
    """The first value of the text; None where there is none. Raises Malformed."""
    return _Reader(text).first()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def first(self) -> Node | None:
        self._skip()
        return None if self._at >= len(self._text) else self._value()

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in _BLANK:
            self._at += 1

    def _next(self, opened: str, start: int) -> str:
        """The next character that is not blank."""
        self._skip()
        if self._at >= len(self._text):
            where = _place(self._text, start)
            reason = f"Unexpected end-of-input: expected close marker for {opened} (start marker at {where})"
            raise Malformed(reason, self._at)
        return self._text[self._at]

    def _unexpected(self, why: str) -> Malformed:
        char = self._text[self._at]
        return Malformed(f"Unexpected character ('{char}' (code {ord(char)})): {why}", self._at)

    def _value(self) -> Node:
        char = self._text[self._at]
        if char in "{[":
            self._depth += 1
            if self._depth > DEEPEST:
                raise Malformed("Document nesting depth exceeds the maximum allowed", self._at)
            node = self._object() if char == "{" else self._array()
            self._depth -= 1
            return node
        if char == '"':
            node = Node("text", self._at + 1)
            node.value = self._quoted("VALUE_STRING")
            node.done = self._at
            return node
        if char == "-" or char.isdigit():
            found = _NUMBER.match(self._text, self._at)
            if found is None:
                raise self._unexpected("expected digit (0-9) to follow minus sign, for valid numeric value")
            self._at = found.end()
            return Node("number", self._at, self._at, found[0])
        word = _WORD.match(self._text, self._at)
        assert word is not None
        if word[0] in _CONSTANTS:
            self._at = word.end()
            return Node("constant", self._at, self._at, _CONSTANTS[word[0]])
        if word[0]:
            self._at = word.end()
            raise Malformed(f"Unrecognized token '{word[0]}': was expecting {_ANY}", self._at)
        raise self._unexpected(f"expected a valid value {_ANY}")

    def _quoted(self, what: str) -> str:
        start = self._at
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != '"':
            if self._text[self._at] < " ":
                raise Malformed(
                    f"Illegal unquoted character ((CTRL-CHAR, code {ord(self._text[self._at])})): has to be escaped"
                    " using backslash to be included in string value",
                    self._at,
                )
            self._at += 2 if self._text[self._at] == "\\" else 1
        if self._at >= len(self._text):
            self._at = len(self._text)
            raise Malformed(f"Unexpected end-of-input in {what}", self._at)
        self._at += 1
        try:
            value: str = json.loads(self._text[start : self._at])
        except ValueError:
            raise Malformed("Unrecognized character escape", self._at) from None
        return value

    def _object(self) -> Node:
        start = self._at
        node = Node("object", start + 1)
        self._at += 1
        while True:
            char = self._next("Object", start)
            if char == "}":
                self._at += 1
                node.done = self._at
                return node
            if node.fields:
                if char != ",":
                    raise self._unexpected("was expecting comma to separate Object entries")
                self._at += 1
                char = self._next("Object", start)
            if char != '"':
                raise self._unexpected("was expecting double-quote to start field name")
            name = self._quoted("field name")
            if self._next("Object", start) != ":":
                raise self._unexpected("was expecting a colon to separate field name and value")
            self._at += 1
            self._next("Object", start)
            node.fields.append((name, self._value()))

    def _array(self) -> Node:
        start = self._at
        node = Node("array", start + 1)
        self._at += 1
        while True:
            char = self._next("Array", start)
            if char == "]":
                self._at += 1
                node.done = self._at
                return node
            if node.items:
                if char != ",":
                    raise self._unexpected("was expecting comma to separate Array entries")
                self._at += 1
                self._next("Array", start)
            node.items.append(self._value())
