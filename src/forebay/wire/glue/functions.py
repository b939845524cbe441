"""User-defined functions of databases: kept for those who run them; SQL here does not."""

from __future__ import annotations

from typing import Any

from forebay.clock import now_us
from forebay.wire.glue.base import SERVICE, ask, folded, invalid, not_found, page
from forebay.wire.glue.expressions import java_expression
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present, seconds

KIND = "glue.function"
KEPT = "only kept: SQL does not run it"
MOST = 100


async def _database(asked: Asked, given: Json) -> str:
    name = folded(given["DatabaseName"])
    await ask(asked, "database_row", name=name)
    return name


def _function(asked: Asked, database: str, name: str) -> Json:
    doc = asked.system.documents.get(KIND, f"{database}/{folded(name)}")
    if doc is None:
        raise not_found("Cannot find function.")
    return doc


def _shown(asked: Asked, id: str, doc: Json) -> Json:
    database = id.partition("/")[0]
    return present(
        {
            **doc["made"],
            "DatabaseName": database,
            "CreateTime": seconds(doc["created"]),
            "CatalogId": doc.get("catalog") or asked.account,
        }
    )


@SERVICE.operation("CreateUserDefinedFunction", partial=KEPT)
async def create_function(asked: Asked, given: Json) -> Json:
    """Keep a function."""
    database, made = await _database(asked, given), given["FunctionInput"]
    if not made.get("FunctionName"):
        raise invalid("FunctionName is required")
    id = f"{database}/{folded(made['FunctionName'])}"
    if asked.system.documents.get(KIND, id) is not None:
        raise AwsError("AlreadyExistsException", "Function already exists.", http=400)
    doc = {"made": made, "catalog": given.get("CatalogId"), "created": now_us()}
    asked.system.documents.put(KIND, id, doc)
    return {}


@SERVICE.operation("GetUserDefinedFunction")
async def get_function(asked: Asked, given: Json) -> Json:
    """A function."""
    database, name = await _database(asked, given), given["FunctionName"]
    doc = _function(asked, database, name)
    return {"UserDefinedFunction": _shown(asked, f"{database}/{folded(name)}", doc)}


@SERVICE.operation("GetUserDefinedFunctions")
async def get_functions(asked: Asked, given: Json) -> Json:
    """The functions of a database, or of all, whose name a pattern matches."""
    wanted = java_expression(given["Pattern"])
    scope = f"{await _database(asked, given)}/" if given.get("DatabaseName") else ""
    found: list[Any] = [
        (id, doc)
        for id, doc in asked.system.documents.all(KIND, scope)
        if wanted.matches(doc["made"]["FunctionName"])
    ]
    chosen, more = page(found, given, MOST, key=lambda item: item[0])
    return {"UserDefinedFunctions": [_shown(asked, id, doc) for id, doc in chosen], **more}


@SERVICE.operation("UpdateUserDefinedFunction", partial=KEPT)
async def update_function(asked: Asked, given: Json) -> Json:
    """Replace a function, whose name may change."""
    database, name, made = await _database(asked, given), given["FunctionName"], given["FunctionInput"]
    doc = _function(asked, database, name)
    after = f"{database}/{folded(made.get('FunctionName') or name)}"
    if after != f"{database}/{folded(name)}":
        if asked.system.documents.get(KIND, after) is not None:
            raise AwsError("AlreadyExistsException", "Function already exists.", http=400)
        asked.system.documents.delete(KIND, f"{database}/{folded(name)}")
    asked.system.documents.put(KIND, after, {**doc, "made": {"FunctionName": name, **made}})
    return {}


@SERVICE.operation("DeleteUserDefinedFunction")
async def delete_function(asked: Asked, given: Json) -> Json:
    """Forget a function."""
    database = await _database(asked, given)
    _function(asked, database, given["FunctionName"])
    asked.system.documents.delete(KIND, f"{database}/{folded(given['FunctionName'])}")
    return {}
