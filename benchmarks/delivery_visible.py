"""How long an acknowledged event takes to be committed as a hot row, under a steady 5,000 events/s.

    python -m benchmarks.delivery_visible

What a query adds on top is not in the figure.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.delivery import event
from forebay.catalog.store import open_reader
from forebay.delivery.section import BufferSpec, DeliverySpec
from forebay.flow import Flow
from forebay.layout import Layout
from forebay.project.model import Location, Project
from forebay.streams.writer import Log

TOGETHER, TIMES, PAUSE = 50, 1000, 0.01


class Watch(threading.Thread):
    """Notes the delivery's position every 5 ms."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.seen: list[tuple[float, int]] = []
        self.done = threading.Event()
        self._path = path

    def run(self) -> None:
        db = open_reader(self._path)
        while not self.done.wait(0.005):
            position = db.execute("SELECT position FROM positions").get or 0
            self.seen.append((time.monotonic(), position))
        db.close()


def measure(name: str, spec: DeliverySpec) -> None:
    root = Path(tempfile.mkdtemp(prefix="forebay-bench-"))
    layout = Layout(root / ".forebay")
    layout.make()
    log = Log(layout.log("delivery.d"), "delivery.d")
    project = Project(name="bench", root=str(root), sections={"delivery": {"d": spec}})
    flow = Flow(layout, project, lambda *_: None)
    flow.start()
    watch = Watch(layout.catalog)
    watch.start()
    records = [event(i) for i in range(TOGETHER)]
    acknowledged = []
    begun = time.monotonic()
    for i in range(TIMES):
        log.append_now(records)
        acknowledged.append(((i + 1) * TOGETHER, time.monotonic()))
        time.sleep(max(0.0, begun + (i + 1) * PAUSE - time.monotonic()))
    rate = TOGETHER * TIMES / (time.monotonic() - begun)
    time.sleep(2)
    watch.done.set()
    watch.join()
    flow.stop()
    log.close()
    shutil.rmtree(root)
    delays, at = [], 0
    for end, when in acknowledged:
        while watch.seen[at][1] < end:  # IndexError: not everything was read two seconds later
            at += 1
        delays.append(watch.seen[at][0] - when)
    delays.sort()
    p50, p99 = delays[len(delays) // 2], delays[len(delays) * 99 // 100]
    print(
        f"{name:8s} {rate:,.0f}/s  p50 {p50 * 1e3:.0f} ms  p99 {p99 * 1e3:.0f} ms  max {delays[-1] * 1e3:.0f} ms"
    )


def main() -> None:
    buffer = BufferSpec(seconds=5)
    measure("json", DeliverySpec(to=Location("lake", "j/"), compression="gzip", buffer=buffer))
    parquet = DeliverySpec(
        to=Location("lake", "p/"), format="parquet", compression="snappy", table="t", prefix="", buffer=buffer
    )
    measure("parquet", parquet)


if __name__ == "__main__":
    main()
