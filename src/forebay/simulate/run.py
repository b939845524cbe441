"""Runs a simulator: takes events as they are due and sends them on.

The rate is kept by counting, not by sleeping between events: at each tick as many events are due as
the clock and the shape say, less what was sent. Where the system cannot keep up, at most a second's worth is
owed; the rest is not made up for, so a stall is not followed by a flood.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from forebay.errors import NotFound, UsageError
from forebay.ipc import Client
from forebay.layout import Layout
from forebay.project.model import Project, Ref
from forebay.sender import Log, Outcome, Route, Target
from forebay.simulate.events import Events
from forebay.simulate.making import events_of
from forebay.simulate.section import SimulatorSpec
from forebay.simulate.shape import Shape

BATCH = 500
"""Events a request, at most."""
TICK = 0.02
"""Seconds between two looks at the clock; a slower rate waits for its next event."""


class Door(Protocol):
    """What is asked of a route; `ingest.section.RouteSpec` has it."""

    @property
    def method(self) -> str:
        """`POST`."""

    @property
    def path(self) -> str:
        """`/clicks`."""

    @property
    def key(self) -> str:
        """`none` or `required`."""

    @property
    def max_body(self) -> int:
        """Bytes."""


@dataclass(slots=True)
class Progress:
    """How far a simulation is. `reasons` are the first few different ones of what was refused."""

    name: str
    rate: float | None
    seed: int
    sent: int = 0
    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    elapsed: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def add(self, sent: int, outcome: Outcome) -> None:
        """Count one batch."""
        self.sent += sent
        self.accepted += outcome.accepted
        self.duplicate += outcome.duplicate
        self.refused += outcome.refusals
        for _, code, path, reason in outcome.refused:
            text = f"{path or ''} {reason or code}".strip()
            if len(self.reasons) < 5 and text not in self.reasons:
                self.reasons.append(text)


def run_simulation(
    project: Project,
    name: str,
    layout: Layout,
    urls: Mapping[str, str],
    *,
    rate: float | None = None,
    duration: float | None = None,
    events: int | None = None,
    seed: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Progress:
    """Run the simulator `name` of `project` against the system at `urls` (`ingest`, `aws`) and `layout`, to its end.

    It ends after `duration` seconds, after `events` events (bursts not counted), when `stopped` says
    so, or when there are no more; `progress` is called at most ten times a second and once at the end.
    With the same `seed` the same choices are made. A `rate` given here beats the project's, and the times of a
    replay. Raises NotFound, UsageError (`BadSimulator`, `BadTemplate`, `NotLocal`), NoServer, DataRejected
    (`RouteRefused`, `BadReplay`), ForebayError (`SimulatorFailed`, `SimulatorHangs`).
    """
    simulator = find(project, name)
    wanted = simulator.rate if rate is None else rate
    if wanted is not None and wanted <= 0:
        raise UsageError("BadRate", f"{wanted:g} events a second is no rate", fix="give a positive one")
    chosen = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    state = Progress(name, wanted, chosen)
    bounds = _Bounds(duration, events, stopped, progress or _silent)
    pace = Pace(wanted, simulator.shape.shape, ZoneInfo(project.timezone))
    with _Key(project, simulator, layout) as key:
        source = events_of(
            project,
            simulator,
            seed=chosen,
            rate=rate,
            simulated=pace.simulated,
            aws_url=urls.get("aws", ""),
        )
        try:
            target = _target(project, name, layout, urls, key)
            try:
                _hold(source, target, state, pace, bounds)
            finally:
                target.close()
        finally:
            source.close()
    return state


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What ends a simulation besides its generator, and who is told of it."""

    duration: float | None
    events: int | None
    stopped: Callable[[], bool]
    progress: Callable[[Progress], None]


class Pace:
    """How many events are due. `rate` None: what comes has its own times."""

    def __init__(self, rate: float | None, shape: Shape, zone: dt.tzinfo) -> None:
        self._rate = rate
        self._shape = shape
        self._wall = time.time()
        here = dt.datetime.fromtimestamp(self._wall, zone)
        self._midnight = here.hour * 3600 + here.minute * 60 + here.second
        self._begun = self._looked = time.monotonic()
        self._owed = 1.0  # the first goes at once

    def begin(self) -> None:
        """All is ready: what that took makes nothing due."""
        self._wall, self._begun = time.time(), time.monotonic()
        self._looked = self._begun

    def simulated(self) -> float:
        """The time of the shape's clock, in seconds since 1970."""
        return self._wall + (time.monotonic() - self._begun) * self._shape.speed

    def due(self) -> int:
        """How many may go now."""
        if self._rate is None:
            return BATCH
        now = time.monotonic()
        made = self._rate * self._shape.due(self._looked - self._begun, now - self._begun, self._midnight)
        # After a stall at most a second's worth is owed, of what the rate is now.
        most = max(1.0, made / max(now - self._looked, 0.001))
        self._owed = min(self._owed + made, most)
        self._looked = now
        return int(self._owed)

    def took(self, events: int) -> None:
        """So many went."""
        self._owed -= events

    def forget(self) -> None:
        """The time that just passed makes nothing due."""
        self._looked = time.monotonic()

    def wait(self) -> float:
        """Seconds until it is worth looking again."""
        if self._rate is None:
            return TICK
        now = self._looked - self._begun
        current = self._rate * self._shape.factor(now, self._midnight)
        return min(max((1 - self._owed) / current if current else 0.1, TICK), 0.1)


