"""Expressions of Logs Insights, read into functions of a row.

    code >= 500 and (path like /^\\/api/ or not ispresent(user))

In `stats`, calls of aggregates are taken out and worked out over the group; what is around them is an expression of
their answers: `sum(bytes) / count(*)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from forebay.telemetry.insights.aggregates import AGGREGATES, Make
from forebay.telemetry.insights.functions import FUNCTIONS, OPERATORS
from forebay.telemetry.insights.tokens import Malformed, Token, milliseconds, tokens_of, unexpected
from forebay.telemetry.insights.values import Row, Stamp, Value, equal, number, shown

Node = Callable[[Row], Value]
DEEPEST = 60
_LEVELS = (("or", "||"), ("and", "&&"))
_COMPARE = ("=", "!=", "<", "<=", ">", ">=", "=~")


@dataclass(slots=True)
class Aggregate:
    """A call in `stats`: of what, how its state is made, and the place of its answer in the group's row."""

    make: Make
    of: Node | None
    given: tuple[Any, ...]
    slot: str


@dataclass(slots=True)
class Reader:
    """Reads words in order. `aggregates` takes those of `stats`; None where there may be none.

    `columns` are the names that `stats` gave, which may look like calls: `sort count(*) desc`.
    """

    text: str
    tokens: list[Token]
    at: int = 0
    aggregates: list[Aggregate] | None = None
    columns: frozenset[str] = frozenset()
    _depth: int = field(default=0)

    @classmethod
    def of(cls, text: str) -> Reader:
        """At the beginning. Raises Malformed."""
        return cls(text, tokens_of(text))

    def peek(self) -> Token:
        """The next word."""
        return self.tokens[self.at]

    def take(self, *texts: str) -> str | None:
        """The next word if it is one of these, in lower case."""
        token = self.peek()
        word = token.text.lower()
        if token.kind in ("name", "sign") and word in texts:
            self.at += 1
            return word
        return None

    def need(self, text: str) -> None:
        """Take this word. Raises Malformed."""
        if self.take(text) is None:
            raise unexpected(self.peek(), self.text)

    def name(self) -> str:
        """A field's name. Raises Malformed."""
        token = self.peek()
        if token.kind != "name":
            raise unexpected(token, self.text)
        self.at += 1
        return token.text.replace("`", "")

    def whole(self) -> int:
        """A whole number. Raises Malformed."""
        token = self.peek()
        if token.kind != "number" or not token.text.isdigit():
            raise unexpected(token, self.text)
        self.at += 1
        return int(token.text)

    def written(self, start: int) -> str:
        """The text from the word `start` to here, as it was written."""
        return self.text[self.tokens[start].start : self.tokens[self.at - 1].end]

    def expression(self) -> Node:
        """A whole one. Raises Malformed."""
        return self._level(0)

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._not()
        nodes = [self._level(level + 1)]
        while self.take(*_LEVELS[level]):
            nodes.append(self._level(level + 1))
        if len(nodes) == 1:
            return nodes[0]
        if level == 0:
            return lambda row: any(_true(node(row)) for node in nodes)
        return lambda row: all(_true(node(row)) for node in nodes)

    def _not(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            token = self.peek()
            raise Malformed("the query is nested too deeply", token.start, token.end)
        try:
            if self.take("not"):
                node = self._not()
                return lambda row: not _true(node(row))
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Node:
        left = self._sum()
        turned = False
        if self.peek().text.lower() == "not" and self.tokens[self.at + 1].text.lower() in ("like", "in"):
            self.at += 1
            turned = True
        sign = self.take(*_COMPARE, "like", "in")
        if sign is None:
            return left
        if sign in ("like", "=~"):
            test = self._like(left)
        elif sign == "in":
            test = self._in(left)
        else:
            work, right = OPERATORS[sign], self._sum()
            test = lambda row: work(left(row), right(row))  # noqa: E731 - one of three
        return (lambda row: not test(row)) if turned else test

    def _like(self, left: Node) -> Node:
        token = self.peek()
        self.at += 1
        if token.kind == "regex":
            pattern = compiled(token)
            return lambda row: (value := left(row)) is not None and pattern.search(shown(value)) is not None
        if token.kind == "text":
            part = _unquoted(token.text)
            return lambda row: (value := left(row)) is not None and part in shown(value)
        raise unexpected(token, self.text)

    def _in(self, left: Node) -> Node:
        self.need("[")
        nodes: list[Node] = []
        while not self.take("]"):
            if nodes:
                self.need(",")
            nodes.append(self._sum())

        def test(row: Row) -> Value:
            value = left(row)
            return value is not None and any(equal(value, node(row)) for node in nodes)

        return test

    def _sum(self) -> Node:
        return self._binary(self._product, "+", "-")

    def _product(self) -> Node:
        return self._binary(self._power, "*", "/", "%")

    def _power(self) -> Node:
        node = self._unary()
        if self.take("^"):
            return _both("^", node, self._power())
        return node

    def _binary(self, inner: Callable[[], Node], *signs: str) -> Node:
        node = inner()
        while sign := self.take(*signs):
            node = _both(sign, node, inner())
        return node

    def _unary(self) -> Node:
        if self.take("-"):
            node = self._power()
            return lambda row: None if (found := number(node(row))) is None else -found
        return self._primary()

    def _primary(self) -> Node:
        token = self.peek()
        if self.take("("):
            node = self.expression()
            self.need(")")
            return node
        self.at += 1
        match token.kind:
            case "number":
                value = number(token.text)
                return lambda _: value
            case "text":
                text = _unquoted(token.text)
                return lambda _: text
            case "name":
                if (column := self._column()) is not None:
                    return lambda row: row.get(column)
                if "`" not in token.text and self.take("("):
                    return self._call(token)
                if token.text.lower() in ("true", "false"):
                    truth = token.text.lower() == "true"
                    return lambda _: truth
                name = token.text.replace("`", "")
                return lambda row: row.get(name)
        self.at -= 1
        raise unexpected(token, self.text)

    def _column(self) -> str | None:
        """The column that is named here as a call of an aggregate is written, and to go on after it."""
        start, depth = self.at - 1, 0
        if not self.columns or self.peek().text != "(":
            return None
        for at in range(self.at, len(self.tokens) - 1):
            depth += {"(": 1, ")": -1}.get(self.tokens[at].text, 0)
            if depth == 0:
                written = self.text[self.tokens[start].start : self.tokens[at].end]
                if written in self.columns:
                    self.at = at + 1
                    return written
                return None
        return None

    def _call(self, token: Token) -> Node:
        name = token.text.lower()
        if name == "bin":
            return self._bin()
        if self.aggregates is not None and name in AGGREGATES:
            return self._aggregate(token, name)
        if name not in FUNCTIONS:
            raise Malformed(f"unsupported function {token.text}", token.start, token.end)
        function, least, most = FUNCTIONS[name]
        nodes: list[Node] = []
        while not self.take(")"):
            if nodes:
                self.need(",")
            nodes.append(self._span() if self.peek().kind == "span" else self.expression())
        if not least <= len(nodes) <= most:
            raise Malformed(
                f"{token.text} takes {least}{f' to {most}' if most != least else ''} arguments",
                token.start,
                self.peek().start,
            )
        return lambda row: function(*(node(row) for node in nodes))

    def _span(self) -> Node:
        token = self.peek()
        if token.kind != "span":
            raise unexpected(token, self.text)
        self.at += 1
        step = milliseconds(token.text)
        return lambda _: step

    def _bin(self) -> Node:
        span = self._span()
        self.need(")")

        def floor(row: Row) -> Value:
            at, step = number(row.get("@timestamp")), span(row)
            return None if at is None else Stamp(int(at // step * step))

        return floor

    def _aggregate(self, token: Token, name: str) -> Node:
        assert self.aggregates is not None
        make, wanted = AGGREGATES[name]
        of: Node | None = None
        if not (name == "count" and (self.take("*") or self.peek().text == ")")):
            held, self.aggregates = self.aggregates, None  # one within another has no meaning
            of = self.expression()
            self.aggregates = held
        given = []
        for _ in range(wanted):
            self.need(",")
            number_ = self.peek()
            if number_.kind != "number" or not 0 <= float(number_.text) <= 100:
                raise unexpected(number_, self.text)
            self.at += 1
            given.append(float(number_.text))
        self.need(")")
        slot = f"\0{len(self.aggregates)}"
        self.aggregates.append(Aggregate(make, of, tuple(given), slot))
        return lambda row: row.get(slot)


def compiled(token: Token) -> re.Pattern[str]:
    """A pattern. Raises Malformed."""
    text = re.sub(r"\(\?<([A-Za-z]\w*)>", r"(?P<\1>", token.text.replace("\\/", "/"))
    try:
        return re.compile(text)
    except re.error as error:
        raise Malformed(f"invalid regular expression: {error}", token.start, token.end) from None


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _both(sign: str, left: Node, right: Node) -> Node:
    work = OPERATORS[sign]
    return lambda row: work(left(row), right(row))


def _true(value: Value) -> bool:
    if isinstance(value, str):
        return value.lower() == "true"
    return bool(value)


def true(value: Value) -> bool:
    """Whether a filter lets a row pass that has this value."""
    return _true(value)
