"""What one noun may ask of another, without knowing it.

A noun imports no other noun. Where it needs one (a delivery reads a log, a delivery calls a transform)
it takes an object of one of these protocols, and `flow.py` hands it the real thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from forebay.event import Batch


class LogReader(Protocol):
    """Reads one log from any process, at positions of the caller's own.

    Implemented by `forebay.streams.reader.Reader`; asked by delivery, functions, tables over streams.
    """

    @property
    def name(self) -> str:
        """The log's name with its noun: `streams.activity`, `delivery.clicks`."""

    def start(self) -> int:
        """The offset of the oldest event still kept."""

    def head(self) -> int:
        """The offset after the newest committed event."""

    def read(self, position: int, *, max_bytes: int = 8 << 20) -> list[Batch]:
        """The batches from `position` on, at most about `max_bytes` of blobs but at least one batch.

        The first batch may begin before `position` (a position may lie inside a batch): the caller
        skips `position - batch.offset` events. Empty when there is nothing new. Raises ForebayError
        `PositionExpired` if events at `position` are no longer kept.
        """


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run of consecutive events stands, for ids, error entries and Lambda event shapes."""

    log: str
    shard: int
    offset: int
    arrival: int


@dataclass(slots=True)
class Lines:
    """Transformed events as bytes: `data[i]` is the payload that came of input `source[i]`.

    `partition_keys[i]`, where given, is what a Lambda handler returned under `metadata.partitionKeys`.
    """

    data: list[bytes]
    source: Sequence[int]
    partition_keys: list[Mapping[str, str] | None] | None = None


@dataclass(slots=True)
class Table:
    """Transformed events as columns (a SQL transform): row i of `rows` came of input `source[i]`."""

    rows: pa.Table
    source: Sequence[int]


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that the transform could not process; it goes under the error prefix with its original bytes.

    `code` is AWS's where AWS has one: `Lambda.FunctionError`, `Lambda.ProcessingFailedStatus`,
    `Lambda.MissingRecordId`, `Lambda.InvokeTimeout`...
    """

    index: int
    code: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What became of a batch: every input is in `output` once or more, in `dropped`, or in `failed`."""

    output: Lines | Table
    dropped: Sequence[int] = ()
    failed: Sequence[Failure] = ()
    warnings: Sequence[str] = field(default_factory=tuple)


class Transform(Protocol):
    """Turns a batch of events into what is delivered, in the user's own code.

    Implemented by `forebay.functions` (a Lambda handler, a plain function, SQL); asked by delivery.
    """

    def apply(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Outcome:
        """Process `records`; `origins` has one entry per record.

        Blocks until done; bounded by the function's own timeout. A record that the user's code fails on
        is a `Failure` after the function's own retries. Raises Unavailable only when nothing was
        decided (no worker could be started): the caller tries the same batch again later.
        """

    def close(self) -> None:
        """Stop the workers."""


Secrets = Callable[[str], str]
"""Looks a secret up by name; raises ForebayError `UnknownSecret`, naming where it looked."""

Json = dict[str, Any]
