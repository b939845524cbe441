"""What a delivery took from its log: records as they came, and where each of them stands."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from forebay.event import Batch, Records
from forebay.ports import Origin, Sieve


class Origins(Sequence[Origin]):
    """The origin of every record of a piece of work, made only when somebody asks."""

    def __init__(self, log: str, runs: list[tuple[int, int, int, int]]) -> None:
        """`runs` are (first offset, shard, arrival, count), in order."""
        self._log = log
        self._runs = runs
        self._ends = list(itertools.accumulate(run[3] for run in runs))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Origin: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Origin]: ...
    def __getitem__(self, index: int | slice) -> Origin | Sequence[Origin]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        run = bisect.bisect_right(self._ends, index)
        offset, shard, arrival, n = self._runs[run]
        return Origin(self._log, shard, offset + index - (self._ends[run] - n), arrival)

    def __iter__(self) -> Iterator[Origin]:
        for offset, shard, arrival, n in self._runs:
            for i in range(n):
                yield Origin(self._log, shard, offset + i, arrival)


@dataclass(slots=True)
class Work:
    """Consecutive events of a log, and the position after them."""

    records: Sequence[bytes]
    origins: Sequence[Origin]
    end: int
    bytes: int


@dataclass(slots=True)
class Sieved(Work):
    """What a sieve let through; `source` has the index of each record's input."""

    source: Sequence[int]


class Picked(Sequence[Origin]):
    """The origins of some of the records, by index."""

    def __init__(self, origins: Sequence[Origin], source: Sequence[int]) -> None:
        self._origins = origins
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    @overload
    def __getitem__(self, index: int) -> Origin: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Origin]: ...
    def __getitem__(self, index: int | slice) -> Origin | Sequence[Origin]:
        if isinstance(index, slice):
            return Picked(self._origins, self._source[index])
        return self._origins[self._source[index]]


def sifted(work: Work, sieve: Sieve) -> Sieved:
    """What of `work` passes `sieve`."""
    found = sieve.sift(work.records, work.origins)
    return Sieved(found.records, Picked(work.origins, found.source), work.end, work.bytes, found.source)


def take(log: str, batches: Sequence[Batch], position: int) -> Work:
    """The events of `batches` from `position` on; the first batch may begin before it."""
    parts = []
    runs: list[tuple[int, int, int, int]] = []
    size = 0
    for batch in batches:
        skip = max(0, position - batch.offset)
        columns = batch.columns(keys=False)
        parts.append(columns.after(skip) if skip else columns)
        runs.append((batch.offset + skip, batch.shard, batch.arrival, batch.n - skip))
        size += len(batch.blob)
    return Work(Records(parts), Origins(log, runs), batches[-1].end, size)
