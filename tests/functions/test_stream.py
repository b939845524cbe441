"""A stream's records call a function: in order per shard, until each has its end."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from forebay.clock import SECOND, now_us
from forebay.errors import Throttled
from forebay.functions import stream as module
from forebay.functions.invoke import Result
from forebay.functions.section import TriggerSpec
from forebay.functions.shapes import KinesisRecord
from forebay.functions.stream import StreamTrigger
from forebay.functions.stream_parts import Move, Parts, ShardInfo
from tests.harness import PATIENCE, until


class Log:
    """A stream in memory (`ShardLog`): records are (shard, data), at their index as offset."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes, int]] = []
        self.infos: list[ShardInfo] = [ShardInfo(0)]

    def put(self, *data: str, shard: int = 0, arrival: int | None = None) -> None:
        for each in data:
            self.records.append((shard, each.encode(), now_us() if arrival is None else arrival))

    def head(self) -> int:
        return len(self.records)

    def shards(self) -> Sequence[ShardInfo]:
        return self.infos

    def records_of(self, shard: int) -> Iterator[KinesisRecord]:
        for offset, (own, data, arrival) in enumerate(self.records):
            if own == shard:
                yield KinesisRecord(shard, offset, arrival, str(1000 + offset), f"key-{offset}", data)

    def close(self) -> None:
        pass


class Reading(Log):
    def __init__(self, log: Log) -> None:
        self.records_ = log

    def head(self) -> int:
        return self.records_.head()

    def shards(self) -> Sequence[ShardInfo]:
        return self.records_.infos

    def records(self, shard: int, position: int, *, most: int, max_bytes: int) -> list[KinesisRecord]:  # type: ignore[override]
        found = [record for record in self.records_.records_of(shard) if record.offset >= position]
        return found[:most]


class Place:
    """Positions in memory (`Progress`), with what was committed."""

    def __init__(self) -> None:
        self.shards: dict[int, int] = {}
        self.moves: list[Move] = []

    def attach(self) -> tuple[int, Mapping[int, int]]:
        return 0, dict(self.shards)

    def commit(self, move: Move) -> None:
        assert self.shards.get(move.shard, 0) <= move.before < move.after
        assert move.delivered + move.dropped + move.rejected == move.events
        self.shards[move.shard] = move.after
        self.moves.append(move)

    def total(self, end: str) -> int:
        return sum(getattr(move, end) for move in self.moves)


Handler = Callable[[list[str]], Any]


class World:
    """A trigger over a log in memory, and a handler that is handed the records' data."""

    def __init__(self) -> None:
        self.log = Log()
        self.place = Place()
        self.calls: list[list[str]] = []
        self.triggers: list[StreamTrigger] = []
        self.handler: Handler = lambda _: None
        self._lock = threading.Lock()

    def call(self, event: bytes, request: str) -> Result:
        records = [
            base64.b64decode(each["kinesis"]["data"]).decode() for each in json.loads(event)["Records"]
        ]
        with self._lock:
            self.calls.append(records)
        try:
            answer = self.handler(records)
        except ValueError as error:
            payload = json.dumps({"errorType": "ValueError", "errorMessage": str(error)}).encode()
            return Result(payload, "Unhandled", b"", request, kind="ValueError")
        return Result(json.dumps(answer).encode(), None, b"", request)

    def start(
        self,
        matches: Callable[[Mapping[str, Any]], bool] | None = None,
        retention: float = 86400.0,
        **spec: Any,
    ) -> StreamTrigger:
        trigger = StreamTrigger(
            "f",
            "s",
            TriggerSpec(stream="s", **spec),
            Parts(
                open_log=lambda: Reading(self.log),
                progress=self.place,
                matches=matches,
                call=self.call,
                function_arn="arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
                role="arn:aws:iam::000000000000:role/f",
                stream_arn="arn:aws:kinesis:us-east-1:000000000000:stream/s",
                region="us-east-1",
                retention=retention,
                workers=4,
            ),
        )
        self.triggers.append(trigger)
        trigger.start()
        return trigger

    def ended(self, n: int) -> None:
        """Wait until so many records have their end."""
        deadline = time.monotonic() + PATIENCE
        while sum(move.events for move in self.place.moves) < n:
            assert time.monotonic() < deadline, (self.calls, self.place.moves)
            time.sleep(0.01)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(module, "RETRY_FIRST", 0.01)
    made = World()
    yield made
    for trigger in made.triggers:
        assert trigger.stop(PATIENCE)


