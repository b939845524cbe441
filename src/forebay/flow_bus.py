"""The buses of a running flow: who reads them, what they count, what fires by the clock, what is sent again.

    Buses     a router per bus; what deliveries read of it; forwarders to streams and buses, callers of functions
    _Copier   a rule's copy into another log: its position commits there, with what it appends
    _Caller   a rule's call of a function: kept to be made in the commit that moves the position

Beside `flow.py` as it needs several nouns. What a delivery gets of a bus is a filter on its reading, not a copy.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from forebay import ipc
from forebay.bus.inputs import text_at
from forebay.bus.reading import Handover, Target
from forebay.bus.router import Route, Router
from forebay.bus.section import BusSpec
from forebay.catalog import consumers
from forebay.catalog.store import Store
from forebay.clock import SECOND, now_us
from forebay.delivery.consumer import Feed
from forebay.errors import Unavailable
from forebay.flow_archives import Archives
from forebay.flow_clock import Clock
from forebay.flow_triggers import Functions
from forebay.functions.queue import enqueue
from forebay.layout import Layout
from forebay.project.model import Location, Project, Ref
from forebay.streams.reader import Reader
from forebay.streams.section import StreamSpec

log = logging.getLogger(__name__)

HANDED = ("streams", "bus", "functions")
"""The nouns that rules hand events to; deliveries read them themselves."""
STOP_SECONDS = 1.5


class Buses:
    """Every bus of the flow, between `start` and `stop`.

    `reread` gives the project as it is now: rules change more often than what else a project holds, and are
    read again, when somebody said so (`changed`), with the next event.
    """

    def __init__(self, layout: Layout, store: Store, functions: Functions) -> None:
        self._layout = layout
        self._store = store
        self._functions = functions
        self.reread: Callable[[], Project] | None = None
        self._lock = threading.RLock()
        self._project: Project | None = None
        self._routers: dict[str, Router] = {}
        self._targets: dict[str, Target] = {}
        self._stale = threading.Event()
        store.write(lambda db: _void(db.execute(consumers.DDL)))
        self.archives = Archives(layout, store, self._router_of)
        self.clock = Clock(layout, store)
        self.clock.refresh = self._refresh

    def start(self) -> None:
        """Begin to count and to watch the clock."""
        self.archives.start()
        self.clock.start()

    def apply(self, project: Project) -> None:
        """The buses and rules there are from now on."""
        with self._lock:
            self._project = project
            self._compile(project)
            wanted = _wanted(project)
            gone = [self._targets.pop(name) for name in self._targets.keys() - wanted.keys()]
        for target in gone:  # without the lock, which it may wait for
            target.stop(STOP_SECONDS)
        with self._lock:
            for consumer, (bus, ref) in wanted.items():
                if consumer not in self._targets:
                    target = self._open(consumer, bus, ref)
                    self._targets[consumer] = target
                    target.start()

    def _compile(self, project: Project) -> None:
        buses = project.of(BusSpec)
        for name in [name for name in self._routers if name not in buses]:
            del self._routers[name]
        for name, spec in buses.items():
            router = self._routers.get(name)
            if router is None:
                router = self._routers[name] = Router(name)
                router.before = self._refresh
            router.replace(spec, self.archives.patterns(spec), self.archives.allowed(name))
        self.archives.apply(buses)
        self.clock.apply(buses)

    def changed(self) -> None:
        """Rules changed, but not who reads: compile them again before the next event."""
        self._stale.set()

    def _refresh(self) -> None:
        if not self._stale.is_set() or self.reread is None:
            return
        with self._lock:
            if self._stale.is_set():
                self._stale.clear()
                self._project = self.reread()
                self._compile(self._project)

    def _router_of(self, bus: str) -> Router | None:
        return self._routers.get(bus)

    def feeds(self, delivery: str) -> tuple[Feed, ...]:
        """The buses whose rules lead to a delivery, as logs that it reads."""
        ref = Ref("delivery", delivery)
        return tuple(
            Feed(
                log=f"bus.{bus}",
                open=self._opener(bus),
                sieve=self._routers[bus].sieve(ref),
                begin=self._beginning(bus, str(ref)),
            )
            for bus in self.feeding(delivery, self._project)
        )

    def feeding(self, delivery: str, project: Project | None) -> list[str]:
        """The names of those buses."""
        ref = Ref("delivery", delivery)
        found = [] if project is None else project.of(BusSpec).items()
        return [
            bus
            for bus, spec in found
            if any(target.to == ref for rule in spec.rules.values() for target in rule.to)
        ]

    def _opener(self, bus: str) -> Callable[[], Reader]:
        name = f"bus.{bus}"
        return lambda: Reader(self._layout.log(name), name)

    def _beginning(self, bus: str, consumer: str) -> Callable[[], int | None]:
        def begin() -> int | None:
            reader = self._opener(bus)()
            try:
                return reader.subscribed(consumer)
            finally:
                reader.close()

        return begin

    def _open(self, consumer: str, bus: str, ref: Ref) -> Target:
        parts = (
            consumer,
            f"bus.{bus}",
            self._routers[bus].sieve(ref),
            self._opener(bus),
            self._beginning(bus, consumer),
        )
        if ref.noun == "functions":
            return _Caller(
                *parts, function=ref.name, store=self._store, functions=self._functions, errors=self._errors
            )
        return _Copier(*parts, target=ref, front=self._layout.socket("front"), key=self._key)

    def _errors(self) -> Location:
        name = self._project.name if self._project is not None else "forebay"
        return Location(f"{name.lower().replace('_', '-')}-errors", "bus/")

    def _key(self, ref: Ref) -> str | None:
        spec = self._project.get(ref) if self._project is not None else None
        return spec.key if isinstance(spec, StreamSpec) else None

    def positions(self) -> list[tuple[str, str, int]]:
        """(consumer, log, position) of whoever reads a bus here, so that its log may let go of what is done."""
        return [
            (target.consumer, target.log_name, target.position) for target in list(self._targets.values())
        ]

    def status(self) -> dict[str, Any]:
        """Per target that rules hand events to, how far it is; per bus, its rules that are wrong."""
        found = {consumer: target.status() for consumer, target in list(self._targets.items())}
        for name, router in list(self._routers.items()):
            if router.refused:
                found[f"bus.{name}"] = {"last_error": "; ".join(router.refused.values())}
        return found

    def stop(self) -> None:
        """Finish what is under way."""
        self.clock.stop()
        self.archives.stop()
        for target in self._targets.values():
            target.stop(0)
        deadline = time.monotonic() + STOP_SECONDS
        for target in self._targets.values():
            target.stop(max(0.0, deadline - time.monotonic()))

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
        """The operation of flow.sock:

        bus {name, args}   changed {}; counts {bus}; forget {bus, archive?}; replay_start, replay_list, replay_cancel
        """

        async def bus(args: dict[str, Any]) -> Any:
            given = args.get("args") or {}
            if args["name"] == "changed":
                self.changed()
                self.clock.wake()
                return {}
            return await asyncio.to_thread(self.archives.ask, str(args["name"]), given)

        return {"bus": bus}


def _wanted(project: Project) -> dict[str, tuple[str, Ref]]:
    """Consumer → (bus, target) of what rules hand events to. A disabled rule's reader goes on: it drops."""
    return {
        f"bus.{bus}/{target.to}": (bus, target.to)
        for bus, spec in project.of(BusSpec).items()
        for rule in spec.rules.values()
        for target in rule.to
        if target.to.noun in HANDED
    }


