"""Turns a delivery's sealed buffers into registered objects, on threads that are not the delivery's own.

What cannot be written now (no space, a failing disk) is tried again with growing pauses: its segments
stay in the catalog until its object is registered.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial

from forebay.crash import crash_point
from forebay.delivery.buffers import Sealed
from forebay.delivery.endpoint import Closed, Failure, Sender
from forebay.delivery.flush import write_object
from forebay.delivery.formats.posted import entries, texts
from forebay.ports import DeliveryStore, LakeFiles, ObjectRow, Registration

log = logging.getLogger(__name__)

RETRY_FIRST, RETRY_MOST = 0.2, 10.0
TOGETHER = 32
REMEMBERED = 1000


class Writer:
    """The sealed buffers of one delivery. `enqueue` runs a function on a writing thread."""

    def __init__(
        self, name: str, store: DeliveryStore, files: LakeFiles, enqueue: Callable[[Callable[[], None]], None]
    ) -> None:
        self.last_error: str | None = None
        self.objects = 0
        self.sender: Sender | None = None
        """Where records are posted; without any, they become error objects."""
        self.name = name
        self._store = store
        self._files = files
        self._enqueue = enqueue
        self._changed = threading.Condition()
        self._pending: dict[int, Sealed] = {}
        self._backlog = 0
        self._done: dict[int, ObjectRow | None] = {}
        self._failed: list[list[Sealed]] = []
        self._retry_at = 0.0
        self._delay = RETRY_FIRST

    def add(self, sealed: Sequence[Sealed], committed: Future[None] | None = None) -> None:
        """Write these, once their seals are committed."""
        with self._changed:
            for one in sealed:
                self._pending[one.row.id] = one
                self._backlog += one.size
        written = [one for one in sealed if not _is_posted(one)]
        batches = [written[at : at + TOGETHER] for at in range(0, len(written), TOGETHER)]
        batches += [[one] for one in sealed if _is_posted(one)]
        for some in batches:
            if committed is None:
                self._start(some)
            else:
                committed.add_done_callback(partial(self._sealed, some))

    def _sealed(self, some: list[Sealed], future: Future[None]) -> None:
        error = future.exception()
        if error is None:
            self._start(some)
            return
        self._say(f"buffers could not be sealed: {error}")
        with self._changed:
            for one in some:
                self._forget(one.row.id)
            self._changed.notify_all()

    def _start(self, some: list[Sealed]) -> None:
        """Have it done: by the endpoint's own thread where that is waited for. This may be the store's, which waits for nobody."""
        job = partial(self._write, some)
        sender = self.sender
        if sender is None or not _is_posted(some[0]):
            self._enqueue(job)
        elif not sender.submit(job):
            self._fail(some, None)

    def tick(self) -> None:
        """Try again what failed, when its time has come."""
        with self._changed:
            if not self._failed or time.monotonic() < self._retry_at:
                return
            failed, self._failed = self._failed, []
        for some in failed:
            self._start(some)

    def made(self) -> None:
        """An object was written that comes of no buffer."""
        self.objects += 1

    @property
    def pending(self) -> int:
        """How many objects are being written."""
        return len(self._pending)

    @property
    def backlog(self) -> int:
        """How many bytes wait to be written."""
        return self._backlog

    def _forget(self, id_: int) -> None:
        one = self._pending.pop(id_, None)
        self._backlog -= one.size if one is not None else 0

    def wait(self, ids: Iterable[int], deadline: float) -> list[ObjectRow] | None:
        """The objects of these buffers and of all that are pending; None if they take too long."""
        with self._changed:
            wanted = {*ids, *self._pending}
            while wanted & self._pending.keys():
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return None
            rows = [self._done.get(id_) for id_ in sorted(wanted)]
        return [row for row in rows if row is not None]

    def _write(self, some: list[Sealed]) -> None:
        try:
            done = [self._done_with(one) for one in some]
            self._store.register(done).result()
        except Closed:
            self._fail(some, None)
            return
        except Exception as error:  # a bug in one format must not end the thread that writes all others
            self._fail(some, error)
            return
        crash_point("flush.registered")
        with self._changed:
            self._delay = RETRY_FIRST
            if self.sender is None:
                self.last_error = None
            for registration in done:
                self._forget(registration.buffer)
                self._done[registration.buffer] = registration.object
                self.objects += registration.object is not None
            while len(self._done) > REMEMBERED:
                del self._done[next(iter(self._done))]
            self._changed.notify_all()

    def _done_with(self, one: Sealed) -> Registration:
        """Its object; or that it was posted. Raises Closed, and what the disk raises."""
        if not _is_posted(one):
            return write_object(self._files, one.row, one.seal, self._store.segments(one.row.id))
        sender = self.sender
        failure = Failure("HttpEndpoint.Removed", "the delivery was removed before it was posted", 0)
        if sender is not None:
            records = texts(list(self._store.segments(one.row.id)))
            answer = sender.send(
                str(uuid.uuid5(uuid.NAMESPACE_URL, f"{one.seal.bucket}/{one.seal.key}")), records
            )
            if answer is None:
                return Registration(one.row.id, None, posted=True)
            failure = answer
        turn = partial(entries, code=failure.code, message=failure.message, attempts=failure.attempts)
        return write_object(self._files, one.row, one.seal, map(turn, self._store.segments(one.row.id)))

    def _fail(self, some: list[Sealed], error: Exception | None) -> None:
        if len(some) > 1:  # find out which it is
            for one in some:
                self._enqueue(partial(self._write, [one]))
            return
        if error is not None:
            self._say(f"an object could not be written: {error}", exc_info=not isinstance(error, OSError))
        with self._changed:
            self._failed.append(some)
            self._retry_at = time.monotonic() + self._delay
            self._delay = min(self._delay * 2, RETRY_MOST)

    def _say(self, text: str, *, exc_info: bool = False) -> None:
        if text != self.last_error:
            log.warning("delivery %s: %s", self.name, text, exc_info=exc_info)
        self.last_error = text

    def ails(self, text: str | None) -> None:
        """What ails the endpoint; None when nothing does."""
        if text is None:
            self.last_error = None
        else:
            self._say(text)


def _is_posted(one: Sealed) -> bool:
    return "post" in one.row.meta
