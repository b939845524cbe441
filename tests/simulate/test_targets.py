"""Simulators of a running system: templates and files, to a route, a stream, a bus, a delivery and the lake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forebay.project.model import Project
from forebay.sections import SECTIONS
from forebay.simulate.run import Progress, run_simulation
from tests.harness import System, forebay, until
from tests.projects import project
from tests.wire.sdk import client

TEMPLATE = """{
    "id": "{{random.uuid}}",
    "player": "{{name.firstName}}",
    "kills": {{random.number({"min": 1, "max": 9})}},
    "at": "{{date.utc("YYYY-MM-DD HH:mm:ss.SSS")}}"
}
"""
PROJECT = """\
name: arena
ingest:
  plays: {route: POST /plays, to: streams.posted, key: required}
streams:
  posted: {}
  plays: {shards: 2, key: player}
  again: {}
bus:
  shop: {rules: {all: {when: {source: [{prefix: ""}]}, to: streams.again}}}
delivery:
  kept: {to: lake.arena/kept/, table: kept}
  zipped: {to: lake.arena/zipped/, compression: gzip}
simulate:
  route: {template: simulate/plays.json, rate: 400/s, to: ingest.plays}
  stream: {template: simulate/plays.json, rate: 400/s, to: streams.plays}
  wire: {template: simulate/plays.json, rate: 400/s, to: streams.plays, via: aws}
  bus: {template: simulate/plays.json, rate: 400/s, to: bus.shop, via: aws}
  delivery: {template: simulate/plays.json, rate: 400/s, to: delivery.kept, via: aws}
  files: {template: simulate/plays.json, rate: 400/s, into: lake.arena/raw/}
  rows: {replay: {file: data/rows.csv, time: event_time, speed: 60, restamp: txn_timestamp}, to: streams.again}
  columns: {replay: data/rows.parquet, rate: 500/s, to: streams.again}
  lake: {replay: {lake: lake.arena/raw/}, rate: 500/s, to: streams.again}
  delivered: {replay: {lake: lake.arena/zipped/}, rate: 500/s, to: streams.again}
"""
ROWS = "event_time,n\n" + "".join(
    f"2019-10-01 00:00:{second:02} UTC,{second}\n" for second in range(0, 60, 6)
)


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    place = tmp_path_factory.mktemp("arena")
    files = {"simulate/plays.json": TEMPLATE, "data/rows.csv": ROWS}
    folder = project(place / "p", PROJECT, **files)
    pq.write_table(pa.table({"n": list(range(25))}), folder / "data" / "rows.parquet")
    system = System(folder, place / "state", [], {}).start(sql=False)
    yield system
    system.end()


def simulate(system: System, name: str, **options: Any) -> Progress:
    """As `forebay simulate NAME` does it."""
    project = Project.decode(system.layout.applied.read_bytes(), SECTIONS)
    return run_simulation(project, name, system.layout, system.urls, **options)


def records(system: System, stream: str) -> list[Any]:
    found: list[Any] = []
    position = 0
    while True:
        answer = system.call("front", "log_read", log=f"streams.{stream}", position=position, max=5000)
        if not answer["records"]:
            return [json.loads(record["data"]) for record in found]
        found += answer["records"]
        position = answer["next"]


def test_a_template_reaches_a_route_that_wants_a_key(arena: System) -> None:
    done = arena.cli("simulate", "route", "--events", "30", "--seed", "9", "--json")
    assert done.code == 0, done
    told = json.loads(done.out)
    assert (told["accepted"], told["refused"], told["seed"]) == (30, 0, 9)
    assert {"id", "player", "kills", "at"} == set(records(arena, "posted")[0])


def test_a_template_reaches_a_stream_through_the_socket_and_as_boto3_puts_it(arena: System) -> None:
    before = len(records(arena, "plays"))
    assert simulate(arena, "stream", events=40).accepted == 40
    assert simulate(arena, "wire", events=40).accepted == 40
    assert len(records(arena, "plays")) == before + 80


def test_the_partition_key_is_the_streams_field(arena: System) -> None:
    simulate(arena, "wire", events=60)
    kinesis = client(arena, "kinesis")
    players: dict[str, set[str]] = {}
    for shard in kinesis.list_shards(StreamName="plays")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="plays", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in kinesis.get_records(ShardIterator=iterator)["Records"]:
            players.setdefault(json.loads(record["Data"])["player"], set()).add(shard["ShardId"])
    kinesis.close()
    assert players
    assert all(len(shards) == 1 for shards in players.values())


def test_a_bus_and_a_delivery_are_put_to(arena: System) -> None:
    assert simulate(arena, "bus", events=20).accepted == 20
    until(lambda: sum(each.get("detail-type") == "bus" for each in records(arena, "again")) == 20)
    assert simulate(arena, "delivery", events=20).accepted == 20
    assert arena.status()["ledger"]["delivery.kept"]["accepted"] >= 20


def test_a_place_in_the_lake_gets_files_that_can_be_replayed(arena: System) -> None:
    assert simulate(arena, "files", events=30).accepted == 30
    s3 = client(arena, "s3")
    (first, *_) = s3.list_objects_v2(Bucket="arena", Prefix="raw/")["Contents"]
    body = s3.get_object(Bucket="arena", Key=first["Key"])["Body"].read()
    s3.close()
    assert len(body.splitlines()) == 30
    before = len(records(arena, "again"))
    assert simulate(arena, "lake").accepted == 30
    assert records(arena, "again")[before:] == [json.loads(line) for line in body.splitlines()]


def test_what_was_delivered_is_replayed_whatever_its_name(arena: System) -> None:
    """A delivery's objects have no ending that says that they are zipped JSON."""
    rows = [b'{"n": 1}', b'{"n": 2}']
    arena.call("front", "append", target="delivery.zipped", records=rows)
    until(lambda: arena.status()["ledger"]["delivery.zipped"]["buffered"] == 2)
    arena.flush()
    before = len(records(arena, "again"))
    assert simulate(arena, "delivered").accepted == 2
    assert records(arena, "again")[before:] == [{"n": 1}, {"n": 2}]


