"""The words of a DDL statement, and what it says once read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^'\\]|''|\\.)*')|(?P<name>`[^`]+`|"[^"]+")"""
    r"""|(?P<word>[A-Za-z_@][\w$@-]*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<sign><=|>=|<>|!=|.)""",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


@dataclass(frozen=True, slots=True)
class Word:
    """A token: `kind` is text, name, word, number or sign; `at` its place in the statement."""

    kind: str
    text: str
    at: int

    @property
    def value(self) -> str:
        """Without quotes, escapes undone."""
        if self.kind == "name":
            return self.text[1:-1]
        if self.kind == "text":
            inner = self.text[1:-1].replace("''", "'")
            return re.sub(r"\\(u[0-9a-fA-F]{4}|[0-7]{3}|.)", _unescaped, inner, flags=re.DOTALL)
        return self.text


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "u" and len(code) == 5:
        return chr(int(code[1:], 16))
    if len(code) == 3:
        return chr(int(code, 8))
    return _ESCAPES.get(code, code)


@dataclass(slots=True)
class Ddl:
    """A statement: `kind` names it, the rest is what it says. Columns are [name, type, comment]."""

    kind: str
    database: str | None = None
    name: str = ""
    tolerant: bool = False
    replace: bool = False
    cascade: bool = False
    columns: list[list[str]] = field(default_factory=list)
    partition_keys: list[list[str]] = field(default_factory=list)
    partitions: list[tuple[dict[str, str], str | None]] = field(default_factory=list)
    location: str | None = None
    comment: str | None = None
    serde: str | None = None
    serde_parameters: dict[str, str] = field(default_factory=dict)
    stored_as: str | None = None
    properties: dict[str, str] = field(default_factory=dict)
    sql: str | None = None
    external: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def cut(text: str) -> list[Word]:
    """The words of a statement, without comments and a closing semicolon."""
    words = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "sign"
        if kind != "space":
            words.append(Word(kind, match[0], match.start()))
    while words and words[-1].text == ";":
        words.pop()
    return words
