"""SHOW, DESCRIBE and information_schema: what the catalog holds, as rows."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa

from forebay.query.permit import Permit
from forebay.query.snapshot import Snapshot, Table
from forebay.query.sql.parse import Statement, failed, locate
from forebay.query.sql.relations import CATALOG
from forebay.query.types import Type

_NAME = r'(?:[`"]?(?P<db>[\w$-]+)[`"]?\.)?[`"]?(?P<table>[\w$-]+)[`"]?'
_FORMS = {
    "databases": re.compile(r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+(?:LIKE\s+)?'(?P<like>[^']*)')?\s*$", re.I),
    "tables": re.compile(r"SHOW\s+(?P<what>TABLES|VIEWS)(?:\s+(?:IN|FROM)\s+[`\"]?(?P<db>[\w$-]+)[`\"]?)?(?:\s+(?:LIKE\s+)?'(?P<like>[^']*)')?\s*$", re.I),
    "columns": re.compile(rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{_NAME}(?:\s+(?:IN|FROM)\s+[`\"]?(?P<other>[\w$-]+)[`\"]?)?\s*$", re.I),
    "partitions": re.compile(rf"SHOW\s+PARTITIONS\s+{_NAME}\s*$", re.I),
    "properties": re.compile(rf"SHOW\s+TBLPROPERTIES\s+{_NAME}(?:\s*\(\s*'(?P<like>[^']*)'\s*\))?\s*$", re.I),
    "create": re.compile(rf"SHOW\s+CREATE\s+(?:TABLE|VIEW)\s+{_NAME}\s*$", re.I),
    "describe": re.compile(rf"DESC(?:RIBE)?\s+(?:(?:EXTENDED|FORMATTED)\s+)?{_NAME}\s*$", re.I),
}  # fmt: skip

_LEAD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)

INFORMATION_SCHEMA = {
    "schemata": ("catalog_name", "schema_name"),
    "tables": ("table_catalog", "table_schema", "table_name", "table_type"),
    "columns": (
        "table_catalog", "table_schema", "table_name", "column_name", "ordinal_position", "column_default",
        "is_nullable", "data_type",
    ),
}  # fmt: skip


def answer(statement: Statement, snapshot: Snapshot, database: str) -> pa.Table:
    """The rows of a SHOW or DESCRIBE, as Athena names and orders them."""
    read = _read(statement)
    if read is not None:
        return _answer(*read, statement, snapshot, database)
    shown = statement.tokens[min(1, len(statement.tokens) - 1)]
    raise failed(
        "SYNTAX_ERROR",
        f"mismatched input '{shown.text}'",
        locate(statement.text, shown.start),
        fix="SHOW DATABASES, TABLES, VIEWS, COLUMNS, PARTITIONS, TBLPROPERTIES, CREATE TABLE; DESCRIBE",
    )


def permitted(statement: Statement, snapshot: Snapshot, database: str, permit: Permit) -> None:
    """Ask whether what a SHOW or DESCRIBE looks up may be. Raises QueryFailed."""
    kind, said = _read(statement) or ("", {})
    db = (said.get("other") or said.get("db") or database).lower()
    match kind:
        case "databases":
            permit.databases()
        case "tables":
            permit.tables(db)
        case "":
            pass  # no statement at all, which is said to whoever asks
        case _:
            name = (said.get("table") or "").lower()
            permit.table(db, name)
            table = snapshot.table(db, name)
            if kind == "partitions" and table is not None:
                permit.partitions(table)


def _read(statement: Statement) -> tuple[str, dict[str, str | None]] | None:
    text = statement.text[m.end() :] if (m := _LEAD.match(statement.text)) else statement.text
    text = re.sub(r"\s+", " ", text.strip().rstrip(";").strip())
    for kind, form in _FORMS.items():
        found = form.match(text)
        if found is not None:
            return kind, found.groupdict()
    return None


def _answer(
    kind: str, said: dict[str, str | None], statement: Statement, snapshot: Snapshot, database: str
) -> pa.Table:
    like = said.get("like")
    if kind == "databases":
        return _one("database_name", [n for n in snapshot.databases() if _like(n, like)])
    if kind == "tables":
        views = (said["what"] or "").upper() == "VIEWS"
        names = [
            t.name for t in snapshot.tables((said["db"] or database).lower()) if not views or t.kind == "view"
        ]
        return _one("views" if views else "tab_name", [n for n in names if _like(n, like)])
    place = statement.place(said["table"] or "")
    db = (said.get("other") or said["db"] or database).lower()
    table = snapshot.table(db, (said["table"] or "").lower())
    if table is None:
        raise failed("TABLE_NOT_FOUND", f"Table '{CATALOG}.{db}.{said['table']}' does not exist", place)
    match kind:
        case "columns" | "describe" if table.kind == "view":
            return _one("column", [f"{name}\t{kind.trino}" for name, kind in table.columns])
        case "columns":
            return _one("field", [f"{name:<20}" for name in table.all_columns])
        case "partitions":
            names = [name for name, _ in table.partition_keys]
            listed = snapshot.partitions(table)
            return _one(
                "partition",
                ["/".join(f"{n}={v}" for n, v in zip(names, vals, strict=False)) for vals, _ in listed],
            )
        case "properties":
            pairs = [(k, v) for k, v in table.parameters.items() if like is None or k == like.lower()]
            return _one("prpt_name", [f"{k}\t{v}" for k, v in pairs])
        case "create":
            name = "create view" if table.kind == "view" else "createtab_stmt"
            return _one(name, create(table, qualified=said["db"] is not None).split("\n"))
    return _one("col_name", _described(table))


def _described(table: Table) -> list[str]:
    comments = table.doc.get("comments") or {}

    def line(name: str, kind: str, comment: str) -> str:
        return f"{name:<20}\t{kind:<20}\t{comment:<20}"

    keys = [line(name, str(kind), comments.get(name, "")) for name, kind in table.partition_keys]
    rows = [line(name, str(kind), comments.get(name, "")) for name, kind in table.columns]
    if not keys:
        return rows
    head = ["\t \t ", "# Partition Information\t \t ", line("# col_name", "data_type", "comment"), "\t \t "]
    return [*rows, *keys, *head, *keys]


_TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_FORMATS = {
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    ),
}
_DELIMITED = {
    "field.delim": "FIELDS TERMINATED BY",
    "escape.delim": "ESCAPED BY",
    "collection.delim": "COLLECTION ITEMS TERMINATED BY",
    "mapkey.delim": "MAP KEYS TERMINATED BY",
    "line.delim": "LINES TERMINATED BY",
    "serialization.null.format": "NULL DEFINED AS",
}


def create(table: Table, *, qualified: bool) -> str:
    """The CREATE TABLE (or VIEW) that would make this table on Athena; the table is named as it was asked for."""
    if table.kind == "view":
        return f"CREATE VIEW {table.name} AS\n{table.doc.get('view_sql', '')}"
    comments = table.doc.get("comments") or {}

    def columns(pairs: Iterable[tuple[str, Type]]) -> str:
        said = {name: f" COMMENT {_text(comments[name])}" if comments.get(name) else "" for name, _ in pairs}
        return ", \n".join(f"  `{name}` {kind}{said[name]}" for name, kind in pairs)

    named = f"{table.db}.{table.name}" if qualified else table.name
    lines = [f"CREATE EXTERNAL TABLE `{named}`(", columns(table.columns) + ")"]
    if table.parameters.get("comment"):
        lines += [f"COMMENT {_text(table.parameters['comment'])}"]
    if table.partition_keys:
        lines += ["PARTITIONED BY ( ", columns(table.partition_keys) + ")"]
    reads, writes = _FORMATS.get(table.format, _TEXT)
    lines += _row_format(table)
    lines += ["STORED AS INPUTFORMAT ", f"  '{reads}' ", "OUTPUTFORMAT ", f"  '{writes}'"]
    lines += ["LOCATION", f"  '{table.doc.get('location', '')}'"]
    pairs = {k: v for k, v in table.parameters.items() if k not in ("comment", "external")}
    if pairs:
        lines += ["TBLPROPERTIES (", _pairs(pairs) + ")"]
    return "\n".join(lines)


def _row_format(table: Table) -> list[str]:
    serde = str(table.doc.get("serde") or "")
    given = {str(k): str(v) for k, v in (table.doc.get("serde_parameters") or {}).items()}
    given.pop("serialization.format", None)
    if serde.endswith(".LazySimpleSerDe") and set(given) <= set(_DELIMITED):
        terms = [f"  {_DELIMITED[name]} {_text(value)} " for name, value in given.items()]
        return ["ROW FORMAT DELIMITED ", *terms] if terms else []
    lines = ["ROW FORMAT SERDE ", f"  '{serde}' "] if serde else []
    return [*lines, "WITH SERDEPROPERTIES ( ", _pairs(given) + ") "] if given else lines


def _pairs(pairs: dict[str, str]) -> str:
    return ", \n".join(f"  {_text(k)}={_text(v)}" for k, v in sorted(pairs.items()))


def _text(value: str) -> str:
    """A literal as Hive writes it."""
    shown = value.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t").replace("\n", "\\n")
    return "'" + re.sub(r"[\x00-\x1f]", lambda char: f"\\u{ord(char[0]):04X}", shown) + "'"


def _one(name: str, values: list[str]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string())})


def _like(name: str, pattern: str | None) -> bool:
    """Hive's patterns: `*` for anything, `|` between alternatives."""
    if pattern is None:
        return True
    choices = (re.escape(part).replace(r"\*", ".*").replace("%", ".*") for part in pattern.lower().split("|"))
    return any(re.fullmatch(choice, name.lower()) for choice in choices)


def information(name: str, snapshot: Snapshot) -> pa.Table:
    """A table of information_schema."""
    rows: list[tuple[str | int | None, ...]] = []
    match name:
        case "schemata":
            rows = [(CATALOG, db) for db in snapshot.databases()]
        case "tables":
            rows = [
                (CATALOG, t.db, t.name, "VIEW" if t.kind == "view" else "BASE TABLE")
                for t in snapshot.tables()
            ]
        case "columns":
            for t in snapshot.tables():
                for i, (column, kind) in enumerate((*t.columns, *t.partition_keys), 1):
                    rows.append((CATALOG, t.db, t.name, column, i, None, "YES", kind.trino))
    names = INFORMATION_SCHEMA[name]
    return pa.table(
        {
            column: pa.array(
                [row[i] for row in rows], pa.int64() if column == "ordinal_position" else pa.string()
            )
            for i, column in enumerate(names)
        }
    )
