"""The log by itself: durable appends of three shapes, reading back, and opening again.

python benchmarks/log.py [--seconds 1.5]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from forebay.streams.reader import Reader
from forebay.streams.writer import Log, Unique

RECORD = b'{"element_clicked":"entree_1","time_spent":67,' + b'"padding":"' + b"x" * 240 + b'"}'
SHAPES = {
    "1 event, 1 caller": (1, 1, False),
    "1 event, 64 callers": (64, 1, False),
    "500 events, 16 callers": (16, 500, False),
    "500 unique events, 4 callers": (4, 500, True),
}


async def appends(
    log: Log, callers: int, events: int, unique: bool, seconds: float
) -> tuple[float, list[float]]:
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    batch = [RECORD] * events
    number = 0

    async def caller() -> None:
        nonlocal number
        while (began := time.perf_counter()) < until:
            if unique:
                values = [b"%d" % (number + i) for i in range(events)]
                number += events
                await log.append(batch, unique=Unique("bench", values))
            else:
                await log.append(batch)
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(latencies) * events / (time.perf_counter() - began), sorted(latencies)


def main(seconds: float) -> None:
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_DIR", "/var/tmp")))
    try:
        path = folder / "log.db"
        log = Log(path, "streams.bench")
        for name, (callers, events, unique) in SHAPES.items():
            rate, latencies = asyncio.run(appends(log, callers, events, unique, seconds))
            p50, p99 = (latencies[int(len(latencies) * q)] * 1e3 for q in (0.5, 0.99))
            print(f"{name:32} {rate:12,.0f} records/s   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms")
        head = log.head
        log.close()
        began = time.perf_counter()
        Log(path, "streams.bench").close()
        opened = time.perf_counter() - began
        reader = Reader(path, "streams.bench")
        began = time.perf_counter()
        at = 0
        while batches := reader.read(at):
            for batch in batches:
                assert len(batch.columns()) == batch.n
            at = batches[-1].end
        took = time.perf_counter() - began
        assert at == head
        print(f"{'read back':32} {head / took:12,.0f} records/s")
        polls = [_timed(reader) for _ in range(1000)]
        print(f"{'asking whether there is news':32} {statistics.median(polls) * 1e6:12,.1f} us")
        print(f"{'open and close':32} {opened * 1e3:12,.1f} ms at {path.stat().st_size >> 20} MiB")
        reader.close()
    finally:
        shutil.rmtree(folder)


def _timed(reader: Reader) -> float:
    began = time.perf_counter()
    reader.head()
    return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.5)
    main(parser.parse_args().seconds)
