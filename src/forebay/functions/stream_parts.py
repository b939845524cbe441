"""What a stream's trigger works with: the shards it reads, what it commits, and who does it for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from forebay.functions.invoke import Result
from forebay.functions.shapes import KinesisRecord


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """A shard of the stream: whose child it is, and the offset after its last event once it is closed."""

    number: int
    parents: tuple[int, ...] = ()
    closed: int | None = None


class ShardLog(Protocol):
    """A stream's log, read shard by shard. One thread uses it at a time."""

    def head(self) -> int:
        """The offset after the newest event."""

    def shards(self) -> Sequence[ShardInfo]:
        """Every shard there ever was, parents first."""

    def records(self, shard: int, position: int, *, most: int, max_bytes: int) -> list[KinesisRecord]:
        """The next records of a shard from `position` on; at least one if there is any."""

    def close(self) -> None:
        """Let go of the file."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A batch that was given up: AWS's "invocation record" for it, and the id of its shard."""

    record: dict[str, Any]
    shard: str


@dataclass(frozen=True, slots=True)
class Move:
    """What one shard did: `records` of its events between two offsets, and how they ended."""

    shard: int
    before: int
    after: int
    events: int
    delivered: int = 0
    dropped: int = 0
    rejected: int = 0
    given_up: GivenUp | None = None


class Progress(Protocol):
    """Where the trigger is, in the catalog."""

    def attach(self) -> tuple[int, Mapping[int, int]]:
        """Where it began, and its position in each shard that it has read."""

    def commit(self, move: Move) -> None:
        """Move, in one transaction with what came of the events."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a trigger is given. `matches` says whether a record passes the filter; `call` calls the function
    with an event and a request id. `retention` is the stream's, in seconds. `reports`: the function always
    says how far it came.
    """

    open_log: Callable[[], ShardLog]
    progress: Progress
    matches: Callable[[Mapping[str, Any]], bool] | None
    call: Callable[[bytes, str], Result]
    function_arn: str
    role: str
    stream_arn: str
    region: str
    retention: float
    workers: int
    reports: bool = False
