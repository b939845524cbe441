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


def lines_group(slot: Slot, lines: Sequence[bytes], inputs: int, arrival: int, meta: Json) -> Group:
    """A group of final records as a blob."""
    payload = encode_records(lines)
    return Group(slot, len(lines), inputs, len(payload), "lines", payload, arrival, meta)
