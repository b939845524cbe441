"""Kills a running system at random moments while boto3 programs use it, and counts what is left.

Producers put records and events with unique ids at full speed: on a stream that a delivery with a function
and a second function read, on a bus whose two rules lead to a delivery each and to a function, and on a delivery
of their own. Each kind is there twice, with the SDK's retries and without. A builder makes resources meanwhile.
Afterwards

    what was acknowledged is in its stream and in its table exactly once, or under the error prefix; what
    was not, at most once; the objects hold what the tables hold
    the functions have seen it at least once, each time under the id that the acknowledgement told
    the ledger adds up, and what met no rule is counted
    every resource whose making was acknowledged is there

Meanwhile each table is counted: no sample may be less than the one before it, nor more than what was sent.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import gzip
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from tests.harness import System, until
from tests.projects import project
from tests.system.kills import ROLES, Kills
from tests.system.wire_clients import PRODUCERS, Builder, Events, Producer, Record, Records, aws, kind

PROJECT = """\
name: storm
streams:
  clicks: {shards: 2}
bus:
  storm:
    rules:
      even:
        when: {source: [storm], detail: {kind: [even]}}
        to: [{delivery.even: {input: $.detail}}, functions.told]
      odd: {when: {source: [storm], detail: {kind: [odd]}}, to: [{delivery.odd: {input: $.detail}}]}
functions:
  told: {handler: functions/told.lambda_handler, timeout: 20s, environment: {SEEN: SEEN_FOLDER}}
  reads:
    handler: functions/reads.lambda_handler
    timeout: 20s
    environment: {SEEN: SEEN_FOLDER}
    on: {stream: clicks, batch: 200}
delivery:
  clicks:
    from: streams.clicks
    transform: functions/keep.py:keep
    buffer: {seconds: 1, megabytes: 1}
    to: lake.storm/clicks/
    compression: gzip
    table: clicks
    columns: {id: string, n: bigint}
  even: {to: lake.storm/even/, buffer: {seconds: 1}, table: even, columns: {id: string, n: bigint}}
  odd: {to: lake.storm/odd/, buffer: {seconds: 1}, table: odd, columns: {id: string, n: bigint}}
  direct:
    transform: functions/newline.lambda_handler
    buffer: {seconds: 1, megabytes: 1}
    to: lake.storm/direct/
    format: raw
    error_prefix: "direct-errors/!{firehose:error-output-type}/"
catalog:
  direct: {location: lake.storm/direct/, format: json, columns: {id: string, n: bigint}}
"""
KEEP = """\
def keep(event):
    if event["n"] % 100 == 99:
        raise ValueError("every hundredth")
    return event
"""
NEWLINE = """\
import base64
import json


def lambda_handler(event, context):
    output = []
    for record in event["records"]:
        data = base64.b64decode(record["data"])
        failed = json.loads(data)["n"] % 100 == 99
        result = "ProcessingFailed" if failed else "Ok"
        output.append({"recordId": record["recordId"], "result": result, "data": record["data"]})
    return {"records": output}
"""
SEEN = """\
import base64
import json
import os
import zlib

