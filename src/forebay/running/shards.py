"""What a stream's trigger is given by the flow: the stream's log shard by shard, and its place in the catalog."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import apsw

from forebay.catalog import triggers
from forebay.catalog.store import Store
from forebay.functions.queue import enqueue
from forebay.functions.section import TriggerSpec
from forebay.functions.shapes import KinesisRecord
from forebay.functions.stream_parts import Move, ShardInfo
from forebay.layout import Layout
from forebay.project.model import Location
from forebay.streams.sequence import number
from forebay.streams.shard_reader import ShardReader
from forebay.streams.shards import ShardMap, load

Put = Callable[[apsw.Connection], None]


class Keeper(Protocol):
    """Where what was given up is kept: `triggers.Functions`."""

    @property
    def layout(self) -> Layout:
        """The state folder's."""

    @property
    def store(self) -> Store:
        """The catalog."""

    def errors(self, on: TriggerSpec) -> Location:
        """Where a trigger's batches are kept that were given up."""

    def prepare(self, bucket: str, key: str, data: bytes, source: str) -> Put:
        """Write an object's bytes, and give what makes it an object in a transaction of the catalog."""

    def told(self) -> None:
        """Calls or objects were made."""


def dated() -> str:
    """The end of an error entry's key, as Lambda writes it."""
    return f"{datetime.now(UTC):%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


class Shards(ShardReader):
    """A stream's log as a trigger reads it (`functions.stream.ShardLog`)."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, name, patience=10.0)
        self._map = ShardMap()

    def shards(self) -> list[ShardInfo]:
        """Every shard, parents first."""
        self._map = self._ask(load, ShardMap())
        return [
            ShardInfo(
                shard.number,
                tuple(number for number in (shard.parent, shard.adjacent) if number is not None),
                shard.closed,
            )
            for shard in self._map.shards
        ]

    def records(self, shard: int, position: int, *, most: int, max_bytes: int) -> list[KinesisRecord]:
        """The next records of a shard."""
        own = self._map.shard(shard)
        return [
            KinesisRecord(
                shard=shard,
                offset=record.offset,
                arrival=record.arrival,
                sequence=str(number(own, record.offset, record.arrival)),
                key=record.key.decode("utf-8", "replace"),
                data=record.data,
            )
            for record in self.shard(shard, position, most=most, max_bytes=max_bytes).records
        ]


class Place:
    """A trigger's position in the catalog (`functions.stream.Progress`)."""

    def __init__(self, functions: Keeper, name: str, stream: str, on: TriggerSpec) -> None:
        self._functions = functions
        self._name = name
        self._consumer = f"functions.{name}"
        self._log = f"streams.{stream}"
        self._on = on

    def attach(self) -> tuple[int, dict[int, int]]:
        """Where it is."""
        reader = ShardReader(self._functions.layout.log(self._log), self._log, patience=10.0)
        try:
            if self._on.start_at is not None:
                begin = reader.since(self._on.start_at)
            else:
                begin = reader.head() if self._on.start == "latest" else reader.start()
        finally:
            reader.close()
        id = self._on.id or f"{self._on.start}"
        return self._functions.store.write(
            lambda db: triggers.attach(db, self._consumer, self._log, id, lambda: begin)
        )

    def commit(self, move: Move) -> None:
        """Move, with what was given up kept and told."""
        given_up = move.given_up
        put: Callable[[apsw.Connection], None] | None = None
        if given_up is not None:
            place = self._functions.errors(self._on)
            key = f"{place.prefix}aws/lambda/{self._on.id or self._name}/{given_up.shard}/{dated()}"
            data = json.dumps(given_up.record).encode()
            put = self._functions.prepare(place.bucket, key, data, self._consumer)

        def work(db: apsw.Connection) -> None:
            triggers.move(
                db,
                self._consumer,
                self._log,
                move.shard,
                (move.before, move.after),
                events=move.events,
                delivered=move.delivered,
                dropped=move.dropped,
                rejected=move.rejected,
            )
            if given_up is not None and put is not None:
                put(db)
                if self._on.on_failure is not None:
                    enqueue(db, self._on.on_failure.name, json.dumps(given_up.record).encode())

        self._functions.store.write(work)
        if given_up is not None:
            self._functions.told()
