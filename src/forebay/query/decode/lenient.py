"""Reads what org.json reads and JSON is not: the openx SerDe's leniency, for the rows that need it.

Strings in single quotes, keys and values without quotes, `=` or `=>` for the colon, `;` for the comma, a
trailing comma, text after the object (so that of `{..}{..}` on one line the first object is the row, as
on Athena). A word that is no number, true, false or null is a string: Python's `None` is the text "None".
"""

from __future__ import annotations

from typing import Any

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}
_ENDS = ',:]}/\\"[{;=#'
_MAX_DEPTH = 128


class NotJson(ValueError):
    """The text is not an object or array, however leniently read."""


def read(text: str) -> Any:
    """The first JSON object (dict) or array (list) of `text`. Raises NotJson."""
    reader = _Reader(text)
    char = reader.clean()
    if char == "{":
        return reader.object(0)
    if char == "[":
        return reader.array(0)
    raise NotJson("a row must begin with '{'")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def next(self) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        return char

    def clean(self) -> str:
        while True:
            char = self.next()
            if char == "" or char > " ":
                return char

    def object(self, depth: int) -> dict[str, Any]:
        if depth > _MAX_DEPTH:
            raise NotJson(f"nested deeper than {_MAX_DEPTH}")
        found: dict[str, Any] = {}
        while True:
            char = self.clean()
            if char == "}":
                return found
            if char == "":
                raise NotJson(f"an object must end with '}}' at character {self.at}")
            self.at -= 1
            key = str(self.value(depth))
            char = self.clean()
            if char == "=":
                if self.text[self.at : self.at + 1] == ">":
                    self.at += 1
            elif char != ":":
                raise NotJson(f"expected ':' after a key at character {self.at}")
            found[key] = self.value(depth)
            char = self.clean()
            if char == "}":
                return found
            if char not in (",", ";") or char == "":
                raise NotJson(f"expected ',' or '}}' at character {self.at}")

    def array(self, depth: int) -> list[Any]:
        if depth > _MAX_DEPTH:
            raise NotJson(f"nested deeper than {_MAX_DEPTH}")
        found: list[Any] = []
        if self.clean() == "]":
            return found
        self.at -= 1
        while True:
            if self.clean() == ",":
                self.at -= 1
                found.append(None)
            else:
                self.at -= 1
                found.append(self.value(depth))
            char = self.clean()
            if char == "]":
                return found
            if char not in (",", ";") or char == "":
                raise NotJson(f"expected ',' or ']' at character {self.at}")
            if self.clean() == "]":
                return found
            self.at -= 1

    def value(self, depth: int) -> Any:
        char = self.clean()
        if char in ('"', "'"):
            return self.string(char)
        if char == "{":
            return self.object(depth + 1)
        if char == "[":
            return self.array(depth + 1)
        start = self.at - 1
        while char >= " " and char not in _ENDS and char != "":
            char = self.next()
        self.at -= 1
        word = self.text[start : self.at].strip()
        if not word:
            raise NotJson(f"a value is missing at character {self.at + 1}")
        return _word(word)

    def string(self, quote: str) -> str:
        parts: list[str] = []
        while True:
            char = self.next()
            if char == quote:
                return "".join(parts)
            if char in ("", "\n", "\r"):
                raise NotJson(f"a string is not closed at character {self.at}")
            if char == "\\":
                char = self.next()
                if char in ("u", "x"):
                    width = 4 if char == "u" else 2
                    digits = self.text[self.at : self.at + width]
                    self.at += width
                    try:
                        parts.append(chr(int(digits, 16)))
                    except ValueError:
                        raise NotJson(f"a bad escape at character {self.at}") from None
                    continue
                char = _ESCAPES.get(char, char)
            parts.append(char)


def _word(word: str) -> Any:
    lower = word.lower()
    if lower in ("true", "false"):
        return lower == "true"
    if lower == "null":
        return None
    if word[0].isdigit() or word[0] in "+-.":
        for kind in (int, float):
            try:
                return kind(word)
            except ValueError:
                continue
    return word
