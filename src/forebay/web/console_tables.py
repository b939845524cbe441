"""The key-value tables as the console shows them: what there is, and the first items of one."""

from __future__ import annotations

import base64
import time
from typing import Any

import orjson

from forebay.errors import NotFound
from forebay.keyvalue.errors import NoTable
from forebay.keyvalue.reading import Asked, page
from forebay.keyvalue.section import KeyValueSpec
from forebay.keyvalue.store import Tables
from forebay.keyvalue.table import Table
from forebay.keyvalue.values import Value, content_of, kind_of
from forebay.project.model import Project

SHOWN = 50
"""Items of a table that are shown."""


async def listed(tables: Tables | None, project: Project) -> list[dict[str, Any]]:
    """Every table with its key, its indexes and its size."""
    found: list[dict[str, Any]] = []
    if tables is None:
        return found
    for name in sorted(project.of(KeyValueSpec)):
        try:
            table = await tables.find(name)
            items, size = await tables.facts(name)
        except NoTable:  # it is being made, or has just gone
            continue
        found.append(
            {
                "name": name,
                "key": list(table.schema.names),
                "indexes": [
                    {"name": each.name, "key": list(each.schema.names), "local": each.local}
                    for each in table.indexes
                ],
                "ttl": table.ttl,
                "items": items,
                "bytes": size,
            }
        )
    return found


async def first_items(tables: Tables | None, name: str) -> dict[str, Any]:
    """The first items of a table, as columns and rows. Raises NotFound `NoSuchTable`."""
    if tables is None:
        raise NotFound("NoSuchTable", f"there is no table {name}")
    try:
        table = await tables.find(name)
    except NoTable as error:
        raise NotFound(error.code, error.message) from None
    asked = Asked(table, int(time.time()), limit=SHOWN)
    found = await tables.read(lambda db: page(db, asked))
    names = list(dict.fromkeys([*table.schema.names, *(key for item in found.items for key in item)]))
    return {
        "columns": [_column(key, table, [item[key] for item in found.items if key in item]) for key in names],
        "rows": [[_cell(item.get(key)) for key in names] for item in found.items],
        "more": found.last is not None,
    }


def _column(name: str, table: Table, values: list[Value]) -> dict[str, Any]:
    kinds = {kind_of(value) for value in values} | {
        each.type for each in table.schema.attributes if each.name == name
    }
    return {"name": name, "type": " or ".join(sorted(kinds)), "numeric": kinds == {"N"}}


def _cell(value: Value | None) -> Any:
    if value is None or "NULL" in value:
        return None
    if kind_of(value) in ("S", "N", "BOOL"):
        return content_of(value)
    return orjson.dumps(_json(value)).decode()


def _json(value: Value) -> Any:
    kind, content = kind_of(value), content_of(value)
    if kind == "M":
        return {name: _json(each) for name, each in content.items()}
    if kind == "L":
        return [_json(each) for each in content]
    if kind == "B":
        return base64.b64encode(content).decode()
    if kind == "BS":
        return [base64.b64encode(each).decode() for each in content]
    if kind == "N" and len(content) < 16 and "." not in content:
        return int(content)
    return None if kind == "NULL" else content
