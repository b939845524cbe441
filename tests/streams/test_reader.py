"""Reading a log: from any process, at any position, at any time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.ports import LogReader
from forebay.streams.reader import Reader
from tests.streams.conftest import NAME, OpenLog, everything


def test_a_reader_is_what_the_port_asks_for(reader: Reader) -> None:
    port: LogReader = reader
    assert port.name == NAME


def test_a_log_that_does_not_exist_yet_is_empty(reader: Reader, open_log: OpenLog) -> None:
    assert (reader.head(), reader.start(), reader.read(0), reader.news(0)) == (0, 0, [], False)
    open_log().append_now([b"a"])
    assert reader.news(0)
    assert everything(reader) == [b"a"]


def test_a_position_may_lie_inside_a_batch(open_log: OpenLog, reader: Reader) -> None:
    log = open_log()
    log.append_now([b"a", b"b", b"c"])
    log.append_now([b"d"])
    for position, offsets in ((0, [0, 3]), (1, [0, 3]), (2, [0, 3]), (3, [3]), (4, [])):
        assert [batch.offset for batch in reader.read(position)] == offsets
        assert everything(reader, position) == [b"a", b"b", b"c", b"d"][position:]


def test_a_read_is_bounded_but_gives_at_least_one_batch(open_log: OpenLog, reader: Reader) -> None:
    log = open_log()
    for _ in range(10):
        log.append_now([b"x" * 1000])
    assert len(reader.read(0, max_bytes=1)) == 1
    assert len(reader.read(0, max_bytes=3000)) == 3
    assert len(reader.read(0)) == 10


def test_a_position_beyond_the_end_is_told_since_the_state_does_not_fit(
    open_log: OpenLog, reader: Reader
) -> None:
    open_log().append_now([b"a"])
    assert reader.read(1) == []
    with pytest.raises(ForebayError) as raised:
        reader.read(2)
    assert raised.value.code == "PositionAhead"


def test_a_reader_does_not_keep_the_writer_from_reusing_its_wal(
    open_log: OpenLog, reader: Reader, tmp_path: Path
) -> None:
    log = open_log()
    log.append_now([b"x"])
    reader.read(0, max_bytes=1)
    for n in range(60):
        log.append_now([b"x" * 1_000_000])
        reader.read(log.head - 1, max_bytes=1)
        if n % 8 == 7:
            log.maintain()  # which a log does itself, when its disk lets it
    assert (tmp_path / "log.db-wal").stat().st_size < 40 << 20


READ = """
import sys, pathlib
from forebay.streams.reader import Reader
assert not any(heavy in sys.modules for heavy in ("pyarrow", "numpy", "duckdb", "sqlglot")), "front must stay light"
reader = Reader(pathlib.Path(sys.argv[1]), "streams.test")
at = 0
while True:
    for batch in reader.read(at):
        at = batch.end
    print(at, flush=True)
    if not sys.stdin.readline():
        break
"""


def test_another_process_sees_what_is_committed_and_the_writer_may_restart(
    open_log: OpenLog, tmp_path: Path
) -> None:
    log = open_log()
    other = subprocess.Popen(
        [sys.executable, "-c", READ, str(tmp_path / "log.db")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with other:
        assert other.stdin
        assert other.stdout
        for head in range(4):
            assert int(other.stdout.readline()) == head
            log = open_log()
            log.append_now([b"x"])
            other.stdin.write("again\n")
            other.stdin.flush()
        assert int(other.stdout.readline()) == 4
        other.stdin.close()
    assert other.returncode == 0
