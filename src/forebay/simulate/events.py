"""What a simulator sends, whoever makes it: a function, a template, a file that is replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Taken:
    """Events that are due; `burst` ones do not count against the rate. `ended`: there are no more."""

    events: list[bytes]
    burst: bool
    ended: bool


class Events(Protocol):
    """Gives events when asked for them. `own_pace`: only when they are due, however many are wanted."""

    own_pace: bool

    def take(self, wanted: int, stopped: Callable[[], bool] = lambda: False) -> Taken:
        """Up to `wanted` events; fewer at the end, or none if `stopped` says so while waiting."""

    def close(self) -> None:
        """Let go of what is held."""


class Made:
    """Events that `make` makes, for ever: those of a template."""

    own_pace = False

    def __init__(self, make: Callable[[int], list[bytes]]) -> None:
        self._make = make

    def take(self, wanted: int, stopped: Callable[[], bool] = lambda: False) -> Taken:
        """See `Events`."""
        del stopped  # it takes no time
        return Taken(self._make(wanted), burst=False, ended=False)

    def close(self) -> None:
        """Nothing is held."""
