"""What rules hand events to: a copy into another log, a call of a function.

    Copier    its position commits in the target's log, with what it appends
    Caller    its position commits in the catalog, with the calls that are to be made

Beside `flow_bus.py`, which opens them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import orjson

from forebay import ipc
from forebay.bus.inputs import text_at
from forebay.bus.reading import Handover, Target
from forebay.bus.router import Route
from forebay.catalog import consumers
from forebay.catalog.store import Store
from forebay.clock import SECOND, now_us
from forebay.errors import Unavailable
from forebay.flow_shards import Put
from forebay.flow_triggers import Functions
from forebay.functions.queue import enqueue
from forebay.project.model import Location, Ref


class Copier(Target):
    """Copies what rules choose into a stream or another bus, exactly once."""

    def __init__(self, *parts: Any, target: Ref, front: Path, key: Callable[[Ref], str | None]) -> None:
        super().__init__(*parts)
        self._target = target
        self._front = ipc.Client(front, "front")
        self._field = key

    def attach(self, start: int) -> int:
        """The position as it is in the target's log."""
        answer = self._front.call(
            "attach", target=str(self._target), consumer=self.consumer, log=self.log_name, start=start
        )
        return int(answer["position"])

    def hand_over(self, given: Handover) -> None:
        """Append, if the position is still what it was; if not, what was appended then is on disk already."""
        field = self._field(self._target) if self._target.noun == "streams" else None
        own = text_at((field,)) if field is not None else None
        keys = None
        if self._target.noun == "streams":
            keys = [
                _partition_key(route, given.records[index], payload, own)
                for index, payload, route in given.items
            ]
            records = [payload for _, payload, _ in given.items]
        else:
            records = [given.records[index] for index, _, _ in given.items]
        self._front.call(
            "append",
            target=str(self._target),
            records=records,
            keys=keys,
            moved={
                "consumer": self.consumer,
                "log": self.log_name,
                "before": given.before,
                "after": given.after,
                "delivered": given.inputs,
                "copies": given.copies,
            },
        )

    def stop(self, timeout: float) -> bool:
        """See Target."""
        done = super().stop(timeout)
        if done:
            self._front.close()
        return done


def _partition_key(
    route: Route, event: bytes, payload: bytes, own: Callable[[bytes], str | None] | None
) -> bytes:
    """What the rule names, else what the stream shards by, else the event's id (as on AWS)."""
    key = route.key(event) if route.key is not None else None
    if key is None and own is not None:
        key = own(payload)
    if key is None:
        key = _id_of(event) or "none"
    return key.encode()[:256]


_id_of = text_at(("id",))


class Caller(Target):
    """Has a function called for each event, as EventBridge does: without waiting for the answer."""

    def __init__(
        self,
        *parts: Any,
        function: str,
        store: Store,
        functions: Functions,
    ) -> None:
        super().__init__(*parts)
        self._function = function
        self._store = store
        self._functions = functions
        self._tries = 0

    def attach(self, start: int) -> int:
        """The position in the catalog."""
        return self._store.write(lambda db: consumers.attach(db, self.consumer, self.log_name, start))

    def hand_over(self, given: Handover) -> None:
        """Keep the calls to be made, with the position; what waited too long for its function is rejected."""
        rejected: list[tuple[int, bytes, Route]] = []
        kept = list(given.items)
        if given.items and self._functions.invoker.spec(self._function) is None:
            self._tries += 1
            rejected = [item for item in given.items if self._given_up(given, item)]
            if len(rejected) < len(given.items):
                raise Unavailable("NoSuchFunction", f"there is no function {self._function}")
            kept = []
        buried = [self._bury(given.records[index], payload, route) for index, payload, route in rejected]
        ends = {
            "delivered": len(kept),
            "rejected": len(rejected),
            "dropped": given.after - given.before - given.inputs,
        }

        def work(db: apsw.Connection) -> None:
            consumers.move(
                db, self.consumer, self.log_name, given.before, given.after, copies=given.copies, **ends
            )
            for _, payload, _ in kept:
                enqueue(db, self._function, payload)
            for put in buried:
                put(db)

        self._store.write(work)
        self._tries = 0
        if kept:
            self._functions.queue.wake()

    def _given_up(self, given: Handover, item: tuple[int, bytes, Route]) -> bool:
        index, _, route = item
        age = (now_us() - given.origins[index].arrival) / SECOND
        return self._tries > route.target.retries or age > route.target.max_age

    def _bury(self, event: bytes, payload: bytes, route: Route) -> Put:
        errors = route.target.errors or Location("forebay-errors")
        id = _id_of(event) or "event"
        record = {
            "rule": route.rule,
            "target": str(route.target.to),
            "errorCode": "NO_PERMISSIONS" if self._tries else "EVENT_EXPIRED",
            "errorMessage": f"there is no function {self._function}",
            "payload": payload.decode(errors="replace"),
        }
        key = f"{errors.prefix}{self.log_name}/{route.rule}/{id}.json"
        return self._functions.prepare(errors.bucket, key, orjson.dumps(record), self.consumer)