def test_a_file_is_replayed_with_its_own_timing(arena: System) -> None:
    """54 seconds of it, sixty times as fast; every row, stamped with the moment that it was due."""
    before = len(records(arena, "again"))
    done = simulate(arena, "rows")
    assert done.accepted == 10
    assert done.elapsed >= 0.9
    found = records(arena, "again")[before:]
    assert [row["n"] for row in found] == [str(second) for second in range(0, 60, 6)]
    stamps = [row["txn_timestamp"] for row in found]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) == 10


def test_parquet_is_replayed_at_a_rate_and_a_rate_beats_a_files_times(arena: System) -> None:
    assert simulate(arena, "columns").accepted == 25
    assert simulate(arena, "rows", rate=1000.0).accepted == 10


def test_a_sample_is_printed_and_not_sent(arena: System) -> None:
    before = len(records(arena, "plays"))
    done = forebay("simulate", "stream", "--sample", "3", "--seed", "5", cwd=arena.folder)
    assert done.code == 0, done
    assert len(done.out.splitlines()) == 3
    again = forebay("simulate", "stream", "--sample", "3", "--seed", "5", cwd=arena.folder)
    names = [[json.loads(line)["player"] for line in each.out.splitlines()] for each in (done, again)]
    assert names[0] == names[1]
    assert len(records(arena, "plays")) == before


def test_a_front_that_is_killed_ends_no_simulation(arena: System) -> None:
    """Whoever goes through the AWS port may send a batch twice, but loses none."""
    before = len(records(arena, "plays"))
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.accepted > 50 and not killed:
            killed.append(arena.kill("front"))

    done = simulate(arena, "wire", rate=300.0, events=300, progress=kill)
    assert killed
    assert (done.accepted, done.refused) == (300, 0)
    until(
        lambda: len(records(arena, "plays")) >= before + 300
    )  # it may have been killed after the last of them


FAULTS = """\
name: arena
streams: {plays: {}}
ingest: {plays: {route: POST /plays, to: streams.plays}}
simulate:
  a: {template: simulate/plays.json, rate: 1/s, to: streams.plays}
  b: {template: simulate/plays.json, to: streams.plays}
  c: {replay: data/none.csv, rate: 1/s, to: streams.plays}
  d: {replay: {file: data/rows.txt, time: t}, to: streams.plays}
  e: {function: "make.py:make", rate: 1/s}
  f: {function: "make.py:make", rate: 1/s, to: ingest.plays, via: aws}
  g: {function: "make.py:make", rate: 1/s, to: streams.plays, shape: {kind: burst, every: 10s, lasts: 10s}}
"""


def test_check_finds_the_faults_of_templates_and_simulators(tmp_path: Path) -> None:
    files = {
        "simulate/plays.json": '{\n  "player": "{{name.fistName}}"\n}\n',
        "data/rows.txt": "",
        "make.py": "def make():\n    return {}\n",
    }
    folder = project(tmp_path / "p", FAULTS, **files)
    done = forebay("check", str(folder), "--json")
    assert done.code == 1
    found = {(each["code"], each["file"], each["line"]): each for each in json.loads(done.out)["findings"]}
    template = found["BadTemplate", "simulate/plays.json", 2]
    assert (template["column"], template["fix"]) == (16, "did you mean name.firstName?")
    assert {(code, line) for code, file, line in found if file == "forebay.yaml"} == {
        ("Missing", 6),
        ("FileNotFound", 7),
        ("UnknownFormat", 8),
        ("Missing", 9),
        ("BadSimulator", 10),
        ("BadShape", 11),
    }


def test_run_starts_the_simulators_that_are_named(tmp_path: Path, arena: System) -> None:
    folder = project(tmp_path / "p", PROJECT, **{"simulate/plays.json": TEMPLATE, "data/rows.csv": ROWS})
    pq.write_table(pa.table({"n": [1]}), folder / "data" / "rows.parquet")
    wrong = forebay("run", str(folder), "--simulator", "steram", "--state", str(tmp_path / "none"))
    assert (wrong.code, "no simulator steram" in wrong.err) == (1, True)
    system = System(folder, tmp_path / "state", ["--simulator", "stream"], {}).start(sql=False)
    try:
        until(lambda: len(records(system, "plays")) > 20)
        assert [p["role"] for p in system.status()["processes"] if "simulate" in p["role"]] == [
            "simulate:stream"
        ]
        assert not records(system, "again")
        template = folder / "simulate" / "plays.json"
        template.write_text(TEMPLATE.replace("kills", "wins"))
        until(lambda: "wins" in records(system, "plays")[-1])
    finally:
        system.end()
    del arena
