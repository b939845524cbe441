"""How fast a backlog goes into the lake: events a second from the log to registered objects, by kind.

python benchmarks/delivery.py [events] [kinds...]
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import orjson

from forebay.delivery.section import BufferSpec, DeliverySpec
from forebay.flow import Flow
from forebay.layout import Layout
from forebay.project.model import Location, Project
from forebay.streams.writer import Log

BATCH = 500


def event(i: int) -> bytes:
    return orjson.dumps(
        {
            "event_id": f"{i:08x}-26dd6e6e-4dac-4778",
            "event_time": f"2026-01-01 10:{i // 60 % 60:02d}:{i % 60:02d}",
            "event_type": ("view", "cart", "purchase")[i % 3],
            "product_id": str(i * 7919 % 1_000_000),
            "category_code": "appliances.environment.water_heater",
            "brand": ("samsung", "apple", "xiaomi", None)[i % 4],
            "price": i * 31 % 100_000 / 100,
            "user_id": i * 104_729 % 1_000_000_000,
            "user_session": "26dd6e6e-4dac-4778-8d2c-92e149dab885",
        }
    )


KINDS: dict[str, DeliverySpec] = {
    "json gzip": DeliverySpec(to=Location("lake", "json/"), compression="gzip"),
    "json none": DeliverySpec(to=Location("lake", "plain/"), compression="none"),
    "parquet": DeliverySpec(
        to=Location("lake", "parquet/"), format="parquet", compression="snappy", table="t", prefix=""
    ),
    "parquet by day": DeliverySpec(
        to=Location("lake", "days/"),
        format="parquet",
        compression="snappy",
        table="d",
        partition=["event_type"],
    ),
    "csv": DeliverySpec(to=Location("lake", "csv/"), format="csv", compression="gzip"),
}


def measure(kind: str, spec: DeliverySpec, events: int) -> None:
    root = Path(tempfile.mkdtemp(prefix="forebay-bench-"))
    layout = Layout(root / ".forebay")
    layout.make()
    log = Log(layout.log("delivery.d"), "delivery.d")
    size = 0
    for at in range(0, events, BATCH):
        records = [event(i) for i in range(at, at + BATCH)]
        size += sum(map(len, records))
        log.append_now(records)
    buffered = DeliverySpec(
        **{name: getattr(spec, name) for name in spec.__struct_fields__} | {"buffer": BufferSpec()}
    )
    project = Project(name="bench", root=str(root), sections={"delivery": {"d": buffered}})
    flow = Flow(layout, project, lambda *_: None)
    cpu, begun = time.process_time(), time.perf_counter()
    flow.start()
    objects = flow.flush(timeout=120)
    taken, used = time.perf_counter() - begun, time.process_time() - cpu
    flow.stop()
    log.close()
    written = sum(path.stat().st_size for path in layout.lake.rglob("*") if path.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{kind:16s} {events / taken:10,.0f} events/s  {used / events * 1e6:5.2f} µs CPU/event  "
        f"{size / events:.0f} B/event in, {written / events:.0f} B out, {len(objects)} objects last, peak {peak:.0f} MiB"
    )
    shutil.rmtree(root)


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    chosen = sys.argv[2:] or list(KINDS)
    for kind in chosen:
        measure(kind, KINDS[kind], events)


if __name__ == "__main__":
    main()
