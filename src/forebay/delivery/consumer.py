"""One delivery at work: read its log, transform, encode, commit, and hand sealed buffers to be written.

Every delivery has a thread of its own, so that a slow function holds up nobody else. Time and size seal
buffers whatever that thread is doing (`tick`, called by the flow), and `flush` does so on request.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from forebay.delivery.batch import Done, process
from forebay.delivery.buffers import Buffers, Target
from forebay.delivery.columns import Columns
from forebay.delivery.formats import Encoder, encoder
from forebay.delivery.formats.posted import PostEncoder
from forebay.delivery.intake import Sieved, Work, sifted, take
from forebay.delivery.keys import compile_query
from forebay.delivery.landing import Held, Landing
from forebay.delivery.prefix import data_prefix, error_prefix
from forebay.delivery.replay import Replay
from forebay.delivery.route import Router
from forebay.delivery.section import DeliverySpec
from forebay.delivery.straight import MOST, Straight
from forebay.delivery.ticks import Ticks
from forebay.delivery.writer import Writer
from forebay.errors import Unavailable
from forebay.ports import (
    DeliveryStore,
    LakeFiles,
    LogReader,
    ObjectRow,
    Sieve,
    TableChange,
    Transform,
)

log = logging.getLogger(__name__)

IDLE_FIRST, IDLE_MOST = 0.02, 0.1
READ_BYTES = 8 << 20
IN_FLIGHT = 2
BACKLOG = 512 << 20
RETRY_FIRST, RETRY_MOST = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Feed:
    """A log that a delivery reads. With a `sieve` it gets a part of it, from where `begin` says (None: not yet)."""

    log: str
    open: Callable[[], LogReader]
    sieve: Sieve | None = None
    begin: Callable[[], int | None] | None = None


@dataclass(slots=True)
class _Reading:
    feed: Feed
    reader: LogReader
    position: int
    head: int = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a delivery is given: where its events come from, its code, and where things are kept.

    `open_log` is of its own log or the stream it reads; `feeds` are further logs, whose events come in no
    order among each other. `writer` outlives the delivery when the project changes; `room` says whether the disk has any; `table`
    is (database, table), where there is one over what is delivered.
    """

    open_log: Callable[[], LogReader]
    transform: Transform | None
    store: DeliveryStore
    files: LakeFiles
    writer: Writer
    room: Callable[[], bool]
    table: tuple[str, str] | None = None
    feeds: Sequence[Feed] = ()


