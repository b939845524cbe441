"""The bus: PutEvents beside a server that only keeps the bytes, and 1,000 rules beside 10 through the real flow.

    python -m benchmarks.bus [--seconds 1] [--rounds 3] [--events 300000]

The ceiling is what the same boto3 client reaches against a server that writes and fdatasyncs the same bytes,
answers and does nothing else, asked in turn with forebay in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

from benchmarks.ceiling import bare, client, keep_serving, timed
from benchmarks.disk import folder, fsync_p50
from benchmarks.system import LINES, event, pour, system
from benchmarks.table import number, say

ENTRIES, DETAIL = 10, 300
EVENT_ID = "17793124-05d4-b198-2fde-7ededc63b103"
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


def serve(folder: Path) -> None:
    """The ceiling: keeps what it is sent and answers as EventBridge would."""
    file = os.open(folder / "ceiling", os.O_WRONLY | os.O_CREAT)
    answer = json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": EVENT_ID}] * ENTRIES}).encode()
    events = os.urandom(ENTRIES * (DETAIL + 220))

    class Ceiling:
        async def __rsgi__(self, _scope: Any, proto: Any) -> None:
            await proto()
            os.pwrite(file, events, 0)
            os.fdatasync(file)
            headers = [("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", "-")]
            proto.response_bytes(200, headers, answer)

    keep_serving(Ceiling())


def put_events(seconds: float, rounds: int) -> None:
    """PutEvents × 10 through boto3."""
    with folder() as here:
        with bare("benchmarks.bus", here) as url, system("name: bench\nbus:\n  bench: {}\n") as ours:
            ours.start(sql=False)
            clients = {"ours": client("events", ours.urls["aws"]), "bare": client("events", url)}
            detail = json.dumps({"padding": "x" * (DETAIL - 14)})
            entry = {"Source": "bench", "DetailType": "n", "Detail": detail, "EventBusName": "bench"}
            runs: dict[str, list[float]] = {"ours": [], "bare": []}
            for _ in range(rounds):
                for who, each in clients.items():
                    calls = timed(lambda: each.put_events(Entries=[entry] * ENTRIES), seconds)  # noqa: B023
                    runs[who].append(calls * ENTRIES)
            for each in clients.values():
                each.close()
        pairs = zip(runs["ours"], runs["bare"], strict=True)
        say(
            "EventBridge put_events × 10, boto3, one client",
            f"{number(statistics.median(runs['ours']))} events/s",
            "80 % of the client's ceiling",
            ratio=statistics.median(a / b for a, b in pairs) / 0.8,
            beside=f"ceiling {number(statistics.median(runs['bare']))}, an fsync {fsync_p50(here):.2f} ms",
        )


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


def rules(total: int) -> None:
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


def rows(seconds: float = 1.0, rounds: int = 3, total: int = 300_000) -> None:
    """The README's rows."""
    put_events(seconds, rounds)
    rules(total)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=300_000)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
    else:
        rows(asked.seconds, asked.rounds, asked.events)
