"""Reads expressions of Flink SQL, by precedence climbing."""

from __future__ import annotations

from typing import NoReturn

from forebay.errors import UsageError
from forebay.streamsql.lexer import Token, place, tokens
from forebay.streamsql.nodes import (
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Column,
    In,
    Interval,
    Is,
    Like,
    Literal,
    Node,
    Over,
    Star,
    Type,
    Unary,
)
from forebay.streamsql.words import COMPARE, MONTHS, RESERVED, SAME, SIMPLE, UNITS


class Expressions:
    """A cursor over the words of a text, and what expressions need of it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens(text)
        self._index = 0

    # --- the cursor ---

    @property
    def now(self) -> Token:
        """The next word."""
        return self._tokens[self._index]

    def ahead(self, count: int = 1) -> Token:
        """A word further on."""
        return self._tokens[min(self._index + count, len(self._tokens) - 1)]

    def next(self) -> Token:
        """Take a word."""
        token = self.now
        if token.kind != "end":
            self._index += 1
        return token

    def take(self, *words: str) -> bool:
        """Take these words if they are next, all of them."""
        for count, word in enumerate(words):
            if self.ahead(count).upper != word:
                return False
        self._index += len(words)
        return True

    def need(self, *words: str) -> None:
        """Take these words, or say that they are missing."""
        for word in words:
            if not self.take(word):
                self.fail(f"expected {word}, found {self._shown()}")

    def name(self) -> str:  # noqa: RET503 - to refuse is to raise
        """Take a name."""
        token = self.now
        if token.kind == "quoted" or (token.kind == "word" and token.upper not in RESERVED):
            return self.next().text
        self.fail(f"expected a name, found {self._shown()}")

    def string(self) -> str:
        """Take a string."""
        if self.now.kind != "string":
            self.fail(f"expected a 'string', found {self._shown()}")
        return self.next().text

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        """Raises UsageError `StreamSqlSyntax`."""
        line, column = place(self.text, self.now.at if at is None else at)
        raise UsageError("StreamSqlSyntax", message, line=line, column=column)

    def refuse(self, what: str, at: int | None = None, fix: str | None = None) -> NoReturn:
        """Raises UsageError `StreamSqlNotSupported`: it is Flink SQL, but not what runs here."""
        line, column = place(self.text, self.now.at if at is None else at)
        raise UsageError(
            "StreamSqlNotSupported", f"{what} does not run here", line=line, column=column, fix=fix
        )

    def _shown(self) -> str:
        return "the end" if self.now.kind == "end" else repr(self.now.text)

    # --- expressions, loosest first ---

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
                if self.now.upper == "DISTINCT":
                    self.refuse("IS DISTINCT FROM")
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
                low = self._sum()
                self.need("AND")
                left = Between(left, low, self._sum(), negated, at=at)
            elif self.take("LIKE"):
                pattern = self._sum()
                escape = self._sum() if self.take("ESCAPE") else None
                left = Like(left, pattern, escape, negated, at=at)
            elif self.now.upper == "SIMILAR":
                self.refuse("SIMILAR TO", fix="use REGEXP(text, pattern)")
            else:
                return left

    def _in(self, left: Node, negated: bool, at: int) -> Node:
        self.need("(")
        if self.now.upper == "SELECT":
            self.refuse("IN with a query")
        items = [self.expression()]
        while self.take(","):
            items.append(self.expression())
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
        if self.now.upper == "[":
            self.refuse("an element of an ARRAY or MAP")
        return node

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
            if self.now.upper == ",":
                self.refuse("a row of values")
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
        if self.ahead().upper == "(":
            return self._call()
        if word in RESERVED:
            self.fail(f"expected an expression, found {self._shown()}")
        if word in ("CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP", "LOCALTIME", "CURRENT_TIME"):
            self.refuse(word, fix="use a time of the event, so that reading it again gives the same rows")
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

    def _call(self) -> Node:
        at = self.now.at
        name = self.next().text.upper()
        self.need("(")
        distinct = False
        args: list[Node] = []
        if self.now.upper == "*" and self.ahead().upper == ")":
            args = [Star(at=self.next().at)]
        elif name == "EXTRACT":
            unit = Literal(self.next().text.upper(), "string", at=at)
            self.need("FROM")
            args = [unit, self.expression()]
        elif name == "TRIM" and self.now.upper in ("BOTH", "LEADING", "TRAILING"):
            self.refuse(f"TRIM({self.now.upper} ... FROM ...)", fix="use TRIM, LTRIM or RTRIM")
        elif self.now.upper != ")":
            distinct = self.take("DISTINCT")
            args.append(self._argument())
            while self.take(","):
                args.append(self._argument())
            if name == "JSON_VALUE" and self.now.upper != ")":
                self.refuse("JSON_VALUE with RETURNING or ON EMPTY", fix="CAST(JSON_VALUE(...) AS type)")
            if name == "SUBSTRING" and self.take("FROM"):
                args.append(self.expression())
                if self.take("FOR"):
                    args.append(self.expression())
        self.need(")")
        where = None
        if self.take("FILTER"):
            self.need("(", "WHERE")
            where = self.expression()
            self.need(")")
        over = self._over() if self.take("OVER") else None
        return Call(name, tuple(args), distinct, where, over, at=at)

    def _argument(self) -> Node:
        """An argument, or a unit of time where a function takes one bare."""
        if self.now.upper in {*UNITS, *MONTHS} and self.ahead().upper in (",", ")"):
            token = self.next()
            return Literal(token.upper, "string", at=token.at)
        return self.expression()

    def _over(self) -> Over:
        if self.now.upper != "(":
            self.refuse("a named window")
        self.need("(")
        partition: list[Node] = []
        if self.take("PARTITION", "BY"):
            partition.append(self.expression())
            while self.take(","):
                partition.append(self.expression())
        order = []
        if self.take("ORDER", "BY"):
            order.append(self.order())
            while self.take(","):
                order.append(self.order())
        if self.now.upper != ")":
            self.refuse(f"{self.now.text.upper()} in OVER")
        self.need(")")
        return Over(tuple(partition), tuple(order))

    def order(self) -> tuple[Node, bool, bool | None]:
        """One of ORDER BY."""
        value = self.expression()
        descending = not self.take("ASC") and self.take("DESC")
        first = None
        if self.take("NULLS"):
            first = self.take("FIRST")
            if not first:
                self.need("LAST")
        return value, descending, first

    def interval(self) -> Interval:  # noqa: RET503 - to refuse is to raise
        """`INTERVAL '10' SECOND`."""
        at = self.now.at
        self.need("INTERVAL")
        sign = -1 if self.take("-") else 1
        given = self.string().strip()
        unit = self.next().upper
        unit = unit[:-1] if unit.endswith("S") and unit[:-1] in {*UNITS, *MONTHS} else unit
        if self.now.upper == "(":
            self.next()
            self.next()
            self.need(")")
        if self.now.upper == "TO":
            self.refuse("an interval of several units", at, fix="write it in the smallest of them")
        try:
            count = float(given) if unit == "SECOND" else int(given)
        except ValueError:
            self.fail(f"{given!r} is no number of {unit.lower()}s", at)
        if unit in UNITS:
            return Interval(sign * round(count * UNITS[unit]), at=at)
        if unit in MONTHS:
            return Interval(0, sign * round(count * MONTHS[unit]), at=at)
        self.fail(f"{unit} is no unit of an interval", at)

    def type(self) -> Type:
        """A type."""
        at = self.now.at
        word = self.next().upper
        name = SAME.get(word, word)
        if name not in SIMPLE:
            self.refuse(
                f"the type {word or self.ahead(-1).text}",
                at,
                fix="declare it STRING and read it with JSON_VALUE",
            )
        if name == "DOUBLE":
            self.take("PRECISION")
        sizes = self._sizes()
        if name.startswith("TIMESTAMP"):
            if self.take("WITH", "LOCAL", "TIME", "ZONE"):
                name = "TIMESTAMP_LTZ"
            elif self.take("WITHOUT", "TIME", "ZONE"):
                pass
            elif self.now.upper == "WITH":
                self.refuse("TIMESTAMP WITH TIME ZONE", at)
            sizes = sizes or [6]
        elif name == "DECIMAL":
            sizes = [*sizes, *[10, 0][len(sizes) :]]
        elif name == "CHAR":
            sizes = sizes or [1]
        return Type(name, *sizes)

    def _sizes(self) -> list[int]:
        sizes: list[int] = []
        if self.take("("):
            while True:
                if self.now.kind != "number":
                    self.fail("expected a number")
                sizes.append(int(self.next().text))
                if not self.take(","):
                    break
            self.need(")")
        return sizes[:2]
