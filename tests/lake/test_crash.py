"""Killed at any named point, a put leaves the old object or the new one, whole, and its notice with it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import until
from tests.lake.world import World

POINTS = [
    "lake.put.asked",
    "commit.before",
    "commit.after",
    "lake.put.committed",
    "view.placed",
    "view.synced",
    "lake.delete.asked",
    "lake.delete.committed",
    "lake.complete.committed",
]

WRITES = """\
import sys, time
from pathlib import Path
from tests.lake.world import World

world = World(Path(sys.argv[1]), start=False)
rule = {"id": "r", "kind": "function", "target": "f", "events": ["s3:ObjectCreated:*"]}
world.call("bucket_set", bucket="shop", name="notification", doc={"rules": [rule]})
world.lake.start()
for n in range(400):
    world.put("a/k", b"%d " % n * 5000)
    print("put", n, flush=True)
    if n % 3 == 2:
        world.call("object_delete", bucket="shop", key="a/k")
        print("deleted", n, flush=True)
    world.call("upload_begin", id=f"u{n}", bucket="shop", key="m", doc={"meta": {}})
    world.complete(f"u{n}", b"%d-" % n * 5000)
    print("joined", n, flush=True)
    time.sleep(0.02)
"""


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_leaves_one_whole_object(tmp_path: Path, point: str) -> None:
    environment = {**os.environ, "FOREBAY_CRASH_AT": f"{point}:{2 if point.startswith('view') else 7}"}
    run = [sys.executable, "-c", WRITES, str(tmp_path)]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    said = done.stdout.split("\n")[:-1]
    world = World(tmp_path)
    try:
        told = world.lake.notices.read("function", most=1000)
        puts = [each for each in said if each.startswith(("put", "joined"))]
        assert len(puts) <= len(told) <= len(puts) + 1
        _check(world, "a/k", " ", [each for each in said if not each.startswith("joined")])
        _check(world, "m", "-", [each for each in said if each.startswith("joined")])
        until(lambda: not world.store.reader.execute("SELECT count(*) FROM lake_views").get)
        shown = {
            str(p.relative_to(world.folder())): p.read_bytes()
            for p in world.folder().rglob("*")
            if p.is_file()
        }
        assert shown == {key: world.read(key) for key in world.listed()}
    finally:
        world.close()


def _check(world: World, key: str, mark: str, said: list[str]) -> None:
    """The object is what was last acknowledged, or what was asked for after it."""
    last = said[-1] if said else "nothing 0"
    n = int(last.split()[1])
    possible = {n, n + 1}
    if key not in world.listed():
        assert last.startswith(("deleted", "nothing")) or (n % 3 == 2 and key == "a/k")
        return
    body = world.read(key)
    assert body in {f"{each}{mark}".encode() * 5000 for each in possible}
    assert world.shelf.find("shop", key).etag == hashlib.md5(body, usedforsecurity=False).hexdigest()


def test_what_a_crash_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, start=False)
    world.put("k", b"kept")
    left, _ = world.files.fresh()
    left.write_bytes(b"of nobody")
    kept = world.shelf.find("shop", "k").path
    monkeypatch.setattr("forebay.lake.lake.LEFT_OVER", -1.0)
    monkeypatch.setattr("forebay.lake.lake.BEAT", 0.001)
    world.lake.start()
    until(lambda: not left.exists())
    assert kept.read_bytes() == b"kept"
    world.close()
