"""Killed at any step, a flow goes on and every event has exactly one end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from forebay.catalog.ledger import subscriptions, verify
from forebay.catalog.store import open_reader
from forebay.delivery.flush import CRASH_POINTS
from tests.delivery.crashing import LOG, project
from tests.delivery.world import World


def run(state: Path, mode: str, crash: str | None = None) -> int:
    env = {**os.environ, **({"FOREBAY_CRASH_AT": crash} if crash else {})}
    command = [sys.executable, "-m", "tests.delivery.crashing", str(state), mode]
    return subprocess.run(command, env=env, check=False, timeout=200).returncode


class Sender(threading.Thread):
    """Appends numbered events, a few at a time, until told to stop."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__()
        self.sent = 0
        self.done = threading.Event()
        self._world = world
        self._random = random.Random(seed)

    def run(self) -> None:
        while not self.done.wait(self._random.random() * 0.03):
            n = self._random.randint(1, 40)
            self._world.send(LOG, *[b'{"n":%d}' % (self.sent + i) for i in range(n)])
            self.sent += n


def check(world: World, sent: int) -> None:
    lines = [orjson.loads(line)["n"] for raw in objects(world, "lines/") for line in raw.splitlines()]
    assert Counter(lines) == Counter(range(sent))
    facts = Counter(
        n
        for (key,) in world.ask("SELECT key FROM objects WHERE state = 'live' AND format = 'parquet'")
        for n in pq.read_table(world.layout.lake / "lake" / key).column("n").to_pylist()
    )
    assert facts == Counter(n for n in range(sent) if n % 10)
    db = open_reader(world.layout.catalog)
    try:
        ledger = subscriptions(db, {LOG: sent})
        assert verify(db) == []
    finally:
        db.close()
    dropped = sum(n % 10 == 0 for n in range(sent))
    for name, ends in (("lines", (sent, 0, 0)), ("facts", (sent - dropped, dropped, 0))):
        line = ledger[f"delivery.{name}"]
        assert "mismatch" not in line
        assert (line["delivered"], line["dropped"], line["rejected"]) == ends
        assert (line["accepted"], line["buffered"]) == (sent, 0)
    known = {f"lake/{key}" for (key,) in world.ask("SELECT key FROM objects")}
    files = {
        str(path.relative_to(world.layout.lake)) for path in world.layout.lake.rglob("*") if path.is_file()
    }
    assert files <= known
    assert world.ask("SELECT count(*) FROM intents") == [(0,)]


def objects(world: World, prefix: str) -> list[bytes]:
    return [raw for key, raw in world.objects().items() if key.startswith(prefix)]


@pytest.mark.timeout(900)  # what it kills gets there in seconds, if the machine is its own
@pytest.mark.parametrize(
    "seed", [1, pytest.param(2, marks=pytest.mark.proof), pytest.param(3, marks=pytest.mark.proof)]
)
def test_killed_at_every_named_step_every_event_has_one_end(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, {})
    world.project = project()
    rng = random.Random(seed)
    points = [*CRASH_POINTS, *rng.choices(CRASH_POINTS, k=4)]
    rng.shuffle(points)
    sender = Sender(world, seed)
    sender.start()
    killed = 0
    try:
        for point in points:
            code = run(world.layout.root, "40", f"{point}:{rng.randint(1, 4)}")
            killed += code == -signal.SIGKILL
    finally:
        sender.done.set()
        sender.join()
    assert killed >= len(CRASH_POINTS) - 2
    assert run(world.layout.root, "flush") == 0
    check(world, sender.sent)
    world.close()
