"""Tables, their versions, and the search for them."""

from __future__ import annotations

import re
from typing import Any

from forebay.wire.glue.base import (
    SERVICE,
    after,
    ask,
    folded,
    invalid,
    not_found,
    page,
    refuse_declared,
    token,
)
from forebay.wire.glue.expressions import table_expression
from forebay.wire.glue.indexes import check_indexes, keep_indexes
from forebay.wire.glue.shapes import doc_of, table_of
from forebay.wire.service import Asked, Json

MOST = 100
_PRESENT = {"FederatedTable"}
_SORTS = {"Name": "Name", "UpdateTime": "UpdateTime", "CreateTime": "CreateTime"}


def _named(given: Json) -> tuple[str, str]:
    return folded(given["DatabaseName"]), folded(given.get("TableName") or given.get("Name") or "")


def table_input(given: Json) -> Json:
    """The TableInput, as AWS checks it beyond the model. Raises InvalidInputException."""
    made: Json = given.get("TableInput") or {}
    if not made.get("Name"):
        raise invalid("TableInput is required")
    for keys in (made.get("PartitionKeys") or [], (made.get("StorageDescriptor") or {}).get("Columns") or []):
        names = [folded(column["Name"]) for column in keys]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise invalid(f"Duplicate column name: {twice}")
    return made


@SERVICE.operation("CreateTable", partial="no open table formats, no transactions")
async def create_table(asked: Asked, given: Json) -> Json:
    """Make a table."""
    if given.get("OpenTableFormatInput"):
        raise invalid("OpenTableFormatInput is not offered")
    made = table_input(given)
    database, name = folded(given["DatabaseName"]), folded(made["Name"])
    kind, doc = doc_of(made)
    doc["catalog"] = given.get("CatalogId")
    indexes = given.get("PartitionIndexes") or []
    check_indexes(doc, indexes)
    await ask(asked, "add_table", database=database, name=name, kind=kind, doc=doc)
    if indexes:
        keep_indexes(asked, await ask(asked, "table_row", database=database, name=name), indexes)
    return {}


@SERVICE.operation("GetTable")
async def get_table(asked: Asked, given: Json) -> Json:
    """One table."""
    database, name = _named(given)
    return {"Table": table_of(asked, await ask(asked, "table_row", database=database, name=name))}


@SERVICE.operation("GetTables")
async def get_tables(asked: Asked, given: Json) -> Json:
    """A database's tables, by name; those whose name an expression matches."""
    database = folded(given["DatabaseName"])
    limit = given.get("MaxResults") or MOST
    names = None
    if expression := given.get("Expression"):
        wanted = table_expression(expression)
        found = await ask(asked, "table_names", database=database)
        names = [name for _, name in found if wanted.matches(name)]
    args = {"database": database, "after": after(given), "limit": limit + 1, "names": names}
    rows = await ask(asked, "list_tables", **args)
    answer: Json = {"TableList": [table_of(asked, row) for row in rows[:limit]]}
    if (attributes := given.get("AttributesToGet")) and "NAME" in attributes:
        answer["TableList"] = [{"Name": table["Name"]} for table in answer["TableList"]]
    if len(rows) > limit:
        answer["NextToken"] = token(rows[limit - 1]["name"])
    return answer


@SERVICE.operation("UpdateTable")
async def update_table(asked: Asked, given: Json) -> Json:
    """Replace a table's definition; the old one is kept as a version unless SkipArchive."""
    made = table_input(given)
    database, name = folded(given["DatabaseName"]), folded(given.get("Name") or made["Name"])
    if folded(made["Name"]) != name:
        raise invalid("Table cannot be renamed.")
    refuse_declared(asked, database, name)
    kind, doc = doc_of(made)
    doc["catalog"] = given.get("CatalogId")
    await ask(
        asked,
        "change_table",
        database=database,
        name=name,
        kind=kind,
        doc=doc,
        archive=not given.get("SkipArchive"),
        expected=None if given.get("VersionId") is None else _version(given["VersionId"]),
    )
    return {}


@SERVICE.operation("DeleteTable")
async def delete_table(asked: Asked, given: Json) -> Json:
    """Forget a table with its partitions and versions; its objects stay."""
    database, name = _named(given)
    refuse_declared(asked, database, name)
    await ask(asked, "remove_table", database=database, name=name)
    return {}


@SERVICE.operation("BatchDeleteTable")
async def batch_delete_table(asked: Asked, given: Json) -> Json:
    """Forget several tables; those that are not there are told."""
    database = folded(given["DatabaseName"])
    names = [folded(name) for name in given["TablesToDelete"]]
    errors = []
    going = []
    for name in names:
        try:
            refuse_declared(asked, database, name)
        except Exception as error:
            errors.append(_failed(name, "InvalidInputException", str(error)))
        else:
            going.append(name)
    missing = await ask(asked, "remove_tables", database=database, names=going)
    errors += [_failed(name, "EntityNotFoundException", f"Table {name} not found.") for name in missing]
    return {"Errors": errors} if errors else {}


def _failed(name: str, code: str, message: str) -> Json:
    return {"TableName": name, "ErrorDetail": {"ErrorCode": code, "ErrorMessage": message}}


