"""Calls that nobody waits for: made, tried again, given up; kept until then, whatever happens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forebay.catalog.store import Store
from forebay.errors import NotFound, Throttled
from forebay.functions import queue as module
from forebay.functions.invoke import Result
from forebay.functions.queue import Queue, enqueue
from forebay.functions.section import FunctionSpec
from forebay.project.model import Location, Ref
from tests.harness import PATIENCE


class Functions:
    """In place of the invoker: each function is a Python function of the event."""

    def __init__(self) -> None:
        self.code: dict[str, Callable[[Any], Any]] = {}
        self.specs: dict[str, FunctionSpec] = {}
        self.made: list[tuple[str, Any, str]] = []

    def add(self, name: str, code: Callable[[Any], Any], **spec: Any) -> None:
        self.code[name] = code
        self.specs[name] = FunctionSpec(handler="x.y", **spec)

    def spec(self, name: str) -> FunctionSpec | None:
        return self.specs.get(name)

    def spare(self, name: str) -> int:
        return 4

    def invoke(self, name: str, payload: bytes, *, request_id: str | None = None) -> Result:
        assert request_id is not None
        if name not in self.code:
            raise NotFound("NoSuchFunction", f"no function is named {name}")
        event = json.loads(payload)
        self.made.append((name, event, request_id))
        try:
            answer = self.code[name](event)
        except ValueError as error:
            said = json.dumps({"errorType": "ValueError", "errorMessage": str(error)}).encode()
            return Result(said, "Unhandled", b"", request_id, kind="ValueError")
        return Result(json.dumps(answer).encode(), None, b"", request_id)


class World:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.functions = Functions()
        self.kept: list[tuple[str, Any]] = []
        self.store = Store(path)
        self.queue = self.open()

    def open(self) -> Queue:
        def keep(_: FunctionSpec, name: str, record: bytes) -> None:
            self.kept.append((name, json.loads(record)))

        return Queue(self.store, self.functions, keep)  # type: ignore[arg-type]

    def put(self, name: str, event: object) -> str:
        return self.queue.put(name, json.dumps(event).encode()).result(PATIENCE)

    def rows(self) -> list[Any]:
        found: Any = self.store.reader.execute("SELECT function, state, tries, reason FROM function_calls")
        return list(found.fetchall())

    def until(self, question: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not question():
            assert time.monotonic() < deadline, (self.functions.made, self.rows())
            time.sleep(0.01)

    def close(self) -> None:
        self.queue.stop()
        self.queue.join()
        self.store.close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(module, "FIRST", 0.01)
    made = World(tmp_path / "catalog.db")
    yield made
    made.close()


def failing(_: object) -> None:
    raise ValueError("always")


def test_a_call_is_made_and_gone(world: World) -> None:
    world.functions.add("f", lambda event: event)
    world.queue.start()
    request = world.put("f", {"n": 1})
    world.until(lambda: not world.rows())
    assert world.functions.made == [("f", {"n": 1}, request)]


def test_an_error_is_tried_again_with_the_same_request_id_and_then_told(world: World) -> None:
    world.functions.add("f", failing, on_failure=Ref("functions", "told"))
    world.functions.add("told", lambda _: None)
    world.queue.start()
    request = world.put("f", 1)
    world.until(lambda: len(world.functions.made) == 4 and not world.rows())
    assert [each[::2] for each in world.functions.made[:3]] == [("f", request)] * 3
    name, record, _ = world.functions.made[3]
    assert name == "told"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == 1
    assert record["responsePayload"] == {"errorType": "ValueError", "errorMessage": "always"}


def test_an_answer_may_be_told_too(world: World) -> None:
    world.functions.add("f", lambda event: event + 1, on_success=Ref("functions", "told"))
    world.functions.add("told", lambda _: None)
    world.queue.start()
    world.put("f", 1)
    world.until(lambda: len(world.functions.made) == 2)
    record = world.functions.made[1][1]
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", 2)


def test_what_is_given_up_with_nobody_to_tell_stays_and_says_why(world: World) -> None:
    world.functions.add("f", failing, retries=0)
    world.queue.start()
    world.put("f", 1)
    world.put("no-such-function", 1)
    world.until(lambda: world.queue.status() == {"f": {"failed": 1}, "no-such-function": {"failed": 1}})
    assert {row[3] for row in world.rows()} == {"ValueError: always", "no function is named no-such-function"}


def test_what_is_given_up_may_be_kept_as_an_object(world: World) -> None:
    world.functions.add("f", failing, retries=0, errors=Location("b"))
    world.queue.start()
    world.put("f", [1])
    world.until(lambda: not world.rows())
    assert [(name, record["requestPayload"]) for name, record in world.kept] == [("f", [1])]


def test_a_function_that_is_busy_is_no_error(world: World) -> None:
    refusals = iter([True] * 5)

    def busy(event: Any) -> Any:
        if next(refusals, False):
            raise Throttled("TooManyRequests", "Rate Exceeded")
        return event

    world.functions.add("f", busy, retries=0)
    world.queue.start()
    world.put("f", 1)
    world.until(lambda: not world.rows())
    assert len(world.functions.made) == 6


def test_a_call_outlives_the_process(world: World) -> None:
    world.functions.add("f", lambda event: event)
    world.put("f", 1)  # nobody makes it: the queue was never started
    world.queue.stop()
    world.queue.join()
    world.queue = world.open()
    world.queue.start()
    world.until(lambda: not world.rows())
    assert len(world.functions.made) == 1


def test_a_call_commits_with_what_it_came_of(world: World) -> None:
    world.functions.add("f", lambda event: event)
    world.queue.start()

    def work(db: Any) -> None:
        enqueue(db, "f", b"1")
        raise KeyError("the rest of the transaction fails")

    with pytest.raises(KeyError):
        world.store.write(work)
    assert world.rows() == []


def test_a_function_that_hangs_holds_up_no_other(world: World) -> None:
    import threading

    release = threading.Event()
    world.functions.add("slow", lambda _: release.wait(PATIENCE))
    world.functions.add("quick", lambda event: event)
    world.queue.start()
    for n in range(20):
        world.put("slow", n)
    world.put("quick", 1)
    world.until(lambda: any(name == "quick" for name, _, _ in world.functions.made))
    release.set()
    world.until(lambda: not world.rows())
