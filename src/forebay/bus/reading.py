"""Reads a bus's log for one target: the loop that forwarders and callers share.

    log ─▶ sieve ─▶ what the target gets ─▶ `hand_over`, which commits it with the position

A target that cannot be reached holds up nobody but itself: each has a thread, and its events stay in the log.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from forebay.beat import Attempts
from forebay.bus.router import Route, TargetSieve
from forebay.errors import Unavailable
from forebay.event import Batch
from forebay.ports import LogReader, Origin

READ_BYTES = 4 << 20
IDLE = 0.1
QUIET = 1.0  # a position that passed nothing on is told this often


@dataclass(frozen=True, slots=True)
class Handover:
    """What a target gets of the events from `before` to `after`: (index of the event, payload, why), by index."""

    before: int
    after: int
    items: Sequence[tuple[int, bytes, Route]]
    records: Sequence[bytes]
    origins: Sequence[Origin]

    @property
    def inputs(self) -> int:
        """How many events led to something."""
        return len({index for index, _, _ in self.items})

    @property
    def copies(self) -> int:
        """How often an event led to something more than once."""
        return len(self.items) - self.inputs


class Target(Attempts):
    """Reads on behalf of one target, between `start` and `stop`.

    `begin` gives the offset of its first event, once known. `position` is what is committed, `seen` how far
    events were chosen by then. `noted` is told of what was handed over.
    """

    def __init__(
        self,
        consumer: str,
        log_name: str,
        sieve: TargetSieve,
        open_log: Callable[[], LogReader],
        begin: Callable[[], int | None],
    ) -> None:
        super().__init__(consumer)
        self.consumer = consumer
        self.log_name = log_name
        self.position = 0
        self.seen = 0
        self.head = 0
        self._sieve = sieve
        self.noted: Callable[[Handover], None] | None = None
        self._open = open_log
        self._begin = begin

    @abstractmethod
    def attach(self, start: int) -> int:
        """The committed position, at least `start`."""

    @abstractmethod
    def hand_over(self, given: Handover) -> None:
        """Give the target what is its own and commit that with the position. Raises to have it tried again."""

    def status(self) -> dict[str, Any]:
        """How far it is and what ails it."""
        return {
            "log": self.log_name,
            "position": self.position,
            "lag": max(0, self.head - self.position),
            "last_error": self.trouble,
        }

    def attempt(self) -> None:
        """Read from the committed position on."""
        with contextlib.closing(self._open()) as reader:
            begin = self._begin()
            if begin is None:
                raise Unavailable("NotDeclared", f"{self.log_name} does not know yet that it is read")
            self.position = self.seen = self.attach(begin)
            self.works()
            self._read(reader)

    def _read(self, reader: LogReader) -> None:
        position = self.position
        quiet = 0.0
        while not self.stopping.is_set():
            self.head = reader.head()
            batches = reader.read(position, max_bytes=READ_BYTES) if self.head > position else []
            if not batches:
                quiet += IDLE
                if position > self.position and quiet >= QUIET:
                    self._give(Handover(self.position, position, (), (), ()))
                    quiet = 0.0
                self.stopping.wait(IDLE)
                continue
            records, origins = taken(self.log_name, batches, position)
            items = self._sieve.match(records, origins)
            position = batches[-1].end
            if items or position - self.position > 100_000:
                self._give(Handover(self.position, position, items, records, origins))
                quiet = 0.0
            self.seen = position

    def _give(self, given: Handover) -> None:
        self.hand_over(given)
        self.position = given.after
        self.trouble = None
        if self.noted is not None and given.items:
            self.noted(given)


def taken(log_name: str, batches: Sequence[Batch], position: int) -> tuple[list[bytes], list[Origin]]:
    """The events of `batches` from `position` on, and where each stands."""
    records: list[bytes] = []
    origins: list[Origin] = []
    for batch in batches:
        skip = max(0, position - batch.offset)
        some = batch.columns().records()[skip:]
        first = batch.offset + skip
        records += some
        origins += [Origin(log_name, batch.shard, first + index, batch.arrival) for index in range(len(some))]
    return records, origins
