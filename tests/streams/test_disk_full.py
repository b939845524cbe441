"""A disk without room: refusal before loss, and the log goes on when there is room again."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.errors import Unavailable
from forebay.streams.reader import Reader
from forebay.streams.writer import Log
from tests.streams.conftest import NAME, everything

# So far below nothing that the disk itself must refuse.
NO_RESERVE = -(1 << 40)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB, which only root may mount: nobody else can have a disk that is really full."""
    folder = tmp_path / "small"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=12m") != 0:
        pytest.skip(f"a small file system cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    yield folder
    libc.umount2(os.fsencode(folder), 2)


def fill(log: Log, limit: int = 200) -> tuple[int, Unavailable]:
    """Append until refused; how many were acknowledged, and the refusal."""
    for count in range(limit):
        try:
            log.append_now([b"%d" % count + b"x" * 100_000])
        except Unavailable as error:
            return count, error
    raise AssertionError("the disk was never full")


def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(small_disk: Path) -> None:
    path = small_disk / "log.db"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(6 << 20))
    with (
        contextlib.closing(Log(path, NAME, reserve=NO_RESERVE)) as log,
        contextlib.closing(Reader(path, NAME)) as reader,
    ):
        count, error = fill(log)
        assert count > 5
        assert error.code in ("DiskFull", "DiskError")
        assert error.extra.get("retry_after", 1) >= 1
        for _ in range(3):
            with pytest.raises(Unavailable):
                log.append_now([b"x" * 200_000])
        assert [int(r.rstrip(b"x")) for r in everything(reader)] == list(range(count))
        ballast.unlink()
        assert log.append_now([b"%d" % count]).offset == count
    with (
        contextlib.closing(Log(path, NAME, reserve=0)) as log,
        contextlib.closing(Reader(path, NAME)) as reader,
    ):
        assert [int(r.rstrip(b"x")) for r in everything(reader)] == list(range(count + 1))


def test_below_the_reserve_events_are_refused_before_the_disk_is_full(small_disk: Path) -> None:
    path = small_disk / "log.db"
    with contextlib.closing(Log(path, NAME, reserve=4 << 20)) as log:
        _, error = fill(log)
        assert error.code == "DiskFull"
        assert log.problem is not None
        free = os.statvfs(small_disk)
        assert free.f_bavail * free.f_frsize > 3 << 20


LIMITED = """
import contextlib, pathlib, resource, sys
from forebay.errors import Unavailable
from forebay.streams.reader import Reader
from forebay.streams.writer import Log
path = pathlib.Path(sys.argv[1])
log = Log(path, "streams.test", reserve=-(1 << 40))
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, resource.RLIM_INFINITY))
count, refused = 0, None
for _ in range(100):
    try:
        log.append_now([b"%d" % count + b"x" * 100_000])
        count += 1
    except Unavailable as error:
        refused = error
        break
assert refused is not None and count > 5, (refused, count)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append_now([b"%d" % count])
log.close()
reader = Reader(path, "streams.test")
numbers = [int(r.rstrip(b"x")) for b in reader.read(0, max_bytes=1 << 30) for r in b.columns().records()]
assert numbers == list(range(count + 1)), numbers
print(refused.code)
"""


def test_a_write_that_fails_is_not_acknowledged_and_the_next_may_succeed(tmp_path: Path) -> None:
    """A limit on file size stands in for a disk that refuses writes, where nothing can be mounted."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "log.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("DiskFull", "DiskError")
