"""From `forebay run examples/X --simulate` to a dashboard that moves, as somebody sees it in a browser.

    python -m benchmarks.moving [gaming ecommerce ...] [--runs 3] [--steps]

A real browser is open beforehand and goes to the dashboard as soon as the command has printed its address. Seconds are
counted from the command to the first figure on the page (`shown`), and to the first one that has changed since
(`moved`). `--steps` tells of each number and chart when it was first there.
"""

from __future__ import annotations

import argparse
import statistics

from tests.browser import browsing
from tests.examples.moving import FIRST, Seen, once

from benchmarks.disk import folder
from benchmarks.table import say

RUNS = 3
BAR = 10.0


def measured(name: str, runs: int, *, steps: bool = False) -> list[Seen]:
    """Some runs, each of a system that is new."""
    with browsing() as browser:
        found = []
        for _ in range(runs):
            with folder() as here:
                found.append(once(browser, name, here, whole=12.0 if steps else 0.0))
            if steps:
                print("\n".join(found[-1].steps))
    return found


def rows() -> None:
    """For the table."""
    for name in FIRST:
        found = measured(name, RUNS)
        shown, moved = ([getattr(each, what) for each in found] for what in ("shown", "moved"))
        say(
            f"`forebay run examples/{name} --simulate` → its dashboard moves, p50 / worst of {RUNS}",
            f"{statistics.median(moved):.1f} / {max(moved):.1f} s",
            f"{BAR:g} s",
            ratio=BAR / max(moved),
            beside=f"its first figure {statistics.median(shown):.1f} s",
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("examples", nargs="*", default=list(FIRST))
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--steps", action="store_true")
    asked = parser.parse_args()
    for name in asked.examples:
        for seen in measured(name, asked.runs, steps=asked.steps):
            print(f"{name}: shown {seen.shown:.2f} s, moved {seen.moved:.2f} s")


if __name__ == "__main__":
    main()
