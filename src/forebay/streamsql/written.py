"""Tables of the catalog that are written: INSERT INTO one means the delivery whose objects are its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from forebay.streamsql.nodes import ColumnDef, Insert, Type
from forebay.streamsql.references import Reference
from forebay.streamsql.scope import Problem
from forebay.streamsql.tables import Table
from forebay.streamsql.types import STRING, Typed


def written(insert: Insert, known: tuple[Reference, ...], problem: Problem) -> Table:
    """The delivery as a table; without columns where the project does not declare them.

    Raises UsageError for a table that there is not, or that no delivery writes that could be put to.
    """
    named = [
        each
        for each in known
        if each.name == insert.table.lower() and insert.database in (None, each.database)
    ]
    if not named:
        problem.fail(
            f"there is no table {insert.table}",
            insert.at,
            "declare it with CREATE TABLE, or write to the table of a delivery",
        )
    databases = sorted({each.database for each in named})
    if len(databases) > 1:
        shown = " and ".join(f"{each}.{insert.table}" for each in databases)
        problem.fail(f"{shown} are both {insert.table}", insert.at, f"write {databases[0]}.{insert.table}")
    table = named[0]
    writers = sorted({writer for each in named for writer in each.writers}, key=lambda each: each.delivery)
    open_ = [writer for writer in writers if writer.reads is None]
    put = [writer.delivery for writer in open_]
    if not writers:
        problem.fail(
            f"no delivery writes {table}",
            insert.at,
            f"a delivery with `table: {table.name}` does, and can be written to; forebay query INSERTs into other tables",
        )
    if not put:
        reads = writers[0].reads
        problem.fail(
            f"{writers[0].delivery} writes {table}, and reads {reads}",
            insert.at,
            f"write to {reads}, or leave out the `from` of {writers[0].delivery}",
        )
    if len(put) == 1 and open_[0].transforms:
        problem.fail(
            f"{put[0]} transforms what is put to it, and makes the rows of {table} of that",
            insert.at,
            f"declare what it takes: 'connector' = 'firehose', 'delivery-stream' = '{put[0].name}'",
        )
    if len(put) > 1:
        problem.fail(
            f"{' and '.join(map(str, put))} write {table}",
            insert.at,
            f"say which: 'connector' = 'firehose', 'delivery-stream' = '{put[0].name}'",
        )
    columns = next((each.columns for each in named if each.columns), ())
    defined = tuple(ColumnDef(name, type_) for name, type_ in columns)
    return Table(
        insert.table, put[0], defined, None, (), True, False, True, None, insert.at, catalog=str(table)
    )


def filled(table: Table, insert: Insert, given: Mapping[str, Typed]) -> Table:
    """With the columns that the query gives, where none are declared."""
    if table.columns:
        return table
    names = insert.columns or tuple(given)
    types = [_known(type_) for _, type_ in given.values()]
    return replace(table, columns=tuple(map(ColumnDef, names, types)))


def _known(type_: Type) -> Type:
    return STRING if type_.name == "NULL" else type_
