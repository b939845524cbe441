"""A worker that is killed while it imports the code: no fault of the code, unless it is so each time."""

from __future__ import annotations

import pytest

from forebay.functions.pool import KILLED_STARTS
from tests.functions.conftest import Project, events, only_failure, origins, rows

KILLED = """
    import os
    import signal

    starts = os.open("starts", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(starts, b"x")
    if os.stat("starts").st_size <= {times}:
        os.kill(os.getpid(), signal.{by})

    def f(event):
        return event
"""


@pytest.mark.parametrize("times", [1, KILLED_STARTS - 1])
def test_what_is_killed_at_its_start_is_started_again(project: Project, times: int) -> None:
    transform = project.plain(KILLED.format(times=times, by="SIGKILL"))
    outcome = transform.apply(events({"a": 1}, {"a": 2}), origins(2))
    assert rows(outcome) == [{"a": 1}, {"a": 2}]
    assert transform.stats()["starts"] == times + 1


def test_code_that_kills_itself_each_time_is_given_up(project: Project) -> None:
    transform = project.plain(KILLED.format(times=1000, by="SIGKILL"))
    failure = only_failure(transform.apply(events({"a": 1}), origins(1)))
    assert failure.code == "Function.ImportError"
    assert "was killed by SIGKILL while importing" in failure.reason
    assert transform.stats()["starts"] == KILLED_STARTS


def test_code_that_crashes_at_its_start_is_not_tried_again_at_once(project: Project) -> None:
    transform = project.plain(KILLED.format(times=1000, by="SIGSEGV"))
    assert "SIGSEGV" in only_failure(transform.apply(events({"a": 1}), origins(1))).reason
    assert transform.stats()["starts"] == 1
