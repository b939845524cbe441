"""send, tail, flush, keys, simulate: against one running system."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Running
from tests.harness import FOREBAY, System, forebay, until
from tests.projects import project

PROJECT = """\
name: plain
ingest:
  events: {route: POST /events, to: delivery.events, schema: schemas/event.json}
  locked: {route: POST /locked, to: streams.raw, key: required}
streams:
  raw: {shards: 4, key: id}
delivery:
  events: {to: lake.plain/events/, buffer: {seconds: 60}}
simulate:
  made: {function: "simulate/made.py:events", rate: 1000/s, to: ingest.events}
"""
SCHEMA = '{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}'
MADE = """
import itertools


def events(simulation):
    for n in itertools.count():
        yield {"id": str(n)}
"""


@pytest.fixture
def system(running: Running, tmp_path: Path) -> System:
    folder = project(tmp_path / "p", PROJECT, **{"schemas/event.json": SCHEMA, "simulate/made.py": MADE})
    return running(folder, sql=False)


def accepted(system: System, name: str) -> int:
    found: int = system.status()["ledger"][name]["accepted"]
    return found


def test_ndjson_is_sent_and_what_is_refused_is_kept_with_the_reason(system: System, tmp_path: Path) -> None:
    lines = [json.dumps({"id": str(n)}) for n in range(250)]
    lines[7] = '{"id": 7}'
    lines[130] = "not json"
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(lines) + "\n")
    result = system.cli("send", "events", str(file), "--json")
    assert result.code == 4, result
    assert result.json() | {"seconds": 0} == {
        "accepted": 248, "duplicate": 0, "rejected": 2, "seconds": 0, "rejected_file": f"{file}.rejected.ndjson",
    }  # fmt: skip
    kept = [json.loads(line) for line in Path(f"{file}.rejected.ndjson").read_text().splitlines()]
    assert [entry["line"] for entry in kept] == [8, 131]
    assert [entry["event"] for entry in kept] == ['{"id": 7}', "not json"]
    assert kept[0]["code"] == "SchemaMismatch"
    assert all(entry["reason"] for entry in kept)
    assert accepted(system, "delivery.events") == 248


def test_csv_json_parquet_and_gzip_are_read_as_what_they_are(system: System, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfid,name\r\n1,x\r\n2,"y, z"\r\n')
    (tmp_path / "b.json").write_text(json.dumps([{"id": "3"}, {"id": "4"}], indent=2))
    (tmp_path / "c.ndjson.gz").write_bytes(gzip.compress(b'{"id": "5"}\n{"id": "6"}\n'))
    pq.write_table(pa.table({"id": ["7", "8"]}), tmp_path / "d.parquet")
    for name in ("a.csv", "b.json", "c.ndjson.gz", "d.parquet"):
        result = system.cli("send", "/events", str(tmp_path / name), "--json")
        assert result.json()["accepted"] == 2, result
    tail = system.cli("tail", "events", "--from", "start", "--max", "8", "--json")
    events = [json.loads(line)["event"] for line in tail.out.splitlines()]
    assert [event["id"] for event in events] == list("12345678")
    assert events[1]["name"] == "y, z"


def test_standard_input_goes_to_a_stream_and_is_spread_by_its_key(system: System) -> None:
    lines = b"".join(b'{"id": "%d"}\n' % n for n in range(300))
    result = system.cli("send", "streams.raw", "-", "--json", stdin=lines)
    assert result.json()["accepted"] == 300
    tail = system.cli("tail", "streams.raw", "--from", "start", "--max", "300", "--json")
    records = [json.loads(line) for line in tail.out.splitlines()]
    shard_of = {record["event"]["id"]: record["shard"] for record in records}
    assert len(shard_of) == 300
    assert set(shard_of.values()) == {0, 1, 2, 3}
    assert system.cli("send", "streams.raw", "-", stdin=b'{"id": "5"}').code == 0
    again = system.cli("tail", "streams.raw", "--from", "300", "--max", "1", "--json")
    assert json.loads(again.out)["shard"] == shard_of["5"]


def test_a_route_that_wants_a_key_gets_one_for_the_time_of_the_send(system: System) -> None:
    assert system.post("/locked", {"id": "1"}).status == 401
    assert system.cli("send", "locked", "-", stdin=b'{"id": "1"}').code == 0
    keys = system.cli("keys", "list", "--json").json()["keys"]
    assert [key["revoked"] is not None for key in keys] == [True]


def test_keys_are_made_used_and_revoked(system: System) -> None:
    made = system.cli("keys", "create", "till 4", "--route", "locked", "--json").json()
    headers = {"x-api-key": made["secret"]}
    assert system.post("/locked", {"id": "1"}, headers).status == 200
    listed = system.cli("keys", "list")
    assert "till 4" in listed.out
    assert made["secret"] not in listed.out
    assert system.cli("keys", "revoke", made["id"]).code == 0
    assert system.post("/locked", {"id": "2"}, headers).status == 401
    assert system.cli("keys", "create", "x", "--route", "nowhere").code == 1


def test_a_key_can_be_made_before_the_system_runs(tmp_path: Path, running: Running) -> None:
    folder = project(tmp_path / "p", PROJECT, **{"schemas/event.json": SCHEMA, "simulate/made.py": MADE})
    state = tmp_path / "state0"
    made = forebay("keys", "create", "early", "--state", str(state), "--json").json()
    system = running(folder, sql=False, state=state)
    assert system.post("/locked", {"id": "1"}, {"x-api-key": made["secret"]}).status == 200


def test_tail_shows_what_comes_and_what_it_is_asked_to_filter(system: System) -> None:
    state = ("--state", str(system.layout.root))
    process = subprocess.Popen(
        [*FOREBAY, "tail", "delivery.events", "--filter", "kind=b", "--max", "2", *state],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        sent = 0

        def seen() -> bool:
            nonlocal sent
            sent += 1
            system.post("/events", [{"id": str(sent), "kind": kind} for kind in "abc"])
            return process.poll() is not None

        until(seen)
        out, _ = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    lines = out.splitlines()
    assert len(lines) == 2
    assert all('"kind": "b"' in line or '"kind":"b"' in line for line in lines)


def test_flush_delivers_what_is_buffered_and_says_where(system: System) -> None:
    system.post("/events", [{"id": "1"}, {"id": "2"}])
    until(lambda: system.status()["ledger"]["delivery.events"]["lag"] == 0)
    (made,) = system.cli("flush", "events", "--json").json()["objects"]
    assert made["rows"] == 2
    assert (system.layout.lake / made["bucket"] / made["key"]).stat().st_size == made["bytes"]
    assert system.cli("flush").out == "nothing was buffered\n"
    assert system.status()["ledger"]["delivery.events"]["delivered"] == 2


def test_a_file_is_put_into_a_bucket_as_it_is(system: System, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("a,b\r\n1,2\r\n")
    result = system.cli("send", "lake.plain/raw/", str(tmp_path / "orders.csv"), "--json")
    assert result.json() == {"bucket": "plain", "key": "raw/orders.csv", "bytes": 10}
    assert (system.layout.lake / "plain" / "raw" / "orders.csv").read_text() == "a,b\n1,2\n"
    assert system.cli("send", "lake.nowhere/", str(tmp_path / "orders.csv")).code == 1


def test_a_simulator_sends_so_many_events(system: System) -> None:
    result = system.cli("simulate", "made", "--events", "50", "--json")
    assert result.code == 0, result
    assert result.json()["accepted"] == 50
    assert accepted(system, "delivery.events") == 50


def test_what_is_off_is_a_usage_error_and_says_what_there_is(system: System, tmp_path: Path) -> None:
    result = system.cli("send", "evnts", "-")
    assert result.code == 1
    assert "events" in result.err
    assert system.cli("send", "events", str(tmp_path / "nothing.ndjson")).code == 2
    (tmp_path / "x.bin").write_bytes(b"")
    assert "--format" in system.cli("send", "events", str(tmp_path / "x.bin")).err
    assert system.cli("tail", "streams.raw", "--filter", "nonsense").code == 2


def test_without_a_running_system_the_exit_code_is_three(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    for command in (["flush"], ["tail", "events"], ["send", "events", "-"], ["stop"]):
        result = forebay(*command, cwd=folder)
        assert result.code == 3, result
        assert "forebay run" in result.err or command == ["stop"]
    assert json.loads(forebay("flush", "--json", cwd=folder).out)["error"]["code"] == "NoServer"
    assert forebay("status", cwd=tmp_path).code == 2


def test_replay_processes_again_what_was_rejected_before_the_code_was_mended(
    running: Running, tmp_path: Path
) -> None:
    text = PROJECT.replace("  events: {to: lake", "  events: {transform: functions/f.py:f, to: lake")
    files = {"schemas/event.json": SCHEMA, "simulate/made.py": MADE}
    broken = (
        "def f(event):\n    if event['id'] == 'odd':\n        raise ValueError('odd')\n    return event\n"
    )
    folder = project(tmp_path / "p", text, **files, **{"functions/f.py": broken})
    system = running(folder, sql=False)
    system.post("/events", [{"id": "even"}, {"id": "odd"}])
    until(lambda: system.status()["ledger"]["delivery.events"]["lag"] == 0)
    system.cli("flush")
    ledger = system.status()["ledger"]["delivery.events"]
    assert (ledger["delivered"], ledger["rejected"]) == (1, 1)
    again = system.cli("replay", "events", "--json")
    assert again.code == 4
    assert again.json()["failed"] == 1
    system.cli("flush")
    project(folder, text, **files, **{"functions/f.py": "def f(event):\n    return event\n"})
    until(lambda: "changed; applied" in system.errors())
    until(lambda: system.cli("replay", "delivery.events").code == 0)
    system.cli("flush")
    ledger = system.status()["ledger"]["delivery.events"]
    assert (ledger["accepted"], ledger["delivered"], ledger["rejected"], ledger["adds_up"]) == (2, 2, 0, True)
    assert system.cli("replay", "events").out == "nothing was rejected\n"
