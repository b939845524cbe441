"""Tables as resources: the document of one that was made over the wire, and how a change becomes real."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from forebay.keyvalue.errors import NoTable
from forebay.keyvalue.section import KeyValueSpec
from forebay.keyvalue.table import Table
from forebay.project.model import Ref
from forebay.runtime.documents import refuse_declared
from forebay.wire.dynamodb.base import NOT_FOUND, table_name
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

NOUN = "keyvalue"


@dataclass(slots=True)
class Made:
    """A table; `spec` is what the project would say of it, `meta` what only the wire knows.

    `meta`: created (seconds), id, attributes (their order), billing, throughput, on_demand, warm, tags, protected, class,
    and of each index `{local, projection, include, throughput}`.
    """

    name: str
    table: Table
    spec: Json
    meta: Json


def exists(asked: Asked, name: str) -> bool:
    """Whether there is a table of this name."""
    return asked.system.project().get(Ref(NOUN, name)) is not None or (
        asked.system.documents.get(NOUN, name) is not None
    )


async def described(asked: Asked, given: str, *, named: bool = True) -> Made:
    """The table that is meant, as it is described. Raises AwsError, which may name it."""
    name = table_name(given)
    try:
        table = await asked.system.tables.find(name)
    except NoTable:
        said = f"{NOT_FOUND}: Table: {name} not found" if named else NOT_FOUND
        raise AwsError("ResourceNotFoundException", said) from None
    spec = asked.system.project().get(Ref(NOUN, name))
    doc = asked.system.documents.get(NOUN, name) or {}
    plain = msgspec.to_builtins(spec) if isinstance(spec, KeyValueSpec) else {}
    return Made(name, table, plain, dict(doc.get("meta") or {}))


async def changing(asked: Asked, given: str) -> Made:
    """The table that is meant, to be changed. Raises UsageError for one that the project declares."""
    made = await described(asked, given)
    refuse_declared(asked.system.declared(), NOUN, made.name)
    return made


async def save(asked: Asked, name: str, spec: Json, meta: Json) -> Table:
    """Keep a table's document, and make it so; the table as it is then."""
    asked.system.documents.put(NOUN, name, {"spec": spec, "meta": meta})
    await asked.system.apply()
    return await asked.system.tables.find(name)
