"""One process of the system, seen by its supervisor: started, watched, restarted with backoff, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0
HEALTHY_AFTER = 10.0
"""A process that lived this many seconds starts again with the first delay."""


@dataclass(slots=True)
class Child:
    """A role's process. `launch` starts it, each time anew."""

    role: str
    launch: Callable[[], subprocess.Popen[bytes]]
    restart: bool = True
    restarts: int = 0
    process: subprocess.Popen[bytes] | None = None
    due: float | None = None
    _delay: float = field(default=FIRST_DELAY)
    _started: float = 0.0

    @property
    def started(self) -> bool:
        """Whether it was ever started."""
        return self._started > 0

    @property
    def pid(self) -> int | None:
        """Of the living process, or None."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    def start(self) -> None:
        """Start it now."""
        self.process = self.launch()
        self._started = time.monotonic()
        self.due = None

    def ended(self) -> int | None:
        """The exit code, once, when the process has ended since it was last asked; it is then due again."""
        if self.process is None:
            return None
        code = self.process.poll()
        if code is None:
            return None
        self.process = None
        if self.restart:
            if time.monotonic() - self._started >= HEALTHY_AFTER:
                self._delay = FIRST_DELAY
            self.due = time.monotonic() + self._delay
            self._delay = min(self._delay * 2, LONGEST_DELAY)
        return code

    def start_if_due(self) -> bool:
        """Start it again when its time has come; whether it did."""
        if self.due is None or time.monotonic() < self.due:
            return False
        self.restarts += self.started
        self.start()
        return True

    def signal(self, number: int) -> None:
        """Send a signal, if it lives."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def wait(self, timeout: float) -> bool:
        """Wait for its end; whether it came."""
        if self.process is None:
            return True
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it at once, with whatever it had started in its session."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()


def cause(code: int) -> str:
    """What an exit code says: `exit code 1`, `SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
