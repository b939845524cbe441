"""A crawled table as the catalog's doc: SerDe, formats and parameters as AWS's crawler sets them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from forebay.catalog.crawl.classify import UNKNOWN, Class
from forebay.catalog.crawl.group import Group, Part, Seen
from forebay.catalog.crawl.types import merge_all, said

Doc = dict[str, Any]
STATS = ("averageRecordSize", "recordCount", "objectCount", "sizeKey", "CRAWL_RUN_ID")

TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_PARQUET = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)
_SERDES = {
    "json": "org.openx.data.jsonserde.JsonSerDe",
    "csv": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}
_OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"


def group_doc(found: Group, crawler: str, run: str, exclude: Sequence[str]) -> Doc:
    """The `doc` of a table's row."""
    kind = found.kind
    inputs, outputs = {"parquet": _PARQUET, UNKNOWN: ("", "")}.get(kind.name, TEXT)
    parameters = {
        **_parameters(kind, crawler),
        "CRAWL_RUN_ID": run,
        **_stats(found.seen),
    }
    if exclude:
        whole = f"s3://{found.bucket}/"
        own = [pattern for pattern in exclude if not pattern.startswith("s3://") or pattern.startswith(whole)]
        parameters["exclusions"] = json.dumps(own)
    serde = _SERDES.get(kind.name)
    if kind.name == "csv" and kind.serde == "OpenCSVSerDe":
        serde = _OPEN_CSV
    return {
        "columns": [[name, said(column)] for name, column in found.columns.items()],
        "partition_keys": [[name, "string"] for name in found.keys],
        "location": found.location,
        "format": kind.name if kind.name in _SERDES else "text",
        "serde": serde,
        "serde_parameters": _serde_parameters(found, serde),
        "parameters": dict(sorted(parameters.items())),
        "inferred": False,
        "owner": "crawler",
        "input_format": inputs,
        "output_format": outputs,
        "compressed": kind.compression != "none",
        "storage_parameters": dict(sorted(parameters.items())),
    }


def part_doc(part: Part, found: Group, doc: Doc, crawler: str, *, inherit: bool) -> Doc:
    """The `doc` of a partition's row: its own columns where they differ from the table's."""
    made: Doc = {
        "parameters": dict(sorted({**_parameters(found.kind, crawler), **_stats(part.seen)}.items()))
    }
    own = merge_all(seen.kind.columns for seen in part.seen)
    columns = [[name, said(kind)] for name, kind in own.items() if name not in found.keys]
    if not inherit and columns != doc["columns"]:
        made["columns"] = columns
    return made


def _parameters(kind: Class, crawler: str) -> dict[str, str]:
    parameters = {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": crawler,
        "classification": kind.name,
        "compressionType": kind.compression,
        "typeOfData": "file",
    }
    if kind.name == "csv":
        parameters |= {
            "areColumnsQuoted": "false",
            "columnsOrdered": "true",
            "delimiter": kind.delimiter or ",",
        }
        if kind.header:
            parameters["skip.header.line.count"] = "1"
    return parameters


def _serde_parameters(found: Group, serde: str | None) -> dict[str, str]:
    match found.kind.name:
        case "json":
            names = {name for seen in found.seen for name in seen.kind.fields}
            return {"paths": ",".join(sorted(names))}
        case "csv" if serde == _OPEN_CSV:
            quote = found.kind.quoted or '"'
            return {"separatorChar": found.kind.delimiter or ",", "quoteChar": quote, "escapeChar": "\\"}
        case "csv":
            return {"field.delim": found.kind.delimiter or ","}
        case "parquet":
            return {"serialization.format": "1"}
    return {}


def _stats(seen: Sequence[Seen]) -> dict[str, str]:
    size = sum(one.file.size for one in seen)
    records = sum(_records(one) for one in seen)
    return {
        "sizeKey": str(size),
        "objectCount": str(len(seen)),
        "recordCount": str(records),
        "averageRecordSize": str(max(1, size // records) if records else 0),
    }


def _records(one: Seen) -> int:
    """How many records a file has: counted where it was read whole, else in proportion."""
    kind = one.kind
    if not kind.sampled or kind.sampled >= one.file.size or kind.compression != "none":
        return kind.records
    return round(kind.records * one.file.size / kind.sampled)