def failing(*bad: str) -> Handler:
    def handler(records: list[str]) -> None:
        if set(records) & set(bad):
            raise ValueError(f"cannot take {bad}")

    return handler


def test_records_come_in_batches_in_order(world: World) -> None:
    world.log.put(*map(str, range(25)))
    trigger = world.start(batch=10)
    world.ended(25)
    assert [len(call) for call in world.calls] == [10, 10, 5]
    assert [record for call in world.calls for record in call] == list(map(str, range(25)))
    assert world.place.total("delivered") == 25
    assert trigger.status()["last_result"] == "OK"


def test_a_failed_batch_is_tried_again_and_nothing_after_it_meanwhile(world: World) -> None:
    tries = iter([True, True, False])

    def handler(records: list[str]) -> None:
        if "b" in records and next(tries, False):
            raise ValueError("not yet")

    world.handler = handler
    world.log.put("a", "b", "c")
    world.start(batch=2)
    world.ended(3)
    assert world.calls == [["a", "b"]] * 3 + [["c"]]


def test_tries_are_bounded_and_what_is_given_up_is_told(world: World) -> None:
    world.handler = failing("b")
    world.log.put("a", "b", "c")
    world.start(batch=2, retries=2)
    world.ended(3)
    assert world.calls == [["a", "b"]] * 3 + [["c"]]
    first = world.place.moves[0]
    assert (first.rejected, first.delivered) == (2, 0)
    assert first.given_up is not None
    assert first.given_up.shard == "shardId-000000000000"
    record = first.given_up.record
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["KinesisBatchInfo"]["startSequenceNumber"] == "1000"
    assert record["KinesisBatchInfo"]["batchSize"] == 2
    kept = [base64.b64decode(each["kinesis"]["data"]) for each in json.loads(record["payload"])["Records"]]
    assert kept == [b"a", b"b"]


def test_bisecting_finds_the_one_that_fails(world: World) -> None:
    world.handler = failing("5")
    world.log.put(*map(str, range(8)))
    world.start(batch=8, retries=1, bisect=True)
    world.ended(8)
    assert world.place.total("delivered") == 7
    (rejected,) = [move for move in world.place.moves if move.rejected]
    assert (rejected.before, rejected.after, rejected.rejected) == (5, 6, 1)
    assert world.calls[:4] == [
        list("01234567"),
        list("0123"),
        list("4567"),
        list("45"),
    ]


def test_a_handler_that_reports_how_far_it_came_is_called_from_there(world: World) -> None:
    seen: dict[str, int] = defaultdict(int)

    def handler(records: list[str]) -> Any:
        for at, record in enumerate(records):
            seen[record] += 1
            if record == "c" and seen["c"] < 3:
                number = world_sequence(world, record)
                return {"batchItemFailures": [{"itemIdentifier": number}]}
            del at
        return {"batchItemFailures": []}

    world.handler = handler
    world.log.put(*"abcde")
    world.start(batch=5, report=True)
    world.ended(5)
    assert world.calls == [list("abcde"), list("cde"), list("cde")]
    assert dict(seen) == {"a": 1, "b": 1, "c": 3, "d": 1, "e": 1}


def world_sequence(world: World, data: str) -> str:
    return next(r.sequence for r in world.log.records_of(0) if r.data.decode() == data)


def test_of_a_reported_batch_only_the_record_that_fails_is_given_up(world: World) -> None:
    def handler(records: list[str]) -> Any:
        bad = [world_sequence(world, r) for r in records if r == "c"]
        return {"batchItemFailures": [{"itemIdentifier": number} for number in bad]}

    world.handler = handler
    world.log.put(*"abcde")
    world.start(batch=5, report=True, retries=1)
    world.ended(5)
    assert (world.place.total("delivered"), world.place.total("rejected")) == (4, 1)
    assert world.calls == [list("abcde"), list("cde"), list("de")]


