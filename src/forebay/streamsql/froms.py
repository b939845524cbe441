"""Reads what Flink SQL has after FROM: tables, queries, windows, and what is joined with them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from forebay.streamsql.expressions import Expressions
from forebay.streamsql.nodes import Join, Node, Query, Sub, TableRef, WindowRef

WINDOWS = {"TUMBLE": 1, "HOP": 2, "CUMULATE": 2, "SESSION": 1}
_INSTEAD = {
    "CROSS": "JOIN ... ON what the rows have in common",
    ",": "JOIN ... ON what the rows have in common",
    "NATURAL": "JOIN ... ON each of the columns",
    "USING": "JOIN ... ON a.k = b.k",
    "FOR": "the table that is joined takes it: JOIN t FOR SYSTEM_TIME AS OF s.proctime AS t ON ...",
}
_FOLLOWS = {
    "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "JOIN", "LEFT", "RIGHT", "FULL",
    "INNER", "CROSS", "END", "WINDOW", "OFFSET", "FETCH", "FOR", "NATURAL", "ON", "USING", "MATCH_RECOGNIZE",
}  # fmt: skip
_SIZES = {"SIZE": -1, "SLIDE": 0, "STEP": 0, "GAP": -1}


class Sources(Expressions, ABC):
    """What a SELECT reads."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._with: dict[str, Query] = {}

    @abstractmethod
    def _query(self) -> Query:
        """A query."""

    def _left_over(self) -> None:
        word = self.now.upper
        known = {
            "UNION", "INTERSECT", "EXCEPT", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "ORDER", "LIMIT",
            "OFFSET", "FETCH", "WINDOW", "MATCH_RECOGNIZE", "FOR", "NATURAL", "USING", ",",
        }  # fmt: skip
        if word in known:
            said = {"ORDER": "ORDER BY", "FOR": "FOR SYSTEM_TIME AS OF", ",": "a join by a comma"}.get(
                word, word
            )
            self.refuse(said, fix=_INSTEAD.get(word))
        self.fail(f"expected the end of the statement, found {self.now.text!r}")

    def _names(self) -> list[str]:
        self.need("(")
        found = self.several(self.name)
        self.need(")")
        return found

    def _table_name(self) -> str:
        """The last part: databases of Flink's catalog say nothing of what is declared here."""
        return self._table_path()[1]

    def _table_path(self) -> tuple[str | None, str]:
        """What stands before a table's name, which is a database, and the name."""
        name, before = self.name(), None
        while self.take("."):
            before, name = name, self.name()
        return before, name

    def _source(self) -> Node:
        """What is read, with what is joined with it: `a JOIN b ON ... LEFT JOIN c ON ...`."""
        left = self._one()
        while True:
            at = self.now.at
            kind = self.now.upper
            if self.take("INNER", "JOIN") or self.take("JOIN"):
                kind = "INNER"
            elif kind in ("LEFT", "RIGHT", "FULL"):
                self.next()
                self.take("OUTER")
                self.need("JOIN")
            elif kind in _INSTEAD:
                self._left_over()
            else:
                return left
            if self.now.upper in ("LATERAL", "UNNEST"):
                self.refuse(self.now.upper)
            right, as_of = self._joined()
            if self.now.upper == "USING":
                self.refuse("USING", fix=_INSTEAD["USING"])
            self.need("ON")
            left = Join(left, right, kind, self.expression(), as_of, at=at)

    def _joined(self) -> tuple[Node, Node | None]:
        """What is joined, and as of when."""
        at = self.now.at
        if self.now.kind not in ("word", "quoted") or self.now.upper in ("TABLE", *WINDOWS):
            return self._one(), None
        database, name = self._table_path()
        as_of = self.expression() if self.take("FOR", "SYSTEM_TIME", "AS", "OF") else None
        return self._read(name, database, at), as_of

    def _one(self) -> Node:
        at = self.now.at
        if self.take("("):
            query = self._query()
            if self.now.upper != ")":
                self._left_over()
            self.need(")")
            return Sub(query, self._alias(), at=at)
        if self.now.upper in ("LATERAL", "UNNEST"):
            self.refuse(self.now.upper)
        if self.now.upper == "TABLE" and self.ahead().upper == "(":
            self.need("TABLE", "(")
            window = self._window()
            self.need(")")
            return self._named(window)
        if self.now.upper in WINDOWS and self.ahead().upper == "(":
            return self._named(self._window())
        database, name = self._table_path()
        if self.now.upper == "FOR":
            self._left_over()
        return self._read(name, database, at)

    def _read(self, name: str, database: str | None, at: int) -> TableRef | Sub:
        """A table, or a query that WITH names, as it is called from here on."""
        if name in self._with and database is None:
            return Sub(self._with[name], self._alias() or name, at=at)
        return TableRef(name, self._alias(), database, at=at)

    def _named(self, window: WindowRef) -> WindowRef:
        return WindowRef(
            window.kind, window.table, window.time, window.sizes, window.keys, self._alias(), at=window.at
        )

    def _alias(self) -> str | None:
        if self.take("AS"):
            return self.name()
        word = self.now
        if word.kind == "quoted" or (word.kind == "word" and word.upper not in _FOLLOWS):
            return self.name()
        return None

    def _window(self) -> WindowRef:
        at = self.now.at
        kind = self.next().upper
        if kind not in WINDOWS:
            self.refuse(f"the table function {kind or self.ahead(-1).text}", at)
        self.need("(")
        table: TableRef | Sub | None = None
        time = ""
        keys: list[str] = []
        sizes: list[int] = []
        while True:
            label = ""
            if self.ahead().upper == "=>":
                label = self.next().upper
                self.need("=>")
            if self.take("TABLE"):
                here, named = self.now.at, self._table_name()
                table = (
                    Sub(self._with[named], named, at=here)
                    if named in self._with
                    else TableRef(named, at=here)
                )
                if self.take("PARTITION", "BY", "("):
                    self._index -= 1
                    keys += self._names()
                elif self.take("PARTITION", "BY"):
                    keys.append(self.name())
                    while self.ahead(2).upper not in ("(", "=>") and self.take(","):
                        keys.append(self.name())
            elif self.take("DESCRIPTOR"):
                time = self._names()[0]
            elif self.now.upper == "INTERVAL":
                size = self.interval()
                if size.ms <= 0:
                    self.fail("a window's size is a positive interval of days to seconds", size.at)
                sizes.insert(0 if _SIZES.get(label, -1) == 0 else len(sizes), size.ms)
            else:
                self.refuse("this argument of a window")
            if not self.take(","):
                break
        self.need(")")
        if len(sizes) == WINDOWS[kind] + 1:
            self.refuse("a window's offset", at)
        if table is None or not time or len(sizes) != WINDOWS[kind]:
            self.fail(f"{kind} takes a TABLE, a DESCRIPTOR and {WINDOWS[kind]} interval(s)", at)
        if keys and kind != "SESSION":
            self.refuse(f"PARTITION BY in {kind}", at)
        return WindowRef(kind, table, time, tuple(sizes), tuple(keys), at=at)
