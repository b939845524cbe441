"""Metric math: `100 * errors / FILL(requests, 1)`, read and worked out over time series.

A value is a number, a series, or an array of series. The grammar and functions are CloudWatch's ("Using math
expressions with CloudWatch metrics", CloudWatch user guide). Two series meet where both have a point.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from forebay.errors import UsageError


@dataclass(slots=True)
class Series:
    """Values by their times (UTC seconds), in order, `period` seconds apart where none is missing.

    `past`, of a metric's own series, answers those of so many seconds before.
    """

    points: dict[int, float]
    period: int = 60
    label: str = ""
    past: Callable[[int], dict[int, float]] | None = None


Value = float | Series | list[Series]
Node = Callable[["Scope"], "Value"]


@dataclass(slots=True)
class Scope:
    """What an expression is worked out with. `find` answers an id; `functions` are those that it may call."""

    find: Callable[[str], Value]
    metrics: Callable[[], list[Series]]
    search: Callable[[str, str, int | None], list[Series]]
    functions: Mapping[str, Callable[[Scope, list[Any]], Value]]
    start: int
    end: int
    period: int
    messages: list[tuple[str, str]] = field(default_factory=list)

    def times(self) -> range:
        """The times of periods that are asked for."""
        return range(self.start, self.end, self.period)


class Token(NamedTuple):
    """A piece of the text; kinds are number, text, name, sign and end."""

    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<name>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^()\[\],<>!]))""",
    re.X,
)
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||", "OR"),
    ("&&", "AND"),
    ("==", "!=", "<=", ">=", "<", ">"),
    ("+", "-"),
    ("*", "/"),
)
DEEPEST = 60


def bad(message: str) -> UsageError:
    """What an expression is refused with."""
    return UsageError("BadExpression", message)


def compiled(text: str) -> Node:
    """The expression, ready. Raises UsageError `BadExpression` with the place."""
    return _Parser(text).whole()


def names_in(text: str) -> list[str]:
    """The ids an expression may speak of, in order. Raises UsageError."""
    tokens = tokens_of(text)
    return [
        token.text
        for token, after in pairwise(tokens)
        if token.kind == "name" and after.text != "(" and token.text not in ("AND", "OR", "REPEAT", "LINEAR")
    ]


