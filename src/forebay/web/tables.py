"""The key-value tables that a project says, as the front has them."""

from __future__ import annotations

import logging

from forebay.errors import ForebayError
from forebay.keyvalue.section import KeyValueSpec
from forebay.keyvalue.store import Tables
from forebay.keyvalue.table import table_of
from forebay.project.model import Project
from forebay.runtime.documents import Documents

logger = logging.getLogger("forebay.front")


async def conform(tables: Tables, project: Project, documents: Documents) -> None:
    """Have the tables of `project`, which has those made over the wire in it."""
    made = {name: doc.get("meta") or {} for name, doc in documents.all("keyvalue")}
    wanted = {
        name: table_of(name, spec, made.get(name, {}).get("indexes"))
        for name, spec in project.of(KeyValueSpec).items()
    }
    try:
        await tables.conform(wanted)
    except ForebayError as error:  # events are taken all the same
        logger.warning("key-value tables are not as the project says: %s", error)
