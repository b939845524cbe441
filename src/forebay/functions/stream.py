"""A function that a stream's records call: Lambda's event source mapping.

Each shard is read by itself, in order, one batch at a time; what becomes of a batch commits with the shard's
position. A batch that fails is tried again until it is answered, its tries are used up, or its first record
is too old; with `bisect` its halves are tried apart, and with `report` the handler says how far it came. What
is given up is kept, told, and passed over. Only its own shard waits meanwhile.

Where a handler reports failures and its tries are used up, only the first record that failed is given up:
AWS would give up all from there on, though nobody said that they fail.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from forebay.clock import SECOND, iso, now_us
from forebay.errors import ForebayError
from forebay.functions import shapes
from forebay.functions.invoke import REQUEST, Result
from forebay.functions.section import TriggerSpec
from forebay.functions.shapes import NO_RECORDS, KinesisRecord
from forebay.functions.stream_parts import GivenUp, Move, Parts, ShardLog

log = logging.getLogger(__name__)

IDLE = 0.1
RETRY_FIRST, RETRY_MOST = 0.1, 10.0
OK, PROBLEM = "OK", "PROBLEM: Function call failed"


@dataclass(slots=True)
class _Shard:
    """A shard on its way. `cuts` are the sizes of the next batches, the next one last: a batch's halves."""

    number: int
    position: int
    flying: bool = False
    due: float = 0.0
    waiting_since: float | None = None
    tries: int = 0
    calls: int = 0
    delay: float = RETRY_FIRST
    cuts: list[int] = field(default_factory=list)

    def moved(self, position: int, records: int) -> None:
        """So many records have their end; what is next has been tried by nobody."""
        self.position = position
        while records and self.cuts:
            done = min(records, self.cuts[-1])
            self.cuts[-1] -= done
            records -= done
            if not self.cuts[-1]:
                self.cuts.pop()
        self.tries = self.calls = 0
        self.delay = RETRY_FIRST
        self.due = 0.0
        self.waiting_since = None

    def later(self) -> None:
        """Try again after a while that grows."""
        self.due = time.monotonic() + self.delay
        self.delay = min(self.delay * 2, RETRY_MOST)


