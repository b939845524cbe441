"""A project's bus, running: what is posted is an event, rules lead it on, names may change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import Running
from tests.harness import System
from tests.projects import project

BEFORE = """\
name: shop
ingest:
  clicks: {route: "POST /clicks/{place}", to: bus.old}
  sold: {route: POST /sold, to: bus.old, source: shop.till, detail_type: $request.body.kind}
bus:
  old:
    rules:
      all: {when: {source: [{prefix: ""}]}, to: [{streams.copies: {input: $.detail}}]}
      tills: {when: {source: [shop.till]}, to: [{delivery.tills: {template: {n: <n>, what: "<kind>"}, paths: {n: $.detail.n, kind: $.detail-type}}}, bus.next]}
  next:
    rules:
      on: {when: {source: [shop.till]}, to: [functions.note]}
streams:
  copies: {key: place}
functions:
  note: functions/note.handler
delivery:
  tills: {to: lake.shop/tills/, table: tills, columns: {n: int, what: string}}
"""
AFTER = (
    BEFORE.replace("bus.old", "bus.new")
    .replace("  old:\n", "  new:\n    was: old\n")
    .replace("streams.copies", "streams.kept")
    .replace("copies: {key", "kept: {was: copies, key")
    .replace("delivery.tills", "delivery.sales")
    .replace("  tills: {to:", "  sales: {was: tills, to:")
)
NOTE = {"functions/note.py": "def handler(event, context):\n    return event\n"}


def lines(system: System) -> dict[str, Any]:
    found: dict[str, Any] = system.status()["ledger"]
    return found


def settled(system: System) -> bool:
    ledger = lines(system)
    return all(not line.get("lag") for line in ledger.values()) and bool(ledger["total"]["adds_up"])


def stream(system: System, name: str) -> list[Any]:
    records = system.call("front", "log_read", log=name, position=0, max=100)["records"]
    return [json.loads(record["data"]) for record in records]


def test_what_is_posted_is_an_event_and_goes_where_its_rules_lead(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p", BEFORE, **NOTE))
    assert system.post("/clicks/north", {"n": 1}).json() == {"accepted": 1, "duplicate": 0, "refused": []}
    assert system.post("/sold", [{"n": 2, "kind": "soup"}, {"n": 3, "kind": "bread"}]).status == 200
    system.until(lambda: system.query("select n, what from tills order by n") == [[2, "soup"], [3, "bread"]])
    system.until(lambda: len(stream(system, "streams.copies")) == 3)
    assert stream(system, "streams.copies")[0] == {"place": "north", "n": 1}
    first, *_ = stream(system, "bus.old")
    assert (first["source"], first["detail-type"]) == ("forebay.shop", "clicks")
    system.until(lambda: lines(system).get("bus.next/functions.note", {}).get("delivered") == 2)
    system.until(lambda: settled(system))
    ledger = lines(system)
    assert {name: line["accepted"] for name, line in ledger.items() if name != "total"} == {
        "bus.old/streams.copies": 3,
        "bus.old/bus.next": 3,
        "delivery.tills": 3,
        "bus.next/functions.note": 2,
        "streams.copies": 3,
    }
    assert ledger["bus.old/bus.next"]["dropped"] == 1
    sent = system.cli("send", "bus.old", "-", "--json", stdin=b'{"n": 9}\n{"n": 10}\n')
    assert sent.code == 0, sent
    system.until(lambda: [each["n"] for each in stream(system, "streams.copies")][3:] == [9, 10])


def test_renamed_buses_streams_and_deliveries_keep_their_places(running: Running, tmp_path: Path) -> None:
    folder = project(tmp_path / "p", BEFORE, **NOTE)
    system = running(folder)
    system.post("/sold", [{"n": 1, "kind": "soup"}, {"n": 2, "kind": "bread"}])
    system.until(lambda: system.query("select count(*) from tills") == [[2]])
    system.until(lambda: len(stream(system, "streams.copies")) == 2)
    system.until(lambda: lines(system).get("bus.next/functions.note", {}).get("delivered") == 2)
    system.until(lambda: lines(system)["bus.old/streams.copies"]["delivered"] == 2)
    system.stop()
    project(folder, AFTER, **NOTE)
    system.start()
    system.post("/sold", {"n": 3, "kind": "salt"})
    system.until(lambda: system.query("select n from tills order by n") == [[1], [2], [3]])
    system.until(lambda: len(stream(system, "streams.kept")) == 3)
    system.until(lambda: lines(system)["bus.next/functions.note"]["delivered"] == 3)
    system.until(lambda: settled(system))
    ledger = lines(system)
    assert {name: (line["accepted"], line["delivered"]) for name, line in ledger.items() if "/" in name} == {
        "bus.new/streams.kept": (3, 3),
        "bus.new/bus.next": (3, 3),
        "bus.next/functions.note": (3, 3),
    }
    assert ledger["delivery.sales"]["accepted"] == 3
    assert not [name for name, line in ledger.items() if line.get("parked")]
