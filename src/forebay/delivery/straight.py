"""An object straight from a log: where a buffer fills at once, its rows are not kept a second time on the way.

    intend      one commit: an intent names the object's key, and what is buffered before is sealed
    write       as of a sealed buffer (`flush`)
    deliver     one commit: the object is live and counted, and the position is after what it holds

Killed anywhere before the last, the position is where it was: `flush.recover` removes the file, what was buffered
before becomes an object alone, and the events, which are in their log, are read again. Meanwhile they are as events that are not read yet: only what nobody asks
for before it is an object goes this way, and only for a moment.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Sequence

from forebay.crash import crash_point
from forebay.delivery.buffers import Buffers, Sealed
from forebay.delivery.flush import write_object
from forebay.delivery.group import DATA, Group
from forebay.delivery.landing import Held, Landing
from forebay.delivery.writer import Writer
from forebay.ports import DeliveryStore, LakeFiles, SegmentRow

HOLD = 0.5
"""Seconds that events are held at most until an object is full of them."""
MOST = 16 << 20
"""Bytes of the largest buffer that is held in memory."""


class Straight:
    """Of one delivery, whose buffers hold `size` bytes for `seconds`."""

    def __init__(
        self,
        store: DeliveryStore,
        files: LakeFiles,
        buffers: Buffers,
        landing: Landing,
        writer: Writer,
        *,
        size: int,
        seconds: float,
    ) -> None:
        self._store = store
        self._files = files
        self._buffers = buffers
        self._landing = landing
        self._writer = writer
        self._size = size
        self._hold = min(HOLD, seconds)

    def missing(self, held: Held) -> int | None:
        """Bytes until all of this, with what is buffered before it, is an object; None if it is to be buffered too."""
        groups = held.groups
        if not groups or held.dropped or held.copies:
            return None
        first = groups[0]
        if first.slot.kind != DATA or any((g.slot, g.meta) != (first.slot, first.meta) for g in groups):
            return None
        joined = self._buffers.joined(first)
        return None if joined is None else max(0, self._size - joined[1] - held.size)

    def may_wait(self, held: Held, until_full: float) -> bool:
        """Whether it may wait so many seconds longer."""
        return time.monotonic() - held.since + until_full <= self._hold

    def deliver(self, held: Held) -> None:
        """Make it an object with what is buffered before it, which is live on return.

        Raises OSError as the disk does, and what the last commit raises; the events are still to be read then.
        """
        first = held.groups[0]
        self._landing.land(0)
        with self._buffers.lock:
            joined = self._buffers.joined(first)
            sealed = self._buffers.straight(0 if joined is None else joined[0], first)
            seal = sealed.seal
            intended = self._store.seal([seal]) if seal.buffer else self._store.intend(seal)
        intended.result()
        segments = itertools.chain(self._store.segments(seal.buffer), _segments(held.groups))
        try:
            written = write_object(self._files, sealed.row, seal, segments).object
        except BaseException:
            self._undo(sealed)
            raise
        assert written is not None  # no group is without rows
        self._landing.deliver(held, written, seal.buffer)  # if it fails, the next start knows what to do
        self._writer.made()
        crash_point("flush.registered")

    def _undo(self, sealed: Sealed) -> None:
        """Have what was buffered written alone, or else nothing; what cannot be now is so when the flow starts again."""
        seal = sealed.seal
        if seal.buffer:
            self._writer.add([sealed])
            return
        with contextlib.suppress(OSError):
            self._files.remove(self._files.at(seal.bucket, seal.key, seal.path))
            self._store.abandon(seal)


def _segments(groups: Sequence[Group]) -> list[SegmentRow]:
    return [SegmentRow(0, g.rows, g.inputs, g.size, g.encoding, g.payload) for g in groups]
