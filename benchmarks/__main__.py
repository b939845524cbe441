"""`make bench`: every measure of the README's table, each beside its bar; `--long` is `make bench-long`.

One after the other, since two at once would measure each other. Each part can be run by itself:
`python -m benchmarks.system visible`, `python benchmarks/door.py`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PARTS = [
    ("Whole system", ["-m", "benchmarks.system", "cold", "memory", "visible", "sustained", "dashboards"]),
    ("Linear", ["-m", "benchmarks.system", "linear", "--millions", "1", "10"]),
    ("The door", ["-m", "benchmarks.door"]),
    ("The log", ["-m", "benchmarks.log"]),
    ("Functions", ["-m", "benchmarks.functions"]),
    ("Rules", ["-m", "benchmarks.rules"]),
    ("Queries", ["-m", "benchmarks.query"]),
]
LONG = [("Linear", ["-m", "benchmarks.system", "linear", "--millions", "1", "10", "100"])]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("names", nargs="*", help="parts to run; all, if none")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} processors, Python {sys.version.split()[0]}")
    failed = 0
    for title, arguments in LONG if asked.long else PARTS:
        module = arguments[1].rpartition(".")[2]
        if asked.names and module not in asked.names:
            continue
        if not (HERE / f"{module}.py").exists():
            continue
        print(
            f"\n{title}\n| measure | figure | bar | figure over bar |\n| --- | --- | --- | --- |", flush=True
        )
        failed += subprocess.run([sys.executable, *arguments], cwd=HERE.parent, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
