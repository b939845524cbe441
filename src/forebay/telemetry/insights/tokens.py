"""The words of a query, and what it is refused with: its place counts."""

from __future__ import annotations

import re
from typing import NamedTuple

from forebay.errors import UsageError


class Malformed(UsageError):
    """A query that cannot be read; `extra` has `start` and `end`, the offsets of what is wrong."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__("MalformedQuery", message, start=start, end=end)


class Token(NamedTuple):
    """A word. Kinds: span (`5m`), number, text, regex, name, sign, pipe, end."""

    kind: str
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<span>\d+\s*(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w|months?|mons?|mo|quarters?|qtrs?|q|years?|yrs?|y)\b)
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<quoted>`[^`]+`)
    |(?P<name>[A-Za-z_@][\w@]*(?:\.[\w@]+|\.`[^`]+`)*)
    |(?P<pipe>\|(?!\|))
    |(?P<sign>=~|!=|<=|>=|\|\||&&|[-+*/^%=<>(),\[\]])""",
    re.X,
)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")
_BEFORE_REGEX = {"like", "=~", "parse", "(", ","}


def tokens_of(text: str) -> list[Token]:
    """The words, and the end. Raises Malformed."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] == "/" and _may_begin_regex(found):
            regex = _REGEX.match(text, at)
            if regex is not None:
                found.append(Token("regex", regex[1], at, regex.end()))
                at = regex.end()
                continue
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Malformed(f"unexpected symbol found {text[at]} at line {_line(text, at)}", at, at + 1)
        kind = match.lastgroup
        if kind == "quoted":
            found.append(Token("name", match[0], at, match.end()))
        elif kind != "space":
            found.append(Token(kind, match[0], at, match.end()))
        at = match.end()
    return [*found, Token("end", "", len(text), len(text))]


def _may_begin_regex(before: list[Token]) -> bool:
    """A slash divides after a value; after `like`, `parse field` and the like it begins a pattern."""
    if not before:
        return False
    last = before[-1]
    if last.text.lower() in _BEFORE_REGEX:
        return True
    return last.kind == "name" and len(before) > 1 and before[-2].text.lower() == "parse"


def _line(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    return f"{line} and position {at - (text.rfind(chr(10), 0, at) + 1)}"


def unexpected(token: Token, text: str) -> Malformed:
    """What stands where it cannot."""
    if token.kind == "end":
        return Malformed("unexpected end of the query", token.start, token.end)
    return Malformed(
        f"unexpected symbol found {token.text} at line {_line(text, token.start)}", token.start, token.end
    )


_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_UNITS |= {"mo": 30 * 86_400_000, "q": 91 * 86_400_000, "y": 365 * 86_400_000}
_SPAN = re.compile(r"(\d+)\s*([a-z]+)", re.I)


def milliseconds(span: str) -> int:
    """`5m` → 300000."""
    found = _SPAN.fullmatch(span)
    assert found is not None
    unit = found[2].lower()
    long = {"mil": "ms", "mse": "ms", "sec": "s", "min": "m", "hou": "h", "hrs": "h", "day": "d", "wee": "w"}
    long |= {"mon": "mo", "qua": "q", "qtr": "q", "yea": "y", "yrs": "y", "hr": "h", "yr": "y"}
    short = unit if unit in _UNITS else long.get(unit[:3]) or long.get(unit[:2]) or "ms"
    return int(found[1]) * _UNITS[short]
