"""Files that somebody reads stay: the lock between who reads and who removes, in one process and in several."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from forebay.readers import Readers, no_readers

ANOTHER = """
import sys
from pathlib import Path
from forebay.readers import Readers
with Readers(Path(sys.argv[1])).one():
    print("reads", flush=True)
    sys.stdin.read(1)
"""


def nobody(folder: Path) -> bool:
    with no_readers(folder) as found:
        return found


def test_readers_come_and_go(tmp_path: Path) -> None:
    first, second = Readers(tmp_path), Readers(tmp_path)
    assert nobody(tmp_path)
    with first.one():
        with first.one(), second.one():
            assert not nobody(tmp_path)
        assert not nobody(tmp_path)
    assert nobody(tmp_path)


def test_readers_of_another_process_count_until_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ANOTHER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"reads\n"
        assert not nobody(tmp_path)
        process.kill()
        process.wait()
    assert nobody(tmp_path)


def test_who_wants_to_read_waits_for_who_removes(tmp_path: Path) -> None:
    readers, began = Readers(tmp_path), threading.Event()

    def read() -> None:
        with readers.one():
            began.set()

    with no_readers(tmp_path) as found:
        assert found
        thread = threading.Thread(target=read)
        thread.start()
        assert not began.wait(0.1)
    assert began.wait(20)
    thread.join()


def test_where_there_are_no_locks_reading_goes_on_and_nothing_is_removed(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with Readers(missing).one():
        assert not nobody(missing)
