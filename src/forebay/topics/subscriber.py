"""One subscriber at work: it reads the topic's log at a position of its own and is told message by message.

    log ─▶ window of messages ─▶ filter ─▶ deliver ─▶ done, or later again ─▶ position, with what came of each

A message that fails waits for its next try while those after it go on, unless the topic is ordered. The position
moves over what is done from the window's beginning, so that after a crash at most a window is told again, under the
same ids. A thread lives while there is something to tell; another subscriber's never waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw

from forebay.errors import ForebayError, Unavailable, code_of
from forebay.ports import LogReader
from forebay.topics.errors import Refused
from forebay.topics.message import Message, decode

log = logging.getLogger(__name__)

WINDOW = 100
WINDOW_BYTES = 1 << 20
READ_BYTES = 128 << 10
COMMIT_EVERY = 0.25
AGAIN_FIRST, AGAIN_MOST = 0.1, 5.0

Put = Callable[[apsw.Connection], None]
"""What is written in the commit that moves the position."""


@dataclass(slots=True)
class Item:
    """A message in the window. `end` is empty until it is `delivered`, `dropped` or `rejected`."""

    offset: int
    record: bytes
    message: Message
    arrival: int
    due: float = 0.0
    tries: int = 0
    end: str = ""
    reason: tuple[str, str] = ("", "")
    put: Put | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a subscriber is made of. `pauses` are before each retry; `gap` seconds lie between two deliveries.

    `begin` gives the offset of its first message once known, `attach` its position in the catalog; `commit(before,
    after, items)` moves that with the ends of the items between. `deliver` raises Refused where trying again is no
    use, and may give what is to be written with the position.
    """

    consumer: str
    log_name: str
    open_log: Callable[[], LogReader]
    begin: Callable[[], int | None]
    attach: Callable[[int], int]
    commit: Callable[[int, int, Sequence[Item]], None]
    deliver: Callable[[Message, int, int], Put | None]
    matches: Callable[[Message], bool]
    pauses: tuple[float, ...]
    ordered: bool = False
    gap: float = 0.0


@dataclass(slots=True)
class Counts:
    """Since the process began."""

    delivered: int = 0
    failed: int = 0
    rejected: int = 0
    dropped: int = 0
    told: float = 0.0
    reason: str | None = None


class Subscriber:
    """Tells one subscriber, between the first `kick` and `stop`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.position = -1
        self.head = 0
        self.counts = Counts()
        self.trouble: str | None = None
        self._items: list[Item] = []
        self._next = 0
        self._committed = 0.0
        self._reader: LogReader | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._again = AGAIN_FIRST

    def kick(self) -> None:
        """There may be something to tell."""
        with self._lock:
            self._wake.set()
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name=self.parts.consumer, daemon=True)
                self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish what is under way; whether that was done in `timeout` seconds."""
        self._stopping.set()
        self._wake.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
            return not thread.is_alive()
        return True

    @property
    def waiting(self) -> int:
        """Messages that failed and are tried again."""
        return sum(1 for item in list(self._items) if item.tries and not item.end)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                pause = self._turn()
                self._again = AGAIN_FIRST
                self.trouble = None
            except Exception as error:
                pause = self._again
                self._again = min(self._again * 2, AGAIN_MOST)
                if isinstance(error, ForebayError) and error.code in ("PositionMoved", "PositionExpired"):
                    self._items.clear()
                    self.position = -1  # look it up again
                self._say(error)
            if self._stopping.is_set():
                self._finish()
                return
            if pause is None:
                with self._lock:
                    if not self._wake.is_set():
                        self._close()
                        self._thread = None
                        return
            elif pause > 0:
                self._wake.wait(pause)

    def _finish(self) -> None:
        """Commit what is done, so that it is not told again."""
        try:
            self._settle(idle=True)
        except ForebayError as error:
            log.info("%s: what was told is told again: %s", self.parts.consumer, error)
        self._close()

    def _say(self, error: Exception) -> None:
        text = f"{code_of(error)}: {error}"
        if text != self.trouble:
            log.warning("%s: %s", self.parts.consumer, text, exc_info=not isinstance(error, ForebayError))
        self.trouble = text

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _turn(self) -> float | None:
        """Tell one message; how long until the next may be told, None where there is none."""
        if self._reader is None:
            self._reader = self.parts.open_log()
        if self.position < 0:
            begin = self.parts.begin()
            if begin is None:
                raise Unavailable("NotDeclared", f"{self.parts.log_name} does not know yet that it is read")
            self.position = self._next = self.parts.attach(begin)
        self._fill(self._reader)
        now = time.monotonic()
        due = next((item for item in self._candidates() if item.due <= now), None)
        if due is not None:
            self._tell(due)
            if self.parts.gap:
                self._stopping.wait(self.parts.gap)
        self._settle(idle=due is None)
        left = [item.due for item in self._candidates()]
        if not left:
            return 0.0 if self._items or self.head > self._next else None
        return max(0.0, min(left) - time.monotonic())

    def _candidates(self) -> list[Item]:
        waiting = [item for item in self._items if not item.end]
        return waiting[:1] if self.parts.ordered else waiting

    def _fill(self, reader: LogReader) -> None:
        self.head = reader.head()
        size = sum(len(item.record) for item in self._items)
        if self.head <= self._next or len(self._items) >= WINDOW or (self._items and size >= WINDOW_BYTES):
            return
        for batch in reader.read(self._next, max_bytes=READ_BYTES):
            skip = max(0, self._next - batch.offset)
            for index, record in enumerate(batch.columns().records()[skip:], batch.offset + skip):
                if len(self._items) >= WINDOW or (self._items and size >= WINDOW_BYTES):
                    return
                message = decode(record, f"{self.parts.log_name}/{index}")
                item = Item(index, record, message, batch.arrival)
                try:
                    if not self.parts.matches(message):
                        item.end = "dropped"
                except Exception as error:  # a message that cannot be looked at ends by itself
                    item.end, item.reason = "rejected", ("FilterFailed", str(error))
                self._items.append(item)
                size += len(record)
                self._next = index + 1

    def _tell(self, item: Item) -> None:
        counts = self.counts
        try:
            item.put = self.parts.deliver(item.message, item.offset, item.arrival)
        except Exception as error:
            code = code_of(error)
            item.reason = (code, str(error))
            item.tries += 1
            counts.failed += 1
            counts.reason = f"{code}: {error}"
            if not isinstance(error, ForebayError):
                log.warning("%s: %s", self.parts.consumer, error, exc_info=True)
            if isinstance(error, Refused) or item.tries > len(self.parts.pauses):
                item.end = "rejected"
                log.warning(
                    "%s: message %s is given up: %s", self.parts.consumer, item.message.id, counts.reason
                )
            else:
                item.due = time.monotonic() + self.parts.pauses[item.tries - 1]
        else:
            item.end = "delivered"
            item.tries += 1
            counts.reason = None
            counts.told = time.time()

    def _settle(self, *, idle: bool) -> None:
        """Move the position over what is done from the beginning of the window."""
        done = 0
        while done < len(self._items) and self._items[done].end:
            done += 1
        now = time.monotonic()
        if not done or (not idle and done < len(self._items) and now - self._committed < COMMIT_EVERY):
            return
        items = self._items[:done]
        after = items[-1].offset + 1
        self.parts.commit(self.position, after, items)
        self.position = after
        self._committed = now
        del self._items[:done]
        for item in items:
            self.counts.delivered += item.end == "delivered"
            self.counts.rejected += item.end == "rejected"
            self.counts.dropped += item.end == "dropped"
