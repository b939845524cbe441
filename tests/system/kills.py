"""SIGKILL for the processes of a running system, one or all, at moments that a seed chooses."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import time
from collections.abc import Sequence

import psutil

from tests.harness import System, until

AT_WORK = 0.8
"""Of the processes killed, how many are at work again since they were killed before, and not starting."""
ROLES = ("front", "flow", "query", "worker", "supervisor", "everything")


class Kills:
    """Kills, and knows what."""

    def __init__(self, system: System, seed: int) -> None:
        self.system = system
        self.random = random.Random(seed)
        self.counts: collections.Counter[str] = collections.Counter()

    def many(self, number: int, roles: Sequence[str] = ROLES) -> None:
        """So many, a moment apart; each role at least once if there are enough, in an order of chance."""
        chosen = list(roles) if number >= len(roles) else []
        chosen += [self.random.choice(roles) for _ in range(number - len(chosen))]
        self.random.shuffle(chosen)
        for role in chosen:
            time.sleep(self.random.uniform(0.1, 1.2))  # the moment is what is random here
            self.kill(role)

    def kill(self, role: str) -> None:
        """SIGKILL one process, or all."""
        self.counts[role] += 1
        if role == "everything":
            self.system.kill_all()
            self.system.start(sql=False)
        elif role == "supervisor":
            self.system.kill("supervisor")
            self.system.stop()
            self.system.start(sql=False)
        elif role == "worker":
            for process in self._workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        else:
            if self.random.random() < AT_WORK:
                until(lambda: self.system.call(role, "status"), patience=90)
                time.sleep(self.random.uniform(0.0, 0.5))
            self.system.kill(role)

    def _workers(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.system.pid("flow")).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
