"""Reads a file of Flink SQL: its statements, each with its place."""

from __future__ import annotations

from collections.abc import Callable

from forebay.streamsql.froms import Sources
from forebay.streamsql.nodes import (
    Ask,
    ColumnDef,
    CreateTable,
    CreateView,
    Drop,
    Insert,
    Node,
    Query,
    Select,
    SetOption,
    Star,
    Statement,
    Union,
)


def parse(text: str) -> list[Statement]:
    """The statements. Raises UsageError (`StreamSqlSyntax`, `StreamSqlNotSupported`) with line and column."""
    return _Parser(text).statements()


class _Parser(Sources):
    def statements(self) -> list[Statement]:
        """Those of a statement set are like others here: each INSERT is a consumer of its own."""
        found: list[Statement] = []
        inside = False
        while self.now.kind != "end":
            if self.take(";"):
                continue
            if self.take("BEGIN", "STATEMENT", "SET") or self.take("EXECUTE", "STATEMENT", "SET", "BEGIN"):
                inside = True
                continue
            if inside and self.take("END"):
                inside = False
                continue
            found.append(self._statement())
            if self.now.kind != "end" and not self.take(";"):
                self._left_over()
        if inside:
            self.fail("the statement set has no END")
        return found

    def _statement(self) -> Statement:  # noqa: RET503 - to refuse is to raise
        at = self.now.at
        word = self.now.upper
        begin: dict[str, Callable[[int], Statement]] = {
            "CREATE": self._create,
            "DROP": self._drop,
            "SET": self._set,
            "INSERT": self._insert,
        }
        if word in begin:
            self.next()
            return begin[word](at)
        if word in ("SELECT", "WITH"):
            return Ask(self._query(), at)
        if word:
            self.refuse(f"{word}")
        self.fail("expected a statement")

    def _create(self, at: int) -> Statement:
        self.take("TEMPORARY")
        if self.take("VIEW"):
            exists = self.take("IF", "NOT", "EXISTS")
            name = self._table_name()
            self.need("AS")
            return CreateView(name, self._query(), exists, at)
        if self.now.upper != "TABLE":
            self.refuse(f"CREATE {self.now.text.upper()}", at)
        self.need("TABLE")
        exists = self.take("IF", "NOT", "EXISTS")
        name = self._table_name()
        if self.now.upper != "(":
            self.refuse(f"CREATE TABLE ... {self.now.text.upper()}", fix="declare its columns")
        self.need("(")
        columns: list[ColumnDef] = []
        watermark: tuple[str, Node] | None = None
        while True:
            if self.take("WATERMARK", "FOR"):
                column = self.name()
                self.need("AS")
                watermark = (column, self.expression())
            elif self.now.upper in ("PRIMARY", "CONSTRAINT"):
                self.refuse("PRIMARY KEY", fix="streams are append-only")
            else:
                columns.append(self._column_def())
            if not self.take(","):
                break
        self.need(")")
        if self.take("COMMENT"):
            self.string()
        partitioned: list[str] = []
        if self.take("PARTITIONED", "BY"):
            partitioned = self._names()
        if self.now.upper == "DISTRIBUTED":
            self.refuse("DISTRIBUTED")
        options = self._options() if self.take("WITH") else {}
        if self.now.upper == "LIKE":
            self.refuse("LIKE")
        return CreateTable(name, tuple(columns), watermark, options, tuple(partitioned), exists, at)

    def _column_def(self) -> ColumnDef:
        at = self.now.at
        name = self.name()
        if self.take("AS"):
            computed = self.expression()
            if self.take("COMMENT"):
                self.string()
            return ColumnDef(name, None, computed, at=at)
        type_ = self.type()
        not_null = self.take("NOT", "NULL")
        self.take("NULL")
        metadata = None
        if self.take("METADATA"):
            metadata = self.string() if self.take("FROM") else name
            self.take("VIRTUAL")
        if self.take("COMMENT"):
            self.string()
        return ColumnDef(name, type_, None, metadata, not_null, at)

    def _options(self) -> dict[str, str]:
        self.need("(")
        found = {}
        while self.now.upper != ")":
            key = self.string()
            self.need("=")
            found[key] = self.string()
            if not self.take(","):
                break
        self.need(")")
        return found

    def _drop(self, at: int) -> Statement:
        self.take("TEMPORARY")
        if not self.take("TABLE") and not self.take("VIEW"):
            self.refuse(f"DROP {self.now.text.upper()}", at)
        exists = self.take("IF", "EXISTS")
        return Drop(self._table_name(), exists, at)

    def _set(self, at: int) -> Statement:
        key = self.string()
        self.need("=")
        return SetOption(key, self.string(), at)

    def _insert(self, at: int) -> Statement:
        if self.now.upper == "OVERWRITE":
            self.refuse("INSERT OVERWRITE", at)
        self.need("INTO")
        database, name = self._table_path()
        if self.now.upper == "PARTITION":
            self.refuse("INSERT INTO ... PARTITION")
        columns = self._names() if self.now.upper == "(" and self.ahead().upper != "SELECT" else []
        if self.now.upper == "VALUES":
            self.refuse("VALUES")
        return Insert(name, tuple(columns), self._query(), at, database)

    # --- queries ---

    def _query(self) -> Query:
        """A query, with those that WITH names put in where they are read, and UNION ALL."""
        outer = dict(self._with)
        if self.take("WITH"):
            while True:
                name = self.name()
                if self.now.upper == "(":
                    self.refuse("WITH name (columns)", fix="name the columns with AS")
                self.need("AS", "(")
                self._with[name] = self._query()
                self.need(")")
                if not self.take(","):
                    break
        at = self.now.at
        parts = self._part()
        while self.now.upper == "UNION":
            if self.ahead().upper != "ALL":
                self.refuse("UNION", fix="UNION ALL keeps every row")
            self.need("UNION", "ALL")
            parts += self._part()
        self._with = outer
        if len(parts) > 1 and any(each.order or each.limit is not None for each in parts):
            self.refuse("ORDER BY or LIMIT of a UNION ALL", at)
        return parts[0] if len(parts) == 1 else Union(tuple(parts), at=at)

    def _part(self) -> list[Select]:
        if not self.take("("):
            return [self._select()]
        inner = self._query()
        self.need(")")
        return list(inner.parts) if isinstance(inner, Union) else [inner]

    def _select(self) -> Select:
        at = self.now.at
        self.need("SELECT")
        self.take("ALL")
        distinct = self.take("DISTINCT")
        items = self.several(self._item)
        if self.now.upper != "FROM":
            self.refuse("a SELECT without FROM", at)
        self.need("FROM")
        source = self._source()
        where = self.expression() if self.take("WHERE") else None
        group: list[Node] = []
        if self.take("GROUP", "BY"):
            if self.now.upper in ("ROLLUP", "CUBE", "GROUPING"):
                self.refuse(self.now.upper)
            group = self.several(self.expression)
        having = self.expression() if self.take("HAVING") else None
        order = self.orders()
        limit = self._number_of_rows() if self.take("LIMIT") else None
        return Select(tuple(items), source, where, tuple(group), having, distinct, order, limit, at=at)

    def _number_of_rows(self) -> int:
        if self.now.kind != "number" or not self.now.text.isdigit():
            self.fail(f"expected a number of rows, found {self._shown()}")
        return int(self.next().text)

    def _item(self) -> tuple[Node, str | None]:
        at = self.now.at
        if self.take("*"):
            return Star(at=at), None
        if self.ahead().upper == "." and self.ahead(2).upper == "*":
            of = self.name()
            self.need(".", "*")
            return Star(of, at=at), None
        value = self.expression()
        if self.take("AS"):
            return value, self.name()
        if self.now.kind in ("word", "quoted") and self.now.upper not in ("FROM",):
            return value, self.name()
        return value, None
