"""Front and flow are killed, and the power is cut, while objects are put: what was acknowledged is there, whole."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from forebay.lake import journal
from tests.conftest import Running
from tests.harness import System, until
from tests.projects import project
from tests.wire.sdk import client

KEYS = 6
PATIENCE = 120.0
"""For one put: the SDK may wait half a minute by itself before it tries again."""


def body(key: str, n: int) -> bytes:
    return f"{key}-{n};".encode() * (200 + 9000 * (n % 3))


class Putter(threading.Thread):
    """Puts and deletes a few keys over and over; knows what was answered, and what was asked since."""

    def __init__(self, s3: Any, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.s3 = s3
        self.stop = stop
        self.possible: dict[str, set[int | None]] = {f"k/{n}": {None} for n in range(KEYS)}
        self.done = 0

    def run(self) -> None:
        n = 0
        while not self.stop.is_set():
            n += 1
            key = f"k/{n % KEYS}"
            wanted = None if n % 7 == 0 else n
            self.possible[key].add(wanted)
            try:
                if wanted is None:
                    self.s3.delete_object(Bucket="shop", Key=key)
                else:
                    self.s3.put_object(Bucket="shop", Key=key, Body=body(key, n), Metadata={"n": str(n)})
            except (ClientError, BotoCoreError):
                self.stop.wait(0.05)
                continue
            self.possible[key] = {wanted}
            self.done += 1


def cut(system: System, draw: random.Random) -> None:
    """The power fails: of the files that only the journal of puts is there for, not all were on disk."""
    system.kill_all()
    for left in journal.left(system.layout.puts):
        for entry in left.entries:
            path = system.layout.root / journal.unpack(entry.put.doc)["path"]
            if path.exists():
                match draw.randrange(3):
                    case 0:
                        path.unlink()
                    case 1:
                        os.truncate(path, draw.randrange(path.stat().st_size + 1))
    system.start(sql=False)


def blow(running: Running, folder: Path, kills: int, seed: int, roles: list[str]) -> None:
    """Kill while somebody puts and deletes; nothing but what was acknowledged is there afterwards."""
    system = running(project(folder / "p", "name: kills\nlake:\n  shop: {}\n"), sql=False)
    s3 = client(system, "s3", connect_timeout=20, read_timeout=20)
    stop = threading.Event()
    putter = Putter(s3, stop)
    putter.start()
    draw = random.Random(seed)
    for _ in range(kills):
        before = putter.done
        wanted = before + draw.randrange(3, 40)
        until(lambda wanted=wanted: putter.done > wanted, patience=PATIENCE)  # type: ignore[misc]
        role = draw.choice(roles)
        if role == "all":
            cut(system, draw)
        else:
            system.kill(role)
    before = putter.done
    until(lambda: putter.done > before, patience=PATIENCE)
    stop.set()
    putter.join()

    def there() -> dict[str, bytes]:
        listed = s3.list_objects_v2(Bucket="shop").get("Contents", [])
        found = {}
        for each in listed:
            got = s3.get_object(Bucket="shop", Key=each["Key"])
            data = got["Body"].read()
            assert got["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'  # noqa: S324
            assert data == body(each["Key"], int(got["Metadata"]["n"]))
            found[each["Key"]] = data
        return found

    found = there()
    for key, possible in putter.possible.items():
        assert found.get(key) in {None if n is None else body(key, n) for n in possible}
    shown = system.layout.lake / "shop" / "k"
    until(lambda: {f"k/{path.name}": path.read_bytes() for path in shown.glob("*")} == there())


def test_kills_leave_whole_objects_only(running: Running, tmp_path: Path) -> None:
    blow(running, tmp_path, 5, 7, ["flow", "front"])


def test_nor_does_a_power_cut_leave_less(running: Running, tmp_path: Path) -> None:
    blow(running, tmp_path, 3, 8, ["all"])


@pytest.mark.proof
@pytest.mark.parametrize("seed", [1, 2])
def test_many_kills_and_power_cuts_leave_whole_objects_only(
    running: Running, tmp_path: Path, seed: int
) -> None:
    blow(running, tmp_path, 30, seed, ["flow", "front", "all"])
