"""An answer that takes long to write, written while the disk works: what it says is known before it may be said.

A log tells what a receipt will be as the last thing before it commits (`Log.submit`). Whoever waits for the disk
gives up Python's lock, so that a thread can write the answer meanwhile; where the commit fails, nobody reads it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Generic, TypeVar

from forebay.streams.writer import Receipt

T = TypeVar("T")


class Ahead(Generic[T]):
    """One answer: `foresee` the receipt, then, once that is given, take the `body`. `render` writes it."""

    def __init__(self, render: Callable[[T | Receipt], bytes]) -> None:
        self._render = render
        self._future: Future[bytes] | None = None

    def foresee(self, receipt: Receipt) -> None:
        """Have a thread begin to write it, of a receipt that is not given yet."""
        with contextlib.suppress(RuntimeError):  # the process ends, and no thread begins anything more
            self._future = _thread().submit(self._render, receipt)

    def body(self, told: T) -> bytes:
        """The answer of what was told in the end: the receipt that was foreseen, or what is not, as of a repeat."""
        if self._future is None or self._future.cancel():  # none was, or the thread is busy with others'
            return self._render(told)
        return self._future.result()


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "answers")
