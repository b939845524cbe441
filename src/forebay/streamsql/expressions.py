"""Reads expressions of Flink SQL, by precedence climbing."""

from __future__ import annotations

from forebay.streamsql.calls import Calls
from forebay.streamsql.nodes import (
    At,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Column,
    In,
    Is,
    IsJson,
    Like,
    Literal,
    Make,
    Node,
    Type,
    Unary,
)
from forebay.streamsql.words import COMPARE, RESERVED


class Expressions(Calls):
    """Expressions, loosest first."""

    def expression(self) -> Node:
        """An expression."""
        return self._or()

    def _or(self) -> Node:
        left = self._and()
        while self.now.upper == "OR":
            at = self.next().at
            left = Binary("OR", left, self._and(), at=at)
        return left

    def _and(self) -> Node:
        left = self._not()
        while self.now.upper == "AND":
            at = self.next().at
            left = Binary("AND", left, self._not(), at=at)
        return left

    def _not(self) -> Node:
        if self.now.upper == "NOT":
            at = self.next().at
            return Unary("NOT", self._not(), at=at)
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._sum()
        while True:
            at = self.now.at
            if self.now.kind == "op" and self.now.text in COMPARE:
                op = self.next().text
                left = Binary("<>" if op == "!=" else op, left, self._sum(), at=at)
                continue
            if self.take("IS"):
                negated = self.take("NOT")
                if self.take("DISTINCT", "FROM"):
                    op = "IS NOT DISTINCT FROM" if negated else "IS DISTINCT FROM"
                    left = Binary(op, left, self._sum(), at=at)
                    continue
                if self.take("JSON"):
                    kind = next((k for k in ("VALUE", "SCALAR", "ARRAY", "OBJECT") if self.take(k)), "VALUE")
                    left = IsJson(left, kind, negated, at=at)
                    continue
                word = self.next().upper
                if word not in ("NULL", "TRUE", "FALSE", "UNKNOWN"):
                    self.fail("expected NULL, TRUE or FALSE", at)
                left = Is(left, "NULL" if word == "UNKNOWN" else word, negated, at=at)
                continue
            negated = self.now.upper == "NOT" and self.ahead().upper in ("IN", "BETWEEN", "LIKE", "SIMILAR")
            if negated:
                self.next()
            if self.take("IN"):
                left = self._in(left, negated, at)
            elif self.take("BETWEEN"):
                symmetric = self.take("SYMMETRIC")
                self.take("ASYMMETRIC")
                low = self._sum()
                self.need("AND")
                high = self._sum()
                value, left = left, Between(left, low, high, negated, at=at)
                if symmetric:
                    other = Between(value, high, low, negated, at=at)
                    left = Binary("AND" if negated else "OR", left, other, at=at)
            elif self.now.upper == "LIKE" or (self.now.upper == "SIMILAR" and self.ahead().upper == "TO"):
                similar = self.next().upper == "SIMILAR" and self.take("TO")
                pattern = self._sum()
                escape = self._sum() if self.take("ESCAPE") else None
                left = Like(left, pattern, escape, negated, similar, at=at)
            else:
                return left

    def _in(self, left: Node, negated: bool, at: int) -> Node:
        self.need("(")
        if self.now.upper == "SELECT":
            self.refuse("IN with a query")
        items = self.several(self.expression)
        self.need(")")
        return In(left, tuple(items), negated, at=at)

    def _sum(self) -> Node:
        left = self._product()
        while self.now.upper in ("+", "-", "||"):
            token = self.next()
            left = Binary(token.text, left, self._product(), at=token.at)
        return left

    def _product(self) -> Node:
        left = self._sign()
        while self.now.upper in ("*", "/", "%"):
            token = self.next()
            left = Binary(token.text, left, self._sign(), at=token.at)
        return left

    def _sign(self) -> Node:
        if self.now.upper in ("-", "+"):
            token = self.next()
            return Unary(token.text, self._sign(), at=token.at)
        node = self._primary()
        while self.now.upper == "[" or (self.now.upper == "." and isinstance(node, (At, Call, Cast))):
            at = self.next().at
            if self._tokens[self._index - 1].text == ".":
                node = At(node, Literal(self.name(), "string", at=at), True, at=at)
                continue
            node = At(node, self.expression(), at=at)
            self.need("]")
        return node

    def term(self) -> Node:
        """An expression without comparisons, so that an IN after it is not its own."""
        return self._sum()

    def _primary(self) -> Node:
        token = self.now
        at = token.at
        if token.kind == "number":
            self.next()
            kind = "double" if "e" in token.text.lower() else "decimal" if "." in token.text else "integer"
            return Literal(token.text, kind, at=at)
        if token.kind == "string":
            return Literal(self.next().text, "string", at=at)
        if token.kind == "quoted":
            return self._column()
        word = token.upper
        if word == "(":
            self.next()
            if self.now.upper == "SELECT":
                self.refuse("a query inside an expression")
            inner = self.expression()
            if self.take(","):
                items = (inner, *self.several(self.expression))
                self.need(")")
                return Make("ROW", items, at=at)
            self.need(")")
            return inner
        if token.kind != "word":
            self.fail(f"expected an expression, found {self._shown()}")
        if word in ("TRUE", "FALSE", "NULL"):
            self.next()
            return Literal(word, "null" if word == "NULL" else "boolean", at=at)
        if word in ("DATE", "TIMESTAMP", "TIMESTAMP_LTZ") and self.ahead().kind == "string":
            self.next()
            value = Literal(self.next().text, "string", at=at)
            return Cast(value, Type(word, None if word == "DATE" else 3), at=at)
        if word == "INTERVAL" and self.ahead().kind in ("string", "op"):
            return self.interval()
        if word == "CASE":
            return self._case()
        if word in ("CAST", "TRY_CAST") and self.ahead().upper == "(":
            self.next()
            self.need("(")
            value_of = self.expression()
            self.need("AS")
            to = self.type()
            self.need(")")
            return Cast(value_of, to, word == "TRY_CAST", at=at)
        if word in ("ARRAY", "MAP") and self.ahead().upper == "[":
            return self._made()
        if word == "EXISTS":
            self.refuse("EXISTS")
        if self.ahead().upper == "(":
            return self._call()
        if word in RESERVED:
            self.fail(f"expected an expression, found {self._shown()}")
        if self.is_clock():
            self.next()
            return Call(word, at=at)
        return self._column()

    def _column(self) -> Node:
        at = self.now.at
        parts = [self.name()]
        while self.now.upper == "." and self.ahead().kind in ("word", "quoted"):
            self.next()
            parts.append(self.next().text)
        return Column(tuple(parts), at=at)

    def _case(self) -> Node:
        at = self.next().at
        operand = None if self.now.upper == "WHEN" else self.expression()
        whens = []
        while self.take("WHEN"):
            condition = self.expression()
            self.need("THEN")
            whens.append((condition, self.expression()))
        otherwise = self.expression() if self.take("ELSE") else None
        self.need("END")
        return Case(operand, tuple(whens), otherwise, at=at)
