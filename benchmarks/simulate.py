"""How fast a template of the Kinesis Data Generator makes events: the game's, of eight fields."""

from __future__ import annotations

import random
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.table import number, say
from forebay.simulate.fields import Context
from forebay.simulate.template import compiled

TEMPLATE = Path(__file__).resolve().parents[1] / "examples" / "gaming" / "simulate" / "plays.json"
BATCHES = 200
BATCH = 500


def rate() -> float:
    """Events a CPU second."""
    make = compiled(TEMPLATE.read_text(), Context(random.Random(1), ZoneInfo("UTC")))
    make(BATCH)
    start = time.process_time()
    for _ in range(BATCHES):
        make(BATCH)
    return BATCHES * BATCH / (time.process_time() - start)


def rows() -> None:
    """The row of the table."""
    found = rate()
    say("Events of a template, eight fields, per CPU second", number(found), "50 k", ratio=found / 50_000)


if __name__ == "__main__":
    rows()
