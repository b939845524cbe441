"""DDL, CTAS, INSERT INTO and UNLOAD, done: read by `query.ddl`, kept by the flow's catalog, filled by the query process."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

from forebay.errors import ForebayError, NotFound, QueryFailed
from forebay.lake.shelf import Shelf
from forebay.query.ddl import table_doc
from forebay.query.ddl_words import Ddl
from forebay.wire.athena import rights
from forebay.wire.athena.base import split_url
from forebay.wire.athena.fills import HIVE, catalog, fill, register, tolerantly
from forebay.wire.glue import base as glue
from forebay.wire.service import Asked, Json


async def perform(asked: Asked, ddl: Ddl, execution: Json) -> Json:
    """Do what the statement says. Raises ForebayError."""
    database = (ddl.database or execution["QueryExecutionContext"]["Database"]).lower()
    await rights.may_change(asked, ddl, database)
    match ddl.kind:
        case "create_database":
            await tolerantly(
                ddl.tolerant,
                "DatabaseExists",
                catalog(asked, "add_database", name=ddl.name, doc=_database(ddl)),
            )
        case "drop_database":
            await _drop_database(asked, ddl)
        case "create_table":
            await _create_table(asked, ddl, database)
        case "create_view":
            await _create_view(asked, ddl, database)
        case "drop_table" | "drop_view":
            _refuse_declared(asked, database, ddl.name)
            await tolerantly(
                ddl.tolerant, "NoSuchTable", catalog(asked, "remove_table", database=database, name=ddl.name)
            )
        case "add_partitions":
            await _add_partitions(asked, ddl, database)
        case "drop_partitions":
            row = await catalog(asked, "table_row", database=database, name=ddl.name)
            keys = [key[0] for key in row["doc"]["partition_keys"]]
            values = [[given[key] for key in keys] for given, _ in ddl.partitions]
            await catalog(asked, "remove_partitions", database=database, table=ddl.name, wanted=values)
        case "repair":
            await repair(asked, ddl, database)
        case "add_columns" | "replace_columns" | "set_properties" | "set_location":
            await _change_table(asked, ddl, database)
        case "ctas" | "insert" | "unload":
            return await fill(asked, ddl, database, execution)
        case other:
            raise QueryFailed(
                "NOT_SUPPORTED", f"NOT_SUPPORTED: {other.replace('_', ' ').upper()} is not offered"
            )
    await _empty_result(asked, execution)
    return {}


def _database(ddl: Ddl) -> Json:
    return {"description": ddl.comment, "location": ddl.location, "parameters": ddl.properties}


def _refuse_declared(asked: Asked, database: str, table: str) -> None:
    try:
        glue.refuse_declared(asked, database, table)
    except ForebayError as error:
        raise QueryFailed("DECLARED_IN_PROJECT", error.message) from None


async def _drop_database(asked: Asked, ddl: Ddl) -> None:
    if not ddl.cascade:
        tables = await catalog(asked, "table_names", database=ddl.name)
        if tables:
            raise QueryFailed(
                "DATABASE_NOT_EMPTY",
                f"FAILED: SemanticException Database {ddl.name} is not empty. One or more tables exist.",
            )
    await tolerantly(ddl.tolerant, "NoSuchDatabase", catalog(asked, "remove_database", name=ddl.name))


async def _create_table(asked: Asked, ddl: Ddl, database: str) -> None:
    if not ddl.external and ddl.properties.get("table_type", "").lower() != "iceberg":
        raise QueryFailed(
            "SYNTAX_ERROR",
            "FAILED: SemanticException only external tables are made by CREATE TABLE; write CREATE EXTERNAL TABLE",
        )
    if not ddl.external:
        raise QueryFailed("NOT_SUPPORTED", "NOT_SUPPORTED: Iceberg tables are not offered")
    if not ddl.location:
        raise QueryFailed(
            "SYNTAX_ERROR", "FAILED: SemanticException a table needs a LOCATION 's3://bucket/prefix/'"
        )
    doc = table_doc(ddl)
    await tolerantly(
        ddl.tolerant,
        "TableExists",
        catalog(asked, "add_table", database=database, name=ddl.name, kind="external", doc=doc),
    )


async def _create_view(asked: Asked, ddl: Ddl, database: str) -> None:
    _refuse_declared(asked, database, ddl.name)
    assert ddl.sql is not None
    described: Json = await asked.system.query.call(
        "rows",
        sql=f"SELECT * FROM (\n{ddl.sql}\n) LIMIT 0",
        database=database,
        seconds=60,
        caller=rights.caller(asked, files=False),
    )
    columns = [[name.lower(), HIVE.get(kind, kind)] for name, kind in described["columns"]]
    doc = {
        "columns": columns,
        "partition_keys": [],
        "location": "",
        "format": "text",
        "parameters": {"presto_view": "true", "comment": "Presto View"},
        "view_sql": ddl.sql,
        "owner": "wire",
        "inferred": False,
    }
    if ddl.replace:
        try:
            existing = await catalog(asked, "table_row", database=database, name=ddl.name)
        except NotFound:
            pass
        else:
            if existing["kind"] != "view":
                raise QueryFailed("TABLE_ALREADY_EXISTS", f"Table already exists: {database}.{ddl.name}")
            await catalog(asked, "remove_table", database=database, name=ddl.name)
    await tolerantly(
        False, "", catalog(asked, "add_table", database=database, name=ddl.name, kind="view", doc=doc)
    )


async def _add_partitions(asked: Asked, ddl: Ddl, database: str) -> None:
    row = await catalog(asked, "table_row", database=database, name=ddl.name)
    keys = [key[0] for key in row["doc"]["partition_keys"]]
    base = row["doc"]["location"]
    rows = []
    for values, location in ddl.partitions:
        if set(values) != set(keys):
            raise QueryFailed(
                "SYNTAX_ERROR",
                f"FAILED: SemanticException the table is partitioned by {', '.join(keys) or 'nothing'}",
            )
        folder = "".join(f"{key}={values[key]}/" for key in keys)
        place = location or f"{base}{folder}"
        rows.append(
            {
                "values": [values[key] for key in keys],
                "location": place if place.endswith("/") else place + "/",
                "doc": {},
            }
        )
    failed = await catalog(asked, "add_partitions", database=database, table=ddl.name, rows=rows)
    if failed and not ddl.tolerant:
        raise QueryFailed(failed[0][1], f"FAILED: SemanticException {failed[0][2]}")


async def repair(asked: Asked, ddl: Ddl, database: str) -> None:
    """MSCK REPAIR TABLE: register every `key=value` folder below the location that is not yet known."""
    row = await catalog(asked, "table_row", database=database, name=ddl.name)
    keys = [key[0] for key in row["doc"]["partition_keys"]]
    bucket, prefix = split_url(row["doc"]["location"])
    await rights.may_list(asked, bucket, prefix)
    shelf = Shelf(asked.system.layout.catalog, asked.system.layout.lake)
    folders = await asyncio.to_thread(_folders, shelf, bucket, prefix, keys)
    rows = [
        {"values": [unquote(v) for v in values], "location": f"s3://{bucket}/{prefix}{folder}", "doc": {}}
        for folder, values in folders
    ]
    if rows:
        await catalog(asked, "add_partitions", database=database, table=ddl.name, rows=rows)


def _folders(shelf: Shelf, bucket: str, prefix: str, keys: list[str]) -> list[tuple[str, list[str]]]:
    """(folder below `prefix`, values) of every `k1=v1/k2=v2/` with these keys, in this order."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for key in keys:
        deeper = []
        for folder, values in found:
            after = ""
            while True:
                page = shelf.keys(bucket, prefix + folder, "/", after, 1000)
                for item in page.items:
                    if isinstance(item, str):
                        part = item[len(prefix + folder) : -1]
                        name, equals, value = part.partition("=")
                        if equals and name.lower() == key:
                            deeper.append((f"{folder}{part}/", [*values, value]))
                if not page.truncated:
                    break
                last = page.items[-1]
                after = last if isinstance(last, str) else last.key
        found = deeper
    return found


