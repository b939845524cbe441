"""What one noun may ask of another, without knowing it.

A noun imports no other noun. Where it needs one (a delivery reads a log, a delivery calls a transform)
it takes an object of one of these protocols, and `flow.py` hands it the real thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import apsw
import pyarrow as pa

from forebay.event import Batch

T = TypeVar("T")


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

    def close(self) -> None:
        """Let go of the file."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event stands, for ids, error entries and Lambda event shapes; `key` is its partition key."""

    log: str
    shard: int
    offset: int
    arrival: int
    key: bytes | None = None


@dataclass(slots=True)
class Lines:
    """Transformed events as bytes: `data[i]` is the payload that came of input `source[i]`.

    `partition_keys[i]`, where given, is what a Lambda handler returned under `metadata.partitionKeys`.
    """

    data: Sequence[bytes]
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


@dataclass(slots=True)
class Sifted:
    """What of some records is a consumer's: `records[i]` came of input `source[i]`, ascending.

    An input may lead to several, each of which has an end of its own, or to none: then it is dropped.
    """

    records: list[bytes]
    source: Sequence[int]


class Sieve(Protocol):
    """Which events of a log a consumer gets, and what of them: a bus's rules.

    Implemented by `forebay.bus.router`; asked by delivery.
    """

    def sift(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Sifted:
        """Choose from consecutive `records` of one log."""


Secrets = Callable[[str], str]
"""Looks a secret up by name; raises ForebayError `UnknownSecret`, naming where it looked."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BufferRow:
    """An object in the making: one delivery, one resolved prefix, one kind (`data` or `error`).

    `opened` is the arrival of its first record (it fixes the key's time), `since` when it was opened
    by the clock (its age decides when it is written); both UTC microseconds. `meta` remembers how to
    write it, so that a changed project does not change what is already buffered.
    """

    id: int
    delivery: str
    kind: str
    bucket: str
    prefix: str
    opened: int
    since: int
    meta: Json


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """Rows that join a buffer. `size` is their bytes before compression, for the buffer's bound."""

    buffer: int
    rows: int
    inputs: int
    size: int
    encoding: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class TableChange:
    """New columns of a delivery's table (Athena types), in the commit of the rows that need them."""

    database: str
    table: str
    columns: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """A file of the lake, as the catalog registers it."""

    bucket: str
    key: str
    path: str | None
    size: int
    etag: str
    format: str
    compression: str
    rows: int
    inputs: int
    source: str
    meta: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one consumer did: its position moves from `before` to `position` with what came of it.

    inputs of `segments` and `object` + `dropped` = `position` - `before` + `copies`, or the commit is refused
    (`LedgerMismatch`). `copies` are what rules made of events beyond one each; `object` is one that was
    written straight from the events, after what the buffer `sealed` holds, if it is not 0.
    """

    consumer: str
    log: str
    before: int
    position: int
    buffers: Sequence[BufferRow] = ()
    segments: Sequence[SegmentRow] = ()
    dropped: int = 0
    copies: int = 0
    change: TableChange | None = None
    object: ObjectRow | None = None
    sealed: int = 0


@dataclass(frozen=True, slots=True)
class Seal:
    """The intent to make an object of a buffer: no more rows join it. `path` as in `objects.path`."""

    buffer: int
    bucket: str
    key: str
    path: str | None


@dataclass(frozen=True, slots=True)
class Registration:
    """A sealed buffer became `object` (None when it had no rows to write, or they were `posted` elsewhere)."""

    buffer: int
    object: ObjectRow | None
    posted: bool = False


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Objects give way to another, and perhaps to rows that are buffered again, in one commit.

    `out` are ids of live objects; they stay as files for `grace` seconds, for queries that planned them.
    The intent of `into` (buffer 0) is done with. A compaction's `into` holds the inputs of all of `out`;
    a replay's holds none: those inputs, which were rejected, are in `segments` or `dropped` now.
    """

    consumer: str
    out: Sequence[int]
    into: ObjectRow
    grace: float
    buffers: Sequence[BufferRow] = ()
    segments: Sequence[SegmentRow] = ()
    dropped: int = 0
    change: TableChange | None = None


class Catalog(Protocol):
    """The catalog's one writer, for nouns that keep rows of their own there: `forebay.catalog.store.Store`."""

    def submit(
        self, work: Callable[[apsw.Connection], T], *, soon: bool = False, hurrying: bool = False
    ) -> Future[T]:
        """Queue `work`, which gets the connection inside a transaction; with `soon`, somebody waits for it."""

    def hurry(self) -> None:
        """Commit what is queued in the calling thread, if that is quick."""

    def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Submit and wait."""

    @property
    def reader(self) -> apsw.Connection:
        """A reading connection of the calling thread's own."""


class DeliveryStore(Protocol):
    """Where deliveries keep what they did: positions, buffers, intents and objects, transactionally.

    Implemented by `forebay.catalog.deliveries.Deliveries`. Writes return futures that resolve when the
    commit is on disk; they are made in the order asked, and a disk that is full or failing delays them,
    it does not fail them.
    """

    def attach(self, consumer: str, log: str, start: int, *, skip: bool = False) -> int:
        """The consumer's position, which is `start` the first time; with `skip`, at least `start`."""

    def new_buffer(self) -> int:
        """An id for a buffer that is about to be opened."""

    def buffers(self, delivery: str, state: str) -> list[tuple[BufferRow, int]]:
        """A delivery's buffers that are `open` or `flushing`, each with the bytes it holds."""

    def columns(self, database: str, table: str) -> list[tuple[str, str]]:
        """A table's columns and Athena types, partition keys apart; none if there is no such table."""

    def owners(self) -> set[str]:
        """The deliveries that have buffers, in the project or no longer."""

    def waiting(self, delivery: str) -> int:
        """How many events are in a delivery's segments."""

    def seals(self, delivery: str) -> list[tuple[BufferRow, Seal, int]]:
        """Intents of a delivery that are not registered yet, each with its buffer and the bytes in it."""

    def segments(self, buffer: int) -> Iterator[SegmentRow]:
        """A buffer's segments, oldest first."""

    def commit(self, progress: Progress) -> Future[None]:
        """Commit what a consumer did."""

    def seal(self, seals: Sequence[Seal]) -> Future[None]:
        """Commit the intents."""

    def register(self, done: Sequence[Registration]) -> Future[None]:
        """Commit the objects: live, counted in the ledger, their buffers and intents gone."""

    def objects(self, consumer: str, kind: str) -> list[tuple[int, ObjectRow]]:
        """A consumer's live objects of a kind (`data`, `error`), with their ids, oldest first."""

    def intend(self, intent: Seal) -> Future[None]:
        """Commit the intent to write an object that comes of no buffer (its `buffer` is 0)."""

    def abandon(self, intent: Seal) -> Future[None]:
        """Commit that the intent comes to nothing; its file is gone already."""

    def rewrite(self, rewrite: Rewrite) -> Future[None]:
        """Commit that objects gave way to another."""


class LakeFiles(Protocol):
    """The lake's files, written so that what is registered survives a power cut.

    Implemented by `forebay.lake.files.Files`. Raises OSError as the disk does.
    """

    def locate(self, bucket: str, key: str) -> tuple[Path, str | None]:
        """Where an object's bytes lie, and what `objects.path` says of it (None where the key is the path)."""

    def at(self, bucket: str, key: str, path: str | None) -> Path:
        """Where the bytes lie of an object with this `objects.path`."""

    def temporary(self) -> Path:
        """A path for a file in the making, on the lake's disk and in no bucket."""

    def create(self, path: Path) -> BinaryIO:
        """A new file to write to."""

    def sync(self, file: BinaryIO) -> None:
        """Flush `file` and wait until its bytes are on disk."""

    def rename(self, source: Path, target: Path) -> None:
        """Move a file to its place, making folders as needed."""

    def sync_folders(self, path: Path) -> None:
        """Wait until the names of `path` and of every folder above it in the lake are on disk."""

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
