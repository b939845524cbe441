"""What came of the events that a delivery read, and the commits that make it so, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from forebay.delivery.buffers import Buffers
from forebay.delivery.group import Group
from forebay.ports import BufferRow, DeliveryStore, ObjectRow, Progress, SegmentRow, TableChange


@dataclass(slots=True)
class Held:
    """What came of consecutive events of a log that are read, from `before` to `position`, and not committed."""

    log: str
    before: int
    position: int
    groups: list[Group]
    dropped: int
    copies: int
    since: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """Bytes of its rows."""
        return sum(group.size for group in self.groups)

    def joined(self, earlier: Held | None) -> Held:
        """With what was held of the events before."""
        if earlier is None:
            return self
        return Held(
            log=self.log,
            before=earlier.before,
            position=self.position,
            groups=[*earlier.groups, *self.groups],
            dropped=earlier.dropped + self.dropped,
            copies=earlier.copies + self.copies,
            since=earlier.since,
        )


class Landing:
    """The commits of one delivery. `change` tells of new columns, `seal` ends buffers that take no more.

    `positions` are the offsets, by log, before which every event's end or buffer is on disk.
    """

    def __init__(
        self,
        consumer: str,
        store: DeliveryStore,
        buffers: Buffers,
        *,
        change: Callable[[], TableChange | None],
        seal: Callable[[Sequence[int]], object],
    ) -> None:
        self.positions: dict[str, int] = {}
        self._consumer = consumer
        self._store = store
        self._buffers = buffers
        self._change = change
        self._seal = seal
        self._flying: deque[tuple[str, int, Future[None]]] = deque()

    def begin(self) -> None:
        """Nothing is under way: it is begun again at what is committed."""
        self._flying.clear()

    def buffer(self, held: Held) -> None:
        """Have it committed as rows of buffers; `land` waits for it."""
        with self._buffers.lock:
            opened, segments, stale = self._buffers.place(held.groups)
            committed = self._store.commit(self._progress(held, buffers=opened, segments=segments))
            self._flying.append((held.log, held.position, committed))
        if stale:
            self._seal(stale)

    def deliver(self, held: Held, made: ObjectRow, buffer: int) -> None:
        """Commit it as an object, with what the sealed `buffer` holds (0: none). All before it has landed."""
        self._store.commit(self._progress(held, made=made, sealed=buffer)).result()
        self.positions[held.log] = held.position

    def land(self, most: int) -> None:
        """Wait until at most so many commits are under way. Raises what one of them raised."""
        while len(self._flying) > most:
            log_name, position, future = self._flying[0]
            future.result()
            self.positions[log_name] = position
            self._flying.popleft()

    def _progress(
        self,
        held: Held,
        *,
        made: ObjectRow | None = None,
        sealed: int = 0,
        buffers: Sequence[BufferRow] = (),
        segments: Sequence[SegmentRow] = (),
    ) -> Progress:
        return Progress(
            consumer=self._consumer,
            log=held.log,
            before=held.before,
            position=held.position,
            buffers=buffers,
            segments=segments,
            dropped=held.dropped,
            copies=held.copies,
            change=self._change(),
            object=made,
            sealed=sealed,
        )
