r"""CloudWatch Logs' filter patterns: `ERROR`, `"two words" -DEBUG`, `?this ?that`, `{ $.code = 404 && $.path = "/a*" }`.

The syntax is AWS's (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
Not offered, and said so: regular expressions (`%...%`) and space-delimited patterns (`[a, b]`).
"""

from __future__ import annotations

import fnmatch
import json
import operator
import re
from collections.abc import Callable
from typing import Any

from forebay.errors import UsageError

Predicate = Callable[[str], bool]
Test = Callable[[Any], bool]

_TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<both>&&)|(?P<either>\|\|)|(?P<open>\()|(?P<close>\))
      |(?P<path>\$(?:\.[\w\-@:/]+|\[\d+\]|\[['"][^'"]+['"]\]|\.\*|\[\*\])*)
      |(?P<compare><=|>=|!=|=|<|>)
      |"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()&|=<>!"]+)
    )""",
    re.X,
)
_STEP = re.compile(r"""\.([\w\-@:/]+|\*)|\[(\d+|\*)\]|\[['"]([^'"]+)['"]\]""")
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_MISSING = object()


def matcher(pattern: str) -> Predicate:
    """Whether a message matches. Raises UsageError `BadFilter`, or `FilterNotOffered` for what is not offered."""
    text = pattern.strip()
    if text.startswith("[") and text.endswith("]"):
        raise UsageError("FilterNotOffered", "space-delimited filter patterns are not offered")
    if text.startswith("{"):
        if not text.endswith("}"):
            raise _bad()
        test = _Json(text[1:-1]).whole()
        return lambda message: test(_parsed(message))
    return _terms(text)


def _bad() -> UsageError:
    return UsageError("BadFilter", "Invalid filter pattern")


def _terms(text: str) -> Predicate:
    wanted: list[str] = []
    unwanted: list[str] = []
    either: list[str] = []
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise _bad()
        at = found.end()
        sign, quoted, word = found.groups()
        if word is not None and word.startswith("%"):
            raise UsageError("FilterNotOffered", "regular expressions in filter patterns are not offered")
        term = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else word
        {"": wanted, "-": unwanted, "?": either}[sign].append(term)
    if wanted or unwanted:  # `?` beside other terms is ignored, as AWS does
        either = []
    return lambda message: (
        all(term in message for term in wanted)
        and not any(term in message for term in unwanted)
        and (not either or any(term in message for term in either))
    )


def _parsed(message: str) -> Any:
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return _MISSING
    return found if isinstance(found, dict | list) else _MISSING


class _Json:
    """Reads `$.a = 1 && ($.b = "x*" || $.c IS NULL)`, left to right, `&&` before `||`."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        text, at = text.rstrip(), 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise _bad()
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self._at = 0

    def whole(self) -> Test:
        """The test for all of it."""
        test = self._either()
        if self._at != len(self._tokens):
            raise _bad()
        return test

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise _bad()
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == kind:
            self._at += 1
            return True
        return False

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("either"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("both"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _one(self) -> Test:
        if self._take("open"):
            test = self._either()
            if not self._take("close"):
                raise _bad()
            return test
        kind, path = self._next()
        if kind != "path":
            raise _bad()
        steps = [next(part for part in found if part) for found in _STEP.findall(path)]
        compare = self._comparison()
        return lambda value: any(compare(each) for each in _values(value, steps))

    def _comparison(self) -> Test:
        kind, word = self._next()
        if kind == "word" and word.upper() == "IS":
            wanted = {"TRUE": True, "FALSE": False, "NULL": None}.get(self._next()[1].upper(), _MISSING)
            if wanted is _MISSING:
                raise _bad()
            return lambda value: value is wanted
        if kind == "word" and word.upper() == "NOT":
            if self._next()[1].upper() != "EXISTS":
                raise _bad()
            return lambda value: value is _MISSING
        if kind != "compare":
            raise _bad()
        kind, operand = self._next()
        if kind not in ("word", "quoted"):
            raise _bad()
        if kind == "word" and operand.startswith("%"):
            raise UsageError("FilterNotOffered", "regular expressions in filter patterns are not offered")
        return _compared(word, operand, number=_number(operand) if kind == "word" else None)


def _compared(sign: str, operand: str, *, number: float | None) -> Test:
    if sign in _ORDER:
        if number is None:
            raise _bad()
        order, bound = _ORDER[sign], number
        return lambda value: _is_number(value) and order(value, bound)
    if number is not None:
        equal: Test = lambda value: _is_number(value) and value == number  # noqa: E731 - one of two
    else:
        like = re.compile(fnmatch.translate(re.sub(r"([\[?])", r"[\1]", operand)))
        equal = lambda value: isinstance(value, str) and like.match(value) is not None  # noqa: E731
    if sign == "=":
        return equal
    return lambda value: value is not _MISSING and not equal(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _values(value: Any, steps: list[str]) -> list[Any]:
    """What a path names: one value or `_MISSING`; of `*`, each."""
    found = [value]
    for step in steps:
        deeper: list[Any] = []
        for each in found:
            if step == "*":
                parts = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
                deeper += list(parts) or [_MISSING]
            elif isinstance(each, dict):
                deeper.append(each.get(step, _MISSING))
            elif isinstance(each, list) and step.isdigit() and int(step) < len(each):
                deeper.append(each[int(step)])
            else:
                deeper.append(_MISSING)
        found = deeper
    return found
