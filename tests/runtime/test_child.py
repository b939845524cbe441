from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from forebay.runtime import child as module
from forebay.runtime.child import Child, cause
from tests.harness import until


def ends_with(code: int) -> Child:
    command = [sys.executable, "-c", f"raise SystemExit({code})"]
    return Child(role="x", launch=lambda: subprocess.Popen(command))


def ended(child: Child) -> int:
    code = None

    def over() -> bool:
        nonlocal code
        code = child.ended()
        return code is not None

    until(over)
    assert code is not None
    return code


def test_the_delay_doubles_up_to_its_bound_while_a_process_keeps_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "LONGEST_DELAY", 0.4)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    child = ends_with(3)
    child.start()
    delays = []
    for _ in range(4):
        assert ended(child) == 3
        assert child.due is not None
        delays.append(round(child.due - now, 6))
        assert not child.start_if_due()
        now = child.due
        assert child.start_if_due()
    assert delays == [0.1, 0.2, 0.4, 0.4]
    assert child.restarts == 4
    child.kill()


def test_the_delay_is_the_first_again_after_a_healthy_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEALTHY_AFTER", 0.0)
    child = ends_with(0)
    for _ in range(3):
        child.start()
        ended(child)
        assert child.due is not None
        assert child.due - time.monotonic() <= module.FIRST_DELAY


def test_it_is_not_started_before_its_time() -> None:
    child = ends_with(0)
    child.due = time.monotonic() + 60
    assert not child.start_if_due()
    assert child.pid is None


def test_the_cause_of_an_end_is_named() -> None:
    assert cause(1) == "exit code 1"
    assert cause(-9) == "SIGKILL"
