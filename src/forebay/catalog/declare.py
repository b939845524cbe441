"""A declared table as the catalog's row: AWS's names for its formats, and projection as its parameters.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forebay.catalog.section import ProjectionSpec, TableSpec, ViewSpec

SERDES = {
    "json": "org.openx.data.jsonserde.JsonSerDe",
    "csv": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}


def table_doc(
    *,
    format: str,
    location: str,
    columns: Sequence[tuple[str, str]],
    partition_keys: Sequence[tuple[str, str]] = (),
    parameters: Mapping[str, str] | None = None,
    serde_parameters: Mapping[str, str] | None = None,
    inferred: bool = False,
    owner: str = "project",
) -> dict[str, Any]:
    """The `doc` of a row of `tables` (see `catalog/schema.py`)."""
    return {
        "columns": [[name.lower(), kind] for name, kind in columns],
        "partition_keys": [[name.lower(), kind] for name, kind in partition_keys],
        "location": location,
        "format": format,
        "serde": SERDES.get(format),
        "serde_parameters": dict(serde_parameters or {}),
        "parameters": {"classification": format, **(parameters or {})},
        "inferred": inferred,
        "owner": owner,
    }


def external_doc(spec: TableSpec) -> dict[str, Any]:
    """The row of a table that the project declares."""
    parameters: dict[str, str] = {}
    serde: dict[str, str] = {}
    if spec.projection:
        parameters["projection.enabled"] = "true"
        for column, projection in spec.projection.items():
            parameters |= projection_parameters(column.lower(), projection)
    if spec.location_template:
        parameters["storage.location.template"] = spec.location_template
    if spec.format == "csv":
        serde = {"separatorChar": spec.delimiter, "quoteChar": '"', "escapeChar": "\\"}
        if spec.header:
            parameters["skip.header.line.count"] = "1"
    return table_doc(
        format=spec.format,
        location=spec.location.url,
        columns=list(spec.columns.items()),
        partition_keys=list(spec.partitions.items()),
        parameters=parameters,
        serde_parameters=serde,
    )


def projection_parameters(column: str, spec: ProjectionSpec) -> dict[str, str]:
    """`projection.<column>.*`, as a table's properties on AWS."""
    parts: dict[str, str] = {"type": spec.type}
    if spec.format is not None:
        parts["format"] = spec.format
    if spec.range is not None:
        parts["range"] = spec.range
    if spec.type in ("date", "integer") and (spec.interval != 1 or spec.interval_unit is not None):
        parts["interval"] = str(spec.interval)
    if spec.interval_unit is not None:
        parts["interval.unit"] = spec.interval_unit
    if spec.values:
        parts["values"] = ",".join(spec.values)
    if spec.digits is not None:
        parts["digits"] = str(spec.digits)
    return {f"projection.{column}.{name}": value for name, value in parts.items()}


def view_doc(spec: ViewSpec, root: Path) -> dict[str, Any]:
    """The row of a view that the project declares. Raises OSError where its file cannot be read."""
    text = spec.view if spec.file is None else (root / spec.file).read_text("utf-8")
    return {
        "columns": [[name.lower(), kind] for name, kind in spec.columns.items()],
        "partition_keys": [],
        "location": "",
        "format": "text",
        "inferred": False,
        "parameters": {"presto_view": "true", "comment": "Presto View"},
        "view_sql": text.strip().rstrip(";"),
        "owner": "project",
    }
