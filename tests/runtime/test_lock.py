from __future__ import annotations

import os
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.layout import Layout
from forebay.runtime.lock import Lock, holder


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