# --- versions ---


def _version(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise invalid(f'"{text}" is not an integer.')
    return int(text)


async def _revisions(asked: Asked, given: Json) -> list[Json]:
    database, name = _named(given)
    found: list[Json] = await ask(asked, "revisions", database=database, name=name)
    return found


def _version_of(asked: Asked, row: Json) -> Json:
    return {"Table": table_of(asked, row), "VersionId": str(row["revision"])}


@SERVICE.operation("GetTableVersion")
async def get_table_version(asked: Asked, given: Json) -> Json:
    """One version; the present one if none is named."""
    rows = await _revisions(asked, given)
    text = given.get("VersionId")
    if text is None:
        return {"TableVersion": _version_of(asked, rows[-1])}
    wanted = _version(text)
    for row in rows:
        if row["revision"] == wanted:
            return {"TableVersion": _version_of(asked, row)}
    raise not_found("Version not found.")


@SERVICE.operation("GetTableVersions", partial="oldest first; the last thousand are kept")
async def get_table_versions(asked: Asked, given: Json) -> Json:
    """All versions."""
    rows = await _revisions(asked, given)
    found, more = page(rows, given, MOST, key=lambda row: f"{row['revision']:018d}")
    return {"TableVersions": [_version_of(asked, row) for row in found], **more}


@SERVICE.operation("DeleteTableVersion")
async def delete_table_version(asked: Asked, given: Json) -> Json:
    """Forget an old version."""
    missing = await _remove(asked, given, [_version(given["VersionId"])])
    if missing:
        raise not_found("Version not found.")
    return {}


@SERVICE.operation("BatchDeleteTableVersion")
async def batch_delete_table_version(asked: Asked, given: Json) -> Json:
    """Forget old versions; those that are not there are told."""
    missing = await _remove(asked, given, [_version(text) for text in given["VersionIds"]])
    detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Version not found."}
    name = given["TableName"]
    errors = [{"TableName": name, "VersionId": str(v), "ErrorDetail": detail} for v in missing]
    return {"Errors": errors} if errors else {}


async def _remove(asked: Asked, given: Json, versions: list[int]) -> list[int]:
    database, name = _named(given)
    refuse_declared(asked, database, name)
    missing: list[int] = await ask(asked, "remove_revisions", database=database, name=name, versions=versions)
    return missing


# --- search ---


@SERVICE.operation(
    "SearchTables", partial="own catalog only; text is looked for in names, columns and values"
)
async def search_tables(asked: Asked, given: Json) -> Json:
    """Tables by text and by filters."""
    rows: list[Json] = []
    for database in sorted({name for name, _ in await ask(asked, "table_names")}):
        rows += await ask(asked, "list_tables", database=database, limit=10_000)
    tables = [table_of(asked, row) for row in rows]
    text = (given.get("SearchText") or "").lower().strip()
    exact = len(text) > 1 and text[0] == text[-1] == '"'
    if text:
        tables = [table for table in tables if _says(table, text.strip('"'), exact=exact)]
    for wanted in given.get("Filters") or ():
        tables = [table for table in tables if _matches(table, wanted)]
    tables.sort(key=lambda table: (table["DatabaseName"], table["Name"]))
    for sort in reversed(given.get("SortCriteria") or []):
        name = sort.get("FieldName")
        if name not in _SORTS:
            raise invalid(f"Cannot sort by {name}")
        tables.sort(key=lambda table: table[_SORTS[name]], reverse=sort.get("Sort") == "DESC")
    start = after(given)
    at = int(start) if start.isdecimal() and len(start) < 19 else 0
    limit = given.get("MaxResults") or MOST
    answer: Json = {"TableList": tables[at : at + limit]}
    if at + limit < len(tables):
        answer["NextToken"] = token(str(at + limit))
    return answer


def _texts(table: Json) -> list[str]:
    found = [table["Name"], table["DatabaseName"], table.get("Description") or ""]
    found += [column["Name"] for column in (table.get("StorageDescriptor") or {}).get("Columns") or ()]
    found += [column["Name"] for column in table.get("PartitionKeys") or ()]
    found += [str(value) for value in (table.get("Parameters") or {}).values()]
    return [text.lower() for text in found]


def _says(table: Json, text: str, *, exact: bool) -> bool:
    return any(text == found if exact else text in found for found in _texts(table))


def _matches(table: Json, wanted: Json) -> bool:
    name, value = str(wanted.get("Key") or ""), str(wanted.get("Value") or "")
    known: dict[str, Any] = {
        key.lower(): item for key, item in table.items() if not isinstance(item, list | dict)
    }
    found = known.get(name.lower(), (table.get("Parameters") or {}).get(name))
    if found is None:
        return False
    match wanted.get("Comparator") or "EQUALS":
        case "GREATER_THAN":
            return str(found) > value
        case "LESS_THAN":
            return str(found) < value
        case "GREATER_THAN_EQUALS":
            return str(found) >= value
        case "LESS_THAN_EQUALS":
            return str(found) <= value
    return (
        value.lower() in str(found).lower()
        if name.lower() in ("name", "databasename")
        else str(found) == value
    )
