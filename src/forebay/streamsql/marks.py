"""How far time is: the watermark of a query and of each shard it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forebay.streamsql.decode import NEVER, ShardSpan


@dataclass(slots=True)
class Marks:
    """`now` is the query's watermark; `shards` has watermark (ms) and last arrival (µs) of each; `begun` when it began."""

    now: int = NEVER
    begun: int = NEVER
    shards: dict[int, tuple[int, int]] = field(default_factory=dict)

    def known(self, spans: Sequence[ShardSpan], arrival: int) -> None:
        """Begin with shards not seen before: they count as having had an event when the query began."""
        if self.begun == NEVER:
            self.begun = arrival
        for span in spans:
            self.shards.setdefault(
                span.number, (NEVER, self.begun if span.first == 0 else max(self.begun, arrival))
            )

    def passed(
        self,
        seen: Mapping[int, tuple[int, int]],
        spans: Sequence[ShardSpan],
        row: int,
        arrival: int,
        idle: int | None,
    ) -> None:
        """Events up to `row` were read, the last at `arrival`; `seen` has the greatest marks of each shard."""
        for number, (mark, at) in seen.items():
            old = self.shards.get(number, (NEVER, NEVER))
            self.shards[number] = (max(old[0], mark), max(old[1], at))
        if len(spans) < 2:
            least = max((mark for mark, _ in self.shards.values()), default=NEVER)
        else:
            active = [
                self.shards[span.number][0]
                for span in spans
                if row >= span.first
                and (span.closed is None or row < span.closed)
                and (idle is None or self.shards[span.number][1] > arrival - idle * 1000)
            ]
            least = min(active, default=NEVER)
        self.now = max(self.now, least)

    def copy(self) -> Marks:
        """As it is now."""
        return Marks(self.now, self.begun, dict(self.shards))

    def encode(self) -> dict[str, Any]:
        """For the state that is kept."""
        return {
            "now": self.now,
            "begun": self.begun,
            "shards": [[n, *mark] for n, mark in self.shards.items()],
        }

    @classmethod
    def decode(cls, given: Mapping[str, Any]) -> Marks:
        """Undo `encode`."""
        return cls(given["now"], given["begun"], {n: (mark, at) for n, mark, at in given["shards"]})
