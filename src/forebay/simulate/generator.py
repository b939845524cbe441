"""Pulls events out of a generator function that runs in a process of its own (`source.py`).

The user's code may raise, hang, print or exit: each becomes one ForebayError that names the place, and
nothing else of the system notices.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import msgspec

from forebay.errors import ForebayError, UsageError
from forebay.simulate.events import Taken
from forebay.simulate.source import LENGTH

PATIENCE = 30.0
"""Seconds that a generator may take over its next events."""


class Generator:
    """The events of `function` (`simulate/evening.py:clicks`) of the project at `root`."""

    own_pace = False

    def __init__(self, root: Path, function: str, *, seed: int, timezone: str, rate: float) -> None:
        file, colon, attribute = function.rpartition(":")
        if not colon or not file.endswith(".py"):
            raise UsageError(
                "BadSimulator",
                f"{function!r} names no generator function",
                fix="write it as file.py:function",
            )
        self._function = function
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "forebay.simulate.source"),
                *(str(root), file, attribute, str(seed), timezone, str(rate)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            bufsize=0,
        )

    def take(self, wanted: int, stopped: Callable[[], bool] = lambda: False) -> Taken:
        """Up to `wanted` events, fewer at a burst or the end, none if `stopped` says so while waiting.

        Raises ForebayError `SimulatorFailed` with the place in the user's file, or `SimulatorHangs`.
        """
        body = msgspec.msgpack.encode(wanted)
        try:
            _pipe(self._process.stdin).write(LENGTH.pack(len(body)) + body)
            head = self._read(LENGTH.size, stopped)
            answer = head and self._read(LENGTH.unpack(head)[0], stopped)
        except (BrokenPipeError, EOFError):
            raise ForebayError(
                "SimulatorFailed",
                f"the process of {self._function} ended (exit code {self._process.wait()})",
                why="a generator that has no more events returns; it does not exit",
            ) from None
        if not answer:
            return Taken([], burst=False, ended=True)
        return self._understand(msgspec.msgpack.decode(answer))

    def _understand(self, answer: dict[str, Any]) -> Taken:
        if "error" in answer:
            raise ForebayError(
                "SimulatorFailed",
                f"{self._function} failed: {answer['error']}",
                where=answer["where"],
                trace=answer["trace"],
            )
        return Taken(answer["events"], answer["burst"], answer["ended"])

    def _read(self, size: int, stopped: Callable[[], bool]) -> bytes:
        """Exactly `size` bytes, or none once `stopped`."""
        out = _pipe(self._process.stdout).fileno()
        parts = bytearray()
        until = time.monotonic() + PATIENCE
        while len(parts) < size:
            if stopped():
                return b""
            if time.monotonic() > until:
                raise ForebayError(
                    "SimulatorHangs",
                    f"{self._function} gave no event for {PATIENCE:g} s",
                    fix="yield more often",
                )
            if not select.select([out], [], [], 0.1)[0]:
                continue
            part = os.read(out, size - len(parts))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        _pipe(self._process.stdin).close()
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