class Delivery:
    """A delivery, running between `start` and `stop`."""

    def __init__(self, name: str, spec: DeliverySpec, parts: Parts) -> None:
        self.name = name
        self.spec = spec
        self.consumer = f"delivery.{name}"
        self.log_name = str(spec.from_) if spec.from_ is not None else self.consumer
        self.feeds = (Feed(self.log_name, parts.open_log), *parts.feeds)
        self._heads: dict[str, int] = {}
        self.trouble: str | None = None
        self._parts = parts
        target = Target(
            delivery=name,
            bucket=spec.to.bucket,
            location=spec.to.prefix,
            data=data_prefix(spec.to.prefix, spec.prefix, spec.partition, spec.zone),
            errors=error_prefix(name, spec.error_prefix, spec.zone),
            seconds=spec.buffer.seconds,
            bytes=spec.buffer.bytes,
        )
        self._buffers = Buffers(target, parts.store, parts.files)
        self._writer = parts.writer
        query = None if spec.keys is None else compile_query(spec.keys)
        self._router = Router(target.data, spec.partition, self._buffers.admit, query)
        self._columns = Columns((), declared=False)
        self._encoder = self._fresh_encoder()
        self._landing = Landing(
            self.consumer, parts.store, self._buffers, change=self._change, seal=self._seal
        )
        self._straight = self._may_go_straight()
        self._abandoned = False
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._processing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=self.consumer, daemon=True)

    @property
    def positions(self) -> dict[str, int]:
        """By log, the offset before which every event has its end or is buffered, on disk."""
        return self._landing.positions

    def start(self) -> None:
        """Consume."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish the batch under way and commit it; whether that was done in time."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Let the batch under way go, whatever becomes of it: it is read again by whoever comes next."""
        self._abandoned = True

    def close(self) -> None:
        """Stop the code's workers."""
        if self._parts.transform is not None:
            self._parts.transform.close()

    def status(self) -> dict[str, Any]:
        """How far it is and what ails it."""
        return {
            "log": self.log_name,
            "position": self.positions.get(self.log_name, 0),
            "lag": sum(max(0, head - self.positions.get(log, 0)) for log, head in self._heads.items()),
            "buffered": self._parts.store.waiting(self.name),
            "buffered_bytes": self._buffers.held(),
            "writing": self._writer.pending,
            "objects": self._writer.objects,
            "last_error": self.trouble or self._writer.last_error,
        }

    def tick(self) -> None:
        """Seal what has reached its bytes or seconds."""
        if due := self._buffers.due():
            self._seal(due)

    def seal_all(self) -> None:
        """Seal every open buffer: the delivery is about to change or to go."""
        self._seal(self._buffers.all())

    def flush(self, timeout: float) -> list[ObjectRow]:
        """Make objects of everything accepted by now; waits at most `timeout` seconds, half of it for lag.

        Raises Unavailable `FlushTimeout` if they are not written by then; they will be.
        """
        begun = time.monotonic()
        self._catch_up(begun + timeout / 2)
        ids = self._seal(self._buffers.all())
        objects = self._writer.wait(ids, begun + timeout)
        if objects is None:
            raise Unavailable(
                "FlushTimeout",
                f"the objects of {self.consumer} are not written after {timeout:g} s",
                why=self._writer.last_error or self.trouble,
            )
        return objects

    def replay(self) -> dict[str, Any]:
        """Process again what was rejected; see `replay.py`."""
        return Replay(
            consumer=self.consumer,
            store=self._parts.store,
            files=self._parts.files,
            buffers=self._buffers,
            process=self._process,
            change=self._change,
            seal=self._seal,
        ).run()

    def _process(self, work: Work) -> Done:
        with self._processing:
            return process(work, self._parts.transform, self._encoder, self.spec, self.name)

    def _catch_up(self, deadline: float) -> None:
        heads = {}
        for feed in self.feeds:
            reader = feed.open()
            try:
                heads[feed.log] = reader.head()
            finally:
                reader.close()
        while (
            any(self.positions.get(log, 0) < head for log, head in heads.items())
            and time.monotonic() < deadline
            and self._thread.is_alive()
        ):
            self._wake.set()
            time.sleep(0.01)

    def _seal(self, ids: Sequence[int]) -> list[int]:
        with self._buffers.lock:
            sealed = self._buffers.seals(ids)
            if not sealed:
                return []
            committed = self._parts.store.seal([one.seal for one in sealed])
            self._writer.add(sealed, committed)  # within the lock: who finds no open buffer finds these there
        return [one.row.id for one in sealed]

    # --- consuming ---

    def _fresh_encoder(self) -> Encoder:
        """An encoder that knows the columns as they are committed."""
        spec = self.spec
        given = list((spec.columns or {}).items())
        if spec.columns is None and self._parts.table is not None:
            given = self._parts.store.columns(*self._parts.table)
        self._columns = Columns(given, declared=spec.columns is not None)
        if spec.http_endpoint is not None:
            return PostEncoder()
        return encoder(
            spec.format,
            spec.compression or "none",
            self._router,
            self._columns,
            table=self._parts.table is not None,
            extension=spec.extension,
        )

    def _may_go_straight(self) -> Straight | None:
        """Where nobody sees rows before they are an object, and to read them again is to ask no code again."""
        spec, parts = self.spec, self._parts
        if parts.table is not None or parts.transform is not None or spec.http_endpoint is not None:
            return None
        if len(self.feeds) > 1 or self.feeds[0].sieve is not None or not self._router.plain:
            return None
        size, seconds = spec.buffer.bytes, spec.buffer.seconds
        if size > MOST:
            return None
        return Straight(
            parts.store, parts.files, self._buffers, self._landing, parts.writer, size=size, seconds=seconds
        )

    def _change(self) -> TableChange | None:
        if not self._columns.changed:
            return None
        self._columns.changed = False
        if self._parts.table is None:
            return None
        return TableChange(*self._parts.table, self._columns.listed(self._router.folders))

    def _run(self) -> None:
        delay = RETRY_FIRST
        while not self._stopping.is_set():
            readings: list[_Reading] = []
            try:
                for feed in self.feeds:
                    readings.append(_Reading(feed, feed.open(), 0))
                with self._buffers.lock:  # nothing is sealed between what is committed and what is known
                    for reading in readings:
                        self._attach(reading)
                    self._buffers.restore()
                self._encoder = self._fresh_encoder()
                delay = self._consume(readings, delay)
            except Exception as error:  # whatever it was, the others go on and this one tries again
                self._say(f"{type(error).__name__}: {error}", exc_info=not isinstance(error, Unavailable))
                self._stopping.wait(delay)
                delay = min(delay * 2, RETRY_MOST)
            finally:
                for reading in readings:
                    reading.reader.close()

    def _attach(self, reading: _Reading) -> None:
        feed, store = reading.feed, self._parts.store
        if feed.begin is None:
            start = reading.reader.start()
            reading.position = store.attach(self.consumer, feed.log, start)
            if (gone := start - reading.position) > 0:  # the stream was deleted, and made anew
                log.warning("delivery %s: %d events of %s are gone undelivered", self.name, gone, feed.log)
                reading.position = store.attach(self.consumer, feed.log, start, skip=True)
        else:
            begin = feed.begin()
            if begin is None:
                raise Unavailable("NotDeclared", f"{feed.log} does not know yet that it is read")
            reading.position = store.attach(self.consumer, feed.log, begin, skip=True)
        self.positions[feed.log] = reading.position

    def _next(self, readings: Sequence[_Reading], most: int) -> tuple[_Reading, Work] | None:
        """Some of what is new in the first log that has any; the next time the others come first."""
        for reading in readings:
            reading.head = self._heads[reading.feed.log] = reading.reader.head()
        for reading in readings:
            if reading.head > reading.position:
                batches = reading.reader.read(reading.position, max_bytes=most)
                if batches:
                    return reading, take(reading.feed.log, batches, reading.position)
        return None

    def _consume(self, readings: list[_Reading], delay: float) -> float:
        most = min(READ_BYTES, max(self.spec.buffer.bytes, 1 << 16))
        self._landing.begin()
        idle, ticks = IDLE_FIRST, Ticks()
        held: Held | None = None
        while not self._stopping.is_set():
            if not self._parts.room():
                self._say("the disk is nearly full; what is not yet read stays in its log")
                self._stopping.wait(1.0)
                continue
            if self._writer.backlog > BACKLOG:
                self._rest(IDLE_MOST)  # objects are written more slowly than events come
                continue
            found = self._next(readings, most)
            if found is None:
                if held is not None:
                    self._landing.buffer(held)
                    held = None
                self._landing.land(0)
                ticks.nothing_came()
                self._rest(idle)
                idle = min(idle * 1.2, IDLE_MOST)
                continue
            idle = IDLE_FIRST
            reading, work = found
            feed, position = reading.feed, reading.position
            ticks.came(work.bytes)
            if len(readings) > 1:
                readings.remove(reading)
                readings.append(reading)
            asked = work if feed.sieve is None else sifted(work, feed.sieve)
            passed = len(set(asked.source)) if isinstance(asked, Sieved) else len(work.records)
            done = self._process(asked) if asked.records else Done([], 0)
            if self._abandoned:
                break
            held = Held(
                log=feed.log,
                before=position,
                position=work.end,
                groups=done.groups,
                dropped=done.dropped + len(work.records) - passed,
                copies=len(asked.records) - passed,
            ).joined(held)
            reading.position = work.end
            awaited = self._awaited(held, ticks)
            if not awaited:
                held = None
            if work.bytes >= most:
                self._landing.land(IN_FLIGHT - 1)
            else:
                self._landing.land(0)
                self._rest(ticks.rest(awaited) if awaited else ticks.rest())
            self.trouble = None
            delay = RETRY_FIRST
        if held is not None and not self._abandoned:
            self._landing.buffer(held)
        self._landing.land(0)
        return delay

    def _awaited(self, held: Held, ticks: Ticks) -> int:
        """Bytes that it waits for, to be an object with them; 0 once it is committed, as that or as rows of buffers."""
        straight = self._straight
        missing = None if straight is None else straight.missing(held)
        if straight is None or missing is None:
            self._landing.buffer(held)
        elif not missing:
            straight.deliver(held)
        elif straight.may_wait(held, ticks.until(missing)):
            return missing
        else:
            self._landing.buffer(held)
        return 0

    def _rest(self, seconds: float) -> None:
        if seconds > 0:
            self._wake.wait(seconds)
        self._wake.clear()

    def _say(self, text: str, *, exc_info: bool = False) -> None:
        if text != self.trouble:
            log.warning("delivery %s: %s", self.name, text, exc_info=exc_info)
        self.trouble = text
