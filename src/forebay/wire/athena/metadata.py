"""Catalogs, databases and tables, as Athena's clients list them."""

from __future__ import annotations

from forebay.errors import NotFound
from forebay.wire.athena.base import SERVICE, invalid, page
from forebay.wire.athena.kinds import missing
from forebay.wire.athena.rights import may_look
from forebay.wire.athena.statements import catalog
from forebay.wire.glue.expressions import Expression
from forebay.wire.glue.shapes import storage_of
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

CATALOG = {"CatalogName": "AwsDataCatalog", "Type": "GLUE"}
MOST = 10_000


@SERVICE.operation("ListDataCatalogs")
async def list_data_catalogs(asked: Asked, given: Json) -> Json:
    """The one there is."""
    return {"DataCatalogsSummary": [CATALOG]}


@SERVICE.operation("GetDataCatalog")
async def get_data_catalog(asked: Asked, given: Json) -> Json:
    """The one there is."""
    if given["Name"].lower() != "awsdatacatalog":
        raise invalid(f"DataCatalog {given['Name']} was not found")
    return {
        "DataCatalog": {
            "Name": "AwsDataCatalog",
            "Description": "",
            "Type": "GLUE",
            "Parameters": {"catalog-id": asked.account},
        }
    }


def _database(row: Json) -> Json:
    doc = row.get("doc") or {}
    return {
        "Name": row["name"],
        "Description": doc.get("description") or None,
        "Parameters": doc.get("parameters") or None,
    }


@SERVICE.operation("ListDatabases")
async def list_databases(asked: Asked, given: Json) -> Json:
    """All databases."""
    await may_look(asked, "GetDatabases", "catalog")
    rows = await catalog(asked, "list_databases", limit=MOST)
    found, more = page([_database(row) for row in rows], given, 50)
    return {"DatabaseList": found, **more}


@SERVICE.operation("GetDatabase")
async def get_database(asked: Asked, given: Json) -> Json:
    """A database."""
    name = given["DatabaseName"].lower()
    await may_look(asked, "GetDatabase", "catalog", f"database/{name}")
    try:
        return {"Database": _database(await catalog(asked, "database_row", name=name))}
    except NotFound:
        raise _missing(asked, "Entity Not Found") from None


def _missing(asked: Asked, message: str) -> AwsError:
    return AwsError("MetadataException", missing(message, asked.request.request_id), http=400)


def _table(row: Json) -> Json:
    doc = row["doc"]
    comments = doc.get("comments") or {}
    storage = (storage_of(doc) or {}) if row["kind"] != "view" else {}

    def columns(pairs: list[list[str]]) -> list[Json]:
        return [{"Name": name, "Type": kind, "Comment": comments.get(name)} for name, kind in pairs]

    return {
        "Name": row["name"],
        "CreateTime": row["created"] / 1e6,
        "TableType": "VIRTUAL_VIEW" if row["kind"] == "view" else "EXTERNAL_TABLE",
        "Columns": columns(doc.get("columns") or []),
        "PartitionKeys": columns(doc.get("partition_keys") or []),
        "Parameters": {
            **{key: str(value) for key, value in (doc.get("parameters") or {}).items()},
            "location": doc.get("location") or "",
            "serde.serialization.lib": doc.get("serde") or "",
            **{
                f"serde.param.{key}": str(value) for key, value in (doc.get("serde_parameters") or {}).items()
            },
            "inputformat": storage.get("InputFormat") or "",
            "outputformat": storage.get("OutputFormat") or "",
        },
    }


@SERVICE.operation("GetTableMetadata")
async def get_table_metadata(asked: Asked, given: Json) -> Json:
    """A table."""
    name, database = given["TableName"].lower(), given["DatabaseName"].lower()
    await may_look(asked, "GetTable", "catalog", f"database/{database}", f"table/{database}/{name}")
    try:
        return {"TableMetadata": _table(await catalog(asked, "table_row", database=database, name=name))}
    except NotFound:
        raise _missing(asked, "Entity Not Found") from None


@SERVICE.operation("ListTableMetadata")
async def list_table_metadata(asked: Asked, given: Json) -> Json:
    """A database's tables."""
    database = given["DatabaseName"].lower()
    await may_look(asked, "GetTables", "catalog", f"database/{database}", f"table/{database}/*")
    try:
        await catalog(asked, "database_row", name=database)
    except NotFound:
        raise _missing(asked, f"Database {database} not found.") from None
    rows = await catalog(asked, "list_tables", database=database, limit=MOST)
    expression = given.get("Expression")
    if expression:
        try:
            wanted = Expression(".*" if expression == "*" else expression, ignore_case=True)
        except ValueError as error:
            raise invalid(f"Expression: {error}") from None
        rows = [row for row in rows if wanted.matches(row["name"])]
    found, more = page([_table(row) for row in rows], given, 50)
    return {"TableMetadataList": found, **more}
