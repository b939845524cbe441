"""The tables of a project: those it declares, and those over what its deliveries write."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import apsw

from forebay.catalog.declare import external_doc, table_doc, view_doc
from forebay.catalog.section import TableSpec, ViewSpec
from forebay.catalog.tables import create_database, get_table, put_table
from forebay.delivery.section import DeliverySpec
from forebay.project.model import Project

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
    db.execute("INSERT OR REPLACE INTO declared VALUES (1, ?)", (project.revision,))


def qualified(name: str, project: Project) -> tuple[str, str]:
    """`table` or `database.table` → (database, table)."""
    database, dot, table = name.lower().rpartition(".")
    return (database if dot else project.database), table


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
