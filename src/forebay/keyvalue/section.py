"""The `keyvalue` section: small mutable tables."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from forebay.project.check import Check
from forebay.project.field import WAS, Field
from forebay.project.model import Spec
from forebay.project.section import Section


class KeySpec(Spec, frozen=True, kw_only=True):
    """An attribute that is (part of) a key."""

    scalar_doc: ClassVar[str | None] = "the attribute's name"

    name: Annotated[str, Field("The attribute.", example="user_id")]
    type: Annotated[Literal["string", "number", "binary"], Field("What its values are.")] = "string"

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the name of a string."""
        return {"name": text}


class IndexSpec(Spec, frozen=True, kw_only=True):
    """A second way to look items up."""

    partition_key: Annotated[KeySpec, Field("What items are found by.", example="email")]
    sort_key: Annotated[KeySpec | None, Field("What they are ordered by.", example="created")] = None


class KeyValueSpec(Spec, frozen=True, kw_only=True):
    """A table of items."""

    partition_key: Annotated[KeySpec, Field("What items are found by.", example="user_id")]
    sort_key: Annotated[
        KeySpec | None, Field("What items of one key are ordered by.", example="{name: at, type: number}")
    ] = None
    ttl: Annotated[
        str | None,
        Field("The attribute (seconds since 1970) after which an item goes.", example="expires"),
    ] = None
    indexes: Annotated[
        dict[str, IndexSpec],
        Field("Other ways to look items up.", example="{by_email: {partition_key: email}}"),
    ] = {}
    was: Annotated[str | None, WAS] = None


def _retypes(old: KeyValueSpec, new: KeyValueSpec) -> list[str]:
    same = (old.partition_key, old.sort_key) == (new.partition_key, new.sort_key)
    return [] if same else ["its items have another key"]


def _check(check: Check) -> None:
    for name, spec in check.entries("keyvalue", KeyValueSpec):
        places: list[tuple[tuple[str, ...], KeyValueSpec | IndexSpec]] = [(("keyvalue", name), spec)]
        places += [(("keyvalue", name, "indexes", each), index) for each, index in spec.indexes.items()]
        for place, keys in places:
            if keys.sort_key is not None and keys.sort_key.name == keys.partition_key.name:
                check.add(
                    "SameKey",
                    (*place, "sort_key"),
                    f"{keys.sort_key.name} is the partition key already",
                    fix="another attribute, or no sort_key",
                )


SECTION = Section(
    noun="keyvalue",
    title="Key-value tables",
    doc="Each entry is a small mutable table that functions read and write.",
    example="""\
sessions: {partition_key: user_id, sort_key: {name: at, type: number}, ttl: expires}
""",
    spec=KeyValueSpec,
    check=_check,
    holds=lambda _: True,
    retypes=_retypes,
)
