"""The format on disk: each released one stays readable, a newer one is refused untouched."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import apsw
import pytest

from forebay import db
from forebay.errors import ForebayError
from forebay.streams.reader import Reader
from forebay.streams.schema import FORMAT
from forebay.streams.writer import Log, Once, Unique
from tests.streams.conftest import NAME, everything

FIXTURES = Path(__file__).parent / "fixtures"
NOW = 1_700_000_000_000_000


def fill(log: Log) -> None:
    """What every fixture holds: keyed and plain events, both kinds of keys, two subscriptions."""
    log.declare(["delivery.a", "delivery.b"])
    log.append_now([b'{"n":0}', b'{"n":1}'])
    log.append_now([b'{"n":2}', b'{"n":3}'], [b"x", "ü".encode()])
    log.append_now([b'{"n":4}'], once=Once("me", "k", b"body", lambda *_: b"first answer", within=1e9))
    log.append_now([b'{"n":5}'], unique=Unique("r", [b"5"], within=1e9))
    log.advance("delivery.a", 4)
    log.maintain()


def test_the_fixture_of_every_format_is_there() -> None:
    assert [each.name for each in sorted(FIXTURES.iterdir())] == [
        f"log_format{n}.db.gz" for n in range(1, FORMAT + 1)
    ]


@pytest.mark.parametrize("format", range(1, FORMAT + 1))
def test_a_log_of_a_released_format_is_opened_with_all_it_holds(tmp_path: Path, format: int) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(gzip.decompress((FIXTURES / f"log_format{format}.db.gz").read_bytes()))
    with contextlib.closing(Log(path, NAME, 2, lambda: NOW, reserve=0)) as log:
        assert (
            log.append_now([b"x"], once=Once("me", "k", b"body", lambda *_: b"no")).answer == b"first answer"
        )
        assert log.append_now([b"x"], unique=Unique("r", [b"5"])).count == 0
        assert {s.name: s.position for s in log.subscriptions()} == {"delivery.a": 4, "delivery.b": 0}
        assert log.append_now([b'{"n":6}']).offset == 6
        with contextlib.closing(Reader(path, NAME)) as reader:
            assert sorted(everything(reader)) == [b'{"n":%d}' % n for n in range(7)]


def test_a_log_of_a_newer_format_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with contextlib.closing(Log(path, NAME, reserve=0)) as log:
        log.append_now([b"a"])
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.pragma("user_version", FORMAT + 1)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    for opened in (lambda: Log(path, NAME, reserve=0), lambda: Reader(path, NAME).head()):
        with pytest.raises(ForebayError) as raised:
            opened()
        assert raised.value.code == "StateTooNew"
    assert path.read_bytes() == before["log.db"]


def test_an_older_database_is_copied_and_then_migrated(tmp_path: Path) -> None:
    path = tmp_path / "any.db"
    db.open_versioned(path, format=1, ddl="CREATE TABLE t(a); INSERT INTO t VALUES(1)").close()

    def second(connection: apsw.Connection) -> None:
        connection.execute("ALTER TABLE t ADD COLUMN b DEFAULT 2")

    def third(connection: apsw.Connection) -> None:
        connection.execute("ALTER TABLE t ADD COLUMN c DEFAULT 3")

    steps = {1: second, 2: third}
    with contextlib.closing(db.open_versioned(path, format=3, ddl="", migrations=steps)) as connection:
        assert connection.execute("SELECT * FROM t").fetchall() == [(1, 2, 3)]
        assert db.stored_format(path) == 3
    with contextlib.closing(apsw.Connection(str(tmp_path / "any.db.format1.bak"))) as copy:
        assert copy.execute("SELECT * FROM t").fetchall() == [(1,)]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "any.db"
    db.open_versioned(path, format=1, ddl="CREATE TABLE t(a)").close()

    def broken(connection: apsw.Connection) -> None:
        connection.execute("DROP TABLE t")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        db.open_versioned(path, format=2, ddl="", migrations={1: broken})
    with contextlib.closing(db.open_versioned(path, format=1, ddl="")) as connection:
        assert connection.execute("SELECT count(*) FROM t").get == 0


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE photos(a)")
    with pytest.raises(ForebayError) as raised:
        Log(path, NAME, reserve=0)
    assert raised.value.code == "NotOurs"


def test_an_sqlite_that_can_corrupt_a_wal_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(ForebayError) as raised:
        Log(tmp_path / "log.db", NAME, reserve=0)
    assert raised.value.code == "SqliteTooOld"


def test_another_vfs_can_be_put_underneath(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []

    class Watching(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("watching", "")

        def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
            opened.append(str(name.filename() if isinstance(name, apsw.URIFilename) else name))
            return super().xOpen(name, flags)

    vfs = Watching()
    monkeypatch.setenv("FOREBAY_VFS", "watching")
    with contextlib.closing(Log(tmp_path / "log.db", NAME, reserve=0)) as log:
        log.append_now([b"a"])
    vfs.unregister()
    assert any(name.endswith("log.db") for name in opened)
