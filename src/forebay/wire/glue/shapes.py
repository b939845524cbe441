"""A TableInput as the catalog's doc, and a doc as Glue's Table.

The doc's own keys (columns, location, format, SerDe, parameters) are the truth: SQL reads them, and DDL
and crawlers change them. What a TableInput holds beyond them is kept beside under `input`, so that it
comes back as it was given.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from forebay.wire.glue.base import folded
from forebay.wire.service import Asked, Json, present, seconds

TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
VIEW = "VIRTUAL_VIEW"
_VIEW_HEAD, _VIEW_TAIL = "/* Presto View: ", " */"


def format_of(serde: str, input_format: str, parameters: Json) -> str:
    """json, csv, parquet or text, by the SerDe, the input format, or the classification."""
    name = serde.rpartition(".")[2].lower()
    if "json" in name:
        return "json"
    if "csv" in name or name == "lazysimpleserde":
        return "csv"
    if "parquet" in name or "parquet" in input_format.lower():
        return "parquet"
    said = str(parameters.get("classification") or "").lower()
    return said if said in ("json", "csv", "parquet") else "text"


def _pairs(columns: list[Json] | None) -> list[list[str]]:
    return [[folded(column["Name"]), column.get("Type") or "string"] for column in columns or ()]


def doc_of(made: Json) -> tuple[str, Json]:
    """(kind, doc) of a TableInput."""
    storage = made.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    parameters = made.get("Parameters") or {}
    library = serde.get("SerializationLibrary") or ""
    doc: Json = {
        "columns": _pairs(storage.get("Columns")),
        "partition_keys": _pairs(made.get("PartitionKeys")),
        "location": storage.get("Location") or "",
        "format": format_of(library, storage.get("InputFormat") or "", parameters),
        "serde": library or None,
        "serde_parameters": serde.get("Parameters") or {},
        "parameters": parameters,
        "comments": {
            folded(column["Name"]): column["Comment"]
            for column in [*(storage.get("Columns") or ()), *(made.get("PartitionKeys") or ())]
            if column.get("Comment")
        },
        "inferred": False,
        "owner": "wire",
        "input": made,
    }
    sql = view_sql(made)
    if made.get("TableType") == VIEW and sql is not None:
        doc["view_sql"] = sql
        return "view", doc
    return "external", doc


def view_sql(made: Json) -> str | None:
    """The SELECT of a view, as Athena (Presto's base64) or as plain SQL writes it."""
    text = made.get("ViewOriginalText")
    if not text:
        return None
    text = str(text).strip()
    if text.startswith(_VIEW_HEAD) and text.endswith(_VIEW_TAIL):
        try:
            sql = json.loads(base64.b64decode(text[len(_VIEW_HEAD) : -len(_VIEW_TAIL)])).get("originalSql")
        except (ValueError, AttributeError):
            return None
        return None if sql is None else str(sql)
    return text


def _view_text(row: Json) -> str:
    kinds = {"string": "varchar", "int": "integer", "float": "real", "binary": "varbinary"}
    columns = [
        {"name": name, "type": kinds.get(kind, kind)} for name, kind in row["doc"].get("columns") or ()
    ]
    view = {
        "originalSql": row["doc"].get("view_sql"),
        "catalog": "awsdatacatalog",
        "schema": row["database"],
        "columns": columns,
    }
    return _VIEW_HEAD + base64.b64encode(json.dumps(view).encode()).decode() + _VIEW_TAIL


def _columns(pairs: list[list[str]], given: list[Json] | None, comments: Json) -> list[Json]:
    """Columns of an answer: as given where they are still that, else from the doc with what is known of them."""
    if given is not None and _pairs(given) == [list(pair) for pair in pairs]:
        return given
    known = {folded(column["Name"]): column for column in given or ()}
    made = []
    for name, kind in pairs:
        column: Json = {**known.get(name, {}), "Name": known.get(name, {}).get("Name", name), "Type": kind}
        if comments.get(name):
            column["Comment"] = comments[name]
        made.append(column)
    return made


def _storage(doc: Json) -> Json:
    """A StorageDescriptor where none was given."""
    parquet = doc.get("format") == "parquet"
    known = doc.get("format") in ("json", "csv", "parquet", "text")
    return {
        "Columns": [],
        "Location": "",
        "InputFormat": doc.get("input_format")
        or ((PARQUET_INPUT if parquet else TEXT_INPUT) if known else ""),
        "OutputFormat": doc.get("output_format")
        or ((PARQUET_OUTPUT if parquet else TEXT_OUTPUT) if known else ""),
        "Compressed": bool(doc.get("compressed")),
        "NumberOfBuckets": -1,
        "SerdeInfo": {"Parameters": {}},
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": doc.get("storage_parameters") or {},
        "StoredAsSubDirectories": False,
    }


def storage_of(doc: Json) -> Json | None:
    """The StorageDescriptor of a doc: what was given, with what has changed since."""
    made = doc.get("input") or {}
    given = made.get("StorageDescriptor")
    if given is None and made:
        return None
    storage = dict(given) if given is not None else _storage(doc)
    comments = doc.get("comments") or {}
    pairs = doc.get("columns") or []
    if given is None or "Columns" in given or pairs:
        storage["Columns"] = _columns(pairs, given and given.get("Columns"), comments)
    if (storage.get("Location") or "") != (doc.get("location") or ""):
        storage["Location"] = doc.get("location") or ""
    serde = dict(storage.get("SerdeInfo") or {})
    if (serde.get("SerializationLibrary") or None) != doc.get("serde"):
        serde["SerializationLibrary"] = doc.get("serde")
    if (serde.get("Parameters") or {}) != (doc.get("serde_parameters") or {}):
        serde["Parameters"] = doc.get("serde_parameters") or {}
    if serde:
        storage["SerdeInfo"] = present(serde)
    return storage


def table_of(asked: Asked, row: Json) -> Json:
    """A Table of Glue's."""
    doc = row["doc"]
    made = doc.get("input") or {}
    keys = doc.get("partition_keys") or []
    is_view = row["kind"] == "view"
    table: Json = {
        "Owner": None if made else {"crawler": "owner"}.get(str(doc.get("owner")), "forebay"),
        "TableType": None if made else VIEW if is_view else "EXTERNAL_TABLE",
        **made,
        "Name": row["name"],
        "DatabaseName": row["database"],
        "CreateTime": seconds(row["created"]),
        "UpdateTime": seconds(row["updated"]),
        "Retention": made.get("Retention", 0),
        "StorageDescriptor": storage_of(doc),
        "Parameters": doc.get("parameters") if made.get("Parameters") or doc.get("parameters") else None,
        "CreatedBy": f"arn:aws:iam::{asked.account}:user/root",
        "IsRegisteredWithLakeFormation": False,
        "CatalogId": doc.get("catalog") or asked.account,
        "VersionId": str(row["revision"]),
        "IsMultiDialectView": False,
    }
    if keys or not made or "PartitionKeys" in made:
        table["PartitionKeys"] = _columns(keys, made.get("PartitionKeys"), doc.get("comments") or {})
    if is_view and "ViewOriginalText" not in made:
        table |= {"ViewOriginalText": _view_text(row), "ViewExpandedText": "/* Presto View */"}
    return present(table)


def partition_row(made: Json) -> Json:
    """`{values, location, doc}` of a PartitionInput."""
    storage = made.get("StorageDescriptor") or {}
    return {
        "values": made.get("Values") or [],
        "location": storage.get("Location") or "",
        "doc": {"input": made, "parameters": made.get("Parameters") or {}},
    }


def partition_of(asked: Asked, table: Json, row: Json, *, columns: bool = True) -> Json:
    """A Partition of Glue's; without its columns where they were not asked for."""
    doc = row["doc"]
    made: dict[str, Any] = doc.get("input") or {}
    storage = made.get("StorageDescriptor")
    if not made:
        storage = {**(storage_of(table["doc"]) or {}), "Location": row["location"]}
        if doc.get("columns"):
            storage["Columns"] = [{"Name": name, "Type": kind} for name, kind in doc["columns"]]
    if storage is not None and not columns:
        storage = {**storage, "Columns": []}
    created = seconds(doc.get("created"))
    return present(
        {
            "Parameters": doc.get("parameters") or None,
            **made,
            "Values": row["values"],
            "DatabaseName": table["database"],
            "TableName": table["name"],
            "CreationTime": created if created is not None else seconds(table["created"]),
            "StorageDescriptor": storage,
            "CatalogId": table["doc"].get("catalog") or asked.account,
        }
    )
