"""What waits for a log's writer, and who is told about it.

Waking a thread costs more than keeping an event. So an event loop's callers say so once at the end of
the loop's turn, when everything of that turn is waiting, and not at all while the writer's thread is at
work: it looks again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue of many callers. `at_turns_end` is called in an event loop that put something, once its
    turn ends with the thread idle; it takes the items itself, calls `wake`, or returns True to be called
    again after the loop's next turn.
    """

    def __init__(self, at_turns_end: Callable[[], bool]) -> None:
        self._items: deque[T] = deque()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._at_turns_end = at_turns_end
        self._idle = False
        self._told = False

    def put(self, item: T, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Add an item; `loop` is the running event loop, if there is one."""
        self._items.append(item)
        if self._idle and not self._told:
            if loop is None:
                self.wake()
            else:
                self._told = True
                loop.call_soon(self._turn_ended, loop)

    def __len__(self) -> int:
        return len(self._items)

    def put_back(self, item: T) -> None:
        """Undo the `next` that gave `item`."""
        self._items.appendleft(item)

    def _turn_ended(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._idle and self._items and self._at_turns_end():
            loop.call_soon(self._turn_ended, loop)
        else:
            self._told = False

    def wake(self) -> None:
        """Wake the thread that waits."""
        if self._idle:
            self._idle = False
            self._bell.put(None)

    def wait(self, timeout: float) -> None:
        """Return when there is an item for the thread, or after `timeout` seconds."""
        if not self._items:
            self._idle = True
            if not self._items:  # nothing was put before the thread was seen to be idle
                with contextlib.suppress(queue.Empty):
                    self._bell.get(timeout=timeout)
            self._idle = False

    def next(self) -> T | None:
        """The next item, if there is one."""
        try:
            return self._items.popleft()
        except IndexError:
            return None
