"""What kind of statement Athena calls one, where its result lies, and how what it shows is laid out.

The kinds and layouts are as other projects measured them on Athena (engine version 3): a SHOW or DESCRIBE answers one
string a row, whichever columns it announces, with tabs between.
"""

from __future__ import annotations

import re

_NOISE = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_WORDS = re.compile(r"[A-Za-z_]+")
_CTAS = re.compile(
    r"create\s+table\b.*?(?:\)|\s)as\s*(?:\(\s*)*(?:select|with|values|table)\b", re.IGNORECASE | re.DOTALL
)

_TWO = {
    "SHOW TABLES": "SHOW_TABLES",
    "SHOW VIEWS": "SHOW_VIEWS",
    "SHOW DATABASES": "SHOW_DATABASES",
    "SHOW SCHEMAS": "SHOW_DATABASES",
    "SHOW COLUMNS": "SHOW_COLUMNS",
    "SHOW PARTITIONS": "SHOW_PARTITIONS",
    "SHOW TBLPROPERTIES": "SHOW_TABLE_PROPERTIES",
    "MSCK REPAIR": "MSCK_REPAIR",
    "CREATE SCHEMA": "CREATE_DATABASE",
    "DROP SCHEMA": "DROP_DATABASE",
}
_ALTERED = {
    "ADD COLUMNS": "ALTER_TABLE_ADD_COLUMN",
    "REPLACE COLUMNS": "ALTER_TABLE_REPLACE_COLUMN",
    "ADD PARTITION": "ALTER_TABLE_ADD_PARTITION",
    "ADD IF": "ALTER_TABLE_ADD_PARTITION",
    "DROP PARTITION": "ALTER_TABLE_DROP_PARTITION",
    "DROP IF": "ALTER_TABLE_DROP_PARTITION",
    "SET TBLPROPERTIES": "ALTER_TABLE_PROPERTIES",
    "SET LOCATION": "ALTER_TABLE_SET_LOCATION",
}
_ALTER = re.compile(rf"\b({'|'.join(_ALTERED)})\b".replace(" ", r"\s+"), re.IGNORECASE)

_SHOWN = {
    "tab_name": [["tab_name", "string"]],
    "views": [["views", "varchar"]],
    "database_name": [["database_name", "string"]],
    "field": [["field", "string"]],
    "partition": [["partition", "string"]],
    "prpt_name": [["prpt_name", "string"], ["prpt_value", "string"]],
    "createtab_stmt": [["createtab_stmt", "string"]],
    "create view": [["create view", "varchar"]],
    "col_name": [["col_name", "string"], ["data_type", "string"], ["comment", "string"]],
    "column": [["column", "varchar"], ["type", "varchar"]],
}
"""By the one column of strings that the query process answers: the columns that Athena announces for it."""

_UNCOUNTED = ("DESCRIBE_TABLE", "SHOW_CREATE_TABLE", "EXPLAIN")


def kind_of(sql: str) -> tuple[str, str]:
    """(StatementType, SubstatementType), as GetQueryExecution calls them."""
    plain = _NOISE.sub(" ", sql).lstrip(" (")
    words = [word.upper() for word in _WORDS.findall(plain[:200])]
    first, second, third = ([*words, "", "", ""])[:3]
    match first:
        case "SELECT" | "WITH" | "VALUES" | "TABLE" | "EXECUTE":
            return "DML", "SELECT"
        case "INSERT" | "UNLOAD" | "DELETE" | "UPDATE" | "MERGE":
            return "DML", first
        case "DESCRIBE" | "DESC":
            return "UTILITY", "DESCRIBE_TABLE"
        case "SHOW" if second == "CREATE":
            return "UTILITY", f"SHOW_CREATE_{third}"
        case "SHOW" | "EXPLAIN" | "PREPARE" | "DEALLOCATE":
            return "UTILITY", _TWO.get(f"{first} {second}", first)
        case "ALTER" if found := _ALTER.search(plain):
            return "DDL", _ALTERED[" ".join(found[1].upper().split())]
        case "CREATE" if _CTAS.match(plain):
            return "DDL", "CREATE_TABLE_AS_SELECT"
    if f"{first} {second}" in ("CREATE OR", "CREATE EXTERNAL"):
        return "DDL", f"CREATE_{words[3] if second == 'OR' and len(words) > 3 else third}"
    return "DDL", _TWO.get(f"{first} {second}", f"{first}_{second}".rstrip("_"))


def result_key(prefix: str, id: str, kind: str, sub: str) -> str:
    """Where a statement's result lies. What writes tables has no result, but files beside this place."""
    if sub == "CREATE_TABLE_AS_SELECT":
        return f"{prefix}tables/{id}"
    if sub in ("INSERT", "UNLOAD"):
        return f"{prefix}{id}"
    return f"{prefix}{id}{'.csv' if kind == 'DML' else '.txt'}"


def announced(columns: list[list[str]]) -> list[list[str]]:
    """The columns that GetQueryResults tells of a SHOW or DESCRIBE, by what the query process answered."""
    return _SHOWN.get(columns[0][0], columns) if columns else columns


def counted(kind: str, sub: str) -> bool:
    """Whether GetQueryResults has an UpdateCount."""
    return sub not in _UNCOUNTED and (kind != "DDL" or sub == "CREATE_TABLE_AS_SELECT")


def missing(message: str, request_id: str) -> str:
    """Glue's refusal as Athena passes it on; clients look for the code in it."""
    return (
        f"{message} (Service: AmazonDataCatalog; Status Code: 400; Error Code: EntityNotFoundException;"
        f" Request ID: {request_id}; Proxy: null)"
    )
