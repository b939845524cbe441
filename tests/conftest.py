"""What every test may ask for."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.harness import System

Running = Callable[..., System]

# The machine may be busy with others.
settings.register_profile("forebay", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("forebay")

# A shell has what it runs in the background ignore SIGINT, and so would every command that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Starts a real `forebay run` of a project folder, with state and ports of its own; stops it afterwards.

    `running(folder, "--simulate", sql=False, environment={...})`: with `sql=False` it does not wait for
    the query process.
    """
    started: list[System] = []
    ended = contextlib.ExitStack()

    def start(
        folder: Path,
        *arguments: str,
        sql: bool = True,
        state: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> System:
        state = state or tmp_path / f"state{len(started)}"
        system = System(folder, state, list(arguments), environment or {})
        started.append(system)
        ended.callback(system.end)
        return system.start(sql=sql)

    with ended:
        yield start


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real input, where `FOREBAY_REAL_DATA` says there is one; else the test is skipped."""
    named = os.environ.get("FOREBAY_REAL_DATA")
    if named is None:
        pytest.skip("FOREBAY_REAL_DATA does not name the folder with data/")
    return Path(named) / "data"
