"""Runs a simulator: pulls events from the user's generator at a held rate and sends them on.

The rate is kept by counting, not by sleeping between events: at each tick as many events are due as
the clock says, less what was sent. Where the system cannot keep up, at most a second's worth is owed;
the rest is not made up for, so a stall is not followed by a flood.
"""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import urlsplit

from forebay.errors import NotFound, UsageError
from forebay.ipc import Client
from forebay.layout import Layout
from forebay.project.model import Project, Ref
from forebay.sender import Log, Outcome, Route, Target
from forebay.simulate.generator import Generator

BATCH = 500
"""Events a request, at most."""
TICK = 0.02
"""Seconds between two looks at the clock; a slower rate waits for its next event."""


class Simulator(Protocol):
    """What is asked of an entry of the section `simulate`; `section.SimulatorSpec` has it."""

    @property
    def function(self) -> str | None:
        """`simulate/evening.py:clicks`."""

    @property
    def rate(self) -> float:
        """Events a second."""

    @property
    def to(self) -> Ref:
        """A route, a stream or a delivery."""


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
    rate: float
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
    ingest_url: str,
    *,
    rate: float | None = None,
    duration: float | None = None,
    events: int | None = None,
    seed: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Progress:
    """Run the simulator `name` of `project` against the system at `ingest_url` and `layout`, to its end.

    It ends after `duration` seconds, after `events` events (bursts not counted), when `stopped` says
    so, or when the generator does; `progress` is called at most ten times a second and once at the end.
    With the same `seed` the generator makes the same choices. Raises NotFound, UsageError
    (`BadSimulator`, `NotLocal`), NoServer, DataRejected (`RouteRefused`), ForebayError
    (`SimulatorFailed`, `SimulatorHangs`).
    """
    simulator = _find(project, name)
    wanted = rate or simulator.rate
    if wanted <= 0:
        raise UsageError("BadRate", f"{wanted:g} events a second is no rate", fix="give a positive one")
    chosen = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    state = Progress(name, wanted, chosen)
    function = simulator.function
    assert function is not None  # _find refuses one without
    with (
        _Key(project, simulator.to, layout) as key,
        Generator(
            Path(project.root), function, seed=chosen, timezone=project.timezone, rate=wanted
        ) as generator,
    ):
        target = _target(project, simulator.to, layout, ingest_url, key)
        try:
            _hold(generator, target, state, _Bounds(duration, events, stopped), progress or _silent)
        finally:
            target.close()
    return state


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What ends a simulation besides its generator."""

    duration: float | None
    events: int | None
    stopped: Callable[[], bool]


def _hold(
    generator: Generator,
    target: Target,
    state: Progress,
    bounds: _Bounds,
    tell: Callable[[Progress], None],
) -> None:
    """Pull and send until something ends it."""
    begun = told = owed_since = time.monotonic()
    paced = 0  # events that counted against the rate since `owed_since`
    left = bounds.events

    def over() -> bool:
        state.elapsed = time.monotonic() - begun
        return bounds.stopped() or (bounds.duration is not None and state.elapsed >= bounds.duration)

    while not over() and left != 0:
        now = time.monotonic()
        due = int((now - owed_since) * state.rate) + 1 - paced
        if due <= 0:
            next_due = owed_since + paced / state.rate
            time.sleep(min(max(next_due - now, TICK), 0.1))
            continue
        if due > max(1, state.rate):
            owed_since, paced, due = now, 0, 1
        taken = generator.take(min(due, BATCH, BATCH if left is None else left), over)
        for at in range(0, len(taken.events), BATCH):
            part = taken.events[at : at + BATCH]
            state.add(len(part), target.send(part, over))
            if time.monotonic() - told >= 0.1:
                told = time.monotonic()
                over()
                tell(state)
        if taken.burst:  # the time that it took is not owed
            owed_since, paced = time.monotonic(), 0
        else:
            paced += len(taken.events)
            left = None if left is None else left - len(taken.events)
        if taken.ended:
            break
    over()
    tell(state)


def _silent(_: Progress) -> None:
    """Nobody watches."""


def _find(project: Project, name: str) -> Simulator:
    entry = project.get(Ref("simulate", name))
    if entry is None:
        names = ", ".join(project.sections.get("simulate", {})) or "none"
        raise NotFound("NoSuchSimulator", f"the project has no simulator {name}", why=f"it has: {names}")
    simulator = cast("Simulator", entry)
    if simulator.function is None:
        raise UsageError(
            "NotYet",
            f"the simulator {name} is a template, which this version does not run",
            fix="write a generator function: function: simulate/events.py:events",
        )
    return simulator


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


def _target(project: Project, to: Ref, layout: Layout, ingest_url: str, key: str | None) -> Target:
    if to.noun != "ingest":
        return Log(Client(layout.socket("front"), "front"), str(to))
    loopback(ingest_url)
    door = cast("Door", project.get(to))
    if "{" in door.path:
        raise UsageError(
            "BadSimulator",
            f"the route {door.path} has path parameters, which a simulator cannot fill",
            fix="simulate into its stream or delivery",
        )
    return Route(ingest_url, door.method, door.path, key, door.max_body)


class _Key:
    """An API key for as long as the simulation runs, where its route requires one."""

    def __init__(self, project: Project, to: Ref, layout: Layout) -> None:
        self._to = to
        door = project.get(to) if to.noun == "ingest" else None
        self._needed = door is not None and cast("Door", door).key == "required"
        self._front = Client(layout.socket("front"), "front")
        self._id: str | None = None

    def __enter__(self) -> str | None:
        if not self._needed:
            return None
        made = self._front.call("keys_create", name="simulate", routes=[self._to.name])
        self._id = made["id"]
        return cast("str", made["secret"])

    def __exit__(self, *_: object) -> None:
        if self._id is not None:
            self._front.call("keys_revoke", id=self._id)
        self._front.close()
