"""Which open buffer each row joins: partition values from events, from a handler, or none at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from forebay.delivery.group import Misfit, Rows, Slot
from forebay.delivery.keys import KeyQuery
from forebay.delivery.prefix import PROCESSING, Prefix, hive_folders

LIMIT = 500
PLAIN = Slot()

_EXTRACTION = "DynamicPartitioning.MetadataExtractionFailed"
_LIMIT = "DynamicPartitioning.ActivePartitionsLimitExceeded"


@dataclass(frozen=True, slots=True)
class Router:
    """Finds slots. `admit` says whether a slot has a buffer or may open one more.

    With a `query`, the prefix's fields are its keys; otherwise they are fields of the event.
    """

    prefix: Prefix
    partition: Sequence[str]
    admit: Callable[[Slot], bool]
    query: KeyQuery | None = None

    @property
    def plain(self) -> bool:
        """Whether every row goes to the same slot."""
        return not (self.fields or self.prefix.keys)

    @property
    def fields(self) -> list[str]:
        """The events' fields that slots depend on."""
        return [*self.partition, *self.prefix.fields]

    @property
    def folders(self) -> list[str]:
        """The names of Hive's folders: columns that files do not have."""
        return [field.rpartition(".")[2].lower() for field in self.partition]

    def lines(
        self, lines: Sequence[bytes], source: Sequence[int], keys: Sequence[Mapping[str, str] | None] | None
    ) -> tuple[dict[Slot, Rows], list[Misfit]]:
        """Row numbers by slot, and the inputs that no slot can be found for."""
        if self.plain:
            return ({PLAIN: range(len(lines))} if lines else {}), []
        fields, wanted = self.fields if self.query is None else self.partition, self.prefix.keys
        asked = self.queried(lines, source)
        found: list[tuple[Any, ...] | Misfit] = []
        for row, line in enumerate(lines):
            if isinstance(drawn := asked[row] if asked else (), Misfit):
                found.append(drawn)
                continue
            try:
                event = orjson.loads(line) if fields else {}
            except orjson.JSONDecodeError as error:
                found.append(Misfit(source[row], PROCESSING, _EXTRACTION, f"it is no JSON: {error}"))
                continue
            given = (keys[row] if keys is not None else None) or {}
            own = (_pick(event, field) for field in fields)
            found.append((*own, *drawn, *(given.get(key) for key in wanted)))
        return self.rows(found, source)

    def queried(self, lines: Sequence[bytes], source: Sequence[int]) -> list[tuple[Any, ...] | Misfit] | None:
        """What the query gives for the prefix's fields, line by line; None without one."""
        if self.query is None or not self.prefix.fields:
            return None
        found: list[tuple[Any, ...] | Misfit] = []
        for row, line in enumerate(lines):
            try:
                values = self.query.of(line)
            except ValueError as error:
                found.append(Misfit(source[row], PROCESSING, _EXTRACTION, str(error)))
            else:
                found.append(tuple(_pick(values, field) for field in self.prefix.fields))
        return found

    def rows(
        self, found: Sequence[tuple[Any, ...] | Misfit], source: Sequence[int]
    ) -> tuple[dict[Slot, Rows], list[Misfit]]:
        """Row numbers by slot for rows with these values (of `fields`, then of the prefix's keys)."""
        slots: dict[Slot, Rows] = {}
        known: dict[tuple[Any, ...], Slot | Misfit] = {}
        misfits: list[Misfit] = []
        for row, values in enumerate(found):
            if isinstance(values, Misfit):
                misfits.append(values)
                continue
            slot = known.get(values)
            if slot is None:
                slot = known[values] = self.slot(values)
            if isinstance(slot, Misfit):
                misfits.append(Misfit(source[row], slot.type, slot.code, slot.reason))
                continue
            rows = slots.setdefault(slot, [])
            assert isinstance(rows, list)
            rows.append(row)
        return slots, misfits

    def slot(self, found: tuple[Any, ...]) -> Slot | Misfit:
        """The slot of these values (fields of `partition`, then the prefix's fields, then its keys)."""
        texts: list[str | None] = []
        names = [*self.partition, *self.prefix.fields, *self.prefix.keys]
        for name, value in zip(names, found, strict=True):
            if isinstance(value, _Compound):
                return Misfit(-1, PROCESSING, _EXTRACTION, f"{name} is not a single value to partition by")
            texts.append(_text(value))
        n = len(self.partition)
        values = []
        spaces = ["partitionKeyFromQuery"] * len(self.prefix.fields)
        spaces += ["partitionKeyFromLambda"] * len(self.prefix.keys)
        for space, name, text in zip(spaces, names[n:], texts[n:], strict=True):
            if not text:
                return Misfit(-1, PROCESSING, _EXTRACTION, f"it has no value for the partition key {name}")
            values.append((f"{space}:{name}", text))
        slot = Slot(
            values=tuple(values),
            folders=hive_folders(self.folders, texts[:n]),
        )
        if not self.admit(slot):
            why = f"{LIMIT} partitions are being written to already"
            return Misfit(-1, PROCESSING, _LIMIT, why)
        return slot


class _Compound:
    """An object or array where a partition's value should be."""


COMPOUND = _Compound()


def _pick(event: Any, field: str) -> Any:
    value = event
    if not isinstance(event, dict) or field not in event:
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    else:
        value = event[field]
    # True and 1, or 1 and 1.0, are one key of a dict: a value is told apart by its text.
    return COMPOUND if isinstance(value, dict | list) else _text(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
