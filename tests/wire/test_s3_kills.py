"""Front and flow are killed while objects are put: what was acknowledged is there, and nothing is ever half there."""

from __future__ import annotations

import hashlib
import random
import threading
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Running
from tests.harness import until
from tests.projects import project
from tests.wire.sdk import client

KEYS = 6
KILLS = 5
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


def test_kills_leave_whole_objects_only(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p", "name: kills\nlake:\n  shop: {}\n"), sql=False)
    s3 = client(system, "s3", connect_timeout=20, read_timeout=20)
    stop = threading.Event()
    putter = Putter(s3, stop)
    putter.start()
    draw = random.Random(7)
    for _ in range(KILLS):
        before = putter.done
        wanted = before + draw.randrange(3, 12)
        until(lambda wanted=wanted: putter.done > wanted, patience=PATIENCE)  # type: ignore[misc]
        system.kill(draw.choice(["flow", "front"]))
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
    folder = system.layout.lake / "shop" / "k"
    until(lambda: {f"k/{path.name}": path.read_bytes() for path in folder.glob("*")} == there())
