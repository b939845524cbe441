"""Which open buffer each row joins: partition values from events, from a handler, or none at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from forebay.delivery.group import Misfit, Slot
from forebay.delivery.prefix import PROCESSING, Prefix, hive_folders

LIMIT = 500
PLAIN = Slot()

_EXTRACTION = "DynamicPartitioning.MetadataExtractionFailed"
_LIMIT = "DynamicPartitioning.ActivePartitionsLimitExceeded"


@dataclass(frozen=True, slots=True)
class Router:
    """Finds slots. `admit` says whether a slot has a buffer or may open one more."""

    prefix: Prefix
    partition: Sequence[str]
    admit: Callable[[Slot], bool]

    @property
    def plain(self) -> bool:
        """Whether every row goes to the same slot."""
        return not (self.partition or self.prefix.keys or self.prefix.fields)

    def lines(
        self,
        lines: Sequence[bytes],
        source: Sequence[int],
        keys: Sequence[Mapping[str, str] | None] | None,
    ) -> tuple[dict[Slot, list[int]], list[Misfit]]:
        """Row numbers by slot, and the inputs that no slot can be found for."""
        if self.plain:
            return {PLAIN: list(range(len(lines)))}, []
        slots: dict[Slot, list[int]] = {}
        known: dict[tuple[Any, ...], Slot | Misfit] = {}
        misfits: list[Misfit] = []
        wanted = [*self.partition, *self.prefix.fields]
        for row, line in enumerate(lines):
            try:
                event = orjson.loads(line) if wanted else {}
            except orjson.JSONDecodeError as error:
                misfits.append(Misfit(source[row], PROCESSING, _EXTRACTION, f"it is no JSON: {error}"))
                continue
            given = (keys[row] if keys is not None else None) or {}
            found = (
                *(_pick(event, field) for field in wanted),
                *(given.get(key) for key in self.prefix.keys),
            )
            slot = known.get(found)
            if slot is None:
                slot = known[found] = self.slot(found)
            if isinstance(slot, Misfit):
                misfits.append(Misfit(source[row], slot.type, slot.code, slot.reason))
            else:
                slots.setdefault(slot, []).append(row)
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
            folders=hive_folders([name.rpartition(".")[2].lower() for name in self.partition], texts[:n]),
        )
        if not self.admit(slot):
            why = f"{LIMIT} partitions are being written to already"
            return Misfit(-1, PROCESSING, _LIMIT, why)
        return slot


class _Compound:
    """An object or array where a partition's value should be."""


_COMPOUND = _Compound()


def _pick(event: Any, field: str) -> Any:
    value = event
    if not isinstance(event, dict) or field not in event:
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    else:
        value = event[field]
    return _COMPOUND if isinstance(value, dict | list) else value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
