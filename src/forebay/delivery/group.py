"""Rows that belong into one object: what an encoder makes of a piece of work, before buffers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forebay.event import encode_records
from forebay.ports import Json

DATA, ERROR = "data", "error"


@dataclass(frozen=True, slots=True)
class Slot:
    """Which open buffer rows join: their kind, and the values their prefix depends on but for time.

    `values` are those of the prefix's expressions (an error buffer's is its output type), `folders`
    the Hive folders.
    """

    kind: str = DATA
    values: tuple[tuple[str, str], ...] = ()
    folders: str = ""

    def mapping(self) -> Mapping[str, str]:
        """The values by name."""
        return dict(self.values)


@dataclass(slots=True)
class Group:
    """A segment to be, whose buffer is found by its slot."""

    slot: Slot
    rows: int
    inputs: int
    size: int
    encoding: str
    payload: bytes
    arrival: int
    meta: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Misfit:
    """An input that could not be encoded or routed, by its index; `type` is the error prefix's part."""

    index: int
    type: str
    code: str
    reason: str


@dataclass(slots=True)
class Encoded:
    """What an encoder made of its input: every input is counted in one group, a misfit, or `emptied`.

    `emptied` counts those for which the user's code gave out nothing but empty lines: dropped.
    """

    groups: list[Group]
    misfits: list[Misfit]
    emptied: int = 0


Rows = list[int] | range
"""Row numbers, ascending."""


def without(slots: dict[Slot, Rows], source: Sequence[int], misfits: Sequence[Misfit]) -> dict[Slot, Rows]:
    """The rows whose inputs are no misfits: an input is delivered whole or rejected whole."""
    if not misfits:
        return slots
    bad = {misfit.index for misfit in misfits}
    kept = {slot: [row for row in rows if source[row] not in bad] for slot, rows in slots.items()}
    return {slot: rows for slot, rows in kept.items() if rows}


def count_inputs(
    slots: Mapping[Slot, Rows], source: Sequence[int], inputs: int
) -> tuple[dict[Slot, int], dict[Slot, int]]:
    """By slot: how many inputs are counted there (each where its first row went), and its first input."""
    if isinstance(source, range) or len(slots) == 1:
        first = {slot: source[rows[0]] for slot, rows in slots.items()}
        if isinstance(source, range):
            return {slot: len(rows) for slot, rows in slots.items()}, first
        return {slot: len({source[row] for row in rows}) for slot, rows in slots.items()}, first
    seen = bytearray(inputs)
    first = {}
    counts = dict.fromkeys(slots, 0)
    for row, slot in sorted(
        ((row, slot) for slot, rows in slots.items() for row in rows), key=lambda pair: pair[0]
    ):
        first.setdefault(slot, source[row])
        if not seen[source[row]]:
            seen[source[row]] = 1
            counts[slot] += 1
    return counts, first


def lines_group(slot: Slot, lines: Sequence[bytes], inputs: int, arrival: int, meta: Json) -> Group:
    """A group of final records as a blob."""
    payload = encode_records(lines)
    return Group(slot, len(lines), inputs, len(payload), "lines", payload, arrival, meta)
