"""How far time is: the watermark of a query and of each shard it reads.

A shard's watermark is the greatest so far. The query's is the least over the shards that are open there and, with an
idle timeout, had an event within it by the log's arrival times; it never goes back. Where all are
idle it is the greatest of them, as in Flink: nothing is waited for. What it was before an event is the
same however the events are cut into batches: it is looked at after each event and again when the next one arrives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from forebay.streamsql.arrow import Array, Column, pc, whole
from forebay.streamsql.spans import NEVER, ShardSpan


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

    def passed(self, events: pa.Table, spans: Sequence[ShardSpan], idle: int | None) -> Array:
        """Take in events (`__row`, `__shard`, `__arrival`, `__w`), at least one; the watermark before each."""
        mark = _filled(events.column("__w"))
        if len(spans) < 2:
            after = pc.cumulative_max(mark, start=self.now)
            before = shifted(after, self.now)
            arrival = int(pc.max(events.column("__arrival")).as_py())
            for number in pc.unique(events.column("__shard")).to_pylist():
                self._seen(int(number), int(pc.max(mark).as_py()), arrival)
            self.now = int(after[-1].as_py())
            return before
        return self._of_shards(events, mark, spans, idle)

    def _of_shards(
        self, events: pa.Table, mark: Array, spans: Sequence[ShardSpan], idle: int | None
    ) -> Array:
        row, shard, arrival = (_filled(events.column(name)) for name in ("__row", "__shard", "__arrival"))
        count = len(mark)
        earlier, later = [], []
        open_ = []
        for span in spans:
            first, last = self.shards.get(span.number, (NEVER, NEVER))
            own = pc.equal(shard, span.number)
            after = pc.cumulative_max(pc.if_else(own, mark, NEVER), start=first)
            there = pc.greater_equal(row, span.first)
            if span.closed is not None:
                there = pc.and_(there, pc.less(row, span.closed))
            lively, still = there, there
            if idle is not None:
                seen = pc.cumulative_max(pc.if_else(own, arrival, NEVER), start=last)
                since = pc.subtract(arrival, idle * 1000)
                lively = pc.and_(there, pc.greater_equal(shifted(seen, last), since))
                still = pc.and_(there, pc.greater_equal(seen, since))
                last = int(seen[-1].as_py())
            else:
                last = max(last, int(pc.max(pc.if_else(own, arrival, NEVER)).as_py()))
            earlier.append(pc.if_else(lively, shifted(after, first), None))
            open_.append(pc.if_else(there, shifted(after, first), None))
            later.append(pc.if_else(still, after, None))
            self._seen(span.number, int(after[-1].as_py()), last)
        coming = _filled(pc.coalesce(pc.min_element_wise(*earlier), pc.max_element_wise(*open_)))
        gone = pc.cumulative_max(_filled(pc.min_element_wise(*later)), start=self.now)
        before = pc.cumulative_max(pc.max_element_wise(coming, shifted(gone, self.now)), start=self.now)
        self.now = max(int(before[count - 1].as_py()), int(gone[count - 1].as_py()))
        return before

    def waited(self, spans: Sequence[ShardSpan], now: int, idle: int) -> None:
        """No event came until `now` (µs): the watermark is what it is before one that comes then, or later."""
        open_ = [self.shards.get(span.number, (NEVER, now)) for span in spans if span.closed is None]
        lively = [mark for mark, seen in open_ if seen >= now - idle * 1000]
        if len(spans) > 1 and open_:
            self.now = max(self.now, min(lively) if lively else max(mark for mark, _ in open_))

    def _seen(self, number: int, mark: int, arrival: int) -> None:
        old = self.shards.get(number, (NEVER, NEVER))
        self.shards[number] = (max(old[0], mark), max(old[1], arrival))

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


def _filled(column: Column) -> Array:
    found = whole(column)
    if found.null_count:
        found = pc.fill_null(found, NEVER)
    return found


def shifted(values: Array, first: int) -> Array:
    """What it was before each."""
    return pa.concat_arrays([pa.array([first], pa.int64()), values.slice(0, len(values) - 1)])
