"""What the shop's detectors find of labelled traffic: precision and recall of each.

    python -m benchmarks.detectors [--minutes 30] [--rate 40] [--seed 1]

Simulated visitors of `examples/ecommerce`, with attacks whose events are known and say nothing of it themselves, go through
the example as it is; what its stream SQL finds is held against who attacked. The band around all that comes is learned
from two weeks of a shop's days without attacks, and held against a day with attacks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import math
import random
import runpy
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.harness import System, until

from benchmarks.disk import folder
from benchmarks.table import say
from forebay.alerts.band import Usual
from forebay.clock import SECOND
from forebay.ipc import Client
from forebay.layout import Layout

EXAMPLE = Path(__file__).parent.parent / "examples" / "ecommerce"
SUBJECT = {"user": "user_id", "address": "ip", "scraper": "user_session"}
BEGIN = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
BATCH = 2000
TOLD = 10
"""The example tells people of who does more in a window."""
WIDTH = 4.0
"""Of the band, in deviations, as an alarm says it: `above 4`."""
MINUTES = 24 * 60


def labelled(minutes: float, rate: float, seed: int) -> list[tuple[dict[str, str], str]]:
    """Events with their times, and what each is of."""
    shop = runpy.run_path(str(EXAMPLE / "simulate" / "shoppers.py"))
    found = itertools.takewhile(
        lambda each: each[2] < minutes * 60, shop["labelled"](random.Random(seed), rate)
    )
    return [
        (shop["stamped"](event, BEGIN + dt.timedelta(seconds=second)), kind) for event, kind, second in found
    ]


def found_of(events: list[tuple[dict[str, str], str]]) -> dict[str, set[str]]:
    """By detector, the subjects that the example finds."""
    with folder() as here:
        project = here / "shop"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
        system = System(project, here / "state", [], {})
        front = Client(Layout(here / "state").socket("front"), "front")
        try:
            system.start()
            for some in batches([event for event, _ in events]):
                front.call(
                    "append",
                    target="streams.activity",
                    records=[json.dumps(each).encode() for each in some],
                    keys=[each["category_id"].encode() for each in some],
                )
            for later in (5, 10):  # ordinary events of every category, so that all windows close
                last = BEGIN + dt.timedelta(days=1, minutes=later)
                ending = [
                    {**event, "txn_timestamp": last.isoformat().removesuffix("+00:00")}
                    for event in {each["category_id"]: each for each, _ in events}.values()
                ]
                front.call(
                    "append",
                    target="streams.activity",
                    records=[json.dumps(each).encode() for each in ending],
                    keys=[each["category_id"].encode() for each in ending],
                )
            queries = [name for name in system.status()["ledger"] if name.startswith("streamsql.")]
            until(lambda: watermarks(system, len(queries)), patience=120)
            found: dict[str, set[str]] = defaultdict(set)
            for detector, subject in system.query(
                f"SELECT DISTINCT detector, subject FROM suspicious WHERE actions > {TOLD}"
            ):
                found[detector].add(subject)
            return found
        finally:
            front.close()
            system.end()


def batches(events: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    return [events[at : at + BATCH] for at in range(0, len(events), BATCH)]


def watermarks(system: System, count: int) -> bool:
    """Whether every query's watermark has passed the last of the traffic."""
    found = system.call("flow", "status")["streamsql"]
    end = (BEGIN + dt.timedelta(days=1)).timestamp() * 1000
    return len(found) == count and all((each["watermark"] or 0) > end for each in found.values())


def said(title: str, right: int, found: int, there: int, what: str) -> None:
    """One row: of what was found how much was right, of what was there how much was found."""
    precision, recall = (right / found if found else 0.0), (right / there if there else 0.0)
    say(
        title, f"precision {precision:.3f}, recall {recall:.3f}", what, beside=f"{there} there, {found} found"
    )


def overall(seed: int) -> None:
    """Minutes that stand out of what all do together."""
    chance = random.Random(seed)

    def usual(minute: int) -> float:
        hour = minute % MINUTES / 60
        mean = 60 * (8 + 30 * math.exp(-(((hour - 20) / 4) ** 2)))
        return max(0.0, chance.gauss(mean, math.sqrt(mean) * 1.5))

    start = int(dt.datetime(2026, 1, 5, tzinfo=dt.UTC).timestamp()) * SECOND

    def at(minute: int) -> int:
        return start + minute * 60 * SECOND

    learned = Usual([(at(minute), usual(minute)) for minute in range(14 * MINUTES)])
    attacked = {
        minute + n: chance.uniform(0.3, 1.0)
        for minute in range(14 * MINUTES + 20, 15 * MINUTES, 45)
        for n in range(3)
    }
    found = set()
    for minute in range(14 * MINUTES, 15 * MINUTES):
        value = usual(minute) * (1 + attacked.get(minute, 0.0))
        band = learned.at(at(minute), WIDTH)
        assert band is not None
        if value > band.high:
            found.add(minute)
    said(
        "Found: all together, above their band",
        len(found & attacked.keys()),
        len(found),
        len(attacked),
        "minutes with 1.3 to 2 times as much as usual",
    )


def rows(minutes: float = 20, rate: float = 40, seed: int = 1) -> None:
    """The README's rows."""
    events = labelled(minutes, rate, seed)
    found = found_of(events)
    there: dict[str, set[Any]] = defaultdict(set)
    for event, kind in events:
        if kind != "people":
            there[kind].add(event[SUBJECT[kind]])
    titles = {
        "user": "one user in 10 s",
        "address": "one address in 10 s",
        "scraper": "a scraper in a minute",
    }
    for detector, title in titles.items():
        right = found[detector] & there[detector]
        said(
            f"Found: {title}",
            len(right),
            len(found[detector]),
            len(there[detector]),
            f"of {len(events):,} events of {minutes:g} minutes",
        )
    overall(seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rows(asked.minutes, asked.rate, asked.seed)
