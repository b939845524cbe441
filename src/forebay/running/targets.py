"""What rules hand events to.

    Copier    into another log, exactly once: its position commits there, with what it appends
    Caller    of a function: its position commits in the catalog, with the calls that are to be made
    Writer    into a log group, at least once

Beside `bus.py`, which opens them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from forebay.functions.queue import enqueue
from forebay.project.model import Location, Ref
from forebay.running.shards import Put
from forebay.running.triggers import Functions
from forebay.topics.message import encode


class Copier(Target):
    """Copies what rules choose into a stream, a topic or another bus, exactly once."""

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
        elif self._target.noun == "topics":
            records = [encode(payload.decode(errors="replace")) for _, payload, _ in given.items]
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


class Kept(Target):
    """A target whose position is in the catalog."""

    def __init__(self, *parts: Any, store: Store) -> None:
        super().__init__(*parts)
        self._store = store

    def attach(self, start: int) -> int:
        """The position in the catalog."""
        return self._store.write(lambda db: consumers.attach(db, self.consumer, self.log_name, start))

    def _commit(self, given: Handover, also: Sequence[Put] = (), *, rejected: int = 0) -> None:
        """Commit the position with what is `also` to be written; what was not `rejected` is delivered."""
        ends = {
            "delivered": len(given.items) - rejected,
            "rejected": rejected,
            "dropped": given.after - given.before - given.inputs,
        }

        def work(db: apsw.Connection) -> None:
            consumers.move(
                db, self.consumer, self.log_name, given.before, given.after, copies=given.copies, **ends
            )
            for put in also:
                put(db)

        self._store.write(work)


class Caller(Kept):
    """Has a function called for each event, as EventBridge does: without waiting for the answer."""

    def __init__(self, *parts: Any, function: str, store: Store, functions: Functions) -> None:
        super().__init__(*parts, store=store)
        self._function = function
        self._functions = functions
        self._tries = 0

    def hand_over(self, given: Handover) -> None:
        """Keep the calls to be made, with the position; what waited too long for its function is rejected."""
        if given.items and self._functions.invoker.spec(self._function) is None:
            self._tries += 1
            if not all(self._given_up(given, index, route) for index, _, route in given.items):
                raise Unavailable("NoSuchFunction", f"there is no function {self._function}")
            buried = [
                self._bury(given.records[index], payload, route) for index, payload, route in given.items
            ]
            self._commit(given, buried, rejected=len(given.items))
        else:
            self._commit(given, [self._call(payload) for _, payload, _ in given.items])
            self._functions.queue.wake()
        self._tries = 0

    def _call(self, payload: bytes) -> Put:
        def put(db: apsw.Connection) -> Any:
            return enqueue(db, self._function, payload)

        return put

    def _given_up(self, given: Handover, index: int, route: Route) -> bool:
        age = (now_us() - given.origins[index].arrival) / SECOND
        return self._tries > route.target.retries or age > route.target.max_age

    def _bury(self, event: bytes, payload: bytes, route: Route) -> Put:
        errors = route.target.errors or Location("forebay-errors")
        id = _id_of(event) or "event"
        record = {
            "rule": route.rule,
            "target": str(route.target.to),
            "errorCode": "RESOURCE_NOT_FOUND",
            "errorMessage": f"there is no function {self._function}",
            "attempts": self._tries,
            "payload": payload.decode(errors="replace"),
        }
        key = f"{errors.prefix}{self.log_name}/{route.rule}/{id}.json"
        return self._functions.prepare(errors.bucket, key, orjson.dumps(record), self.consumer)


class Writer(Kept):
    """Writes each event into a log group, at least once: into a stream of the rule's name."""

    def __init__(self, *parts: Any, group: str, store: Store, front: Path) -> None:
        super().__init__(*parts, store=store)
        self._group = group
        self._front = ipc.Client(front, "front")

    def hand_over(self, given: Handover) -> None:
        """Have the front, which has the groups, keep the lines; then commit the position."""
        lines: dict[str, list[tuple[int, str]]] = {}
        for index, payload, route in given.items:
            line = _line(payload, given.origins[index].arrival // 1000)
            lines.setdefault(route.rule, []).append(line)
        for stream, events in lines.items():
            self._front.call("logs_put", group=self._group, stream=stream, events=events)
        self._commit(given)

    def stop(self, timeout: float) -> bool:
        """See Target."""
        done = super().stop(timeout)
        if done:
            self._front.close()
        return done


def _line(payload: bytes, arrival: int) -> tuple[int, str]:
    """(UTC milliseconds, message); `{"timestamp": ..., "message": ...}`, as a template makes it, says both."""
    try:
        given = orjson.loads(payload)
    except orjson.JSONDecodeError:
        given = None
    if isinstance(given, dict) and given.keys() == {"timestamp", "message"}:
        message = given["message"]
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        at = given["timestamp"]
        return (at if isinstance(at, int) else arrival), text
    return arrival, payload.decode(errors="replace")
