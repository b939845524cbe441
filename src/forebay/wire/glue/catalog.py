"""Databases, and what is asked of the Data Catalog as a whole."""

from __future__ import annotations

from forebay.wire.glue.base import SERVICE, after, ask, folded, invalid, refuse_declared, token
from forebay.wire.glue.tags import put_tags
from forebay.wire.service import Asked, Json, present, seconds

MOST = 100


def database_of(asked: Asked, row: Json) -> Json:
    """A Database of Glue's."""
    doc = row["doc"]
    made = doc.get("input") or {}
    return present(
        {
            **made,
            "Name": row["name"],
            "CatalogId": doc.get("catalog") or asked.account,
            "CreateTime": seconds(doc.get("created")),
            "CreateTableDefaultPermissions": made.get("CreateTableDefaultPermissions", []),
        }
    )


@SERVICE.operation("CreateDatabase")
async def create_database(asked: Asked, given: Json) -> Json:
    """Make a database."""
    made = given["DatabaseInput"]
    name = folded(made["Name"])
    await ask(asked, "add_database", name=name, doc={"input": made, "catalog": given.get("CatalogId")})
    put_tags(asked, f"database/{name}", given.get("Tags") or {})
    return {}


@SERVICE.operation("GetDatabase")
async def get_database(asked: Asked, given: Json) -> Json:
    """One database."""
    return {"Database": database_of(asked, await ask(asked, "database_row", name=folded(given["Name"])))}


@SERVICE.operation("GetDatabases")
async def get_databases(asked: Asked, given: Json) -> Json:
    """All databases, by name."""
    limit = given.get("MaxResults") or MOST
    rows = await ask(asked, "list_databases", after=after(given), limit=limit + 1)
    answer: Json = {"DatabaseList": [database_of(asked, row) for row in rows[:limit]]}
    if len(rows) > limit:
        answer["NextToken"] = token(rows[limit - 1]["name"])
    return answer


@SERVICE.operation("UpdateDatabase")
async def update_database(asked: Asked, given: Json) -> Json:
    """Replace a database's description, location and parameters."""
    name, made = folded(given["Name"]), given["DatabaseInput"]
    refuse_declared(asked, name)
    doc = {"input": made, "catalog": given.get("CatalogId")}
    await ask(asked, "change_database", name=name, doc=doc, rename=folded(made["Name"]))
    return {}


@SERVICE.operation("DeleteDatabase")
async def delete_database(asked: Asked, given: Json) -> Json:
    """Forget a database and its tables."""
    name = folded(given["Name"])
    refuse_declared(asked, name)
    for _, table in await ask(asked, "table_names", database=name):
        refuse_declared(asked, name, table)
    await ask(asked, "remove_database", name=name)
    asked.system.documents.delete("glue.tags", f"database/{name}")
    asked.system.documents.delete_all("glue.function", f"{name}/")
    return {}


@SERVICE.operation("GetCatalogImportStatus")
async def get_catalog_import_status(asked: Asked, given: Json) -> Json:
    """There never was an Athena-internal catalog here to import."""
    return {"ImportStatus": {"ImportCompleted": True}}


__all__ = ["database_of", "invalid"]
