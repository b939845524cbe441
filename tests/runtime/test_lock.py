from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.layout import Layout
from forebay.runtime.lock import Lock, alive, holder
from tests.harness import until


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "state")
    found.make()
    return found


def test_the_second_to_take_a_state_folder_is_told_who_has_it(layout: Layout) -> None:
    first, second = Lock(layout), Lock(layout)
    first.take()
    with pytest.raises(ForebayError) as caught:
        second.take()
    assert caught.value.code == "AlreadyRunning"
    assert str(os.getpid()) in caught.value.message
    assert holder(layout) == os.getpid()
    first.release()
    second.take()
    second.release()


def test_a_lock_file_that_a_dead_process_left_behind_is_held_by_nobody(layout: Layout) -> None:
    layout.lock.write_text("999999")
    assert holder(layout) is None
    lock = Lock(layout)
    lock.take()
    lock.release()


def test_the_children_of_a_supervisor_that_was_killed_are_waited_for(layout: Layout) -> None:
    program = (
        "import os, sys, subprocess, pathlib; from forebay.layout import Layout; from forebay.runtime.lock import Lock;"
        "lock = Lock(Layout(pathlib.Path(sys.argv[1]))); lock.take();"
        "child = subprocess.Popen(['cat'], stdout=subprocess.DEVNULL, pass_fds=(lock.fileno(),)); os._exit(0)"
    )
    command = [sys.executable, "-c", program, str(layout.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as supervisor:
        assert supervisor.stdin is not None
        assert supervisor.wait() == 0
        assert holder(layout) == supervisor.pid
        threading.Timer(0.2, supervisor.stdin.close).start()  # then its child ends, too
        lock = Lock(layout)
        lock.take()
    assert holder(layout) == os.getpid()
    lock.release()


def test_a_process_that_ended_and_was_not_waited_for_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    until(lambda: not alive(child.pid))
    child.wait()
    assert alive(os.getpid())
