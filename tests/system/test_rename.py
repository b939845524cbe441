"""`was:` in the project file: what has another name keeps its data, whether the system runs or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Running
from tests.harness import System, until
from tests.projects import project

BEFORE = """\
name: plain
ingest:
  events: {route: POST /events, to: delivery.events}
  raw: {route: POST /raw, to: streams.raw}
streams:
  raw: {}
delivery:
  events: {to: lake.plain/events/, buffer: {seconds: 900}}
  copy: {from: streams.raw, to: lake.plain/copy/, buffer: {seconds: 900}}
catalog:
  events: {location: lake.plain/events/, format: json, columns: {id: string}}
  copied: {location: lake.plain/copy/, format: json, columns: {id: string}}
"""
AFTER = """\
name: plain
ingest:
  events: {route: POST /events, to: delivery.visits}
  raw: {route: POST /raw, to: streams.rough}
streams:
  rough: {was: raw}
delivery:
  visits: {was: events, to: lake.plain/events/, buffer: {seconds: 900}}
  duplicate: {was: copy, from: streams.rough, to: lake.plain/copy/, buffer: {seconds: 900}}
catalog:
  visits: {was: events, location: lake.plain/events/, format: json, columns: {id: string}}
  copied: {location: lake.plain/copy/, format: json, columns: {id: string}}
"""


def fill(system: System, *ids: str) -> None:
    for each in ids:
        assert system.post("/events", {"id": each}).status == 200
        assert system.post("/raw", {"id": each}).status == 200


def has(system: System, table: str, *ids: str) -> bool:
    rows = until(lambda: system.query(f"select id from {table}"))
    return sorted(row[0] for row in rows) == sorted(ids)


def settled(system: System) -> bool:
    return not any(entry.get("lag") for entry in system.status()["ledger"].values())


@pytest.mark.parametrize("running_on", [False, True], ids=["between runs", "while it runs"])
def test_what_is_renamed_keeps_its_events_its_place_and_its_ledger(
    running: Running, tmp_path: Path, *, running_on: bool
) -> None:
    folder = project(tmp_path / "p", BEFORE)
    system = running(folder)
    fill(system, "1", "2")
    until(lambda: settled(system))
    system.flush("events")
    fill(system, "3")
    until(lambda: settled(system))
    if running_on:
        project(folder, AFTER)
        until(lambda: "applied" in system.errors())
    else:
        system.stop()
        project(folder, AFTER)
        system.start()
    fill(system, "4")
    until(lambda: has(system, "visits", "1", "2", "3", "4") and has(system, "copied", "1", "2", "3", "4"))
    ledger = system.status()["ledger"]
    assert set(ledger) == {"delivery.visits", "delivery.duplicate", "total"}
    for name in ("delivery.visits", "delivery.duplicate"):
        assert ledger[name]["accepted"] == 4
        assert ledger[name]["adds_up"]
    assert ledger["delivery.visits"]["delivered"] == 2
    assert sorted(path.name for path in system.layout.streams.glob("*.db")) == [
        "delivery.visits.db",
        "streams.rough.db",
    ]
