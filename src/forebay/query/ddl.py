"""Athena's DDL, read: what a statement would make, change or remove. Nothing here does it.

DDL is Hive's grammar, not Trino's, so it has a reader of its own: a cut into words, names, texts and
brackets, and a method a statement. Contract: "DDL statements" (Amazon Athena User Guide).
"""

from __future__ import annotations

import re
from typing import Any

from forebay.errors import QueryFailed
from forebay.query.ddl_words import Ddl, Word, cut

SERDES = {
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "json": "org.openx.data.jsonserde.JsonSerDe",
    "text": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    "csv": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
}


def read_ddl(text: str) -> Ddl | None:
    """The statement, if it is DDL, CTAS, INSERT INTO or UNLOAD; None for what the engine answers itself.

    Raises QueryFailed with the place of what is not understood.
    """
    words = cut(text)
    if not words:
        return None
    reader = _Reader(text, words)
    match words[0].text.lower():
        case "create":
            return reader.create()
        case "drop":
            return reader.drop()
        case "alter":
            return reader.alter()
        case "msck":
            reader.expect("msck", "repair", "table")
            return reader.ended(reader.named(Ddl("repair")))
        case "insert":
            return reader.insert()
        case "unload":
            return reader.unload()
        case _:
            return None


class _Reader:
    def __init__(self, text: str, words: list[Word]) -> None:
        self._text = text
        self._words = words
        self._at = 0

    # Tokens.

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._words[at].text.lower() if at < len(self._words) else ""

    def _next(self) -> Word:
        if self._at >= len(self._words):
            raise self._wrong("the statement ends too early")
        self._at += 1
        return self._words[self._at - 1]

    def _has(self, *words: str) -> bool:
        if all(self._peek(i) == word for i, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        """These words come next. Raises QueryFailed."""
        for word in words:
            if not self._has(word):
                raise self._wrong(
                    f"mismatched input '{self._peek() or '<EOF>'}'. Expecting: '{word.upper()}'"
                )

    def _wrong(self, message: str) -> QueryFailed:
        at = self._words[self._at].at if self._at < len(self._words) else len(self._text.rstrip())
        before = self._text[:at]
        line, column = before.count("\n") + 1, at - before.rfind("\n")
        return QueryFailed("SYNTAX_ERROR", f"line {line}:{column}: {message}", line=line, column=column)

    def ended(self, ddl: Ddl) -> Ddl:
        """`ddl`, if nothing follows. Raises QueryFailed."""
        if self._at < len(self._words):
            raise self._wrong(f"mismatched input '{self._peek()}'")
        return ddl

    def _name(self) -> str:
        word = self._next()
        if word.kind not in ("word", "name"):
            self._at -= 1
            raise self._wrong(f"mismatched input '{word.text}'. Expecting: a name")
        return word.value.lower()

    def _string(self) -> str:
        word = self._next()
        if word.kind != "text":
            self._at -= 1
            raise self._wrong(f"mismatched input '{word.text}'. Expecting: a string in single quotes")
        return word.value

    def named(self, ddl: Ddl) -> Ddl:
        """Read `[database.]name`."""
        ddl.name = self._name()
        while self._has("."):
            ddl.database, ddl.name = ddl.name, self._name()
        return ddl

    # Statements.

    def create(self) -> Ddl:
        self.expect("create")
        replace = self._has("or", "replace")
        external = self._has("external")
        if self._has("database") or self._has("schema"):
            ddl = Ddl("create_database", tolerant=self._has("if", "not", "exists"))
            ddl.name = self._name()
            while self._at < len(self._words):
                if self._has("comment"):
                    ddl.comment = self._string()
                elif self._has("location"):
                    ddl.location = self._string()
                elif self._has("with", "dbproperties"):
                    ddl.properties = self._pairs()
                else:
                    break
            return self.ended(ddl)
        if self._has("view"):
            ddl = self.named(Ddl("create_view", replace=replace))
            self.expect("as")
            ddl.sql = self._rest()
            return ddl
        self.expect("table")
        ddl = Ddl("create_table", tolerant=self._has("if", "not", "exists"), external=external)
        self.named(ddl)
        if self._peek() in ("with", "as"):
            return self._ctas(ddl)
        return self._table(ddl)

    def _rest(self) -> str:
        if self._at >= len(self._words):
            raise self._wrong("the statement ends too early")
        start = self._words[self._at].at
        last = self._words[-1]
        return self._text[start : last.at + len(last.text)]

    def _ctas(self, ddl: Ddl) -> Ddl:
        ddl.kind = "ctas"
        if self._has("with"):
            self.expect("(")
            while True:
                key = self._next().value.lower()
                self.expect("=")
                ddl.options[key] = self._option()
                if not self._has(","):
                    break
            self.expect(")")
        self.expect("as")
        ddl.sql = self._rest()
        if match := re.search(r"\s+with\s+(no\s+)?data\s*$", ddl.sql, re.IGNORECASE):
            ddl.options["with_data"] = match[1] is None
            ddl.sql = ddl.sql[: match.start()]
        return ddl

    def _option(self) -> Any:
        if self._has("array"):
            self.expect("[")
            items = []
            while not self._has("]"):
                items.append(self._string())
                self._has(",")
            return items
        word = self._next()
        return word.value

    def insert(self) -> Ddl:
        self.expect("insert", "into")
        ddl = self.named(Ddl("insert"))
        if self._peek() == "(" and self._peek(1) not in ("select", "with", "values"):
            self.expect("(")
            while not self._has(")"):
                ddl.columns.append([self._name()])
                self._has(",")
        ddl.sql = self._rest()
        return ddl

    def unload(self) -> Ddl:
        self.expect("unload", "(")
        start, depth = self._words[self._at].at, 1
        while depth:
            word = self._next()
            depth += {"(": 1, ")": -1}.get(word.text, 0)
        ddl = Ddl("unload", sql=self._text[start : word.at])
        self.expect("to")
        ddl.location = self._string()
        if self._has("with"):
            self.expect("(")
            while not self._has(")"):
                key = self._next().value.lower()
                self.expect("=")
                ddl.options[key] = self._option()
                self._has(",")
        return self.ended(ddl)

    def drop(self) -> Ddl:
        self.expect("drop")
        kind = "drop_database" if self._peek() in ("database", "schema") else f"drop_{self._peek()}"
        if kind not in ("drop_database", "drop_table", "drop_view"):
            raise self._wrong(f"mismatched input '{self._peek()}'. Expecting: 'DATABASE', 'TABLE', 'VIEW'")
        self._next()
        ddl = self.named(Ddl(kind, tolerant=self._has("if", "exists")))
        ddl.cascade = self._has("cascade") or (self._has("restrict") and False)
        return self.ended(ddl)

    def alter(self) -> Ddl:
        self.expect("alter")
        if self._has("database") or self._has("schema"):
            ddl = self.named(Ddl("alter_database"))
            self.expect("set", "dbproperties")
            ddl.properties = self._pairs()
            return self.ended(ddl)
        self.expect("table")
        ddl = self.named(Ddl("alter_table"))
        if self._has("add"):
            if self._has("columns"):
                ddl.kind, ddl.columns = "add_columns", self._columns()
                return self.ended(ddl)
            ddl.kind, ddl.tolerant = "add_partitions", self._has("if", "not", "exists")
            while self._has("partition"):
                ddl.partitions.append((self._values(), self._string() if self._has("location") else None))
        elif self._has("drop"):
            ddl.kind, ddl.tolerant = "drop_partitions", self._has("if", "exists")
            while self._has("partition"):
                ddl.partitions.append((self._values(), None))
                self._has(",")
        elif self._has("replace", "columns"):
            ddl.kind, ddl.columns = "replace_columns", self._columns()
        elif self._has("set", "tblproperties"):
            ddl.kind, ddl.properties = "set_properties", self._pairs()
        elif self._has("set", "location"):
            ddl.kind, ddl.location = "set_location", self._string()
        elif self._has("partition"):
            values = self._values()
            self.expect("set", "location")
            ddl.kind, ddl.partitions = "move_partition", [(values, self._string())]
        else:
            raise self._wrong(f"mismatched input '{self._peek()}'")
        return self.ended(ddl)

    def _values(self) -> dict[str, str]:
        self.expect("(")
        values = {}
        while not self._has(")"):
            key = self._name()
            self.expect("=")
            values[key] = self._next().value
            self._has(",")
        return values

    def _pairs(self) -> dict[str, str]:
        self.expect("(")
        pairs = {}
        while not self._has(")"):
            key = self._string()
            self.expect("=")
            pairs[key] = self._string()
            self._has(",")
        return pairs

    def _columns(self) -> list[list[str]]:
        self.expect("(")
        columns = []
        while not self._has(")"):
            name = self._name()
            column = [name, self._type(), ""]
            if self._has("comment"):
                column[2] = self._string()
            columns.append(column)
            self._has(",")
        return columns

    def _type(self) -> str:
        """A Hive type, its brackets balanced, as catalogs write it: `array<struct<a:int>>`, `decimal(10,2)`."""
        parts: list[str] = []
        depth = 0
        while True:
            here = self._peek()
            if depth == 0 and parts and here in (",", ")", "comment", ""):
                break
            if not here:
                raise self._wrong("the statement ends inside a type")
            word = self._next()
            depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(word.text, 0)
            parts.append(word.value)
        return "".join(parts).lower().replace("integer", "int") if parts != ["integer"] else "int"

    def _table(self, ddl: Ddl) -> Ddl:
        if self._peek() == "(":
            ddl.columns = self._columns()
        while self._at < len(self._words):
            if self._has("comment"):
                ddl.comment = self._string()
            elif self._has("partitioned", "by"):
                ddl.partition_keys = self._columns()
            elif self._has("clustered", "by"):
                raise self._wrong("bucketed tables are not offered")
            elif self._has("row", "format"):
                self._row_format(ddl)
            elif self._has("with", "serdeproperties"):
                ddl.serde_parameters |= self._pairs()
            elif self._has("stored", "as"):
                if self._has("inputformat"):
                    text = self._string()
                    self.expect("outputformat")
                    self._string()
                    ddl.stored_as = "parquet" if "parquet" in text.lower() else "textfile"
                else:
                    ddl.stored_as = self._name()
            elif self._has("location"):
                ddl.location = self._string()
            elif self._has("tblproperties"):
                ddl.properties = self._pairs()
            else:
                raise self._wrong(f"mismatched input '{self._peek()}'")
        return ddl

    def _row_format(self, ddl: Ddl) -> None:
        if self._has("serde"):
            ddl.serde = self._string()
            return
        self.expect("delimited")
        ddl.serde = SERDES["text"]
        forms = {
            ("fields", "terminated", "by"): "field.delim",
            ("escaped", "by"): "escape.delim",
            ("collection", "items", "terminated", "by"): "colelction.delim",
            ("map", "keys", "terminated", "by"): "mapkey.delim",
            ("lines", "terminated", "by"): "line.delim",
            ("null", "defined", "as"): "serialization.null.format",
        }
        found = True
        while found:
            found = False
            for words, key in forms.items():
                if self._has(*words):
                    ddl.serde_parameters[key] = self._string()
                    found = True


def table_doc(ddl: Ddl) -> dict[str, Any]:
    """The catalog's doc (`catalog/schema.py`) of a CREATE EXTERNAL TABLE."""
    serde = ddl.serde or (SERDES["parquet"] if ddl.stored_as == "parquet" else SERDES["text"])
    kind = serde.rpartition(".")[2].lower()
    if "json" in kind:
        form = "json"
    elif "csv" in kind or kind == "lazysimpleserde":
        form = "csv"
    else:
        form = "parquet" if "parquet" in kind else "text"
    location = ddl.location or ""
    return {
        "columns": [column[:2] for column in ddl.columns],
        "partition_keys": [column[:2] for column in ddl.partition_keys],
        "comments": {c[0]: c[2] for c in [*ddl.columns, *ddl.partition_keys] if c[2]},
        "location": location if location.endswith("/") or not location else location + "/",
        "format": form,
        "serde": serde,
        "serde_parameters": dict(ddl.serde_parameters),
        "parameters": {
            "EXTERNAL": "TRUE",
            **ddl.properties,
            **({"comment": ddl.comment} if ddl.comment else {}),
        },
        "inferred": False,
        "owner": "wire",
    }
