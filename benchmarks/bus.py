"""The bus: 1,000 rules beside 10, through the real flow.

python -m benchmarks.bus [--events 300000]
"""

from __future__ import annotations

import argparse
import json

from benchmarks.system import LINES, event, pour, system
from benchmarks.table import say

PROJECT = """\
name: bench
ingest:
  events: {route: POST /events, to: bus.bench}
delivery:
  events:
    to: lake.bench/events/
    format: parquet
    table: events
    buffer: {seconds: 10, megabytes: 64}
    columns: {id: bigint, kind: string, user: string, price: double, at: string, note: string, few: int, many: int}
bus:
  bench:
    rules:
"""


def project(rules: int) -> str:
    """A project whose every event is of one of so many rules; they all lead to one delivery."""
    field = "few" if rules == 10 else "many"
    lines = [
        f"      r{at}: {{when: {{source: [forebay.bench], detail: {{{field}: [{at}], "
        "price: [{numeric: ['>=', 0]}]}}, to: [{delivery.events: {input: $.detail}}]}\n"
        for at in range(rules)
    ]
    return PROJECT + "".join(lines)


def body(first: int) -> bytes:
    """Events for `pour`."""
    made = ({**event(n), "few": n % 10, "many": n % 1000} for n in range(first, first + LINES))
    return b"\n".join(json.dumps(each).encode() for each in made)


def rules(total: int = 300_000) -> None:
    """Accept → rule → Parquet → catalog, through 10 rules and through 1,000."""
    rates = {}
    for count in (10, 1000):
        with system(project(count)) as each:
            each.start()
            pour(each, 20_000, "benchmarks.bus")
            _, seconds = pour(each, total, "benchmarks.bus")
            found = each.query("select count(*) from events")[0][0]
            assert found == total + 20_000, found
        rates[count] = total / seconds
    say(
        "Sustained into the lake through 1,000 rules",
        f"{rates[1000]:,.0f} events/s",
        "half of 10 rules",
        ratio=rates[1000] / rates[10] / 0.5,
        beside=f"10 rules {rates[10]:,.0f}",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=300_000)
    rules(parser.parse_args().events)