def _hold(source: Events, target: Target, state: Progress, pace: Pace, bounds: _Bounds) -> None:
    """Take and send until something ends it."""
    tell = bounds.progress
    begun = told = time.monotonic()
    left = bounds.events
    pace.begin()

    def over() -> bool:
        state.elapsed = time.monotonic() - begun
        return bounds.stopped() or (bounds.duration is not None and state.elapsed >= bounds.duration)

    while not over() and left != 0:
        due = pace.due()
        if due <= 0:
            time.sleep(pace.wait())
            continue
        taken = source.take(min(due, BATCH, BATCH if left is None else left), over)
        for part in _batches(taken.events, target.most_bytes):
            state.add(len(part), target.send(part, over))
            if time.monotonic() - told >= 0.1:
                told = time.monotonic()
                over()
                tell(state)
        if taken.burst:  # the time that it took is not owed
            pace.forget()
        else:
            pace.took(len(taken.events))
            left = None if left is None else left - len(taken.events)
        if taken.ended:
            break
        if not taken.events:
            time.sleep(TICK)
    over()
    tell(state)


def _batches(events: list[bytes], most_bytes: int) -> Iterator[list[bytes]]:
    """As many a request as it may have, in number and in bytes."""
    part: list[bytes] = []
    size = 0
    for event in events:
        if part and (len(part) == BATCH or size + len(event) + 1 > most_bytes):
            yield part
            part, size = [], 0
        part.append(event)
        size += len(event) + 1
    if part:
        yield part


def _silent(_: Progress) -> None:
    """Nobody watches."""


def find(project: Project, name: str) -> SimulatorSpec:
    """The simulator of that name. Raises NotFound with those that there are."""
    entry = project.get(Ref("simulate", name))
    if entry is None:
        names = ", ".join(project.sections.get("simulate", {})) or "none"
        raise NotFound("NoSuchSimulator", f"the project has no simulator {name}", why=f"it has: {names}")
    return cast("SimulatorSpec", entry)


def loopback(url: str) -> None:
    """Only ever this machine: a simulator is no load generator against anybody else's server.

    Raises UsageError `NotLocal` unless the host of `url` is a literal loopback address.
    """
    host = urlsplit(url).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise UsageError(
            "NotLocal",
            f"a simulator sends to this machine only, not to {url}",
            fix="run it beside forebay run",
        )


def _target(project: Project, name: str, layout: Layout, urls: Mapping[str, str], key: str | None) -> Target:
    simulator = find(project, name)
    to = simulator.to
    if to is None or simulator.via == "aws":
        loopback(urls["aws"])
        return _through_aws(project, name, simulator, urls["aws"])
    if to.noun != "ingest":
        return Log(Client(layout.socket("front"), "front"), str(to))
    loopback(urls["ingest"])
    door = cast("Door", project.get(to))
    if "{" in door.path:
        raise UsageError(
            "BadSimulator",
            f"the route {door.path} has path parameters, which a simulator cannot fill",
            fix="simulate into its stream or delivery",
        )
    return Route(urls["ingest"], door.method, door.path, key, door.max_body)


def _through_aws(project: Project, name: str, simulator: SimulatorSpec, url: str) -> Target:
    from forebay.simulate import aws  # noqa: PLC0415 - it imports boto3

    if simulator.into is not None:
        return aws.Objects(url, simulator.into)
    to = simulator.to
    assert to is not None  # one of the two is there, or the project was refused
    if to.noun == "streams":
        return aws.Aws(aws.Streams(url, to.name, getattr(project.get(to), "key", None)))
    if to.noun == "bus":
        return aws.Aws(aws.Buses(url, to.name, f"forebay.{project.name}", name))
    return aws.Aws(aws.Deliveries(url, to.name))


class _Key:
    """An API key for as long as the simulation runs, where its route requires one."""

    def __init__(self, project: Project, simulator: SimulatorSpec, layout: Layout) -> None:
        self._to = simulator.to
        door = project.get(self._to) if self._to is not None and self._to.noun == "ingest" else None
        self._needed = door is not None and cast("Door", door).key == "required"
        self._front = Client(layout.socket("front"), "front")
        self._id: str | None = None

    def __enter__(self) -> str | None:
        if not self._needed or self._to is None:
            return None
        made = self._front.call("keys_create", name="simulate", routes=[self._to.name])
        self._id = made["id"]
        return cast("str", made["secret"])

    def __exit__(self, *_: object) -> None:
        if self._id is not None:
            self._front.call("keys_revoke", id=self._id)
        self._front.close()
