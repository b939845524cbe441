"""The tables of a project: those it declares, those over what its deliveries write, and those over its streams."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import apsw

from forebay.arn import arn
from forebay.catalog.declare import external_doc, table_doc, view_doc
from forebay.catalog.section import TableSpec, ViewSpec
from forebay.catalog.tables import create_database, drop_table, get_table, put_table
from forebay.delivery.section import DeliverySpec
from forebay.errors import UsageError
from forebay.project.model import Project, Ref
from forebay.streams.section import StreamSpec
from forebay.streamsql.job import compile_job
from forebay.streamsql.nodes import Type
from forebay.streamsql.references import qualified, references
from forebay.streamsql.section import StreamSqlSpec

log = logging.getLogger(__name__)


def declare(db: apsw.Connection, project: Project) -> None:
    """The project's databases and tables, in the catalog, and that they are there."""
    create_database(db, project.database)
    for name, spec in project.of(TableSpec).items():
        database, table = qualified(name, project)
        put_table(db, database, table, "external", external_doc(spec))
    for name, view in project.of(ViewSpec).items():
        database, table = qualified(name, project)
        try:
            put_table(db, database, table, "view", view_doc(view, Path(project.root)))
        except OSError as error:
            log.error("the view %s cannot be read: %s", name, error)
    for delivery in project.of(DeliverySpec).values():
        if delivery.table is None:
            continue
        database, table = qualified(delivery.table, project)
        doc = delivered_doc(delivery)
        old = get_table(db, database, table)
        if doc["inferred"] and old is not None and old.get("inferred"):
            doc["columns"] = old["columns"]
        put_table(db, database, table, "managed" if delivery.format == "parquet" else "external", doc)
    _declare_streams(db, project)
    db.execute("INSERT OR REPLACE INTO declared VALUES (1, ?)", (project.revision,))


def _declare_streams(db: apsw.Connection, project: Project) -> None:
    """A table over each stream under its name, unless that is another's; those of streams that are no more go."""
    written = {ref.name: columns for ref, columns in sinks(project).items() if ref.noun == "streams"}
    wanted = {stream.lower().replace(".", "_"): stream for stream in project.of(StreamSpec)}
    ours = "json_extract(doc, '$.owner') = 'stream'"
    for database, table in db.execute(f"SELECT db, name FROM tables WHERE {ours}").fetchall():
        if database != project.database or table not in wanted:
            drop_table(db, str(database), str(table))
    for table, stream in wanted.items():
        old = get_table(db, project.database, table)
        if old is not None and old.get("owner") != "stream":
            continue
        doc = stream_doc(stream, written.get(stream))
        if doc["inferred"] and old is not None and old["inferred"]:
            doc["columns"] = old["columns"]
        put_table(db, project.database, table, "external", doc)


def sinks(project: Project) -> dict[Ref, list[tuple[str, str]]]:
    """What stream SQL declares of the tables that it writes: columns in Athena's types, by what they stand for."""
    found: dict[Ref, list[tuple[str, str]]] = {}
    known = references(project)
    for spec in project.of(StreamSqlSpec).values():
        try:
            plans = compile_job(spec.sql or "", spec.idle_ms, known, note=spec.note)
        except UsageError:  # said by the check
            continue
        for plan in plans:
            found.setdefault(
                plan.sink.ref, [(each.name.lower(), _athena(each.type)) for each in plan.sink.persisted]
            )
    return found


_ATHENA = {
    "BOOLEAN": "boolean", "TINYINT": "tinyint", "SMALLINT": "smallint", "INT": "int", "BIGINT": "bigint",
    "FLOAT": "float", "DOUBLE": "double", "DATE": "date", "TIMESTAMP": "timestamp", "TIMESTAMP_LTZ": "timestamp",
}  # fmt: skip


def _athena(kind: Type | None) -> str:
    """A type of stream SQL as Athena reads what is written of it; what it has no type for is text."""
    if kind is None:
        return "string"
    return f"decimal({kind.p},{kind.s})" if kind.name == "DECIMAL" else _ATHENA.get(kind.name, "string")


def stream_doc(stream: str, columns: list[tuple[str, str]] | None) -> dict[str, Any]:
    """The table over a stream. Without `columns` they are taken from its events."""
    return table_doc(
        format="json",
        location=f"kinesis://streams.{stream}/",
        columns=columns or [],
        parameters={
            "classification": "json",
            "streamARN": arn("kinesis", f"stream/{stream}"),
            "typeOfData": "kinesis",
        },
        serde_parameters={"ignore.malformed.json": "true"},
        inferred=columns is None,
        owner="stream",
    )


def delivered_doc(spec: DeliverySpec) -> dict[str, Any]:
    """The table over what a delivery writes: partitioned by its fields, or by `name=` in its prefix."""
    types = {name.lower(): kind for name, kind in (spec.columns or {}).items()}
    keys = [field.rpartition(".")[2].lower() for field in spec.partition]
    keys += [key.lower() for key in re.findall(r"(?:^|/)([A-Za-z_]\w*)=(?=!\{)", spec.prefix or "")]
    return table_doc(
        format="json" if spec.format == "raw" else spec.format,
        location=spec.to.url,
        columns=[(name, kind) for name, kind in types.items() if name not in keys],
        partition_keys=[(key, types.get(key, "string")) for key in keys],
        parameters={"skip.header.line.count": "1"} if spec.format == "csv" else None,
        inferred=spec.columns is None,
        owner="delivery",
    )
