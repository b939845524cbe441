"""What `stats` works out for each group, bounded in memory: a state that takes values and answers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from forebay.errors import DataRejected
from forebay.telemetry.distribution import counted, percentile
from forebay.telemetry.insights.values import Stamp, Value, less, number, shown

MOST_DISTINCT = 500_000
"""Different values that are told apart in one query, of all groups together."""


class State(ABC):
    """One aggregate of one group. `take` gets a value and the time of its event; `answer` what came of them."""

    @abstractmethod
    def take(self, value: Value, at: int) -> None:
        """One more."""

    @abstractmethod
    def answer(self) -> Value:
        """The result; None if there was nothing."""


class _Count(State):
    def __init__(self) -> None:
        self.n = 0

    def take(self, value: Value, at: int) -> None:
        self.n += value is not None

    def answer(self) -> Value:
        return self.n


class _Sum(State):
    def __init__(self) -> None:
        self.n = 0
        self.sum: float | int = 0
        self.squares = 0.0
        self.mean = 0.0

    def take(self, value: Value, at: int) -> None:
        found = number(value)
        if found is not None:
            self.n += 1
            self.sum += found
            change = found - self.mean  # Welford's way, which does not lose small spreads of large numbers
            self.mean += change / self.n
            self.squares += change * (found - self.mean)

    def answer(self) -> Value:
        return self.sum if self.n else None


class _Avg(_Sum):
    def answer(self) -> Value:
        return self.sum / self.n if self.n else None


class _Stddev(_Sum):
    def answer(self) -> Value:
        return math.sqrt(max(0.0, self.squares / self.n)) if self.n else None


class _Extreme(State):
    def __init__(self, better: Callable[[Value, Value], bool | None], *, numbers: bool) -> None:
        self._better = better
        self._numbers = numbers
        self._best: Value = None

    def take(self, value: Value, at: int) -> None:
        if self._numbers and not isinstance(value, Stamp):
            value = number(value)
        if value is not None and (self._best is None or self._better(value, self._best)):
            self._best = value

    def answer(self) -> Value:
        return self._best


class _Edge(State):
    """The value of the first or last event that has one."""

    def __init__(self, *, latest: bool) -> None:
        self._sign = 1 if latest else -1
        self._at: int | None = None
        self._value: Value = None

    def take(self, value: Value, at: int) -> None:
        if value is not None and (self._at is None or at * self._sign > self._at * self._sign):
            self._at, self._value = at, value

    def answer(self) -> Value:
        return self._value


class _Percentile(State):
    def __init__(self, share: float) -> None:
        self._share = share
        self._counts: dict[float, float] = {}

    def take(self, value: Value, at: int) -> None:
        found = number(value)
        if found is None:
            return
        self._counts[found] = self._counts.get(found, 0.0) + 1
        if len(self._counts) > 2000:
            self._counts = counted(self._counts.items())

    def answer(self) -> Value:
        return percentile(self._counts, self._share) if self._counts else None


class Distinct(State):
    """Different values, told apart exactly; `room` is shared by all of a query."""

    def __init__(self, room: list[int]) -> None:
        self._room = room
        self._seen: set[str] = set()

    def take(self, value: Value, at: int) -> None:
        """See State. Raises DataRejected `TooMuch`."""
        if value is None or (text := shown(value)) in self._seen:
            return
        self._room[0] -= 1
        if self._room[0] < 0:
            raise DataRejected("TooMuch", f"count_distinct met more than {MOST_DISTINCT:,} different values")
        self._seen.add(text)

    def answer(self) -> Value:
        """See State."""
        return len(self._seen)


Make = Callable[[list[int], tuple[Any, ...]], State]


def _greater(one: Value, best: Value) -> bool | None:
    return less(best, one)


AGGREGATES: Mapping[str, tuple[Make, int]] = {
    "count": (lambda _room, _given: _Count(), 0),
    "count_distinct": (lambda room, _given: Distinct(room), 0),
    "sum": (lambda _room, _given: _Sum(), 0),
    "avg": (lambda _room, _given: _Avg(), 0),
    "min": (lambda _room, _given: _Extreme(less, numbers=True), 0),
    "max": (lambda _room, _given: _Extreme(_greater, numbers=True), 0),
    "stddev": (lambda _room, _given: _Stddev(), 0),
    "median": (lambda _room, _given: _Percentile(0.5), 0),
    "pct": (lambda _room, given: _Percentile(float(given[0]) / 100), 1),
    "percentile": (lambda _room, given: _Percentile(float(given[0]) / 100), 1),
    "earliest": (lambda _room, _given: _Edge(latest=False), 0),
    "latest": (lambda _room, _given: _Edge(latest=True), 0),
    "sortsfirst": (lambda _room, _given: _Extreme(less, numbers=False), 0),
    "sortslast": (lambda _room, _given: _Extreme(_greater, numbers=False), 0),
}
"""Each with how many numbers follow the field."""
