"""API keys: shown once, kept as a hash, compared in constant time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from forebay.access.keys import Keys
from forebay.db import open_db
from forebay.errors import NotFound, UsageError


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = open_db(tmp_path / "state.db")
    yield connection
    connection.close()


def test_a_key_opens_with_its_secret_also_after_a_restart(db: apsw.Connection) -> None:
    key, secret = Keys(db).create("shop", ["clicks"])
    for keys in (Keys(db), Keys(db)):
        found = keys.verify(secret)
        assert found == key
        assert found is not None
        assert found.opens("clicks")
        assert not found.opens("orders")


def test_nothing_on_disk_gives_the_secret_away(db: apsw.Connection, tmp_path: Path) -> None:
    _, secret = Keys(db).create("shop")
    random_part = secret.split("_", 2)[2]
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert random_part.encode() not in stored
    assert len(random_part) == 43  # 256 bits in base64


def test_anything_else_does_not_open(db: apsw.Connection) -> None:
    keys = Keys(db)
    key, secret = keys.create("shop")
    wrong = (
        "",
        "x",
        secret[:-1],
        secret + "x",
        secret.upper(),
        f"fb_{key.id}_" + "A" * 43,
        "fb_000000000000_" + "A" * 43,
    )
    for each in (*wrong, "\udcff", "ü" * 1000):
        assert keys.verify(each) is None


def test_a_revoked_key_is_closed_at_once_and_stays_listed(db: apsw.Connection) -> None:
    keys = Keys(db)
    key, secret = keys.create("shop")
    keys.revoke(key.id)
    assert keys.verify(secret) is None
    assert Keys(db).verify(secret) is None
    assert [each.to_dict()["revoked"] is not None for each in Keys(db).list()] == [True]
    assert keys.revoke(key.id).revoked == keys.list()[0].revoked
    with pytest.raises(NotFound):
        keys.revoke("nonsense")


def test_a_key_needs_a_name(db: apsw.Connection) -> None:
    for name in ("", "  ", "x" * 101):
        with pytest.raises(UsageError):
            Keys(db).create(name)
