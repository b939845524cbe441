"""Starts the processes of a system, starts again what ends, applies what is saved, and ends them all.

    front   HTTP; owns the logs. Started first: a POST is acknowledged before anything else is up.
    query   SQL.
    flow    transforms and delivers; owns the catalog.
    (one more for each simulator that was asked for)

The supervisor itself holds nothing but the lock, the listening sockets and the write end of the
lifeline: when it dies, however it dies, its children end within a second.

Of the signals: the first SIGINT or SIGTERM drains (front finishes the requests under way, flow commits
what it has in hand; all within `DRAIN`), the second kills. One that comes when all have ended
is ignored: there is nothing to cut short.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from forebay.clock import now_us
from forebay.layout import Layout
from forebay.runtime.child import Child, cause
from forebay.runtime.endpoints import Endpoints, Process, write

DRAIN_FRONT = 2.0
DRAIN_REST = 2.0
DRAIN = DRAIN_FRONT + DRAIN_REST
TICK = 0.5
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HEAD_START = 1.0
"""Seconds that the front has for itself at the start, if it takes that long."""

Launch = Callable[[str, Mapping[str, int]], "subprocess.Popen[bytes]"]
"""Starts a role's process; the mapping has the file descriptors that it is given, by name."""


class Supervisor:
    """One running system.

    `lock` is the descriptor of its lock, which each process holds too. `loudly` tells the user what went
    wrong; `on_ready` is called once, when the front first serves, `on_drain` when it is to end.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        name: str,
        version: str,
        urls: dict[str, str],
        doors: Mapping[str, socket.socket],
        lock: int,
        launch: Launch,
        loudly: Callable[[str], None],
        on_ready: Callable[[], None],
        on_drain: Callable[[], None],
        simulators: Sequence[str] = (),
    ) -> None:
        self.layout = layout
        self._name = name
        self._version = version
        self._urls = urls
        self._doors = dict(doors)
        self._lock = lock
        self._launch = launch
        self._loudly = loudly
        self._on_ready = on_ready
        self._on_drain = on_drain
        self._tick: Callable[[], None] | None = None
        self._started = now_us()
        self._stops = 0
        self._selector = selectors.DefaultSelector()
        self._lifeline, self._held = os.pipe()
        self._ready, self._ready_in = os.pipe()
        os.set_blocking(self._ready, False)
        self.children: dict[str, Child] = {}
        for role in ("front", "query", "flow", *(f"simulate:{name}" for name in simulators)):
            self.children[role] = self._child(role)

    def _child(self, role: str) -> Child:
        fds = {"lifeline": self._lifeline, "lock": self._lock}
        if role == "front":
            fds |= {"ready": self._ready_in}
            fds |= {name: door.fileno() for name, door in self._doors.items()}
        return Child(
            role=role,
            launch=lambda: self._launch(role, fds),
            restart=not role.startswith("simulate:"),
        )

    def on_tick(self, tick: Callable[[], None]) -> None:
        """Have `tick` called twice a second."""
        self._tick = tick

    def run(self) -> None:
        """Start everything, look after it until a signal says stop, end everything. Returns then."""
        wake_out, wake_in = os.pipe()
        os.set_blocking(wake_out, False)
        os.set_blocking(wake_in, False)
        for number in (*STOPS, signal.SIGCHLD):
            signal.signal(number, self._signalled)
        previous_fd = signal.set_wakeup_fd(wake_in, warn_on_full_buffer=False)
        self._selector.register(wake_out, selectors.EVENT_READ)
        self._selector.register(self._ready, selectors.EVENT_READ)
        try:
            self.children["front"].start()
            self.publish()
            self._look_after(wake_out)
            self._drain()
        finally:
            for child in self.children.values():
                child.kill()
            self.close()
            for number in STOPS:
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(previous_fd)
            os.close(wake_out)
            os.close(wake_in)

    def _signalled(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._stops += 1

    def _look_after(self, wake: int) -> None:
        next_tick = time.monotonic() + TICK
        for child in self.children.values():
            if child.process is None:  # two cores: the others would only make the front late
                child.due = time.monotonic() + HEAD_START
        while not self._stops:
            dues = [child.due for child in self.children.values() if child.due is not None]
            dues += [next_tick] if self._tick is not None else []
            timeout = max(0.0, min(dues) - time.monotonic()) if dues else None
            for key, _ in self._selector.select(timeout):
                data = os.read(key.fd, 4096)
                if key.fd == self._ready and data:
                    self._selector.unregister(self._ready)
                    self._start_rest()
                    self._on_ready()
            if self._reap() | self._restart():
                self.publish()
            if self._tick is not None and time.monotonic() >= next_tick and not self._stops:
                self._tick()
                next_tick = time.monotonic() + TICK

    def _start_rest(self) -> None:
        for child in self.children.values():
            if not child.started:
                child.start()
        self.publish()

    def _reap(self) -> bool:
        found = False
        for child in self.children.values():
            code = child.ended()
            if code is None or self._stops:
                continue
            found = True
            if child.due is not None:
                wait = max(0.0, child.due - time.monotonic())
                self._loudly(
                    f"{child.role} ended ({cause(code)}); it starts again in {wait:.1f} s. "
                    f"Its log: {self.layout.logs / child.role}.log"
                )
            elif code != 0:
                self._loudly(f"{child.role} ended ({cause(code)})")
        return found

    def _restart(self) -> bool:
        return sum(child.start_if_due() for child in self.children.values()) > 0

    def pause(self, action: Callable[[], None]) -> None:
        """End every process in good order, do `action`, start them again.

        The listening sockets stay open: who calls meanwhile waits. What `action` raises is raised after the
        start.
        """
        self._end()
        try:
            action()
        finally:
            for child in self.children.values():
                child.process = None
                child.start()
            self.publish()

    def publish(self) -> None:
        """Tell others the pids, restarts and URLs."""
        processes = [Process("supervisor", os.getpid(), 0)]
        processes += [
            Process(child.role, child.pid, child.restarts)
            for child in self.children.values()
            if child.pid is not None
        ]
        write(self.layout, Endpoints(self._name, self._version, processes, self._urls, self._started))

    def _drain(self) -> None:
        """Accept nothing more, then end all; a second signal cuts it short."""
        self._on_drain()
        for door in self._doors.values():
            door.close()
        self._end()

    def _end(self) -> None:
        """Front first, so that flow then commits all that was acknowledged."""
        first = [child for child in self.children.values() if child.role.startswith(("front", "simulate"))]
        rest = [child for child in self.children.values() if child not in first]
        for group, patience in ((first, DRAIN_FRONT), (rest, DRAIN_REST)):
            for child in group:
                child.signal(signal.SIGTERM)
            deadline = time.monotonic() + patience
            for child in group:
                while not child.wait(0.02):
                    if self._stops > 1 or time.monotonic() > deadline:
                        if self._stops < 2:
                            self._loudly(f"{child.role} did not end in {patience:g} s; it is killed")
                        child.kill()
                        break

    def close(self) -> None:
        """Close the sockets and pipes: whatever child still lives ends now."""
        for door in self._doors.values():
            door.close()
        for fd in (self._lifeline, self._held, self._ready, self._ready_in):
            os.close(fd)
        self._selector.close()
