"""What a log is after its writer was killed, its last write torn, or its file damaged."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.streams.reader import Reader
from forebay.streams.writer import Log
from tests.streams.conftest import NAME, everything

# Appends numbered events from several tasks for ever; prints the number of each that was acknowledged.
WRITER = """
import asyncio, os, pathlib, sys
from forebay.streams.writer import Log, Unique
async def main():
    log = Log(pathlib.Path(sys.argv[1]), "streams.test", 3, reserve=0)
    first = int(sys.argv[2])
    async def client(n):
        number = first + n
        while True:
            id = b"%d" % number
            batch = [id] * (1 + number % 3)
            keys = [b"%d" % (number % 7)] * len(batch) if number % 2 else None
            await log.append(batch, keys, unique=Unique("r", [id + b"/%d" % i for i in range(len(batch))]))
            os.write(1, b"%d\\n" % number)
            number += 8
    await asyncio.gather(*(client(n) for n in range(8)))
asyncio.run(main())
"""


def test_every_acknowledged_event_survives_sigkill_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    acknowledged: list[int] = []
    rng = random.Random(7)
    for turn in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(turn * 1_000_000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        with writer:
            assert writer.stdout
            for _ in range(rng.randrange(1, 400)):
                acknowledged.append(int(writer.stdout.readline()))
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().splitlines(keepends=True)
        acknowledged += [int(line) for line in rest if line.endswith("\n")]
    with (
        contextlib.closing(Log(path, NAME, 3, reserve=0)) as log,
        contextlib.closing(Reader(path, NAME)) as reader,
    ):
        batches = reader.read(0, max_bytes=1 << 30)
        assert [batch.offset for batch in batches] == [0, *(batch.end for batch in batches)][:-1]
        assert log.head == batches[-1].end
        for shard in range(3):
            arrivals = [batch.arrival for batch in batches if batch.shard == shard]
            assert arrivals == sorted(arrivals)
        kept: dict[int, int] = {}
        for record in everything(reader):
            kept[int(record)] = kept.get(int(record), 0) + 1
        assert len(acknowledged) > 200
        assert all(kept.get(number) == 1 + number % 3 for number in acknowledged)
        assert all(count == 1 + number % 3 for number, count in kept.items())


# Commits one batch a step and says how long the WAL is after each; ends without closing anything.
STEPS = """
import json, os, pathlib, sys
from forebay.streams.writer import Log, Once
path = pathlib.Path(sys.argv[1])
log = Log(path, "streams.test", reserve=0)
log._upkeep.at = 1e9  # no upkeep, hence no checkpoint
sizes = []
for step in range(12):
    once = Once("me", str(step), b"h", lambda kept, known: b"yes")
    log.append_now([b"%d/" % step + bytes([step]) * (100 + 3000 * (step % 4))] * (1 + step % 3), once=once)
    sizes.append(os.stat(str(path) + "-wal").st_size)
print(json.dumps(sizes), flush=True)
os._exit(0)
"""


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A folder with a log that was never checkpointed, and the WAL's length after each of its 12 commits."""
    folder = tmp_path_factory.mktemp("torn")
    path = folder / "log.db"
    told = subprocess.run(
        [sys.executable, "-c", STEPS, str(path)], capture_output=True, text=True, check=True
    )
    return folder, json.loads(told.stdout)


def commits_after(folder: Path, target: Path, wal: bytes) -> int:
    """Open a copy of the log with this WAL; how many commits are there, all whole and the log usable."""
    shutil.copytree(folder, target)
    (target / "log.db-wal").write_bytes(wal)
    (target / "log.db-shm").unlink(missing_ok=True)
    with contextlib.closing(Reader(target / "log.db", NAME)) as reader:
        if target.name.endswith("0"):
            reader.head()  # now and then somebody else is the first to open it
        with contextlib.closing(Log(target / "log.db", NAME, reserve=0)) as log:
            records = everything(reader)
            steps = sorted({int(record.partition(b"/")[0]) for record in records})
            assert steps == list(range(len(steps)))
            assert len(records) == log.head == sum(1 + step % 3 for step in steps)
            for record in records:
                number, _, rest = record.partition(b"/")
                assert rest == bytes([int(number)]) * (100 + 3000 * (int(number) % 4))
            for step in steps:
                assert not log._db.execute("SELECT count(*) FROM once").get < len(steps), step
            assert log.append_now([b"99/"]).offset == log.head - 1
            assert everything(reader)[-1] == b"99/"
    shutil.rmtree(target)
    return len(steps)


