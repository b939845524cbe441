"""Parquet: events as columns, hot ones as Arrow IPC, an object as row groups of good size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from forebay.delivery.coerce import Unfit
from forebay.delivery.columns import REST, Columns
from forebay.delivery.compress import Sink
from forebay.delivery.fit import fit
from forebay.delivery.formats.lines import final_lines, table_lines
from forebay.delivery.group import Encoded, Group, Misfit, Rows, Slot, count_inputs, without
from forebay.delivery.intake import Work
from forebay.delivery.prefix import CONVERSION
from forebay.delivery.route import COMPOUND, PLAIN, Router
from forebay.delivery.types import Column, arrow_type, merge, nulls, of_arrow, settled
from forebay.ports import Json, Lines, SegmentRow, Table

PARSE_ERROR = "DataFormatConversion.ParseError"
ROW_GROUP = 122_880
GROUP_BYTES = 64 << 20


class ParquetEncoder:
    """JSON lines or SQL's columns → columns of the table's types, a segment for each slot."""

    encoding = "arrow"

    def __init__(self, router: Router, columns: Columns, meta: Json) -> None:
        self._router = router
        self._columns = columns
        self._meta = meta

    def encode(self, output: Lines | Table, work: Work, own: bool) -> Encoded:
        """Groups by slot; what is no JSON or does not fit a declared column is a misfit."""
        lines: Sequence[bytes] | None
        keys: Sequence[Any] | None
        if isinstance(output, Table):
            table, source, misfits = self._fit(output)
            keys = lines = None
            emptied = 0
        else:
            lines, source, keys = final_lines(output, own)
            emptied = 0 if source is output.source else len(set(output.source) - set(source))
            read = self._columns.read(lines)
            table = read.table
            misfits = [Misfit(source[i], CONVERSION, PARSE_ERROR, why) for i, why in read.misfits]
            if read.kept is not None:
                source = [source[i] for i in read.kept]
                lines = [lines[i] for i in read.kept]
                keys = None if keys is None else [keys[i] for i in read.kept]
        slots, more = self._slots(table, lines, source, keys)
        misfits += more
        slots = without(slots, source, misfits)
        dropped = [name for name in self._router.folders if name in table.column_names]
        if len(dropped) == table.num_columns:  # rows without a column are no rows
            table = table.append_column(REST, pa.nulls(table.num_rows, pa.string()))
        groups = self._groups(table.drop_columns(dropped), slots, source, work)
        return Encoded(groups, misfits, emptied)

    def _fit(self, output: Table) -> tuple[pa.Table, Sequence[int], list[Misfit]]:
        given = output.rows.rename_columns([name.lower() for name in output.rows.column_names])
        self._columns.adopt({field.name: of_arrow(field.type) for field in given.schema})
        arrays: dict[str, Column] = {}
        bad: dict[int, str] = {}
        for name, kind in self._columns.types.items():
            if name not in given.column_names:
                arrays[name] = nulls(given.num_rows, kind)
                continue
            column = given.column(name).combine_chunks()
            try:
                arrays[name] = fit(column, kind)
            except Unfit:
                values: list[Column] = []
                for row in range(given.num_rows):
                    try:
                        values.append(fit(column.slice(row, 1), kind))
                    except Unfit as error:
                        bad.setdefault(row, f"column {name}: {error}")
                        values.append(nulls(1, kind))
                arrays[name] = pa.concat_arrays(values)
        table = pa.table(arrays)
        if not bad:
            return table, output.source, []
        misfits = [Misfit(output.source[row], CONVERSION, PARSE_ERROR, why) for row, why in bad.items()]
        kept = [row for row in range(table.num_rows) if row not in bad]
        return table.take(kept), [output.source[row] for row in kept], misfits

    def _slots(
        self,
        table: pa.Table,
        lines: Sequence[bytes] | None,
        source: Sequence[int],
        keys: Sequence[Any] | None,
    ) -> tuple[dict[Slot, Rows], list[Misfit]]:
        router = self._router
        if router.plain:
            return ({PLAIN: range(table.num_rows)} if table.num_rows else {}), []
        drawn = None
        if router.query is not None:
            drawn = router.queried(table_lines(table) if lines is None else lines, source)
        own = [_texts(table, field) for field in (router.fields if drawn is None else router.partition)]
        given = [
            [(each or {}).get(key) for each in keys or [None] * table.num_rows] for key in router.prefix.keys
        ]
        rows: list[tuple[Any, ...] | Misfit] = []
        for row in range(table.num_rows):
            more = () if drawn is None else drawn[row]
            if isinstance(more, Misfit):
                rows.append(more)
                continue
            rows.append((*(texts[row] for texts in own), *more, *(texts[row] for texts in given)))
        return router.rows(rows, source)

    def _groups(
        self, table: pa.Table, slots: dict[Slot, Rows], source: Sequence[int], work: Work
    ) -> list[Group]:
        counts, first = count_inputs(slots, source, len(work.records))
        groups = []
        for slot, rows in slots.items():
            part = table if len(rows) == table.num_rows else table.take(rows)
            payload = _ipc(part)
            groups.append(
                Group(
                    slot=slot,
                    rows=len(rows),
                    inputs=counts[slot],
                    size=len(payload),
                    encoding=self.encoding,
                    payload=payload,
                    arrival=work.origins[first[slot]].arrival,
                    meta=self._meta,
                )
            )
        return groups


def _texts(table: pa.Table, field: str) -> list[Any]:
    name, *path = field.lower().split(".") if field.lower() not in table.column_names else [field.lower()]
    if name not in table.column_names:
        return [None] * table.num_rows
    column: Column = table.column(name)
    for part in path:
        if not pa.types.is_struct(column.type) or column.type.get_field_index(part) < 0:
            return [None] * table.num_rows
        column = pc.struct_field(column, part)
    if pa.types.is_boolean(column.type) or not pa.types.is_nested(column.type):
        texts: Column = pc.cast(column, pa.string())
        return list(texts.to_pylist())
    return [None if value is None else COMPOUND for value in column.to_pylist()]


def _ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _open(segment: SegmentRow) -> pa.Table:
    return pa.ipc.open_stream(segment.payload).read_all()


def write_parquet(file: Sink, segments: Iterable[SegmentRow], meta: Json) -> int:
    """Write all segments' rows as one Parquet file; how many. Types that widened meanwhile are the widest."""
    tables = [_open(segment) for segment in segments]
    rows = sum(table.num_rows for table in tables)
    if not rows:
        return 0
    schema = widest([table.schema for table in tables])
    write_tables(file, schema, iter(tables), meta["compression"])
    return rows


