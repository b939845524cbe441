"""SHOW, DESCRIBE and information_schema: what the catalog holds, as rows."""

from __future__ import annotations

import re

import pyarrow as pa

from forebay.query.permit import Permit
from forebay.query.snapshot import Snapshot, Table
from forebay.query.sql.parse import Statement, failed, locate
from forebay.query.sql.relations import CATALOG

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
    text = re.sub(r"\s+", " ", statement.text.strip().rstrip(";").strip())
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
        return _one("tab_name", [n for n in names if _like(n, like)])
    place = statement.place(said["table"] or "")
    db = (said.get("other") or said["db"] or database).lower()
    table = snapshot.table(db, (said["table"] or "").lower())
    if table is None:
        raise failed("TABLE_NOT_FOUND", f"Table '{CATALOG}.{db}.{said['table']}' does not exist", place)
    match kind:
        case "columns":
            return _one("field", list(table.all_columns))
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
            return _one("createtab_stmt", create(table).split("\n"))
    rows = [f"{name:<20}\t{kind!s:<20}\t{'':<20}" for name, kind in table.columns]
    if table.partition_keys:
        rows += ["", "# Partition Information", f"{'# col_name':<20}\t{'data_type':<20}\t{'comment':<20}", ""]
        rows += [f"{name:<20}\t{kind!s:<20}\t{'':<20}" for name, kind in table.partition_keys]
    return _one("col_name", rows)


def create(table: Table) -> str:
    """The CREATE TABLE (or VIEW) that would make this table on Athena."""
    if table.kind == "view":
        return f"CREATE VIEW {table.name} AS\n{table.doc.get('view_sql', '')}"
    columns = ", \n".join(f"  `{name}` {kind}" for name, kind in table.columns)
    lines = [f"CREATE EXTERNAL TABLE `{table.db}.{table.name}`(", columns + ")"]
    if table.partition_keys:
        keys = ", \n".join(f"  `{name}` {kind}" for name, kind in table.partition_keys)
        lines += ["PARTITIONED BY ( ", keys + ")"]
    if table.doc.get("serde"):
        lines += ["ROW FORMAT SERDE ", f"  '{table.doc['serde']}' "]
    lines += ["LOCATION", f"  '{table.doc.get('location', '')}'"]
    if table.parameters:
        pairs = ", \n".join(f"  '{k}'='{v}'" for k, v in sorted(table.parameters.items()))
        lines += ["TBLPROPERTIES (", pairs + ")"]
    return "\n".join(lines)


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
