"""Tables of the catalog that a stream is joined with: what the project declares of them, in Flink's types.

The project's tables, deliveries and views whose columns are declared are known by name without a CREATE TABLE, as a
notebook of Managed Flink Studio knows those of Glue. What a crawler finds or what is made over the wire is known
only while it runs: a CREATE TABLE with the connector `filesystem` says its columns, and where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from forebay.project.model import Location, Project, Ref
from forebay.streamsql.nodes import TableRef, Type
from forebay.streamsql.scope import Problem
from forebay.streamsql.tables import Table
from forebay.streamsql.types import DOUBLE, INTEGERS, STRING


@dataclass(frozen=True, slots=True)
class Writer:
    """A delivery, the stream that it reads, if it is not put to, and whether it changes what is put to it."""

    delivery: Ref
    reads: Ref | None
    transforms: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A table of the catalog. Of one that only its `location` is known of, `name` is empty."""

    database: str
    name: str
    location: str
    columns: tuple[tuple[str, Type], ...]
    """Those whose types there are here."""
    writers: tuple[Writer, ...] = ()
    """The deliveries whose objects are its rows."""

    def __str__(self) -> str:
        return f"{self.database}.{self.name}" if self.name else self.location


def references(project: Project) -> tuple[Reference, ...]:
    """The tables of the catalog whose columns the project declares, and what deliveries write."""
    return tuple(sorted(_declared(project), key=str))


def _declared(project: Project) -> Iterator[Reference]:
    for name, entry in project.sections.get("catalog", {}).items():
        yield from _reference(
            project, name, getattr(entry, "location", None),
            {**(getattr(entry, "columns", None) or {}), **(getattr(entry, "partitions", None) or {})},
        )  # fmt: skip
    for entry in project.sections.get("delivery", {}).values():
        table = getattr(entry, "table", None)
        if table:
            to = getattr(entry, "to", None)
            columns = getattr(entry, "columns", None) or {}
            folders = {each: "string" for each in getattr(entry, "partition", ()) if "." not in each}
            yield from _reference(project, table, to, {**folders, **columns} if columns else {})


def _reference(
    project: Project, name: str, location: Location | None, columns: Mapping[str, str]
) -> Iterator[Reference]:
    writers = tuple(_writers(project, name, location)) if location is not None else ()
    if not columns and not writers:
        return
    database, table = qualified(name, project)
    typed = [(column.lower(), flink_type(kind)) for column, kind in columns.items()]
    yield Reference(
        database,
        table,
        location.url if location is not None else "",
        tuple((column, type_) for column, type_ in typed if type_ is not None),
        writers,
    )


def _writers(project: Project, name: str, location: Location) -> Iterator[Writer]:
    """The deliveries that say so, or that write into the table's folder."""
    wanted = qualified(name, project)
    for delivery, entry in project.sections.get("delivery", {}).items():
        table, to = getattr(entry, "table", None), getattr(entry, "to", None)
        if (table and qualified(table, project) == wanted) or (not table and to and location.covers(to)):
            reads, transform = getattr(entry, "from_", None), getattr(entry, "transform", None)
            yield Writer(Ref("delivery", delivery), reads, transform is not None)


def qualified(name: str, project: Project) -> tuple[str, str]:
    """`table` or `database.table` → (database, table)."""
    database, dot, table = name.lower().rpartition(".")
    return (database if dot else project.database), table


def meant(
    ref: TableRef, table: Table | None, known: tuple[Reference, ...], problem: Problem
) -> Reference | None:
    """The table of the catalog behind a name, which `table` declares if anything does; None if it is one over a stream.

    Raises UsageError for a name that nothing has, or two have, and for columns that are not there.
    """
    if table is None:
        return _named(ref, known, problem)
    if not table.path:
        return None
    columns = tuple((each.name, each.type) for each in table.persisted if each.type is not None)
    found = located(table.path, known)
    if found is None:
        return Reference("", "", table.path, columns)
    there = [name for name, _ in found.columns]
    for each in table.persisted:
        if each.name.lower() not in there:
            problem.fail(
                f"{found}, whose files {table.name} is over, has no column {each.name}",
                each.at,
                f"these are there: {', '.join(there)}",
            )
    return Reference(found.database, found.name, table.path, columns)


def _named(ref: TableRef, known: tuple[Reference, ...], problem: Problem) -> Reference:
    named = [
        each
        for each in known
        if each.columns and each.name == ref.name.lower() and ref.database in (None, each.database)
    ]
    if not named:
        problem.fail(
            f"there is no table {ref.name}", ref.at,
            "declare it with CREATE TABLE: a table of the catalog is known by its name if the project declares its columns",
        )  # fmt: skip
    if len(named) > 1:
        problem.fail(f"{' and '.join(map(str, named))} are both {ref.name}", ref.at, f"write {named[0]}")
    return named[0]


def located(path: str, known: tuple[Reference, ...]) -> Reference | None:
    """The table whose files are there."""
    return next(
        (each for each in known if each.columns and each.location and same_place(each.location, path)), None
    )


def same_place(one: str, other: str) -> bool:
    """Whether two `s3://` paths are one folder."""
    return one.removeprefix("s3a://").removeprefix("s3://").rstrip("/") == (
        other.removeprefix("s3a://").removeprefix("s3://").rstrip("/")
    )


_SIMPLE = {
    "string": STRING, "boolean": Type("BOOLEAN"), "integer": Type("INT"), "float": Type("FLOAT"),
    "real": Type("FLOAT"), "double": DOUBLE, "date": Type("DATE"), "timestamp": Type("TIMESTAMP", 3),
    **{each.lower(): Type(each) for each in INTEGERS},
}  # fmt: skip
_SIZED = re.compile(r"(decimal|varchar|char)(?:\((\d+)(?:,(\d+))?\))?")


def flink_type(athena: str) -> Type | None:
    """Athena's type as Flink has it; None for what there is not here."""
    text = re.sub(r"\s*([<>,:()])\s*", r"\1", athena.strip().lower())
    if text in _SIMPLE:
        return _SIMPLE[text]
    if (sized := _SIZED.fullmatch(text)) is not None:
        if sized[1] == "decimal":
            return Type("DECIMAL", int(sized[2] or 10), int(sized[3] or 0))
        return STRING
    nested = re.fullmatch(r"(array|map|struct)<(.*)>", text)
    if nested is None:
        return None
    parts = list(_parts(nested[2]))
    if nested[1] == "struct":
        named = [part.partition(":") for part in parts]
        of = [(name, flink_type(kind)) for name, _, kind in named]
    else:
        names = ("element",) if nested[1] == "array" else ("key", "value")
        of = list(zip(names, map(flink_type, parts), strict=False))
    inner = tuple((name, type_) for name, type_ in of if type_ is not None)
    return (
        Type("ROW" if nested[1] == "struct" else nested[1].upper(), of=inner)
        if len(inner) == len(of)
        else None
    )


def _parts(text: str) -> Iterator[str]:
    """What stands between the commas that are in no brackets."""
    depth = start = 0
    for at, letter in enumerate(text):
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and not depth:
            yield text[start:at]
            start = at + 1
    yield text[start:]