def widest(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """A schema that holds the columns of all."""
    types: dict[str, Any] = {}
    arrows: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            if field.name not in types:
                types[field.name], arrows[field.name] = of_arrow(field.type), field.type
            elif arrows[field.name] != field.type:
                types[field.name] = settled(merge(types[field.name], of_arrow(field.type)))
                arrows[field.name] = arrow_type(types[field.name])
    return pa.schema(list(arrows.items()))


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table` with exactly these columns; what it lacks is NULL."""
    if table.schema.equals(schema):
        return table
    arrays: list[Column] = []
    for field in schema:
        if field.name not in table.column_names:
            arrays.append(nulls(table.num_rows, of_arrow(field.type)))
            continue
        array = table.column(field.name).combine_chunks()
        arrays.append(array if array.type == field.type else fit(array, of_arrow(field.type)))
    return pa.table(arrays, schema=schema)


def write_tables(file: Sink, schema: pa.Schema, tables: Iterator[pa.Table], compression: str) -> None:
    """Write tables in row groups of good size."""
    sink = pa.PythonFile(cast("Any", file), mode="w")
    with pq.ParquetWriter(sink, schema, compression=cast("Any", compression)) as writer:
        held: list[pa.Table] = []
        rows = size = 0
        for table in tables:
            held.append(conform(table, schema))
            rows += table.num_rows
            size += table.nbytes
            if rows >= ROW_GROUP or size >= GROUP_BYTES:
                writer.write_table(pa.concat_tables(held).combine_chunks(), row_group_size=ROW_GROUP)
                held, rows, size = [], 0, 0
        if held:
            writer.write_table(pa.concat_tables(held).combine_chunks(), row_group_size=ROW_GROUP)