async def _change_table(asked: Asked, ddl: Ddl, database: str) -> None:
    _refuse_declared(asked, database, ddl.name)
    row = await catalog(asked, "table_row", database=database, name=ddl.name)
    doc = dict(row["doc"])
    new = [column[:2] for column in ddl.columns]
    doc["comments"] = {**(doc.get("comments") or {}), **{c[0]: c[2] for c in ddl.columns if c[2]}}
    if ddl.kind == "add_columns":
        doc["columns"] = [*doc["columns"], *new]
    elif ddl.kind == "replace_columns":
        doc["columns"] = new
    elif ddl.kind == "set_properties":
        doc["parameters"] = {**doc.get("parameters", {}), **ddl.properties}
    else:
        location = ddl.location or ""
        doc["location"] = location if location.endswith("/") else location + "/"
    await catalog(asked, "change_table", database=database, name=ddl.name, kind=row["kind"], doc=doc)


async def _empty_result(asked: Asked, execution: Json) -> None:
    """DDL leaves an empty text file, as on Athena."""
    bucket, key = execution["ResultConfiguration"]["OutputLocation"][5:].split("/", 1)
    done = await asked.system.query.call(
        "export", sql="SELECT 1 WHERE false", database=None, header=False, seconds=60
    )
    await register(asked, bucket, key, done)
    execution["columns"] = []


__all__ = ["catalog", "perform", "register", "repair"]
