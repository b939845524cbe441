"""The built-in Parquet classifier: the schema at the end of the file, in Hive's types."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from forebay.catalog.crawl.types import Columns, Kind, merge

MAGIC = b"PAR1"


@dataclass(slots=True)
class Found:
    """What a Parquet file holds."""

    columns: Columns
    rows: int


def classify(path: Path) -> Found | None:
    """The schema of the file; None where it is no Parquet."""
    try:
        with pq.ParquetFile(path) as file:
            columns: Columns = {}
            for column in file.schema_arrow:
                name = column.name.lower()
                columns[name] = merge(columns.get(name), kind_of(column.type))
            return Found(columns, file.metadata.num_rows)
    except (pa.ArrowException, OSError):
        return None


def kind_of(kind: pa.DataType) -> Kind:
    """An Arrow type in Hive's words."""
    t = pa.types
    if t.is_dictionary(kind):
        return kind_of(kind.value_type)
    if t.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if t.is_struct(kind):
        return ("struct", {field.name.lower(): kind_of(field.type) for field in kind})
    if t.is_map(kind):
        return ("map", kind_of(kind.key_type), kind_of(kind.item_type))
    if t.is_list(kind) or t.is_large_list(kind) or t.is_fixed_size_list(kind):
        return ("array", kind_of(kind.value_type))
    for test, name in (
        (t.is_boolean, "boolean"),
        (t.is_int8, "tinyint"),
        (t.is_int16, "smallint"),
        (t.is_uint8, "smallint"),
        (t.is_int32, "int"),
        (t.is_uint16, "int"),
        (t.is_time32, "int"),
        (t.is_integer, "bigint"),
        (t.is_time64, "bigint"),
        (t.is_float32, "float"),
        (t.is_floating, "double"),
        (t.is_date, "date"),
        (t.is_timestamp, "timestamp"),
        (t.is_binary, "binary"),
        (t.is_large_binary, "binary"),
        (t.is_fixed_size_binary, "binary"),
    ):
        if test(kind):
            return name
    return "string"
