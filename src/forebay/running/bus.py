"""The buses of a running flow: who reads them, what they count, what fires by the clock, what is sent again.

    Buses     a router per bus; what deliveries read of it; forwarders to streams and buses, callers of functions

Beside `flow.py` as it needs several nouns. What a delivery gets of a bus is a filter on its reading, not a copy.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from forebay.bus.reading import Handover, Target
from forebay.bus.router import Router
from forebay.bus.section import BusSpec
from forebay.catalog import consumers
from forebay.catalog.store import Store
from forebay.delivery.consumer import Feed
from forebay.lake.notifications import Notices
from forebay.layout import Layout
from forebay.project.model import Project, Ref
from forebay.running.archives import Archives
from forebay.running.notices import BusNotices
from forebay.running.rule_times import RuleTimes
from forebay.running.targets import Caller, Copier, Writer
from forebay.running.triggers import Functions
from forebay.streams.reader import Reader
from forebay.streams.section import StreamSpec

log = logging.getLogger(__name__)

HANDED = ("streams", "bus", "functions", "telemetry", "topics")
"""The nouns that rules hand events to; deliveries read them themselves."""
STOP_SECONDS = 1.5
SETTLE = 2.0


class Buses:
    """Every bus of the flow, between `start` and `stop`.

    `reread` gives the project as it is now: rules change more often than what else a project holds, and are
    read again, when somebody said so (`changed`), with the next event. `reading` gives (consumer, log, position)
    of whoever reads in the flow, `noted` is told what a bus's targets were handed.
    """

    def __init__(self, layout: Layout, store: Store, functions: Functions, notices: Notices) -> None:
        self._layout = layout
        self._store = store
        self._functions = functions
        self.reread: Callable[[], Project] | None = None
        self.reading: Callable[[], list[tuple[str, str, int]]] = list
        self.noted: Callable[[str, Handover], None] | None = None
        self._lock = threading.RLock()
        self._project: Project | None = None
        self._routers: dict[str, Router] = {}
        self._targets: dict[str, Target] = {}
        self._changes = self._compiled = 0
        store.write(lambda db: _void(db.execute(consumers.DDL)))
        self.archives = Archives(layout, store, self._router_of)
        self.clock = RuleTimes(layout, store)
        self.clock.refresh = self._refresh
        self._notices = BusNotices(layout, notices)

    def start(self) -> None:
        """Begin to count and to watch the clock."""
        self.archives.start()
        self.clock.start()
        self._notices.start()

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
                    if self.noted is not None:
                        target.noted = partial(self.noted, bus)
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
        self._changes += 1

    def _refresh(self) -> None:
        """Compile what changed; who comes meanwhile waits until it is, and so never reads by rules of before."""
        if self._compiled == self._changes or self.reread is None:
            return
        with self._lock:
            changes = self._changes
            if self._compiled != changes:
                self._project = self.reread()
                self._compile(self._project)
                self._compiled = changes

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
            return Caller(*parts, function=ref.name, store=self._store, functions=self._functions)
        front = self._layout.socket("front")
        if ref.noun == "telemetry":
            return Writer(*parts, group=ref.name, store=self._store, front=front)
        return Copier(*parts, target=ref, front=front, key=self._key)

    def _key(self, ref: Ref) -> str | None:
        spec = self._project.get(ref) if self._project is not None else None
        return spec.key if isinstance(spec, StreamSpec) else None

    def positions(self) -> list[tuple[str, str, int]]:
        """(consumer, log, position) of whoever reads a bus here, so that its log may let go of what is done."""
        return [
            (target.consumer, target.log_name, target.position) for target in list(self._targets.values())
        ]

    def settle(self, bus: str) -> bool:
        """Wait, for a moment, until what is in a bus by now has been matched: rules are about to change."""
        name, deadline = f"bus.{bus}", time.monotonic() + SETTLE
        reader = self._opener(bus)()
        try:
            head = reader.head()
        finally:
            reader.close()
        while time.monotonic() < deadline:
            seen = [target.seen for target in list(self._targets.values()) if target.log_name == name]
            # What else reads a bus, reads it whatever its rules are.
            seen += [at for by, read, at in self.reading() if read == name and by.startswith("delivery.")]
            if all(each >= head for each in seen):
                return True
            time.sleep(0.01)
        return False

    def status(self) -> dict[str, Any]:
        """Per target that rules hand events to, how far it is; per bus, what met no rule and what is wrong."""
        found = {consumer: target.status() for consumer, target in list(self._targets.items())}
        for name, router in list(self._routers.items()):
            counts = self.archives.counts(name)
            wrong = "; ".join(router.refused.values()) or None
            found[f"bus.{name}"] = {
                "unmatched": counts["unmatched"],
                "counted": counts["position"],
                "last_error": wrong,
            }
        return found

    def stop(self) -> None:
        """Finish what is under way."""
        self._notices.stop()
        self.clock.stop()
        self.archives.stop()
        for target in self._targets.values():
            target.stop(0)
        deadline = time.monotonic() + STOP_SECONDS
        for target in self._targets.values():
            target.stop(max(0.0, deadline - time.monotonic()))

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
        """The operation of flow.sock:

        bus {name, args}   changed {schedules?}: rules are to be compiled again; settle {bus}: wait until they are; fire {bus, rule}: a scheduled rule, now;
                           those of `flow_archives.Archives.ask`
        """

        async def bus(args: dict[str, Any]) -> Any:
            given = args.get("args") or {}
            if args["name"] == "changed":
                self.changed()
                if given.get("schedules"):
                    self.clock.wake()
                return {}
            if args["name"] == "settle":
                return {"settled": await asyncio.to_thread(self.settle, str(given["bus"]))}
            if args["name"] == "fire":
                return {
                    "due": await asyncio.to_thread(self.clock.fire, str(given["bus"]), str(given["rule"]))
                }
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


def _void(_: object) -> None:
    """Let a result go."""
