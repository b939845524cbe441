"""The rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR AT_LEAST(2, ALARM, (c, d, e)))`.

Contract: AlarmRule of PutCompositeAlarm (CloudWatch API Reference), and its words for what is wrong. NOT binds closest,
then AND, then OR; the words are upper case; a name with characters that the language uses stands in quotes. An ARN
stands for its alarm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn

from forebay.alerts.evaluate import State
from forebay.errors import UsageError

_TOKEN = re.compile(r'\s*(?:([(),])|"((?:[^"\\]|\\.)*)"|([^\s(),"]+))')
_STATES: Mapping[str, State] = {"ALARM": "ALARM", "OK": "OK", "INSUFFICIENT_DATA": "INSUFFICIENT_DATA"}
MOST_NAMES = 100
DEEPEST = 200

Find = Callable[[str], State | None]
_Node = Callable[[Find], bool]


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class Rule:
    """A rule, read. `names` are the alarms it asks for. Raises UsageError, which says what is wrong."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._end = len(text)
        self._at = 0
        self._depth = 0
        self.names: list[str] = []
        self._holds = self._either()
        if self._at < len(self._tokens):
            self._unsupported(self._tokens[self._at])
        if len(set(self.names)) > MOST_NAMES:
            raise _wrong(f"More than {MOST_NAMES} alarms")

    def holds(self, find: Find) -> bool:
        """Whether it holds, given the state of each alarm by name (None for one that there is not)."""
        return self._holds(find)

    def _either(self) -> _Node:
        parts = [self._both()]
        while self._word("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda find: any(part(find) for part in parts)

    def _both(self) -> _Node:
        parts = [self._one()]
        while self._word("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda find: all(part(find) for part in parts)

    def _one(self) -> _Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _wrong("Nested too deeply")
        try:
            if self._word("NOT"):
                inner = self._one()
                return lambda find: not inner(find)
            token = self._next()
            if token.kind == "(":
                inside = self._either()
                self._take(")")
                return inside
            if token.kind == "word" and token.text in ("TRUE", "FALSE"):
                return lambda _: token.text == "TRUE"
            if token.kind == "word" and token.text in _STATES:
                return self._state(_STATES[token.text])
            if token.kind == "word" and token.text == "AT_LEAST":
                return self._at_least()
            self._unsupported(token)
        finally:
            self._depth -= 1

    def _state(self, state: State) -> _Node:
        self._take("(")
        name = self._name()
        self._take(")")
        return lambda find: find(name) == state

    def _at_least(self) -> _Node:
        """`AT_LEAST(2, ALARM, (a, b))`, `AT_LEAST(50%, NOT OK, (a, b))`."""
        self._take("(")
        number = self._next()
        found = re.fullmatch(r"([0-9]{1,3})(%?)", number.text)
        if found is None:
            self._unsupported(number)
        self._take(",")
        turned = self._word("NOT")
        word = self._next()
        if word.text not in _STATES:
            self._unsupported(word)
        self._take(",")
        self._take("(")
        names = [self._name()]
        while self._tokens[self._at : self._at + 1] and self._tokens[self._at].kind == ",":
            self._at += 1
            names.append(self._name())
        self._take(")")
        self._take(")")
        least = math.ceil(int(found[1]) * len(names) / 100) if found[2] else int(found[1])
        return _counting(names, _STATES[word.text], turned, least)

    def _name(self) -> str:
        parts = []
        while self._at < len(self._tokens) and self._tokens[self._at].kind in ("word", "text"):
            parts.append(self._next().text)
        if not parts:
            self._unsupported(self._next())
        name = " ".join(parts)
        if name.startswith("arn:"):
            name = name.partition(":alarm:")[2]
        self.names.append(name)
        return name

    def _take(self, kind: str) -> None:
        token = self._next()
        if token.kind != kind:
            self._unsupported(token)

    def _word(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][:2] == ("word", word):
            self._at += 1
            return True
        return False

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise _wrong(f"Unexpected end at char {self._end}")
        self._at += 1
        return self._tokens[self._at - 1]

    def _unsupported(self, token: _Token) -> NoReturn:
        raise _wrong(f"Unsupported token '{token.text}' at char {token.at}")


def _counting(names: Sequence[str], state: State, turned: bool, least: int) -> _Node:
    return lambda find: sum((find(name) == state) != turned for name in names) >= least


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _wrong(f"Unsupported token '\"' at char {text.index(chr(34), at)}")
        at = token.end()
        if token[1]:
            found.append(_Token(token[1], token[1], token.start(1)))
        elif token[2] is not None:
            found.append(_Token("text", re.sub(r"\\(.)", r"\1", token[2]), token.start(2)))
        else:
            found.append(_Token("word", token[3], token.start(3)))
    return found


def _wrong(what: str) -> UsageError:
    return UsageError(
        "BadAlarmRule",
        f"Error in AlarmRule [{what}]",
        fix='as ALARM("first") AND NOT (OK(second) OR TRUE)',
    )
