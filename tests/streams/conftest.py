"""Logs for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forebay.streams.reader import Reader
from forebay.streams.writer import Log

NAME = "streams.test"


class Clock:
    """A clock that stands until it is moved; UTC microseconds."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += int(seconds * 1e6)


@pytest.fixture
def clock() -> Clock:
    return Clock()


OpenLog = Callable[..., Log]


@pytest.fixture
def open_log(tmp_path: Path, clock: Clock) -> Iterator[OpenLog]:
    """Opens the log of the test, as often as wanted; closed at the end."""
    logs: list[Log] = []

    def open_one(**options: Any) -> Log:
        for each in logs:
            each.close()
        options = {"clock": clock, "reserve": 0, **options}
        log = Log(tmp_path / "log.db", NAME, **options)
        logs.append(log)
        return log

    yield open_one
    for each in logs:
        each.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "log.db", NAME)
    yield reader
    reader.close()


def everything(reader: Reader, position: int | None = None) -> list[bytes]:
    """Every record from `position` (the oldest kept) on."""
    out: list[bytes] = []
    at = reader.start() if position is None else position
    while batches := reader.read(at, max_bytes=1):
        for batch in batches:
            out += batch.columns().records()[max(0, at - batch.offset) :]
        at = batches[-1].end
    return out
