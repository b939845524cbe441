"""One batch on its way through a transform: what was decided so far, and how much more may be tried."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice

import pyarrow as pa

from forebay import event as blobs
from forebay.functions.process import Answer
from forebay.ports import Failure, Lines, Origin, Outcome, Table

LOST = "Function.Lost"
"""An answer that does not add up; a worker runs foreign code, so that is checked, not assumed."""

PartitionKeys = Mapping[str, str] | None


def cuts(records: Sequence[bytes], low: int, high: int, count: int, size: int) -> Iterator[tuple[int, int]]:
    """Records `low` to `high` in pieces of at most `count` records and `size` bytes, but one at least."""
    ends = list(accumulate(map(len, islice(records, low, high))))
    at, before = 0, 0
    while at < len(ends):
        end = min(max(bisect_right(ends, before + size), at + 1), at + count, len(ends))
        yield low + at, low + end
        at, before = end, ends[end - 1]


@dataclass(slots=True)
class Piece:
    """What came of the records from `low` on, with indexes of the whole batch."""

    low: int
    data: list[bytes]
    source: Sequence[int]
    partition_keys: Sequence[PartitionKeys] | None = None


@dataclass(slots=True)
class Job:
    """A batch. Slices of it may be processed by several threads, in any order."""

    records: Sequence[bytes]
    origins: Sequence[Origin]
    redact: Callable[[str], str]
    """Takes the values of secrets out of a reason."""
    bisections: int = 256
    """Calls that looking for the culprits may still cost; after that, what is left fails together."""
    deaths: int = 128
    """Workers that the batch may still cost."""
    give_up: float = 0.0
    """When (monotonic seconds) looking for culprits ends; set by the first failure."""
    pieces: list[Piece] = field(default_factory=list)
    tables: list[tuple[int, pa.Table, list[int]]] = field(default_factory=list)
    """What SQL made: first index, rows, each row's index in the batch."""
    dropped: list[int] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def blob(self, low: int, high: int) -> bytes:
        """Records `low` to `high`, as a worker takes them."""
        return blobs.encode_records(self.records[low:high])

    def done(self, low: int, high: int, answer: Answer, data: bytes) -> None:
        """A worker answered for `low` to `high`."""
        rows = blobs.decode_records(data).records()
        keys = answer.partition_keys
        source: Sequence[int] = range(low, high)
        if answer.source is not None:
            source = [low + i for i in answer.source]
        if len(rows) != len(source) or (keys is not None and len(keys) != len(rows)):
            self.fail(low, high, LOST, f"the worker sent {len(rows)} rows for {len(source)} events")
        elif self.verdicts(low, high, answer):
            with self.lock:
                self.pieces.append(Piece(low, rows, source, keys))

    def verdicts(self, low: int, high: int, answer: Answer) -> bool:
        """Take the dropped and the failed of an answer, and see to it that each event has one end."""
        n = high - low
        ended = answer.dropped + [i for i, _, _ in answer.failed]
        if not ended and (answer.source is None or answer.source == list(range(n))):
            with self.lock:
                self.warnings |= dict.fromkeys(answer.warnings)
            return True
        gone = set(ended)
        kept = set(range(n) if answer.source is None else answer.source)
        if len(gone) != len(ended) or kept & gone or kept | gone != set(range(n)):
            self.fail(low, high, LOST, "the worker did not say one end of each event")
            return False
        with self.lock:
            self.dropped += [low + i for i in answer.dropped]
            self.failed += [Failure(low + i, code, self.redact(reason)) for i, code, reason in answer.failed]
            self.warnings |= dict.fromkeys(answer.warnings)
        return True

    def fail(self, low: int, high: int, code: str, reason: str) -> None:
        """These records are given up."""
        reason = self.redact(reason)
        with self.lock:
            self.failed += [Failure(i, code, reason) for i in range(low, high)]

    def may_go_on(self, seconds: float) -> bool:
        """Whether, after a worker's death, the rest may be tried in another."""
        with self.lock:
            now = time.monotonic()
            self.give_up = self.give_up or now + seconds
            self.deaths -= 1
            return self.deaths > 0 and now < self.give_up

    def may_bisect(self, seconds: float) -> bool:
        """Whether two more calls may be spent on halves of a slice that failed."""
        with self.lock:
            now = time.monotonic()
            self.give_up = self.give_up or now + seconds
            if self.bisections < 2 or now > self.give_up:
                return False
            self.bisections -= 2
            return True

    def lines(self) -> Outcome:
        """The outcome, in the order of the input."""
        pieces = sorted(self.pieces, key=lambda piece: piece.low)
        if len(pieces) == 1:
            data, source = pieces[0].data, pieces[0].source
        else:
            data = list(chain.from_iterable(piece.data for piece in pieces))
            source = list(chain.from_iterable(piece.source for piece in pieces))
        keys: list[PartitionKeys] | None = None
        if any(piece.partition_keys for piece in pieces):
            keys = []
            for piece in pieces:
                keys += piece.partition_keys or [None] * len(piece.data)
        return self.outcome(Lines(data, source, keys))

    def outcome(self, output: Lines | Table) -> Outcome:
        """The outcome with this output."""
        failed = sorted(self.failed, key=lambda failure: failure.index)
        return Outcome(output, sorted(self.dropped), failed, tuple(self.warnings))
