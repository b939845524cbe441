"""The front process: HTTP on three ports, the logs behind them, and the socket by which others ask.

Up first and light, since nothing is accepted without it; it goes on accepting while flow and query are
down. The ingest port is served before the console's code is even imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import apsw

from forebay.access.guard import Guard
from forebay.access.keys import Keys
from forebay.access.section import AccessSpec
from forebay.clock import now_us
from forebay.errors import ForebayError, Unavailable
from forebay.ipc import AsyncClient, Server
from forebay.keyvalue.store import Tables
from forebay.lake.puts import Puts
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.runtime.documents import Documents, effective
from forebay.runtime.options import Options
from forebay.runtime.system import System
from forebay.sections import SECTIONS
from forebay.telemetry.log import follow, loud
from forebay.telemetry.meter import Meter
from forebay.web.api import Status
from forebay.web.appends import Appends
from forebay.web.groups import LogGroups
from forebay.web.ingest import IngestApp, IngestOptions
from forebay.web.key_operations import KeyOperations
from forebay.web.logs import Logs
from forebay.web.metrics import MetricOperations
from forebay.web.rates import Rates
from forebay.web.sampler import Sampler
from forebay.web.serve import AnyDoor, Door, sdk_door
from forebay.web.state import Doors, added, open_state, read_doors, save_doors
from forebay.web.tables import conform
from forebay.web.tail import Tail

logger = logging.getLogger("forebay.front")

DRAIN = 1.5
SAVE_EVERY = 1.0
APPLY = 20.0  # seconds that a change over the wire waits for a flow that is starting
PATIENCE = 5.0  # seconds that what is asked over the wire waits for the flow or the query process

SWITCH = 0.001
"""Seconds until a thread gives Python's lock to another that waits for it, such as a log's writer: while that waits, so
does the disk."""


async def main(
    layout: Layout, options: Options, fds: Mapping[str, int], wire: Callable[[Guard, System], Any]
) -> None:
    """Serve until SIGTERM, then drain: refuse what is new, finish what is under way, close the logs.

    `fds` has the listening sockets by door, and `ready`, to which a byte is written once they serve.
    `wire` makes the RSGI application of the AWS port.
    """
    sys.setswitchinterval(SWITCH)
    loop = asyncio.get_running_loop()
    loud(loop)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    front = Front(layout, options)
    try:
        await front.start(fds, wire)
        logger.info("serving %s", front.project.name)
        await front.serve(stop)
    finally:
        await front.close()


class Front:
    """What the front holds, and the operations of `front.sock`."""

    def __init__(self, layout: Layout, options: Options) -> None:
        self._layout = layout
        self._options = options
        self._db: apsw.Connection = open_state(layout.state)
        self._documents = Documents(self._db)
        self._declared = Project.decode(layout.applied.read_bytes(), SECTIONS)
        self.project = effective(self._declared, self._documents, SECTIONS)
        self._before = read_doors(self._db)
        self._saved: Doors = {}
        self._rates = Rates()
        self._keys = Keys(self._db)
        self.logs = Logs(layout)
        self.logs.open(self.project)
        self._flow = AsyncClient(layout.socket("flow"), "flow")
        self._puts = Puts(layout, self._flow)
        self._query = AsyncClient(layout.socket("query"), "query", before=self._puts.settled)
        # Who asks over the wire waits for what is starting, as not every client tries again.
        self._wire = [
            AsyncClient(layout.socket(role), role, patience=PATIENCE, before=self._puts.settled)
            for role in ("flow", "query")
        ]
        self._guard = _guard(self.project, options)
        self._meter = Meter()
        self._groups = LogGroups(layout, self._meter)
        self._tables = Tables(layout.keyvalue)
        self._metrics = MetricOperations(layout.metrics)
        ways = IngestOptions(call=self._call_function, note=self._groups.access.note, meter=self._meter)
        self._ingest = IngestApp(self.project, self.logs, self._keys, self._guard, ways)
        self._status = Status(
            layout,
            self.logs,
            self._flow,
            project=lambda: self.project,
            doors=self._counted,
            rates=self._per_second,
        )
        self._sampler = Sampler(
            layout,
            self._metrics.metrics,
            self._meter,
            logs=self.logs,
            doors=self._counted,
            traffic=self._ingest.traffic,
            ledger=self._status.ledger,
            deliveries=self._status.deliveries,
            flow=self._status.ask_flow,
        )
        self._tail = Tail(layout, self.logs)
        self._doors: dict[str, AnyDoor] = {}
        self._console: Any = None
        self._following = asyncio.Lock()
        self._draining = asyncio.Event()
        appends = Appends(self.logs, lambda: self.project, self._default_bus)
        key_operations = KeyOperations(
            self._keys,
            self._documents,
            declared=lambda: self._declared,
            project=lambda: self.project,
            loopback=options.loopback,
        )
        self._socket = Server(
            layout.socket("front"),
            {
                "status": lambda _: self._status(),
                "settle": self._settle,
                "append": appends.append,
                "attach": appends.attach,
                "logs_put": self._groups.put,
                **self._metrics.operations(),
                "log_read": self._log_read,
                "trim": self._trim,
                **key_operations.operations(),
                "reload": self._reload,
                "drain": self._drain,
            },
            on_error=lambda op, error: logger.error("operation %s failed", op, exc_info=error),
        )

    async def start(self, fds: Mapping[str, int], wire: Callable[[Guard, System], Any]) -> None:
        """Serve: events first, then the rest."""
        self._puts.start()
        self._open("ingest", fds, self._ingest, "rsgi")
        self._open("aws", fds, wire(self._guard, self._system()), "rsgi")
        await self._socket.start()
        if "ready" in fds:
            os.write(fds["ready"], b"1")
            os.close(fds["ready"])
        await asyncio.sleep(0)  # the door's first requests go before the imports below
        self._metrics.conform(self.project)
        await self._groups.conform(self.project)
        await conform(self._tables, self.project, self._documents)
        from forebay.web.console import ConsoleContext, console_app  # noqa: PLC0415 - see the module's docstring
        from forebay.web.console_telemetry import TelemetryPages  # noqa: PLC0415 - see the module's docstring

        context = ConsoleContext(
            project=self.project,
            layout=self._layout,
            status=self._status,
            query=self._query,
            flow=self._flow,
            guard=self._guard,
            tables=self._tables,
            logs=self.logs,
            page=self._sampler.page,
            telemetry=TelemetryPages(self._metrics.metrics, self._groups, self._query),
        )
        self._sampler.start()
        app = console_app(context)
        self._console = app.state.console
        self._open("console", fds, app, "asgi", websockets=True)

    def _open(
        self, name: str, fds: Mapping[str, int], app: Any, kind: Any, *, websockets: bool = False
    ) -> None:
        if name in fds:
            if name == "aws":
                door: AnyDoor = sdk_door(fds[name], app, self._options)
            else:
                door = Door(fds[name], app, kind, self._options, websockets=websockets)
            door.start()
            os.close(fds[name])
            self._doors[name] = door

    async def serve(self, stop: asyncio.Event) -> None:
        """Until `stop` or the operation `drain`: keep the doors' counts, and see that the doors live."""
        waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(self._draining.wait())]
        while True:
            done, _ = await asyncio.wait(waiting, timeout=SAVE_EVERY, return_when=asyncio.FIRST_COMPLETED)
            if done:
                break
            self._save()
            for name, door in self._doors.items():
                if door.failed is not None:
                    raise ForebayError(
                        "DoorFailed", f"the {name} port ended: {door.failed!r}"
                    ) from door.failed
        for task in waiting:
            task.cancel()

    async def close(self) -> None:
        """Drain and close. What was accepted is on disk already; this is for those who still wait."""
        if self._console is not None:
            await self._console.close()
        ended = await asyncio.gather(*(door.stop(DRAIN) for door in self._doors.values()))
        if not all(ended):
            logger.warning("some requests were cut off after %.1f s", DRAIN)
        await self._socket.stop()
        await self._sampler.close()
        await self._puts.close()
        await self._flow.close()
        await self._query.close()
        for client in self._wire:
            await client.close()
        self._tail.close()
        self._status.close()
        with contextlib.suppress(apsw.Error):
            self._save()
        self.logs.close()
        await self._groups.close()
        await self._tables.close()
        await self._metrics.close()
        self._db.close()

    async def _call_function(self, name: str, event: bytes, timeout: float) -> dict[str, Any]:
        answer: dict[str, Any] = await self._flow.call(
            "invoke", timeout=timeout, function=name, payload=event
        )
        return answer

    def _counted(self) -> Doors:
        return added(self._before, self._ingest.doors())

    def _per_second(self) -> dict[str, float]:
        return self._rates.per_second(_accepted(self._counted()))

    def _save(self) -> None:
        now = self._counted()
        self._rates.note(_accepted(now))
        if now == self._saved:
            return
        try:
            save_doors(self._db, now)
        except apsw.Error as error:  # a full disk: the counts wait, events are refused by their logs
            logger.warning("the doors' counts could not be saved: %s", error)
        else:
            self._saved = now

    # Operations of the socket.

    async def _default_bus(self) -> None:
        self._documents.put("bus", "default", {"spec": {}, "meta": {"created": now_us()}})
        await self._apply()

    async def _log_read(self, args: dict[str, Any]) -> dict[str, Any]:
        return await self._tail.read(args["log"], args.get("position"), args.get("max") or 1000)

    async def _trim(self, args: dict[str, Any]) -> None:
        self.logs.advance(args["log"], args["consumer"], args["position"])

    async def _settle(self, _: dict[str, Any]) -> None:
        """For who is about to look at the catalog by himself: all that was acknowledged is there when it returns."""
        if (settled := self._puts.settled()) is not None:
            await settled

    async def _reload(self, _: dict[str, Any]) -> None:
        follow(self._layout.applied)
        await self._follow(Project.decode(self._layout.applied.read_bytes(), SECTIONS))

    async def _follow(self, declared: Project) -> None:
        """Make the doors and logs those of `declared` and of what was made over the wire."""
        async with self._following:  # two at once would both open what is new
            project = effective(declared, self._documents, SECTIONS)
            self._ingest.reload(project)  # first: it refuses without having changed anything
            await asyncio.to_thread(self.logs.open, project)
            self._metrics.conform(project)
            await self._groups.conform(project)
            await conform(self._tables, project, self._documents)
            self._declared, self.project = declared, project
            if self._console is not None:
                self._console.reloaded(project)

    def _system(self) -> System:
        return System(
            layout=self._layout,
            documents=self._documents,
            logs=self.logs,
            flow=self._wire[0],
            query=self._wire[1],
            tables=self._tables,
            metrics=self._metrics.metrics,
            meter=self._meter,
            puts=self._puts,
            declared=lambda: self._declared,
            project=lambda: self.project,
            apply=self._apply,
            loopback=self._options.loopback and not self._options.behind_proxy,
        )

    async def _apply(self) -> None:
        """A resource was made, changed or removed over the wire: here first, then in the flow.

        A flow that is starting is waited for: what was changed is on disk, and trying again would find it there.
        """
        await self._follow(self._declared)
        deadline = time.monotonic() + APPLY
        while True:
            try:
                await self._flow.call("reload")
                return
            except Unavailable as error:
                if error.code != "ProcessDown" or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def _drain(self, _: dict[str, Any]) -> None:
        self._draining.set()


def _accepted(doors: Doors) -> dict[str, int]:
    return {name: counts["accepted"] for name, counts in doors.items()}


def _guard(project: Project, options: Options) -> Guard:
    access = project.one(AccessSpec)
    hosts = [*access.hosts, *options.hosts]
    if not options.loopback:
        hosts.append(options.host)
    return Guard(hosts, [*access.origins, *options.origins])