class _Copier(Target):
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


class _Caller(Target):
    """Has a function called for each event, as EventBridge does: without waiting for the answer."""

    def __init__(
        self,
        *parts: Any,
        function: str,
        store: Store,
        functions: Functions,
        errors: Callable[[], Location],
    ) -> None:
        super().__init__(*parts)
        self._function = function
        self._store = store
        self._functions = functions
        self._errors = errors
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
        for index, payload, route in rejected:
            self._bury(given.records[index], payload, route)
        ends = {
            "delivered": len(kept),
            "rejected": len(rejected),
            "dropped": given.after - given.before - given.inputs,
        }

        def work(db: Any) -> None:
            consumers.move(
                db, self.consumer, self.log_name, given.before, given.after, copies=given.copies, **ends
            )
            for _, payload, _ in kept:
                enqueue(db, self._function, payload)

        self._store.write(work)
        self._tries = 0
        if kept:
            self._functions.queue.wake()

    def _given_up(self, given: Handover, item: tuple[int, bytes, Route]) -> bool:
        index, _, route = item
        age = (now_us() - given.origins[index].arrival) / SECOND
        return self._tries > route.target.retries or age > route.target.max_age

    def _bury(self, event: bytes, payload: bytes, route: Route) -> None:
        errors = route.target.errors or self._errors()
        id = _id_of(event) or "event"
        record = {
            "rule": route.rule,
            "target": str(route.target.to),
            "errorCode": "NO_PERMISSIONS" if self._tries else "EVENT_EXPIRED",
            "errorMessage": f"there is no function {self._function}",
            "payload": payload.decode(errors="replace"),
        }
        key = f"{errors.prefix}{self.log_name}/{route.rule}/{id}.json"
        self._functions.keep(errors.bucket, key, orjson.dumps(record), self.consumer)


def _void(_: object) -> None:
    """Let a result go."""