def tokens_of(text: str) -> list[Token]:
    """The pieces, and the end. Raises UsageError."""
    found, at = [], 0
    trimmed = text.rstrip()
    while at < len(trimmed):
        match = _TOKEN.match(trimmed, at)
        if match is None or match.lastgroup is None:
            raise bad(f"Unexpected character {trimmed[at]!r} at position {at + 1}")
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
        at = match.end()
    return [*found, Token("end", "", len(trimmed) + 1)]


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._level(0)
        if self._peek().kind != "end":
            raise self._unexpected()
        return node

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> str | None:
        token = self._peek()
        if token.kind in ("sign", "name") and token.text in texts:
            self._at += 1
            return token.text
        return None

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected(f", expected '{text}'")

    def _unexpected(self, more: str = "") -> UsageError:
        token = self._peek()
        what = f"'{token.text}'" if token.text else "end of expression"
        return bad(f"Unexpected {what} at position {token.at}{more}")

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._power()
        node = self._level(level + 1)
        while sign := self._take(*_LEVELS[level]):
            node = _binary(sign, node, self._level(level + 1))
        return node

    def _power(self) -> Node:
        node = self._unary()
        if self._take("^"):
            return _binary("^", node, self._power())
        return node

    def _unary(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise bad("The expression is nested too deeply")
        try:
            if self._take("-"):
                return _binary("*", lambda _: -1.0, self._power())
            if self._take("+"):
                return self._power()
            if self._take("!"):
                return _binary("==", self._power(), lambda _: 0.0)
            return self._primary()
        finally:
            self._depth -= 1

    def _primary(self) -> Node:
        token = self._peek()
        if self._take("("):
            node = self._level(0)
            self._need(")")
            return node
        if self._take("["):
            return _array(self._list("]"))
        self._at += 1
        if token.kind == "number":
            number = float(token.text)
            return lambda _: number
        if token.kind == "name":
            if self._take("("):
                return self._call(token)
            return lambda scope: scope.find(token.text)
        self._at -= 1
        raise self._unexpected()

    def _list(self, close: str) -> list[Node]:
        found: list[Node] = []
        while not self._take(close):
            if found:
                self._need(",")
            found.append(self._argument())
        return found

    def _argument(self) -> Node:
        token = self._peek()
        if token.kind == "text":
            self._at += 1
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
            return lambda _: _Text(text)  # type: ignore[return-value]  # only functions see it
        if token.kind == "name" and token.text in ("REPEAT", "LINEAR", "ASC", "DSC"):
            self._at += 1
            return lambda _: _Text(token.text)  # type: ignore[return-value]  # as above
        return self._level(0)

    def _call(self, token: Token) -> Node:
        name, arguments = token.text, self._list(")")

        def call(scope: Scope) -> Value:
            function = scope.functions.get(name)
            if function is None:
                raise bad(f"Unsupported function '{name}' at position {token.at}")
            return function(scope, [argument(scope) for argument in arguments])

        return call


class _Text(str):
    """A literal in quotes, or a word that a function takes."""

    __slots__ = ()


def _array(nodes: list[Node]) -> Node:
    def together(scope: Scope) -> Value:
        found: list[Series] = []
        for node in nodes:
            value = node(scope)
            if isinstance(value, Series):
                found.append(value)
            elif isinstance(value, list):
                found += value
            else:
                raise bad("An array can only hold time series")
        return found

    return together


def _divided(one: float, other: float) -> float | None:
    return one / other if other else None


def _powered(one: float, other: float) -> float | None:
    try:
        found = one**other
    except (OverflowError, ZeroDivisionError):
        return None
    return found if isinstance(found, float) else None


_OPERATORS: Mapping[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "^": _powered,
    "==": lambda one, other: float(one == other),
    "!=": lambda one, other: float(one != other),
    "<": lambda one, other: float(one < other),
    ">": lambda one, other: float(one > other),
    "<=": lambda one, other: float(one <= other),
    ">=": lambda one, other: float(one >= other),
    "&&": lambda one, other: float(bool(one) and bool(other)),
    "||": lambda one, other: float(bool(one) or bool(other)),
}


def _binary(sign: str, left: Node, right: Node) -> Node:
    work = _OPERATORS[{"AND": "&&", "OR": "||"}.get(sign, sign)]
    return lambda scope: applied(work, left(scope), right(scope))


def applied(work: Callable[[float, float], float | None], one: Any, other: Any) -> Value:
    """`work` of two values, point by point; of an array, for each of its series. Where it has none, none."""
    if isinstance(one, str) or isinstance(other, str):
        raise bad("A text cannot be calculated with")
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            raise bad("The arrays are not of the same size")
        return [_series(work, a, b) for a, b in zip(one, other, strict=True)]
    if isinstance(one, list):
        return [_series(work, each, other) for each in one if not isinstance(other, list)]
    if isinstance(other, list):
        return [_series(work, one, each) for each in other]
    if isinstance(one, Series) or isinstance(other, Series):
        return _series(work, one, other)
    found = work(one, other)
    if found is None:
        raise bad("Division by zero")
    return found


def _series(
    work: Callable[[float, float], float | None], one: float | Series, other: float | Series
) -> Series:
    if isinstance(one, Series) and isinstance(other, Series):
        pairs = [(at, value, other.points[at]) for at, value in one.points.items() if at in other.points]
        base = one if one.label or not other.label else other
    elif isinstance(one, Series):
        assert not isinstance(other, Series)
        pairs, base = [(at, value, other) for at, value in one.points.items()], one
    else:
        assert isinstance(other, Series)
        pairs, base = [(at, one, value) for at, value in other.points.items()], other
    points = {at: found for at, a, b in pairs if (found := work(a, b)) is not None}
    return Series(points, base.period, base.label)