FILE = os.open(os.path.join(os.environ["SEEN"], "%s"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
FAILED = set()


def seen(pairs):
    os.write(FILE, "".join(id + " " + event + "\\n" for id, event in pairs).encode())


def fail_at_first(event):
    if zlib.crc32(event.encode()) %% 20 == 0 and event not in FAILED:
        FAILED.add(event)
        raise RuntimeError("the first try of one in twenty")


def lambda_handler(event, context):
    %s
"""
TOLD = SEEN % ("told", 'seen([(event["detail"]["id"], event["id"])])\n    fail_at_first(event["id"])')
READS = SEEN % (
    "reads",
    'seen([(json.loads(base64.b64decode(record["kinesis"]["data"]))["id"], record["eventID"])'
    ' for record in event["Records"]])\n    fail_at_first(event["Records"][0]["eventID"])',
)
TABLES = ("clicks", "even", "odd", "direct")


def storm_project(folder: Path) -> Path:
    """The project that is stormed; its functions write what they saw into `seen/` beside it."""
    (folder / "seen").mkdir(parents=True)
    functions = {"keep": KEEP, "newline": NEWLINE, "told": TOLD, "reads": READS}
    return project(
        folder,
        PROJECT.replace("SEEN_FOLDER", str(folder / "seen")),
        **{f"functions/{name}.py": code for name, code in functions.items()},
    )


class Sampler(threading.Thread):
    """Counts the tables over and over, and compares."""

    def __init__(self, system: System, producers: Iterable[Producer]) -> None:
        super().__init__(name="sampler", daemon=True)
        self.system, self.producers = system, list(producers)
        self.samples = 0
        self.last = dict.fromkeys(TABLES, 0)
        self.problem: str | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.1):
            for table, last in self.last.items():
                with contextlib.suppress(ForebayError, OSError):
                    ((found,),) = self.system.query(f"select count(*) from {table}", timeout=10)
                    most = sum(each.sent for each in self.producers)
                    self.samples += 1
                    if not last <= found <= most:
                        self.problem = self.problem or f"{table}: {found} after {last}, of {most} sent"
                    self.last[table] = found


@dataclass
class Found:
    """What there is of the ids after the storm: rows of each table, what was rejected, what functions saw."""

    rows: dict[str, collections.Counter[str]]
    rejected: dict[str, collections.Counter[str]]


class Storm:
    """A system, the programs that use it, and what kills it."""

    def __init__(self, system: System, seed: int, pause: float = 0.0, *, named: bool = True) -> None:
        self.system = system
        self.kills = Kills(system, seed)
        self.builder = Builder(system)
        self.producers = [
            make(system, f"{make.__name__}-{'retries' if retries else 'once'}", retries, pause, named=named)
            for make in PRODUCERS
            for retries in (True, False)
        ]
        self.sampler = Sampler(system, self.producers)

    def blow(self, kills: int, roles: Sequence[str] = ROLES) -> None:
        """Let them all run while so many processes are killed, and until all that came in has its end."""
        threads: list[Any] = [*self.producers, self.builder]
        for thread in [*threads, self.sampler]:
            thread.start()
        self._all_at_work()
        self.kills.many(kills, roles)
        self._all_at_work()
        for thread in threads:
            thread.stopped.set()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive(), f"{thread.name} got no answer"
        until(self._settled, patience=120)
        self.sampler.stopped.set()
        self.sampler.join(30)

    def _all_at_work(self) -> None:
        """Wait until each producer was acknowledged something more, and each sort of resource was made."""
        before = [len(each.acknowledged) for each in self.producers]
        rounds = self.builder.rounds
        until(
            lambda: (
                self.builder.rounds > rounds
                and all(
                    len(each.acknowledged) > done for each, done in zip(self.producers, before, strict=True)
                )
            ),
            patience=90,
        )

    def _settled(self) -> bool:
        """Nothing waits to be read, and no call of a function to be made."""
        status = self.system.status()
        calls = self.system.call("flow", "status")["functions"]["told"].get("calls", {})
        return not calls.get("waiting") and all(not each.get("lag") for each in status["ledger"].values())

    # What must hold.

    def verify(self) -> None:
        """Everything that the module's docstring says."""
        for producer in self.producers:
            assert producer.problem is None, f"{producer.name}: {producer.problem}"
            assert producer.acknowledged, f"{producer.name} got nothing acknowledged"
        assert self.sampler.problem is None, self.sampler.problem
        assert self.sampler.samples > 0
        rows = {table: self._table(table) for table in TABLES}
        self.system.flush()
        for table, before in rows.items():
            assert self._table(table) == before, f"delivering changed the rows of {table}"
        found = Found(rows, {name: self._rejected(name) for name in TABLES})
        for table, counted in rows.items():
            held = collections.Counter(str(row["id"]) for row in self._objects(table))
            assert held == counted, f"the objects of {table} hold other rows than the table"
        self._stream()
        self._ids(found)
        self._seen()
        self._ledger(found)
        made = self.builder.verify()
        assert len(made) == 10, made

    def of(self, *kinds: type[Producer]) -> tuple[dict[str, str | None], set[str]]:
        """What producers of these kinds were told of, with receipts; and what was left open."""
        told: dict[str, str | None] = {}
        left: set[str] = set()
        for each in self.producers:
            if isinstance(each, kinds):
                told |= each.acknowledged
                left |= each.open
        return told, left

    def _table(self, name: str) -> collections.Counter[str]:
        return collections.Counter(
            row[0] for row in until(lambda: self.system.query(f"select id from {name}"))
        )

    def _stream(self) -> None:
        """GetRecords gives each record that was acknowledged once, under its number."""
        kinesis = aws(self.system, "kinesis")
        numbers: dict[str, list[str]] = collections.defaultdict(list)
        for shard in kinesis.list_shards(StreamName="clicks")["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName="clicks", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while True:
                got = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
                for record in got["Records"]:
                    numbers[json.loads(record["Data"])["id"]].append(record["SequenceNumber"])
                if not got["Records"] and not got["MillisBehindLatest"]:
                    break
                iterator = got["NextShardIterator"]
        kinesis.close()
        told, left = self.of(Records, Record)
        for id, number in told.items():
            assert numbers.get(id) == [number], f"{id} was {number}, and is {numbers.get(id)}"
        _check("the stream", collections.Counter({id: len(each) for id, each in numbers.items()}), told, left)

    def _ids(self, found: Found) -> None:
        told, left = self.of(Records, Record)
        _check("clicks", found.rows["clicks"] + found.rejected["clicks"], told, left)
        told, left = self.of(Events)
        for name in ("even", "odd"):
            own = {id for id in told if kind(_number(id)) == name}
            _check(
                name,
                found.rows[name] + found.rejected[name],
                own,
                {i for i in left if kind(_number(i)) == name},
            )
        told, left = self.of(*(each for each in PRODUCERS if each.service == "firehose"))
        _check("direct", found.rows["direct"] + found.rejected["direct"], told, left)
        for name in ("clicks", "direct"):
            assert all(_number(id) % 100 == 99 for id in found.rejected[name])
            assert all(_number(id) % 100 != 99 for id in found.rows[name])
        assert not found.rejected["even"] + found.rejected["odd"]

    def _seen(self) -> None:
        told, left = self.of(Records, Record)
        shards = {id: f":{number}" for id, number in told.items()}
        self._saw("reads", shards, left, suffix=True)
        told, left = self.of(Events)
        even = {id: event for id, event in told.items() if kind(_number(id)) == "even"}
        self._saw("told", even, left)

    def _saw(
        self, function: str, told: Mapping[str, str | None], left: set[str], *, suffix: bool = False
    ) -> None:
        events: dict[str, set[str]] = collections.defaultdict(set)
        lines = (self.system.folder / "seen" / function).read_text().splitlines()
        for line in lines:
            id, event = line.split(" ")
            events[id].add(event)
        assert len(lines) > len(events), "no call was made again, though one in twenty failed"
        lost = [id for id in told if id not in events]
        assert not lost, f"functions.{function} never saw {len(lost)} of {len(told)}: {lost[:5]}"
        for id, seen in events.items():
            (event,) = seen  # the same at each try
            if id in told:
                assert event == told[id] or (suffix and event.endswith(told[id] or "")), (id, event, told[id])
            else:
                assert id in left, f"functions.{function} saw {id}, which nobody sent"

    def _ledger(self, found: Found) -> None:
        ledger = self.system.status()["ledger"]
        assert ledger["total"]["adds_up"], ledger
        for name in TABLES:
            line = ledger[f"delivery.{name}"]
            assert line["adds_up"], line
            assert line["buffered"] == 0
            assert line["delivered"] == found.rows[name].total()
            assert line["rejected"] == found.rejected[name].total()
            assert line["accepted"] == line["delivered"] + line["rejected"] + line["dropped"]
        accepted = ledger["delivery.even"]["accepted"]
        told, left = self.of(Events)
        assert len(told) <= accepted <= len(told) + len(left)
        assert (
            accepted == ledger["delivery.odd"]["accepted"] == ledger["bus.storm/functions.told"]["accepted"]
        )
        assert ledger["bus.storm/functions.told"]["delivered"] == found.rows["even"].total()
        assert ledger["functions.reads"]["delivered"] == ledger["delivery.clicks"]["accepted"]
        counts = self.system.call("flow", "bus", name="counts", args={"bus": "storm"})
        assert counts["position"] == accepted
        assert counts["unmatched"] == accepted - found.rows["even"].total() - found.rows["odd"].total()

    def _objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        folder = self.system.layout.lake / "storm" / prefix
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                raw = path.read_bytes()
                text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
                yield from (row for row in map(json.loads, text.splitlines()) if "rawData" not in row)

    def _rejected(self, name: str) -> collections.Counter[str]:
        """Ids under the error prefix of a delivery, wherever that is in its bucket."""
        found: collections.Counter[str] = collections.Counter()
        for path in sorted((self.system.layout.lake / "storm").rglob("*")):
            where = path.relative_to(self.system.layout.lake / "storm").as_posix()
            if path.is_file() and name in where and "error" in where:
                for line in path.read_bytes().splitlines():
                    raw = base64.b64decode(json.loads(line)["rawData"])
                    found[json.loads(raw)["id"]] += 1
        return found


def _number(id: str) -> int:
    return int(id.rpartition("-")[2])


def _check(where: str, found: collections.Counter[str], told: Iterable[str], left: set[str]) -> None:
    """Each id that was acknowledged once, others at most once, and nobody else's."""
    twice = [id for id, times in found.items() if times > 1]
    assert not twice, f"{where} has {len(twice)} twice: {twice[:5]}"
    told = set(told)
    lost = told - found.keys()
    assert not lost, f"{where} lacks {len(lost)} of {len(told)} that were acknowledged: {sorted(lost)[:5]}"
    extra = found.keys() - told - left
    assert not extra, f"{where} has {len(extra)} that nobody sent: {sorted(extra)[:5]}"
