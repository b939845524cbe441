"""Column statistics of tables and partitions, as somebody else counted them: kept and given back."""

from __future__ import annotations

import json
from typing import Any

from forebay.wire.glue.base import SERVICE, ask, folded, refuse_declared
from forebay.wire.service import Asked, Json

KIND = "glue.statistics"
KEPT = "what is given is kept and given back; SQL is planned without it"


async def _place(asked: Asked, given: Json) -> tuple[str, Any]:
    """The document of a table's or a partition's statistics, and the table that it is for."""
    database, name = folded(given["DatabaseName"]), folded(given["TableName"])
    row = await ask(asked, "table_row", database=database, name=name)
    values = given.get("PartitionValues")
    if values is None:
        return f"{database}/{name}", row["created"]
    await ask(asked, "get_partition", database=database, table=name, values=values)
    return f"{database}/{name}/{json.dumps(values)}", row["created"]


def _kept(asked: Asked, id: str, table: Any) -> dict[str, Json]:
    doc = asked.system.documents.get(KIND, id)
    return dict(doc["columns"]) if doc is not None and doc["table"] == table else {}


def _plain(value: Any) -> Any:
    """A statistic as a document holds it: times as seconds, bytes as Latin-1."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if hasattr(value, "timestamp"):
        return value.timestamp()
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _given(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: inner.encode("latin-1") if name == "UnscaledValue" and isinstance(inner, str) else _given(inner)
        for name, inner in value.items()
    }


async def _update(asked: Asked, given: Json) -> Json:
    id, table = await _place(asked, given)
    refuse_declared(asked, *id.split("/", 2)[:2])
    columns = _kept(asked, id, table)
    for statistics in given["ColumnStatisticsList"]:
        columns[folded(statistics["ColumnName"])] = _plain(statistics)
    asked.system.documents.put(KIND, id, {"table": table, "columns": columns})
    return {}


async def _get(asked: Asked, given: Json) -> Json:
    id, table = await _place(asked, given)
    columns = _kept(asked, id, table)
    names = given["ColumnNames"]
    missing = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Column statistics not found."}
    errors = [{"ColumnName": name, "Error": missing} for name in names if folded(name) not in columns]
    found = [_given(columns[folded(name)]) for name in names if folded(name) in columns]
    return {"ColumnStatisticsList": found, "Errors": errors}


async def _delete(asked: Asked, given: Json) -> Json:
    id, table = await _place(asked, given)
    refuse_declared(asked, *id.split("/", 2)[:2])
    columns = _kept(asked, id, table)
    columns.pop(folded(given["ColumnName"]), None)
    asked.system.documents.put(KIND, id, {"table": table, "columns": columns})
    return {}


@SERVICE.operation("UpdateColumnStatisticsForTable", partial=KEPT)
async def update_for_table(asked: Asked, given: Json) -> Json:
    """Keep statistics of a table's columns."""
    return await _update(asked, given)


@SERVICE.operation("GetColumnStatisticsForTable", partial=KEPT)
async def get_for_table(asked: Asked, given: Json) -> Json:
    """What was kept of a table's columns."""
    return await _get(asked, given)


@SERVICE.operation("DeleteColumnStatisticsForTable")
async def delete_for_table(asked: Asked, given: Json) -> Json:
    """Forget what was kept of a column, if anything was."""
    return await _delete(asked, given)


@SERVICE.operation("UpdateColumnStatisticsForPartition", partial=KEPT)
async def update_for_partition(asked: Asked, given: Json) -> Json:
    """Keep statistics of a partition's columns."""
    return await _update(asked, given)


@SERVICE.operation("GetColumnStatisticsForPartition", partial=KEPT)
async def get_for_partition(asked: Asked, given: Json) -> Json:
    """What was kept of a partition's columns."""
    return await _get(asked, given)


@SERVICE.operation("DeleteColumnStatisticsForPartition")
async def delete_for_partition(asked: Asked, given: Json) -> Json:
    """Forget what was kept of a column of a partition, if anything was."""
    return await _delete(asked, given)
