"""Measures forebay on this machine and prints the README's table.

python -m benchmarks [--long] [--only WORD] [--readme]

`--long`: the cost per event at 10 and 100 million events instead. `--readme` puts the table into README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psutil

import forebay
from benchmarks import asking, path, standing
from benchmarks.table import Row, into_readme, markdown

MEASURES: dict[str, Callable[[], Iterator[Row]]] = {
    "door": path.at_the_door,
    "lake": path.into_the_lake,
    "seen": path.seen,
    "overhead": asking.overhead,
    "last_hour": asking.last_hour,
    "dashboards": asking.dashboards,
    "cold_start": standing.cold_start,
    "idle_memory": standing.idle_memory,
    "linear": lambda: standing.linear(10_000_000),
}
LONG: dict[str, Callable[[], Iterator[Row]]] = {
    "linear_10": lambda: standing.linear(10_000_000),
    "linear_100": lambda: standing.linear(100_000_000),
}


def machine() -> str:
    """What the figures were measured on."""
    memory = psutil.virtual_memory().total / (1 << 30)
    return (
        f"forebay {forebay.__version__}, {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}. Figures move by a factor of "
        "two with what else the machine does; ratios are of the same run."
    )


def main() -> None:
    """Run the measures one after the other; a row is printed as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--readme", action="store_true")
    asked = parser.parse_args()
    rows: list[Row] = []
    for name, measure in (LONG if asked.long else MEASURES).items():
        if asked.only not in name:
            continue
        for row in measure():
            rows.append(row)
            print(f"{row.measure}: {row.figure}  {row.compared}", file=sys.stderr, flush=True)
    table = markdown(rows, machine())
    print(table)
    if asked.readme:
        into_readme(table)


if __name__ == "__main__":
    main()
