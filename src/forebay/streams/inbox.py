"""What waits for a log's writer thread, and when that thread is woken.

Waking a thread costs more than keeping an event. So an event loop's callers wake the writer once at the
end of the loop's turn, when everything of that turn is waiting, and not at all while it is at work: it
looks again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue of many writers and one reader."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._idle = False
        self._ringing = False

    def put(self, item: T, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Add an item; with `loop`, the running event loop, the reader is woken at the end of its turn."""
        self._items.append(item)
        if self._idle and not self._ringing:
            if loop is None:
                self._ring()
            else:
                self._ringing = True
                loop.call_soon(self._ring)

    def _ring(self) -> None:
        self._ringing = False
        if self._idle:
            self._idle = False
            self._bell.put(None)

    def get(self, timeout: float) -> T | None:
        """The next item, waited for up to `timeout` seconds; None if there is none."""
        if not self._items:
            self._idle = True
            if not self._items:  # nothing was put before the reader was seen to be idle
                with contextlib.suppress(queue.Empty):
                    self._bell.get(timeout=timeout)
            self._idle = False
        return self.next()

    def next(self) -> T | None:
        """The next item that is there already, else None."""
        try:
            return self._items.popleft()
        except IndexError:
            return None
