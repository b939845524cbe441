"""One batch on its way through a transform: what was decided so far, and how much more may be tried."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import pyarrow as pa

from forebay import event as blobs
from forebay.functions.process import Answer
from forebay.ports import Failure, Lines, Origin, Outcome, Table

PartitionKeys = Mapping[str, str] | None


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
        if answer.source is None:
            source: Sequence[int] = range(low, high)
        else:
            source = [low + i for i in answer.source]
        piece = Piece(low, rows, source, answer.partition_keys)
        self.verdicts(low, answer)
        with self.lock:
            self.pieces.append(piece)

    def verdicts(self, low: int, answer: Answer) -> None:
        """The dropped and the failed of an answer."""
        with self.lock:
            self.dropped += [low + i for i in answer.dropped]
            self.failed += [Failure(low + i, code, self.redact(reason)) for i, code, reason in answer.failed]
            self.warnings |= dict.fromkeys(answer.warnings)

    def fail(self, low: int, high: int, code: str, reason: str) -> None:
        """These records are given up."""
        reason = self.redact(reason)
        with self.lock:
            self.failed += [Failure(i, code, reason) for i in range(low, high)]

    def may_bisect(self, seconds: float) -> bool:
        """Whether two more calls may be spent on halves of a slice that failed."""
        with self.lock:
            now = time.monotonic()
            if not self.give_up:
                self.give_up = now + seconds
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