@pytest.mark.parametrize(
    "answer", [{"batchItemFailures": [{"itemIdentifier": "no such"}]}, {"batchItemFailures": [{}]}]
)
def test_a_report_that_cannot_be_meant_fails_the_batch(world: World, answer: Any) -> None:
    world.handler = lambda _: answer
    world.log.put("a", "b")
    world.start(report=True, retries=0)
    world.ended(1)
    assert world.place.moves[0].rejected


def test_a_shard_that_is_stuck_holds_up_only_itself(world: World) -> None:
    world.handler = failing("bad")
    world.log.infos = [ShardInfo(0), ShardInfo(1)]
    world.log.put("bad", shard=0)
    for n in range(10):
        world.log.put(f"good{n}", shard=1)
    trigger = world.start(batch=1)
    world.ended(10)
    assert world.place.shards == {1: 11}
    until(lambda: trigger.begun and trigger.position == 0)
    world.handler = failing()
    world.ended(11)
    until(lambda: trigger.position == 11)


def test_children_wait_for_their_parents(world: World) -> None:
    release = threading.Event()

    def handler(records: list[str]) -> None:
        if records == ["parent"] and not release.is_set():
            raise ValueError("not yet")

    world.handler = handler
    world.log.infos = [ShardInfo(0, closed=1), ShardInfo(1, parents=(0,)), ShardInfo(2, parents=(0,))]
    world.log.put("parent", shard=0)
    world.log.put("left", shard=1)
    world.log.put("right", shard=2)
    world.start()
    until(lambda: len(world.calls) > 3)
    assert set(map(tuple, world.calls)) == {("parent",)}
    release.set()
    world.ended(3)


def test_a_filter_drops_what_does_not_match(world: World) -> None:
    world.log.put('{"n": 1}', '{"n": 2}', "no json", '{"n": 3}')

    def odd(record: Mapping[str, Any]) -> bool:
        return isinstance(record["data"], dict) and record["data"]["n"] % 2 == 1

    world.start(matches=odd)
    world.ended(4)
    assert world.calls == [['{"n": 1}', '{"n": 3}']]
    assert (world.place.total("delivered"), world.place.total("dropped")) == (2, 2)


def test_a_window_waits_for_a_batch_to_fill(world: World) -> None:
    world.log.put("a")
    world.start(window=2 * PATIENCE, batch=3)
    world.log.put("b")
    world.log.put("c")
    world.ended(3)
    assert world.calls == [["a", "b", "c"]]


def test_a_window_ends(world: World) -> None:
    world.log.put("a")
    world.start(window=0.2, batch=3)
    world.ended(1)
    assert world.calls == [["a"]]


def test_records_that_are_too_old_are_given_up_without_a_call(world: World) -> None:
    world.log.put("old", arrival=now_us() - 120 * SECOND)
    world.log.put("new")
    world.start(max_age=60.0)
    world.ended(2)
    assert world.calls == [["new"]]
    given_up = world.place.moves[0].given_up
    assert given_up is not None
    assert given_up.record["requestContext"]["condition"] == "RecordAgeExceeded"


def test_without_a_bound_a_batch_is_tried_until_the_streams_retention_ends(world: World) -> None:
    world.handler = failing("old")
    world.log.put("old", arrival=now_us() - 120 * SECOND)
    world.log.put("new")
    world.start(batch=1, retention=60.0)
    world.ended(2)
    assert world.calls == [["old"], ["new"]]


def test_a_call_that_is_refused_is_no_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter([True, True, True])

    def call(event: bytes, request: str) -> Result:
        if next(refusals, False):
            raise Throttled("TooManyRequests", "Rate Exceeded")
        return World.call(world, event, request)

    monkeypatch.setattr(world, "call", call)
    world.log.put("a")
    world.start(retries=0)
    world.ended(1)
    assert world.place.total("delivered") == 1


def test_a_batch_fits_into_a_call(world: World) -> None:
    world.log.put(*["x" * 1_000_000] * 12)
    world.start(batch=100)
    world.ended(12)
    assert [len(call) for call in world.calls] == [4, 4, 4]
