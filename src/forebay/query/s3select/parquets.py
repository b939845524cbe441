"""Parquet: row groups to records, a thousand at a time, of the columns that are asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from forebay.query.s3select.errors import refused
from forebay.query.s3select.inputs import ObjectFile
from forebay.query.s3select.moments import Moment

AT_ONCE = 1024
LARGEST_GROUP = 512 << 20
_BROKEN = (pa.ArrowException, OSError, ValueError)


def records(file: ObjectFile, wanted: set[str] | None) -> Iterator[dict[str, Any]]:
    """Each row; of `wanted` columns (lower case), all if None. Raises QueryFailed."""
    try:
        found = pq.ParquetFile(pa.PythonFile(file, mode="r"), buffer_size=1 << 20, pre_buffer=False)
        groups = [found.metadata.row_group(number) for number in range(found.metadata.num_row_groups)]
        if any(group.total_byte_size > LARGEST_GROUP for group in groups):
            raise refused("OverMaxParquetBlockSize")
        names = None
        if wanted is not None:
            names = [name for name in found.schema_arrow.names if name.lower() in wanted]
        if names == []:
            yield from ({} for _ in range(found.metadata.num_rows))
            return
        for batch in found.iter_batches(AT_ONCE, columns=names, use_threads=False):
            for row in batch.to_pylist():
                yield {name: _value(value) for name, value in row.items()}
    except _BROKEN:
        raise refused("ParquetParsingError") from None


def _value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return Moment(
            value if value.tzinfo else value.replace(tzinfo=dt.UTC), "second", 3 if value.microsecond else 0
        )
    if isinstance(value, dt.date):
        return Moment(dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC), "day")
    if isinstance(value, dict):
        return {name: _value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, dt.time | dt.timedelta) else value
