"""The simulated power cut itself: it takes back what was not fsynced, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.system import powercut

WRITER = """
import apsw, sys
db = apsw.Connection(sys.argv[1])
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=" + sys.argv[2])
db.execute("CREATE TABLE t(x)")
for i in range(100):
    db.execute("INSERT INTO t VALUES (?)", (i,))
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""

FILES = """
import os, signal, sys
lake, sync_file, sync_folder = sys.argv[1], "f" in sys.argv[2], "d" in sys.argv[2]
os.mkdir(lake + "/b")
if sync_folder:
    fd = os.open(lake, os.O_RDONLY); os.fsync(fd)
with open(lake + "/b/.tmp", "wb") as f:
    f.write(b"all of it"); f.flush()
    if sync_file:
        os.fsync(f.fileno())
os.replace(lake + "/b/.tmp", lake + "/b/k")
if sync_folder:
    fd = os.open(lake + "/b", os.O_RDONLY); os.fsync(fd)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _die(program: str, state: Path, folder: Path, *args: str) -> None:
    env = os.environ | powercut.environment(folder, state)
    done = subprocess.run([sys.executable, "-c", program, *args], env=env, check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()


@pytest.mark.parametrize(("synchronous", "kept"), [("FULL", 100), ("OFF", 0)])
def test_rows_committed_with_fsync_survive_and_others_do_not(
    tmp_path: Path, synchronous: str, kept: int
) -> None:
    database = tmp_path / "x.db"
    _die(WRITER, tmp_path, tmp_path / "cut", str(database), synchronous)
    powercut.cut(tmp_path / "cut")
    db = apsw.Connection(str(database))
    tables = db.execute("SELECT count(*) FROM sqlite_master").get
    assert (db.execute("SELECT count(*) FROM t").get if tables else 0) == kept
    db.close()


@pytest.mark.parametrize(
    ("synced", "content"),
    [("fd", b"all of it"), ("d", b""), ("f", None), ("", None)],
    ids=["file and folder", "folder only", "file only", "neither"],
)
def test_a_renamed_file_survives_only_with_both_fsyncs(
    tmp_path: Path, synced: str, content: bytes | None
) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    _die(FILES, tmp_path, tmp_path / "cut", str(lake), synced)
    powercut.cut(tmp_path / "cut")
    found = lake / "b" / "k"
    assert (found.read_bytes() if found.exists() else None) == content
