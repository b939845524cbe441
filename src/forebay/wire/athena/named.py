"""Named queries (the project's own among them) and prepared statements."""

from __future__ import annotations

import uuid
from pathlib import Path

from forebay.query.section import NamedQuerySpec
from forebay.wire.athena.base import NAMED, PREPARED, PRIMARY, SERVICE, group_of, invalid, now, page
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json


def _declared(asked: Asked) -> dict[str, Json]:
    project = asked.system.declared()
    found = {}
    for name, spec in project.of(NamedQuerySpec).items():
        text = spec.sql
        if text is None and spec.file is not None:
            path = Path(project.root) / spec.file
            text = path.read_text() if path.exists() else ""
        id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"forebay:{project.name}:{name}"))
        found[id] = {
            "NamedQueryId": id,
            "Name": name,
            "Description": spec.description or "",
            "Database": spec.database or project.database,
            "QueryString": text,
            "WorkGroup": PRIMARY,
        }
    return found


def _all(asked: Asked) -> dict[str, Json]:
    return {**_declared(asked), **dict(asked.system.documents.all(NAMED))}


@SERVICE.operation("CreateNamedQuery")
async def create_named_query(asked: Asked, given: Json) -> Json:
    """Keep a query under a name."""
    group = group_of(asked, given.get("WorkGroup"))["Name"]
    id = str(uuid.uuid4())
    names = ("Name", "Description", "Database", "QueryString")
    doc = {"NamedQueryId": id, "WorkGroup": group, **{name: given[name] for name in names if name in given}}
    asked.system.documents.put(NAMED, id, doc)
    return {"NamedQueryId": id}


@SERVICE.operation("GetNamedQuery")
async def get_named_query(asked: Asked, given: Json) -> Json:
    """One of them."""
    found = _all(asked).get(given["NamedQueryId"])
    if found is None:
        raise invalid(f"NamedQuery {given['NamedQueryId']} was not found")
    return {"NamedQuery": found}


@SERVICE.operation("BatchGetNamedQuery")
async def batch_get_named_query(asked: Asked, given: Json) -> Json:
    """Several."""
    known = _all(asked)
    found = [known[id] for id in given["NamedQueryIds"] if id in known]
    missing = [
        {"NamedQueryId": id, "ErrorCode": "INVALID_INPUT", "ErrorMessage": f"NamedQuery {id} was not found"}
        for id in given["NamedQueryIds"]
        if id not in known
    ]
    return {"NamedQueries": found, "UnprocessedNamedQueryIds": missing}


@SERVICE.operation("ListNamedQueries")
async def list_named_queries(asked: Asked, given: Json) -> Json:
    """The ids of a work group's."""
    group = group_of(asked, given.get("WorkGroup"))["Name"]
    ids, more = page([id for id, doc in _all(asked).items() if doc["WorkGroup"] == group], given, 50)
    return {"NamedQueryIds": ids, **more}


def _mine(asked: Asked, id: str) -> Json:
    if id in _declared(asked):
        raise invalid(f"NamedQuery {id} belongs to the project and is changed in its files only")
    found = asked.system.documents.get(NAMED, id)
    if found is None:
        raise invalid(f"NamedQuery {id} was not found")
    return found


@SERVICE.operation("UpdateNamedQuery")
async def update_named_query(asked: Asked, given: Json) -> Json:
    """Change one."""
    doc = _mine(asked, given["NamedQueryId"])
    changes: Json = {name: given[name] for name in ("Name", "Description", "QueryString") if name in given}
    asked.system.documents.put(NAMED, given["NamedQueryId"], {**doc, **changes})
    return {}


@SERVICE.operation("DeleteNamedQuery")
async def delete_named_query(asked: Asked, given: Json) -> Json:
    """Remove one."""
    _mine(asked, given["NamedQueryId"])
    asked.system.documents.delete(NAMED, given["NamedQueryId"])
    return {}


def _statement(asked: Asked, given: Json) -> Json:
    found = asked.system.documents.get(PREPARED, f"{given['WorkGroup']}/{given['StatementName']}")
    if found is None:
        message = (
            f"PreparedStatement {given['StatementName']} was not found in workGroup {given['WorkGroup']}"
        )
        raise AwsError("ResourceNotFoundException", message, http=400)
    return found


@SERVICE.operation("CreatePreparedStatement")
async def create_prepared_statement(asked: Asked, given: Json) -> Json:
    """Keep a statement with parameters."""
    group_of(asked, given["WorkGroup"])
    id = f"{given['WorkGroup']}/{given['StatementName']}"
    if asked.system.documents.get(PREPARED, id) is not None:
        raise invalid(
            f"PreparedStatement {given['StatementName']} already exists in workGroup {given['WorkGroup']}"
        )
    doc = {
        "StatementName": given["StatementName"],
        "QueryStatement": given["QueryStatement"],
        "WorkGroupName": given["WorkGroup"],
        "Description": given.get("Description"),
        "LastModifiedTime": now(),
    }
    asked.system.documents.put(PREPARED, id, doc)
    return {}


@SERVICE.operation("GetPreparedStatement")
async def get_prepared_statement(asked: Asked, given: Json) -> Json:
    """One of them."""
    return {"PreparedStatement": _statement(asked, given)}


@SERVICE.operation("UpdatePreparedStatement")
async def update_prepared_statement(asked: Asked, given: Json) -> Json:
    """Change one."""
    doc = _statement(asked, given)
    changes: Json = {name: given[name] for name in ("QueryStatement", "Description") if name in given}
    id = f"{given['WorkGroup']}/{given['StatementName']}"
    asked.system.documents.put(PREPARED, id, {**doc, **changes, "LastModifiedTime": now()})
    return {}


@SERVICE.operation("DeletePreparedStatement")
async def delete_prepared_statement(asked: Asked, given: Json) -> Json:
    """Remove one."""
    _statement(asked, given)
    asked.system.documents.delete(PREPARED, f"{given['WorkGroup']}/{given['StatementName']}")
    return {}


@SERVICE.operation("ListPreparedStatements")
async def list_prepared_statements(asked: Asked, given: Json) -> Json:
    """A work group's."""
    group_of(asked, given["WorkGroup"])
    rows = [
        {"StatementName": doc["StatementName"], "LastModifiedTime": doc["LastModifiedTime"]}
        for _, doc in asked.system.documents.all(PREPARED, f"{given['WorkGroup']}/")
    ]
    found, more = page(rows, given, 50)
    return {"PreparedStatements": found, **more}
