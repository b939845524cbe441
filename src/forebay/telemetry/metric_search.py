"""SEARCH's text: `{AWS/Lambda,FunctionName} MetricName="Errors" shop`, and the metrics that it finds.

Contract: "CloudWatch search expression syntax" (CloudWatch user guide): a schema of a namespace and exactly the names
of dimensions, then terms joined by AND (also by nothing), OR and NOT; a term is a part of any name or value, split at
non-letters and changes of case, or all of it where it is quoted, and may say of which property it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from forebay.telemetry.metric_math import bad
from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metrics import Listed, Reading

_SCHEMA = re.compile(r"\s*\{([^}]*)\}")
_TOKEN = re.compile(r'\s*(?:([()=])|"((?:[^"\\]|\\.)*)"|([^\s()="]+))')
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_SPLIT = re.compile(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")

Test = Callable[[Metric], bool]


class _Token(NamedTuple):
    text: str
    quoted: bool


def searched(reading: Reading, text: str) -> list[Listed]:
    """The metrics that match. Raises UsageError `BadExpression`."""
    namespace: str | None = None
    names: set[str] | None = None
    rest = text
    if found := _SCHEMA.match(text):
        parts = [part.strip().strip('"') for part in _SPLIT.split(found[1])]
        namespace, names = parts[0], {part for part in parts[1:] if part}
        rest = text[found.end() :]
    test = _Terms(rest).whole()
    return [
        each
        for each in reading.listed(namespace)
        if (names is None or {name for name, _ in each.metric.dimensions} == names) and test(each.metric)
    ]


class _Terms:
    def __init__(self, text: str) -> None:
        self._tokens: list[_Token] = []
        self._at = 0
        text, at = text.strip(), 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise bad(f"The search cannot be read at position {at + 1}")
            sign, quoted, word = found.groups()
            self._tokens.append(_Token(sign or word or quoted or "", quoted is not None))
            at = found.end()

    def whole(self) -> Test:
        if not self._tokens:
            return lambda _: True
        test = self._any()
        if self._at < len(self._tokens):
            raise bad(f"Unexpected '{self._tokens[self._at].text}' in the search")
        return test

    def _is(self, text: str) -> bool:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            return token.text == text and not token.quoted
        return False

    def _take(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _any(self) -> Test:
        tests = [self._all()]
        while self._take("OR"):
            tests.append(self._all())
        return lambda metric: any(test(metric) for test in tests)

    def _all(self) -> Test:
        tests = [self._not()]
        while self._at < len(self._tokens) and not self._is("OR") and not self._is(")"):
            self._take("AND")
            tests.append(self._not())
        return lambda metric: all(test(metric) for test in tests)

    def _not(self) -> Test:
        if self._take("NOT"):
            test = self._not()
            return lambda metric: not test(metric)
        return self._one()

    def _one(self) -> Test:
        if self._take("("):
            test = self._any()
            if not self._take(")"):
                raise bad("A bracket of the search is not closed")
            return test
        if self._at == len(self._tokens):
            raise bad("The search ends too early")
        token = self._tokens[self._at]
        self._at += 1
        if not self._take("="):
            return _term(token, None)
        if self._take("("):
            tests = []
            while not self._take(")"):
                if self._at == len(self._tokens):
                    raise bad("A bracket of the search is not closed")
                if not self._take("OR"):
                    tests.append(_term(self._tokens[self._at], token.text))
                    self._at += 1
            return lambda metric: any(test(metric) for test in tests)
        if self._at == len(self._tokens):
            raise bad("The search ends too early")
        self._at += 1
        return _term(self._tokens[self._at - 1], token.text)


def _term(token: _Token, property: str | None) -> Test:
    wanted = _parts(token.text)

    def test(metric: Metric) -> bool:
        for text in _texts(metric, property):
            if text == token.text if token.quoted else _inside(wanted, _parts(text)):
                return True
        return False

    return test


def _texts(metric: Metric, property: str | None) -> list[str]:
    dimensions = dict(metric.dimensions)
    if property is None:
        return [metric.namespace, metric.name, *dimensions, *dimensions.values()]
    if property == "MetricName":
        return [metric.name]
    if property == "Namespace":
        return [metric.namespace]
    return [dimensions[property]] if property in dimensions else []


def _parts(text: str) -> list[str]:
    return [part.lower() for part in _PART.findall(text)]


def _inside(wanted: list[str], parts: list[str]) -> bool:
    """Whether these parts follow one another there."""
    return any(parts[at : at + len(wanted)] == wanted for at in range(len(parts) - len(wanted) + 1))