def test_a_wal_that_ends_anywhere_keeps_every_whole_commit(
    torn: tuple[Path, list[int]], tmp_path: Path
) -> None:
    folder, sizes = torn
    wal = (folder / "log.db-wal").read_bytes()
    assert len(wal) == sizes[-1]
    edges = {size + by for size in sizes for by in (-1, 0, 1)}
    cuts = sorted(edges | set(range(0, len(wal), len(wal) // 60)) | {len(wal)})
    for cut in (cut for cut in cuts if cut <= len(wal)):
        whole = sum(1 for size in sizes if size <= cut)
        found = commits_after(folder, tmp_path / f"cut{cut}", wal[:cut])
        assert found == whole, cut


def test_a_garbled_last_write_loses_that_commit_and_nothing_else(
    torn: tuple[Path, list[int]], tmp_path: Path
) -> None:
    folder, sizes = torn
    wal = (folder / "log.db-wal").read_bytes()
    rng = random.Random(3)
    for turn in range(60):
        at = rng.randrange(sizes[-4], sizes[-1])
        length = rng.choice([1, 8, 512, 5000, len(wal)])
        kind = rng.choice(["zeros", "noise", "flip"])
        old = wal[at : at + length]
        match kind:
            case "zeros":
                new = bytes(len(old))
            case "noise":
                new = rng.randbytes(len(old))
            case _:
                new = bytes(byte ^ 0x10 for byte in old)
        if new == old:
            continue
        found = commits_after(folder, tmp_path / f"turn{turn}", wal[:at] + new + wal[at + length :])
        assert found == sum(1 for size in sizes if size <= at), (turn, at, kind)


def test_a_damaged_database_gives_a_clear_error_or_is_unharmed(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with contextlib.closing(Log(path, NAME, reserve=0)) as log:
        for step in range(50):
            log.append_now([b"%d" % step, b"x" * 2000])
    good = path.read_bytes()
    rng = random.Random(5)
    told: dict[str, str] = {}
    for _ in range(40):
        bad = bytearray(good)
        at = rng.randrange(0, len(good), 512)
        bad[at : at + 512] = rng.randbytes(min(512, len(good) - at))
        if rng.random() < 0.2:
            bad[:100] = rng.randbytes(100)
        path.write_bytes(bad)
        try:
            with contextlib.closing(Log(path, NAME, reserve=0)) as log:
                log.append_now([b"y"])
                with contextlib.closing(Reader(path, NAME, patience=0.0)) as reader:
                    reader.read(0)
        except ForebayError as error:
            told[error.code] = error.message
        for each in tmp_path.iterdir():
            each.unlink()
    assert "DatabaseCorrupt" in told
    assert all("log.db" in message for message in told.values())


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(b"these are my holiday pictures" * 1000)
    before = path.read_bytes()
    with pytest.raises(ForebayError) as raised:
        Log(path, NAME, reserve=0)
    assert raised.value.code == "DatabaseCorrupt"
    assert path.read_bytes() == before


def test_a_lock_of_a_dead_process_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    dies = (
        "import os, pathlib, signal, sys; from forebay.streams.writer import Log;"
        f"Log(pathlib.Path(sys.argv[1]), {NAME!r}, reserve=0).append_now([b'a']); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", dies, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with contextlib.closing(Log(path, NAME, reserve=0)) as log:
        assert log.head == 1
