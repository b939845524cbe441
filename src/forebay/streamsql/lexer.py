"""Flink SQL's words. Comments and `%flink...` lines, as a notebook's paragraph begins, are left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from forebay.errors import UsageError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/|^%flink[^\n]*$)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_$]*)
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<string>'(?:[^']|'')*')
  | (?P<op><>|<=|>=|!=|\|\||=>|[-+*/%=<>(),.;\[\]:])
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is number, word, quoted, string, op or end; `text` without quotes; `at` its place."""

    kind: str
    text: str
    at: int

    @property
    def upper(self) -> str:
        """A bare word, or an operator, in upper case; nothing of what is quoted."""
        return self.text.upper() if self.kind in ("word", "op") else ""


def place(text: str, at: int) -> tuple[int, int]:
    """Line and column, from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def tokens(text: str) -> list[Token]:
    """The words of `text`, with an end. Raises UsageError `StreamSqlSyntax` with line and column."""
    found = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            line, column = place(text, at)
            raise UsageError(
                "StreamSqlSyntax", f"{text[at]!r} is nothing that Flink SQL knows", line=line, column=column
            )
        kind = match.lastgroup or ""
        value = match.group()
        if kind == "quoted":
            value = value[1:-1].replace("``", "`")
        elif kind == "string":
            value = value[1:-1].replace("''", "'")
        if kind != "space":
            found.append(Token(kind, value, at))
        at = match.end()
    return [*found, Token("end", "", len(text))]
