"""Measures forebay on this machine, as the README's table.

python -m benchmarks [--long] [--only WORD] [--readme]

`--long`: the cost per event at 1, 10 and 100 million events. `--readme` puts the table into README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime

import psutil

import forebay
from benchmarks import (
    alerts,
    asking,
    bus,
    clients,
    detectors,
    door,
    kinesis,
    moving,
    simulate,
    streamsql,
    system,
)
from benchmarks.table import HEAD, into_readme, number, say

MEASURES: dict[str, Callable[[], None]] = {
    "door": lambda: at_the_door(door.measure(1.0, 4)),
    "kinesis": kinesis.rows,
    "clients": clients.rows,
    "rules": bus.rules,
    "sustained": system.sustained,
    "visible": system.visible,
    "overhead": asking.overhead,
    "last_hour": asking.last_hour,
    "dashboards": system.dashboards,
    "streamsql": streamsql.rows,
    "alerts": alerts.rows,
    "detectors": detectors.rows,
    "simulate": simulate.rows,
    "moving": moving.rows,
    "cold": system.cold,
    "memory": system.memory,
    "linear": lambda: system.linear([1, 10]),
}
LONG: dict[str, Callable[[], None]] = {"linear": lambda: system.linear([1, 10, 100])}


def at_the_door(found: dict[str, float]) -> None:
    """HTTP, acknowledged after the fsync, beside the same server doing nothing."""
    say(
        "HTTP, one event a request, key checked, 64 connections",
        f"{number(found['single_requests_per_s'])}/s, p99 {found['single_p99_ms']:.1f} ms",
        "50 % of the bare server",
        ratio=found["single_ratio"] / 0.5,
        beside=f"bare {number(found['bare_requests_per_s'])}/s, an fsync {found['fsync_p50_ms']:.2f} ms",
    )
    rate = found["ndjson_records_per_s"]
    say("HTTP, NDJSON of 500 lines", f"{number(rate)} events/s", "400 k", ratio=rate / 400_000)


def machine() -> str:
    """What the figures were measured on."""
    memory = psutil.virtual_memory().total / (1 << 30)
    return (
        f"forebay {forebay.__version__}, {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}. Figures move by a factor of "
        "two with what else the machine does; what stands beside a figure is of the same run."
    )


def main() -> None:
    """Run the measures one after the other; a row is printed as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--readme", action="store_true")
    asked = parser.parse_args()
    print(HEAD)
    for name, measure in (LONG if asked.long else MEASURES).items():
        if asked.only in name:
            measure()
    print(f"\n{machine()}")
    if asked.readme:
        into_readme(machine())


if __name__ == "__main__":
    main()
