"""The disk that measures are taken on: `BENCH_DIR`, else /var/tmp, which is no memory as /tmp may be."""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder on it, for as long as it is measured."""
    with tempfile.TemporaryDirectory(
        prefix="forebay-bench-", dir=os.environ.get("BENCH_DIR", "/var/tmp")
    ) as name:
        yield Path(name)


def fsync_p50(folder: Path) -> float:
    """Milliseconds of one 8 KiB write and fdatasync here."""
    fd = os.open(folder / "probe", os.O_RDWR | os.O_CREAT)
    times = []
    for _ in range(200):
        began = time.perf_counter()
        os.write(fd, b"x" * 8192)
        os.fdatasync(fd)
        times.append(time.perf_counter() - began)
    os.close(fd)
    return statistics.median(times) * 1e3
