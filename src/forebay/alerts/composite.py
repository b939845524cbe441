"""The rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA(c))`.

Contract: AlarmRule of PutCompositeAlarm (CloudWatch API Reference). NOT binds closest, then AND, then OR; the words
are upper case; a name with characters that the language uses stands in quotes. An ARN stands for its alarm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from forebay.alerts.evaluate import State
from forebay.errors import UsageError

_TOKEN = re.compile(r'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"]+))')
_STATES: Mapping[str, State] = {"ALARM": "ALARM", "OK": "OK", "INSUFFICIENT_DATA": "INSUFFICIENT_DATA"}
MOST_NAMES = 100
DEEPEST = 200

Find = Callable[[str], State | None]
_Node = Callable[[Find], bool]


class Rule:
    """A rule, read. `names` are the alarms it asks for. Raises UsageError, which says what is wrong."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self.names: list[str] = []
        self._holds = self._either()
        if self._at < len(self._tokens):
            raise _wrong(f"{self._tokens[self._at][1]!r} is not expected there")
        if len(set(self.names)) > MOST_NAMES:
            raise _wrong(f"it asks for more than {MOST_NAMES} alarms")

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
            raise _wrong("it is nested too deeply")
        try:
            if self._word("NOT"):
                inner = self._one()
                return lambda find: not inner(find)
            kind, text = self._next()
            if kind == "(":
                inside = self._either()
                self._close()
                return inside
            if kind == "word" and text in ("TRUE", "FALSE"):
                return lambda _: text == "TRUE"
            if kind == "word" and text in _STATES:
                return self._state(_STATES[text])
            raise _wrong(f"{text!r} is not expected there")
        finally:
            self._depth -= 1

    def _state(self, state: State) -> _Node:
        if self._next()[0] != "(":
            raise _wrong(f"{state} is followed by an alarm in parentheses")
        parts = []
        while self._at < len(self._tokens) and self._tokens[self._at][0] in ("word", "text"):
            parts.append(self._next()[1])
        if not parts:
            raise _wrong(f"{state}() names no alarm")
        self._close()
        name = " ".join(parts)
        if name.startswith("arn:"):
            name = name.partition(":alarm:")[2]
        self.names.append(name)
        return lambda find: find(name) == state

    def _close(self) -> None:
        if self._next()[0] != ")":
            raise _wrong("a parenthesis is not closed")

    def _word(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("word", word):
            self._at += 1
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise _wrong("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _wrong("a quotation mark is not closed")
        at = token.end()
        if token[1] or token[2]:
            found.append((token[1] or token[2], token[1] or token[2]))
        elif token[3] is not None:
            found.append(("text", re.sub(r"\\(.)", r"\1", token[3])))
        else:
            found.append(("word", token[4]))
    return found


def _wrong(what: str) -> UsageError:
    return UsageError(
        "BadAlarmRule",
        f"the rule cannot be read: {what}",
        fix='as ALARM("first") AND NOT (OK(second) OR TRUE)',
    )
