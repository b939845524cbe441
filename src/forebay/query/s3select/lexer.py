"""The words of an expression, each with where it begins."""

from __future__ import annotations

import re
from typing import NamedTuple

from forebay.query.s3select.errors import refused

KEYWORDS = frozenset(
    [
        "and",
        "as",
        "between",
        "by",
        "case",
        "cast",
        "else",
        "end",
        "escape",
        "false",
        "from",
        "group",
        "having",
        "in",
        "is",
        "join",
        "like",
        "limit",
        "missing",
        "not",
        "null",
        "on",
        "or",
        "order",
        "select",
        "then",
        "true",
        "union",
        "when",
        "where",
    ]
)
_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<string>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<ion>`[^`]*`)
    |(?P<operator><>|!=|<=|>=|\|\||[-+*/%=<>(),.\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """`kind` is number, word, keyword, string, quoted, ion, operator or end; keywords are in lower case."""

    kind: str
    text: str
    line: int
    column: int

    def where(self) -> str:
        """For people."""
        what = "the end" if self.kind == "end" else f"{self.kind.upper()}:{self.text}"
        return f"Found {what} at line {self.line}, column {self.column}."


def tokens(text: str) -> list[Token]:
    """All of them and the end. Raises QueryFailed."""
    found: list[Token] = []
    at, line, begun = 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            code = "LexerInvalidIONLiteral" if text[at] == "`" else "LexerInvalidChar"
            code = "LexerInvalidLiteral" if text[at] in "'\"" else code
            raise refused(code, f"Found {text[at]!r} at line {line}, column {at - begun + 1}.")
        kind, value = str(match.lastgroup), match[0]
        if kind != "space":
            column = at - begun + 1
            if kind == "word" and value.lower() in KEYWORDS:
                kind, value = "keyword", value.lower()
            elif kind in ("string", "quoted"):
                value = value[1:-1].replace(value[0] * 2, value[0])
            elif kind == "ion":
                value = value[1:-1]
            found.append(Token(kind, value, line, column))
        lines = match[0].count("\n")
        if lines:
            line, begun = line + lines, at + match[0].rindex("\n") + 1
        at = match.end()
    return [*found, Token("end", "", line, at - begun + 1)]
