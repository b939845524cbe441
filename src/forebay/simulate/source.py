"""Runs one generator function of the user's in a process of its own.

`python -P -m forebay.simulate.source ROOT FILE ATTRIBUTE SEED TIMEZONE RATE`, started by `generator.py`.
The function (`simulate/evening.py:clicks`) is called once and returns an iterator of events, or is called
for each event and returns one (None: there are no more):

- a dict (sent as JSON), `bytes` or `str` (sent as it is) is one event, and waits for its turn at the
  rate that was asked for;
- a list of those is a burst: it goes out at once, and does not count against the rate. What is meant to
  have happened before the simulation began is a burst.

It takes no argument, or one: a `Simulation`. It is pulled, never run ahead, so an event that stamps
itself with `simulation.now()` is sent within moments of that time.

On standard input and output go frames of a 4-byte big-endian length and a MessagePack value: in, how
many events are wanted; out, a map with `events` (a list of bytes), `burst` (is it one) and `ended`, or
with `error`, `where` and `trace`. What the function prints goes to standard error. It ends when its
input ends.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import inspect
import itertools
import os
import queue
import random
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import msgspec
import orjson

LENGTH = struct.Struct(">I")


@dataclass(slots=True)
class Simulation:
    """What a generator function may know: all chance should come from `random`, all time from `now`."""

    random: random.Random
    seed: int
    rate: float
    """Events a second that it is asked for."""
    timezone: str
    """The project's."""

    def now(self) -> dt.datetime:
        """The present in the project's timezone, aware."""
        return dt.datetime.now(ZoneInfo(self.timezone))


class Rejected(Exception):
    """The user's code did what the contract does not allow; the message says what."""


def load(root: Path, file: str, attribute: str) -> Callable[..., Any]:
    """The function `attribute` of `root/file`, imported with the project's folder on the path."""
    path = root / file
    for folder in dict.fromkeys((str(root), str(path.parent))):
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise Rejected(f"there is no Python file {file} in the project")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    function = getattr(module, attribute, None)
    if not callable(function):
        raise Rejected(f"{file} has no function {attribute}")
    return function  # type: ignore[no-any-return]  # callable() narrows Any to a callable of Any


def start(function: Callable[..., Any], simulation: Simulation) -> Iterator[Any]:
    """Call the function, with the simulation if it takes an argument; again and again if it returns one event."""
    arguments = (simulation,) if inspect.signature(function).parameters else ()
    made = function(*arguments)
    if isinstance(made, dict | str | bytes):
        return itertools.chain([made], iter(lambda: function(*arguments), None))
    if not hasattr(made, "__iter__"):
        raise Rejected(
            f"{function.__name__} returned {type(made).__name__}; a generator yields events: `yield {{...}}`"
        )
    return iter(made)


def encode(event: Any) -> bytes:
    """An event as the bytes that are sent."""
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode()
    if not isinstance(event, dict):
        raise Rejected(f"an event is a dict, str or bytes, not {type(event).__name__}")
    try:
        return orjson.dumps(event)
    except TypeError as error:
        raise Rejected(f"an event cannot be written as JSON: {error}") from None


class Source:
    """The iterator, in answers: events that are due, then a burst, an end or a failure in its place."""

    def __init__(self, make: Callable[[], Iterator[Any]], root: Path) -> None:
        self._make = make
        self._root = root
        self._events: Iterator[Any] | None = None
        self._next: dict[str, Any] | None = None

    def take(self, wanted: int) -> dict[str, Any]:
        """Up to `wanted` events. What comes after them and is no paced event is the next answer."""
        if self._next is not None:
            answer, self._next = self._next, None
            return answer
        taken: list[bytes] = []
        try:
            if self._events is None:
                self._events = self._make()
            while len(taken) < wanted:
                event = next(self._events)
                if isinstance(event, list):
                    self._next = {"events": [encode(each) for each in event], "burst": True, "ended": False}
                    break
                taken.append(encode(event))
        except StopIteration:
            return {"events": taken, "burst": False, "ended": True}
        except Exception as error:
            self._next = failure(error, self._root)
        if not taken and self._next is not None:
            return self.take(wanted)
        return {"events": taken, "burst": False, "ended": False}


def failure(error: BaseException, root: Path) -> dict[str, Any]:
    """What went wrong in the user's code, with the deepest place that lies in the project."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    where = None
    if inside:
        where = f"{Path(inside[-1].filename).relative_to(root)}:{inside[-1].lineno}"
    text = str(error) if isinstance(error, Rejected) else f"{type(error).__name__}: {error}"
    return {"error": text, "where": where, "trace": "".join(traceback.format_exception(error))}


def requests(asked: BinaryIO) -> Iterator[int]:
    """How many events are wanted, each time. The process ends with its input, whatever the user's code does."""
    wanted: queue.SimpleQueue[int] = queue.SimpleQueue()

    def read() -> None:
        while head := asked.read(LENGTH.size):
            wanted.put(msgspec.msgpack.decode(asked.read(LENGTH.unpack(head)[0]), type=int))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield wanted.get()


def serve(source: Source, wanted: Iterator[int], answers: BinaryIO) -> None:
    """Answer each request for events."""
    for number in wanted:
        body = msgspec.msgpack.encode(source.take(number))
        answers.write(LENGTH.pack(len(body)) + body)
        answers.flush()


def main(arguments: list[str]) -> None:
    """The process: its own standard output is kept for frames, the user's prints go to standard error."""
    root, file, attribute, seed, timezone, rate = arguments
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    folder = Path(root).resolve()
    simulation = Simulation(random.Random(int(seed)), int(seed), float(rate), timezone)  # noqa: S311 - not for secrets

    def make() -> Iterator[Any]:
        return start(load(folder, file, attribute), simulation)

    serve(Source(make, folder), requests(sys.stdin.buffer), answers)


if __name__ == "__main__":
    main(sys.argv[1:])