class StreamTrigger:
    """One function on one stream, between `start` and `stop`."""

    def __init__(self, name: str, stream: str, spec: TriggerSpec, parts: Parts) -> None:
        self.spec = spec
        self.consumer = f"functions.{name}"
        self.log_name = f"streams.{stream}"
        self.position = 0
        self.begun = False
        self.trouble: str | None = None
        self.result = NO_RECORDS
        self._parts = parts
        self._shards: dict[int, _Shard] = {}
        self._begun = 0
        self._head = 0
        self._lost: Exception | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._pool = ThreadPoolExecutor(max(1, parts.workers), f"trigger-{name}")
        self._thread = threading.Thread(target=self._run, name=f"trigger-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Begin no more calls; whether those under way ended in time. They are made again if not."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        done = not self._thread.is_alive()
        self._pool.shutdown(wait=done, cancel_futures=True)
        return done

    def status(self) -> dict[str, Any]:
        """How far it is and what ails it."""
        return {
            "log": self.log_name,
            "position": self.position,
            "lag": max(0, self._head - self.position),
            "last_result": self.result,
            "last_error": self.trouble,
        }

    # --- its thread: reads, and hands batches to the pool ---

    def _run(self) -> None:
        delay = 0.2
        while not self._stopping.is_set():
            reader: ShardLog | None = None
            try:
                reader = self._parts.open_log()
                self._begun, known = self._parts.progress.attach()
                self._shards = {number: _Shard(number, position) for number, position in known.items()}
                self._lost = None
                while not self._stopping.is_set() and self._lost is None:
                    self._turn(reader)
                    delay = 0.2
                if self._lost is not None:
                    raise self._lost
            except Exception as error:  # whatever it was, the others go on and this one tries again
                self._say(f"{type(error).__name__}: {error}", exc_info=not isinstance(error, ForebayError))
                self._stopping.wait(delay)
                delay = min(delay * 2, 5.0)
            finally:
                if reader is not None:
                    reader.close()
            while any(shard.flying for shard in self._shards.values()):
                time.sleep(0.01)

    def _turn(self, reader: ShardLog) -> None:
        """Look once at every shard."""
        self._wake.clear()
        head = reader.head()
        infos = reader.shards()
        ends = {info.number: head if info.closed is None else min(info.closed, head) for info in infos}
        wait = IDLE
        for info in infos:
            shard = self._shards.setdefault(info.number, _Shard(info.number, self._begun))
            if shard.flying or not all(self._drained(parent, ends) for parent in info.parents):
                continue
            if shard.position >= ends[info.number]:
                shard.position = max(shard.position, head)
                continue
            now = time.monotonic()
            if shard.due <= now:
                wait = min(wait, self._next(reader, shard, head))
            else:
                wait = min(wait, shard.due - now)
        self._head = head
        # All that is before it has an end: what retention may remove.
        self.position = min((shard.position for shard in self._shards.values()), default=self._begun)
        self.begun = True
        self._wake.wait(max(0.0, wait))

    def _drained(self, number: int, ends: Mapping[int, int]) -> bool:
        """Whether a parent is done with, so that its children's records are next."""
        shard = self._shards.get(number)
        return number not in ends or (shard is not None and shard.position >= ends[number])

    def _next(self, reader: ShardLog, shard: _Shard, head: int) -> float:
        """Begin a shard's next batch; how long to wait at most before the next look."""
        most = shard.cuts[-1] if shard.cuts else self.spec.batch
        records = reader.records(shard.number, shard.position, most=most, max_bytes=REQUEST)
        if not records:
            shard.position = head
            return IDLE
        records = _fitting(records)
        now = time.monotonic()
        if self.spec.window and not shard.cuts and not shard.calls and len(records) < most:
            if shard.waiting_since is None:
                shard.waiting_since = now
            left = shard.waiting_since + self.spec.window - now
            if left > 0 and reader.head() == head:  # what came meanwhile may fill it
                return min(left, IDLE)
            if left > 0:
                return 0.0
        shard.flying = True
        try:
            self._pool.submit(self._one, shard, records)
        except RuntimeError:  # it is being stopped
            shard.flying = False
        return IDLE

    # --- a batch, in a thread of the pool ---

    def _one(self, shard: _Shard, records: list[KinesisRecord]) -> None:
        try:
            self._batch(shard, records)
        except Exception as error:
            if not self._stopping.is_set():
                self._lost = error
        finally:
            shard.flying = False
            self._wake.set()

    def _batch(self, shard: _Shard, records: list[KinesisRecord]) -> None:
        if self.spec.max_age is not None:
            old = self._old(records, self.spec.max_age)
            if old:
                self._give_up(shard, records[:old], self._kept(records[:old]), "RecordAgeExceeded", None)
                return
        kept = self._kept(records)
        if not kept:
            self._commit(shard, records, dropped=len(records))
            return
        request = str(uuid.uuid4())
        event = self._event(kept)
        if len(event) > REQUEST:
            self._give_up(shard, records, kept, "RecordTooLarge", None)
            return
        try:
            result = self._parts.call(event, request)
        except ForebayError as error:  # it could not be called at all: no try of the batch
            if not self._stopping.is_set():
                self._say(f"{error.code}: {error.message}")
            shard.later()
            return
        shard.calls += 1
        failed_at = self._failed_at(result, kept)
        if failed_at is None:
            self.trouble = None
            self.result = OK
            self._commit(shard, records, delivered=len(kept), dropped=len(records) - len(kept))
            return
        self.result = PROBLEM
        self._say(f"{result.reason() if result.error is not None else 'the handler reported failures'}")
        if failed_at:
            done = records[: records.index(kept[failed_at])]
            self._commit(shard, done, delivered=failed_at, dropped=len(done) - failed_at)
            shard.tries, shard.calls = 1, 1
            if self.spec.retries is None or self.spec.retries > 0:
                shard.later()
                return
            records, kept = records[len(done) :], kept[failed_at:]
        self._failed(shard, records, kept, result)

    def _failed(
        self, shard: _Shard, records: list[KinesisRecord], kept: list[KinesisRecord], result: Result
    ) -> None:
        """The first of the batch failed, or all of it."""
        if self.spec.bisect and len(kept) > 1 and not self._reporting(result):
            half = records.index(kept[len(kept) // 2])
            if shard.cuts:
                shard.cuts.pop()
            shard.cuts += [len(records) - half, half]
            return
        shard.tries += 1
        age = self.spec.max_age or self._parts.retention
        if self.spec.retries is not None and shard.tries > self.spec.retries:
            if self._reporting(result):
                records = records[: records.index(kept[0]) + 1]
                kept = kept[:1]
            self._give_up(shard, records, kept, "RetryAttemptsExhausted", result)
        elif old := self._old(records, age):
            self._give_up(shard, records[:old], self._kept(records[:old]), "RecordAgeExceeded", result)
        else:
            shard.later()

    def _reporting(self, result: Result) -> bool:
        """Whether the handler said itself which record failed."""
        return result.error is None

    def _failed_at(self, result: Result, kept: Sequence[KinesisRecord]) -> int | None:
        """The index of the first record that failed; None if none did."""
        if result.error is not None:
            return 0
        if not (self.spec.report or self._parts.reports):
            return None
        try:
            return shapes.batch_failures(result.payload, [record.sequence for record in kept])
        except ValueError:
            return 0

    def _kept(self, records: Sequence[KinesisRecord]) -> list[KinesisRecord]:
        matches = self._parts.matches
        return list(records) if matches is None else [r for r in records if matches(_document(r))]

    @staticmethod
    def _old(records: Sequence[KinesisRecord], age: float) -> int:
        """How many of the first records are older than `age` seconds."""
        before = now_us() - int(age * SECOND)
        return next((at for at, record in enumerate(records) if record.arrival >= before), len(records))

    def _event(self, records: Sequence[KinesisRecord]) -> bytes:
        parts = self._parts
        event = shapes.kinesis_event(
            records, stream_arn=parts.stream_arn, function_role=parts.role, region=parts.region
        )
        return json.dumps(event).encode()

    def _give_up(
        self,
        shard: _Shard,
        records: Sequence[KinesisRecord],
        kept: Sequence[KinesisRecord],
        condition: str,
        result: Result | None,
    ) -> None:
        given_up = None
        if kept:
            log.warning(
                "%s gives up %d records of %s: %s", self.consumer, len(kept), self.log_name, condition
            )
            given_up = GivenUp(self._record(shard, kept, condition, result), shapes.shard_id(shard.number))
        self._commit(shard, records, rejected=len(kept), dropped=len(records) - len(kept), given_up=given_up)

    def _record(
        self, shard: _Shard, kept: Sequence[KinesisRecord], condition: str, result: Result | None
    ) -> dict[str, Any]:
        """ "Configuring destinations for failed invocations": what AWS writes, with the event as `payload`."""
        first, last = kept[0], kept[-1]
        record: dict[str, Any] = {
            "requestContext": {
                "requestId": result.request_id if result is not None else str(uuid.uuid4()),
                "functionArn": self._parts.function_arn,
                "condition": condition,
                "approximateInvokeCount": shard.calls,
            },
            "version": "1.0",
            "timestamp": iso(now_us())[:23] + "Z",
            "KinesisBatchInfo": {
                "shardId": shapes.shard_id(shard.number),
                "startSequenceNumber": first.sequence,
                "endSequenceNumber": last.sequence,
                "approximateArrivalOfFirstRecord": iso(first.arrival)[:23] + "Z",
                "approximateArrivalOfLastRecord": iso(last.arrival)[:23] + "Z",
                "batchSize": len(kept),
                "streamArn": self._parts.stream_arn,
            },
            "payload": self._event(kept).decode(),
        }
        if result is not None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST"}
            if result.error is not None:
                record["responseContext"]["functionError"] = result.error
                record["responseContext"]["reason"] = result.reason()
        return record

    def _commit(self, shard: _Shard, records: Sequence[KinesisRecord], **ends: Any) -> None:
        after = records[-1].offset + 1
        self._parts.progress.commit(Move(shard.number, shard.position, after, events=len(records), **ends))
        shard.moved(after, len(records))

    def _say(self, text: str, *, exc_info: bool = False) -> None:
        if text != self.trouble:
            log.warning("%s on %s: %s", self.consumer, self.log_name, text, exc_info=exc_info)
        self.trouble = text


def _fitting(records: list[KinesisRecord]) -> list[KinesisRecord]:
    """The first of them that fit into one call; one at least."""
    left = REQUEST - 64
    for at, record in enumerate(records):
        left -= (len(record.data) + 2) // 3 * 4 + 2 * len(record.key) + shapes.KINESIS_ENVELOPE
        if left < 0:
            return records[: max(1, at)]
    return records


def _document(record: KinesisRecord) -> dict[str, Any]:
    """What a filter sees of a record: its data as JSON, or as text."""
    data: Any
    try:
        data = json.loads(record.data)
    except ValueError:
        data = record.data.decode("utf-8", "replace")
    return {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record.key,
        "sequenceNumber": record.sequence,
        "approximateArrivalTimestamp": record.arrival / SECOND,
        "data": data,
    }
