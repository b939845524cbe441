"""Reads what Flink SQL writes with brackets: functions, each with the words of its own, and what is made of values."""

from __future__ import annotations

from abc import ABC, abstractmethod

from forebay.streamsql.nodes import Call, JsonCall, Literal, Make, Node, Order, Over, Star
from forebay.streamsql.typewords import TypeWords
from forebay.streamsql.words import CLOCKS, MONTHS, UNITS

_EDGES = ("NULL", "ERROR", "TRUE", "FALSE", "UNKNOWN")
_BARE = CLOCKS - {"NOW", "PROCTIME"}


class Calls(TypeWords, ABC):
    """Calls, over the expressions in them."""

    @abstractmethod
    def expression(self) -> Node:
        """An expression."""

    @abstractmethod
    def term(self) -> Node:
        """An expression without comparisons, so that an IN after it is not its own."""

    def is_clock(self) -> bool:
        """Whether a word that is no function's call is a time of the clock."""
        return self.now.upper in _BARE

    def _call(self) -> Node:
        at = self.now.at
        name = self.next().text.upper()
        self.need("(")
        if name in ("JSON_VALUE", "JSON_QUERY", "JSON_EXISTS"):
            return self._json(name, at)
        distinct = False
        args: list[Node] = []
        if self.now.upper == "*" and self.ahead().upper == ")":
            args = [Star(at=self.next().at)]
        elif name == "EXTRACT":
            unit = Literal(self.next().text.upper(), "string", at=at)
            self.need("FROM")
            args = [unit, self.expression()]
        elif name == "POSITION":
            args = [self.term()]
            self.need("IN")
            args.append(self.term())
        elif name == "TRIM":
            name, args = self._trim()
        elif self.now.upper != ")":
            distinct = self.take("DISTINCT")
            args = self.several(self._argument)
            self._words_of(name, args)
            if name in ("FLOOR", "CEIL", "CEILING") and len(args) == 2:
                name += "_TO"
        self.need(")")
        if name == "ROW":
            return Make("ROW", tuple(args), at=at)
        where = None
        if self.take("FILTER"):
            self.need("(", "WHERE")
            where = self.expression()
            self.need(")")
        over = self._over() if self.take("OVER") else None
        return Call(name, tuple(args), distinct, where, over, at=at)

    def _words_of(self, name: str, args: list[Node]) -> None:
        """`SUBSTRING(x FROM 2 FOR 3)`, `OVERLAY(x PLACING y FROM 2)`, `FLOOR(t TO DAY)`."""
        if name == "OVERLAY" and self.take("PLACING"):
            args.append(self.expression())
        if name in ("SUBSTRING", "OVERLAY") and self.take("FROM"):
            args.append(self.expression())
            if self.take("FOR"):
                args.append(self.expression())
        if name in ("FLOOR", "CEIL", "CEILING") and self.take("TO"):
            args.append(Literal(self.now.upper, "string", at=self.next().at))

    def _trim(self) -> tuple[str, list[Node]]:
        """`TRIM(x)`, `TRIM(BOTH 'a' FROM x)`, `TRIM('a' FROM x)`."""
        side = next((each for each in ("BOTH", "LEADING", "TRAILING") if self.take(each)), "")
        name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(side, "TRIM")
        if side and self.take("FROM"):
            return name, [self.expression()]
        first = self.expression()
        if self.take("FROM"):
            return name, [self.expression(), first]
        return name, [first]

    def _json(self, name: str, at: int) -> Node:
        """`JSON_VALUE(x, '$.a' RETURNING INT NULL ON EMPTY DEFAULT 0 ON ERROR)` and its like."""
        value = self.expression()
        self.need(",")
        path = self.string()
        returning, wrapper = None, ""
        if self.take("RETURNING"):
            returning = self.type()
        if name == "JSON_QUERY":
            wrapper = self._wrapper()
        edges: dict[str, str] = {}
        defaults: dict[str, Node] = {}
        while self.now.upper != ")":
            here = self.now.at
            if self.take("DEFAULT"):
                said, default = "DEFAULT", self.expression()
            elif self.take("EMPTY"):
                said, default = f"EMPTY {self.next().upper}", None
            else:
                said, default = self.next().upper, None
                if said not in _EDGES:
                    self.fail("expected NULL, ERROR or DEFAULT ... ON EMPTY or ON ERROR", here)
            self.need("ON")
            when = self.next().upper
            if when not in ("EMPTY", "ERROR") or when in edges:
                self.fail("expected ON EMPTY, then ON ERROR", here)
            edges[when] = said
            if default is not None:
                defaults[when] = default
        self.need(")")
        return JsonCall(
            name, value, path, returning, wrapper, edges.get("EMPTY", ""), edges.get("ERROR", ""),
            defaults.get("EMPTY"), defaults.get("ERROR"), at=at,
        )  # fmt: skip

    def _wrapper(self) -> str:
        found = ""
        if self.take("WITHOUT"):
            self.take("ARRAY")
            self.need("WRAPPER")
        elif self.take("WITH"):
            conditional = self.take("CONDITIONAL")
            if not conditional:
                self.take("UNCONDITIONAL")
            self.take("ARRAY")
            self.need("WRAPPER")
            found = "CONDITIONAL" if conditional else "UNCONDITIONAL"
        if self.now.upper in ("KEEP", "OMIT"):
            self.refuse(f"{self.now.upper} QUOTES")
        return found

    def _argument(self) -> Node:
        """An argument, or a unit of time where a function takes one bare."""
        if self.now.upper in {*UNITS, *MONTHS, "MILLISECOND"} and self.ahead().upper in (",", ")"):
            token = self.next()
            return Literal(token.upper, "string", at=token.at)
        return self.expression()

    def _made(self) -> Node:
        """`ARRAY[1, 2]`, `MAP['a', 1]`."""
        at = self.now.at
        kind = self.next().upper
        self.need("[")
        items = self.several(self.expression) if self.now.upper != "]" else []
        self.need("]")
        return Make(kind, tuple(items), at=at)

    def _over(self) -> Over:
        if self.now.upper != "(":
            self.refuse("a named window")
        self.need("(")
        partition = self.several(self.expression) if self.take("PARTITION", "BY") else []
        order = self.orders()
        if self.now.upper != ")":
            self.refuse(f"{self.now.text.upper()} in OVER")
        self.need(")")
        return Over(tuple(partition), order)

    def orders(self) -> tuple[Order, ...]:
        """`ORDER BY a, b DESC`, if it is there."""
        return tuple(self.several(self._order)) if self.take("ORDER", "BY") else ()

    def _order(self) -> Order:
        value = self.expression()
        descending = not self.take("ASC") and self.take("DESC")
        first = None
        if self.take("NULLS"):
            first = self.take("FIRST")
            if not first:
                self.need("LAST")
        return value, descending, first
