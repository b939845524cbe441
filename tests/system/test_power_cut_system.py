"""A power cut under a running system: what was acknowledged is there afterwards, exactly once.

SIGKILL keeps the page cache and so never shows a forgotten fsync; `tests.system.powercut` takes back
every write, rename, new folder and removal that was not synced. With the planted fault, an fsync of
SQLite is believed but not done, and the same test sees the loss.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from pathlib import Path

import pytest

from forebay.streams.reader import Reader
from tests.conftest import Running
from tests.harness import request
from tests.projects import project
from tests.system import powercut

PROJECT = """\
name: plain
ingest:
  events: {route: POST /events, to: delivery.events}
delivery:
  events: {to: lake.plain/events/, buffer: {seconds: 1}, compression: gzip}
catalog:
  events: {location: lake.plain/events/, format: json, columns: {id: bigint}}
"""


def _post_until_dead(url: str, acknowledged: list[int], stop: threading.Event) -> None:
    n = 0
    while not stop.is_set():
        lines = range(n, n + 20)
        body = b"\n".join(json.dumps({"id": i}).encode() for i in lines)
        try:
            answer = request(
                url + "/events", "POST", body, {"content-type": "application/x-ndjson"}, timeout=30
            )
        except (OSError, http.client.HTTPException):
            return
        if answer.status == 200:
            acknowledged += lines
        n += 20


@pytest.mark.parametrize("planted", [False, True], ids=["as it is", "with fsync planted away"])
def test_what_was_acknowledged_survives_a_power_cut(running: Running, tmp_path: Path, planted: bool) -> None:
    state = tmp_path / "state"
    state.mkdir()
    traces = tmp_path / "traces"
    environment = powercut.environment(traces, state)
    if planted:
        environment["FOREBAY_POWERCUT_LIE"] = "1"
    folder = project(tmp_path / "p", PROJECT)
    rng = random.Random(5)
    acknowledged: list[int] = []
    system = running(folder, state=state, environment=environment)
    stop = threading.Event()
    poster = threading.Thread(target=_post_until_dead, args=(system.ingest, acknowledged, stop))
    poster.start()
    # Through at least one flush, so that objects, renames and registrations are among what is cut.
    system.until(
        lambda: len(acknowledged) > 500 and system.status()["ledger"]["delivery.events"]["delivered"] > 0
    )
    stop.wait(rng.uniform(0.1, 0.5))
    system.kill_all()
    stop.set()
    poster.join()
    lost = powercut.cut(traces)
    if planted:
        log = Reader(system.layout.log("delivery.events"), "delivery.events", patience=1)
        assert log.head() < len(acknowledged), (
            "acknowledged events were lost, and this test would not have seen it"
        )
        log.close()
        return
    again = running(folder, state=state)
    # What the log kept and the flow had not read yet is read now.
    again.until(lambda: again.status()["ledger"]["delivery.events"]["lag"] == 0)
    found = again.query("select id, count(*) from events group by id")
    counts = {row[0]: row[1] for row in found}
    assert sorted(set(acknowledged) - counts.keys()) == [], lost
    assert {id: n for id, n in counts.items() if n != 1} == {}
    ledger = again.status()["ledger"]["delivery.events"]
    assert ledger["accepted"] == sum(
        ledger[end] for end in ("delivered", "dropped", "rejected", "expired", "erased", "buffered")
    )
    assert ledger["accepted"] == sum(counts.values())
