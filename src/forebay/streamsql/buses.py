"""Buses as tables: their events as rows, and rows as their events.

An event as it is read has the columns of EventBridge's envelope (`id`, `detail-type`, `source`, `time`, ...), and its
own fields in `detail`. What is written has a `detail`, with the envelope in the columns beside it, or is all of it the
detail. The options `source` and `detail-type` say what no column says.
"""

from __future__ import annotations

from forebay.streamsql.nodes import ColumnDef, Insert, Type
from forebay.streamsql.scope import Problem
from forebay.streamsql.tables import Table
from forebay.streamsql.types import TEXTS, literal

CONNECTOR = "eventbridge"
KIND = ("source", "detail-type")
_TEXT = ("version", "id", "detail-type", "source", "account", "region", "replay-name")
_WRITTEN = (*KIND, "time", "resources", "detail")
LONGEST_TYPE = 128


def readable(table: Table, problem: Problem) -> None:
    """Raises UsageError for columns that no event has, or has otherwise."""
    if table.event:
        problem.fail(
            f"the option '{table.event[0][0]}' of {table.name} is of events that are written",
            table.at,
            f"choose what is read with WHERE {_name(table.event[0][0])} = {literal(table.event[0][1])}",
        )
    for column in table.persisted:
        _has(column, problem)
        if column.name not in (*_TEXT, "time", "resources", "detail"):
            problem.fail(
                f"an event of a bus has no {column.name} beside its detail",
                column.at,
                f"detail ROW<{column.name} {column.type}>, or detail STRING and JSON_VALUE(detail, '$.{column.name}')",
            )


def writable(table: Table, insert: Insert, problem: Problem) -> None:
    """Raises UsageError for rows that could be no events."""
    if table.partitioned:
        problem.refuse(f"PARTITIONED BY of {table.name}", table.at, "a bus has no shards")
    columns = {column.name: column for column in table.persisted}
    written = insert.columns or tuple(columns)
    given = dict(table.event)
    for name in KIND:
        if name not in given and name not in written:
            problem.fail(
                f"{table.name} does not say the {name} of its events",
                table.at,
                f"'{name}' = '...' in WITH, or a column {_name(name)}",
            )
        if name in given and "detail" in columns and name in written:
            problem.fail(f"{table.name} says the {name} of its events twice", columns[name].at)
        if name not in given and name in columns:
            _has(columns[name], problem)
    if given.get("source", "").startswith("aws."):
        problem.fail("the source of an event of one's own does not begin with aws.", table.at)
    if len(given.get("detail-type", "")) > LONGEST_TYPE:
        problem.fail(f"a detail-type has at most {LONGEST_TYPE} letters", table.at)
    if "detail" not in columns:
        return
    if "detail" not in written:
        problem.fail(f"{table.name} is given no detail", insert.at)
    for name in written:
        if name not in columns:
            return  # said where columns are matched
        if name not in _WRITTEN:
            known = ", ".join(map(_name, _WRITTEN))
            fix = f"write {known}, or leave out detail: then the whole row is the detail"
            said = f"the bus gives an event its {name}" if name in _TEXT else f"an event has no {name}"
            problem.fail(said, columns[name].at, fix)
        _has(columns[name], problem)


def _name(column: str) -> str:
    """A column as it is written in SQL."""
    return f"`{column}`" if column in ("detail-type", "time") else column


def _has(column: ColumnDef, problem: Problem) -> None:
    """Raises UsageError unless the column is of a type that this part of an event has."""
    type_ = column.type or Type("STRING")
    text = type_.name in TEXTS
    fits, wanted = True, "STRING"
    if column.name in _TEXT:
        fits = text
    elif column.name == "time":
        fits, wanted = text or type_.name == "TIMESTAMP_LTZ", "TIMESTAMP_LTZ(3)"
    elif column.name == "resources":
        fits = type_.name == "ARRAY" and type_.of[0][1].name in TEXTS
        wanted = "ARRAY<STRING>"
    elif column.name == "detail":
        fits, wanted = text or type_.name in ("ROW", "MAP"), "ROW<...> or STRING"
    if not fits:
        problem.fail(f"the {column.name} of an event is {wanted}, not {type_}", column.at)
