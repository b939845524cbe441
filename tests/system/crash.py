"""Kills a running system at random moments while events come in at full speed, and counts what is left.

Two clients post events with unique ids. One retries every request that was not answered, under the same
Idempotency-Key, so each of its ids must be there exactly once. The other never retries: what was
acknowledged must be there exactly once, what was not at most once. Every hundredth event makes the
function raise and must be under the error prefix. Meanwhile `count(*)` is sampled: no sample may be less
than the one before it, nor more than what was sent by then.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import gzip
import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from forebay.errors import ForebayError
from tests.harness import System, until
from tests.projects import project
from tests.system.kills import ROLES, Kills

PROJECT = """\
name: storm
ingest:
  events: {route: POST /events, to: delivery.events}
delivery:
  events:
    transform: functions/keep.py:keep
    buffer: {seconds: 1, megabytes: 1}
    to: lake.storm/events/
    format: json
    compression: gzip
catalog:
  events:
    location: lake.storm/events/
    format: json
    columns: {id: string, n: bigint}
"""
FUNCTION = """\
def keep(event):
    if event["n"] % 100 == 99:
        raise ValueError("every hundredth")
    return event
"""
BATCH = 20
PARTS = 10
"""In which the table is read, as an answer has a million rows at most."""


def storm_project(folder: Path) -> Path:
    """The project that is stormed."""
    return project(folder, PROJECT, **{"functions/keep.py": FUNCTION})


@dataclass(slots=True)
class Client(threading.Thread):
    """Posts batches of events with ids of its own until `stop`; `acknowledged` and `unanswered` have their ids."""

    name_: str
    url: Callable[[], str]
    retries: bool
    pause: float = 0.0
    acknowledged: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    sent: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    problem: str | None = None

    def __post_init__(self) -> None:
        threading.Thread.__init__(self, name=self.name_, daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        number = 0
        while not self.stopped.is_set():
            connection = connection or self._connect()
            if connection is None:  # nobody listens: nothing is sent
                time.sleep(0.02)
                continue
            self.stopped.wait(self.pause)
            ids = [f"{self.name_}-{number + i}" for i in range(BATCH)]
            events = [{"id": each, "n": number + i} for i, each in enumerate(ids)]
            number += BATCH
            body = "\n".join(map(json.dumps, events)).encode()
            headers = {"Content-Type": "application/x-ndjson"}
            if self.retries:
                headers["Idempotency-Key"] = str(uuid.uuid4())
            self.sent += sum(event["n"] % 100 != 99 for event in events)  # type: ignore[operator]
            while True:
                try:
                    connection = connection or self._connect()
                    if connection is None:
                        raise ConnectionRefusedError
                    connection.request("POST", "/events", body, headers)
                    response = connection.getresponse()
                    status, answer = response.status, response.read()
                except (OSError, http.client.HTTPException):
                    if connection is not None:
                        connection.close()
                    connection = None
                    if not self.retries:
                        self.unanswered += ids
                        break
                    time.sleep(0.02)
                    continue
                if status == 200:
                    self.acknowledged += ids
                    break
                if status not in (429, 503):
                    self.problem = f"{status} {answer!r}"
                    return
                if not self.retries:
                    self.unanswered += ids
                    break
                time.sleep(0.02)
        if connection is not None:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection | None:
        parts = urlsplit(self.url())
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            connection.connect()
        except OSError:
            connection.close()
            return None
        return connection


@dataclass(slots=True)
class Sampler(threading.Thread):
    """Asks `count(*)` every 50 ms and compares."""

    system: System
    sent: Callable[[], int]
    samples: int = 0
    last: int = 0
    problem: str | None = None
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        threading.Thread.__init__(self, name="sampler", daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self.stopped.is_set():
            began = time.monotonic()
            with contextlib.suppress(ForebayError, OSError):
                ((count,),) = self.system.query("select count(*) from events", timeout=10)
                most = self.sent()
                self.samples += 1
                if count < self.last:
                    self.problem = self.problem or f"sample {self.samples}: {count} after {self.last}"
                if count > most:
                    self.problem = self.problem or f"sample {self.samples}: {count} of {most} sent"
                self.last = count
            time.sleep(max(0.0, 0.05 - (time.monotonic() - began)))


class Storm:
    """A system, its clients and its sampler."""

    def __init__(self, system: System, seed: int, pause: float = 0.0) -> None:
        self.system = system
        self.kills = Kills(system, seed)
        self.clients = [
            Client("retries", lambda: system.ingest, retries=True, pause=pause),
            Client("once", lambda: system.ingest, retries=False, pause=pause),
        ]
        self.sampler = Sampler(system, lambda: sum(client.sent for client in self.clients))

    def blow(self, kills: int, roles: Sequence[str] = ROLES) -> None:
        """Run clients and sampler while `kills` processes are killed."""
        self._begin()
        self.kills.many(kills, roles)
        self._end()

    def calm(self, enough: Callable[[], bool]) -> None:
        """Run clients and sampler until it is enough, without killing anything."""
        self._begin()
        until(enough, patience=90)
        self._end()

    def _begin(self) -> None:
        for client in self.clients:
            client.start()
        self.sampler.start()

    def _end(self) -> None:
        for client in self.clients:
            client.stopped.set()
            client.join(60)
            assert not client.is_alive(), "a client got no answer for a minute"
        self._settle()
        self.sampler.stopped.set()
        self.sampler.join(30)

    def _settle(self) -> None:
        """Wait until every accepted event has been read and its end recorded."""

        def settled() -> bool:
            ledger = self.system.status()["ledger"]["delivery.events"]
            return bool(ledger["lag"] == 0 and ledger["accepted"] > 0)

        until(settled, patience=90)

    # What must hold.

    def verify(self) -> None:
        """Everything that the module's docstring says."""
        for client in self.clients:
            assert client.problem is None, client.problem
            assert client.acknowledged
        assert self.sampler.problem is None, self.sampler.problem
        assert self.sampler.samples > 0
        in_table = self._table()
        self._ids(in_table)
        self.system.flush()
        after = self._table()
        assert after == in_table, "delivering changed the rows"
        assert collections.Counter(self._delivered()) == in_table, (
            "the objects hold other rows than the table"
        )
        ledger = self.system.status()["ledger"]["delivery.events"]
        rejected = list(self._rejected())
        assert ledger["adds_up"], ledger
        assert ledger["delivered"] == in_table.total()
        assert ledger["rejected"] == len(rejected)
        assert ledger["buffered"] == 0
        assert ledger["accepted"] == in_table.total() + len(rejected)

    def _table(self) -> collections.Counter[str]:
        found: collections.Counter[str] = collections.Counter()
        for part in range(PARTS):
            sql = f"select id from events where n % {PARTS} = {part}"
            found.update(row[0] for row in until(lambda sql=sql: self.system.query(sql)))  # type: ignore[misc]
        return found

    def _ids(self, in_table: collections.Counter[str]) -> None:
        self.system.flush()
        ends = in_table + collections.Counter(self._rejected())
        twice = [each for each, count in ends.items() if count > 1]
        assert not twice, f"{len(twice)} ids are there twice: {twice[:5]}"
        for client in self.clients:
            lost = [each for each in client.acknowledged if each not in ends]
            assert not lost, f"{len(lost)} of {client.name_} were acknowledged and are gone: {lost[:5]}"
        known = {each for client in self.clients for each in client.acknowledged + client.unanswered}
        assert not ends.keys() - known, "ids that nobody sent"

    def _objects(self, prefix: str) -> Iterator[dict[str, object]]:
        folder = self.system.layout.lake / "storm" / prefix
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                raw = path.read_bytes()
                text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
                yield from map(json.loads, text.splitlines())

    def _delivered(self) -> Iterator[str]:
        for row in self._objects("events"):
            if "rawData" not in row:
                yield str(row["id"])

    def _rejected(self) -> Iterator[str]:
        for prefix in ("errors", "events/errors"):
            for row in self._objects(prefix):
                if "rawData" in row:
                    yield str(json.loads(base64.b64decode(str(row["rawData"])))["id"])


POSITION_APART = """\
import sys
import time

if "flow" in sys.orig_argv:
    from forebay.catalog import deliveries

    def commit(self, progress):
        def rows(db):
            deliveries.commit_progress(db, progress)
            move(db, progress.before)

        def move(db, to):
            where = (to, progress.consumer, progress.log)
            db.execute("UPDATE positions SET position = ? WHERE consumer = ? AND log = ?", where)

        self._store.submit(rows).result()
        time.sleep(0.4)
        return self._store.submit(lambda db: move(db, progress.position))

    deliveries.Deliveries.commit = commit
"""
"""A fault to plant (as sitecustomize.py): rows in one commit, the position that they belong to in the next."""
