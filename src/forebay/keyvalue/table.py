"""What a table is: its key, its other keys (indexes), and the attribute after which items go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from forebay.keyvalue.section import IndexSpec, KeySpec, KeyValueSpec
from forebay.keyvalue.values import Item, Value, kind_of

LETTERS = {"string": "S", "number": "N", "binary": "B"}
WORDS = {letter: word for word, letter in LETTERS.items()}
ALL, KEYS_ONLY, INCLUDE = "ALL", "KEYS_ONLY", "INCLUDE"


class Attribute(msgspec.Struct, frozen=True):
    """An attribute of a key, and its type: S, N or B."""

    name: str
    type: str


class KeySchema(msgspec.Struct, frozen=True):
    """What items are found by (`hash`) and ordered by (`range`)."""

    hash: Attribute
    range: Attribute | None = None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """One or two of them."""
        return (self.hash,) if self.range is None else (self.hash, self.range)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(each.name for each in self.attributes)

    def in_(self, item: Mapping[str, Value]) -> Item | None:
        """The key that an item has, or None: an index leaves items without its key, or with another type, out."""
        found = {each.name: item.get(each.name) for each in self.attributes}
        if any(
            value is None or kind_of(value) != each.type
            for value, each in zip(found.values(), self.attributes, strict=True)
        ):
            return None
        return {name: value for name, value in found.items() if value is not None}


class Index(msgspec.Struct, frozen=True):
    """A second key of a table. `local` ones share its partition key, and know all attributes of its items."""

    name: str
    schema: KeySchema
    local: bool = False
    projection: str = ALL
    include: tuple[str, ...] = ()
    id: int = 0

    def visible(self, table: KeySchema) -> frozenset[str] | None:
        """The attributes that a read of the index shows; None for all."""
        if self.projection == ALL:
            return None
        return frozenset((*table.names, *self.schema.names, *self.include))


class Table(msgspec.Struct, frozen=True):
    """A table; `id` is what its rows are stored under, `created` (UTC seconds) when it was made."""

    name: str
    schema: KeySchema
    indexes: tuple[Index, ...] = ()
    ttl: str | None = None
    id: int = 0
    next_index: int = 1
    created: int = 0

    def index(self, name: str) -> Index | None:
        """The index of this name."""
        return next((each for each in self.indexes if each.name == name), None)


def attribute(spec: KeySpec) -> Attribute:
    """An attribute as the project says it."""
    return Attribute(spec.name, LETTERS[spec.type])


def schema(spec: KeyValueSpec | IndexSpec) -> KeySchema:
    """A key as the project says it."""
    return KeySchema(
        attribute(spec.partition_key), None if spec.sort_key is None else attribute(spec.sort_key)
    )


def table_of(name: str, spec: KeyValueSpec, more: Mapping[str, Any] | None = None) -> Table:
    """The table that a project says. `more` has, by index, what only the wire can say: local, projection, include."""
    details = more or {}
    indexes = tuple(
        msgspec.convert({**details.get(key, {}), "name": key, "schema": schema(each)}, Index)
        for key, each in spec.indexes.items()
    )
    return Table(name, schema(spec), indexes, spec.ttl)
