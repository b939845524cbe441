"""The catalog's one writer: work shares commits, fails alone, and waits for a full disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from forebay.catalog import store as store_module
from forebay.catalog.deliveries import Deliveries
from forebay.catalog.ledger import subscriptions, verify
from forebay.catalog.partition_rows import add_partitions, get_partition, remove_partitions
from forebay.catalog.register import remove_database, remove_table
from forebay.catalog.schema import FORMAT
from forebay.catalog.store import Store, open_reader
from forebay.catalog.tables import create_database, get_table, put_table
from forebay.clock import now_us
from forebay.errors import ForebayError, NotFound, Unavailable
from forebay.ports import BufferRow, ObjectRow, Progress, Registration, Seal, SegmentRow


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "catalog.db")
    yield made
    made.close()


def test_a_catalog_of_a_newer_forebay_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Store(path).close()
    db = apsw.Connection(str(path))
    db.pragma("user_version", FORMAT + 1)
    db.pragma("journal_mode", "delete")
    db.close()
    before = path.read_bytes()
    for opening in (Store, open_reader):
        with pytest.raises(ForebayError) as raised:
            opening(path)
        assert raised.value.code == "StateTooNew"
    assert path.read_bytes() == before


def test_there_is_no_catalog_to_read_before_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        open_reader(tmp_path / "catalog.db")


def test_work_that_fails_does_so_alone(store: Store) -> None:
    def fail(db: apsw.Connection) -> None:
        create_database(db, "half")
        raise ValueError("no")

    gate = threading.Event()
    first = store.submit(lambda db: gate.wait(10))
    bad = store.submit(fail)
    good = store.submit(lambda db: create_database(db, "good"))
    gate.set()
    first.result()
    good.result()
    with pytest.raises(ValueError, match="no"):
        bad.result()
    assert [name for (name,) in store.reader.execute("SELECT name FROM databases")] == ["good"]


def test_a_full_disk_delays_and_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "RETRY_FIRST", 0.01)
    troubles: list[str | None] = []

    def full_twice(db: apsw.Connection) -> None:
        if len(troubles) < 2:
            troubles.append(store.trouble)
            raise apsw.FullError("database or disk is full")
        create_database(db, "shop")

    store.write(full_twice)
    assert troubles[0] is None
    assert "full" in str(troubles[1])
    assert store.trouble is None
    assert store.reader.execute("SELECT count(*) FROM databases").get == 1


def test_closing_while_the_disk_is_full_tells_those_who_wait(tmp_path: Path) -> None:
    made = Store(tmp_path / "catalog.db")

    def full(db: apsw.Connection) -> None:
        raise apsw.FullError("database or disk is full")

    waiting = made.submit(full)
    made.close()
    with pytest.raises(Unavailable):
        waiting.result()
    with pytest.raises(Unavailable):
        made.submit(full)


def progress(before: int, position: int, **more: object) -> Progress:
    return Progress("delivery.d", "delivery.d", before, position, **more)  # type: ignore[arg-type]


def buffer(id_: int = 1, kind: str = "data") -> BufferRow:
    return BufferRow(id_, "d", kind, "lake", "d/", now_us(), now_us(), {"format": "json"})


def segment(inputs: int, id_: int = 1) -> SegmentRow:
    return SegmentRow(id_, inputs, inputs, 10, "lines", b"")


def written(rows: int, kind: str = "data") -> ObjectRow:
    return ObjectRow(
        "lake", f"d/{kind}", None, 1, "x", "json", "none", rows, rows, "delivery.d", {"kind": kind}
    )


def test_a_position_moves_only_with_an_end_for_every_event(store: Store) -> None:
    catalog = Deliveries(store)
    assert catalog.attach("delivery.d", "delivery.d", 5) == 5
    assert catalog.attach("delivery.d", "delivery.d", 9) == 5
    with pytest.raises(ForebayError) as raised:
        catalog.commit(progress(5, 10, buffers=[buffer()], segments=[segment(3)], dropped=1)).result()
    assert raised.value.code == "LedgerMismatch"
    assert catalog.buffers("d", "open") == []
    catalog.commit(progress(5, 10, buffers=[buffer()], segments=[segment(3)], dropped=2)).result()
    with pytest.raises(ForebayError) as raised:
        catalog.commit(progress(5, 6, dropped=1)).result()
    assert raised.value.code == "PositionMoved"
    assert catalog.waiting("d") == 3


def test_a_buffer_becomes_an_object_once_and_with_all_its_rows(store: Store) -> None:
    catalog = Deliveries(store)
    catalog.attach("delivery.d", "delivery.d", 0)
    catalog.commit(progress(0, 3, buffers=[buffer()], segments=[segment(3)])).result()
    done = Registration(1, written(3))
    with pytest.raises(ForebayError, match="was not sealed"):
        catalog.register([done]).result()
    seal = Seal(1, "lake", "d/data", None)
    catalog.seal([seal]).result()
    with pytest.raises(ForebayError, match="not open"):
        catalog.seal([seal]).result()
    with pytest.raises(ForebayError, match="takes no more"):
        catalog.commit(progress(3, 4, segments=[segment(1)])).result()
    with pytest.raises(ForebayError, match="has 2 rows"):
        catalog.register([Registration(1, written(2))]).result()
    assert catalog.all_seals() == [seal]
    catalog.register([done]).result()
    assert catalog.all_seals() == []
    assert verify(store.reader) == []
    line = subscriptions(store.reader, {"delivery.d": 4})["delivery.d"]
    assert {name: line[name] for name in ("accepted", "delivered", "buffered", "lag")} == {
        "accepted": 4,
        "delivered": 3,
        "buffered": 1,
        "lag": 1,
    }
    assert "mismatch" not in line


def test_counts_that_do_not_add_up_are_said(store: Store) -> None:
    catalog = Deliveries(store)
    catalog.attach("delivery.d", "delivery.d", 0)
    catalog.commit(progress(0, 3, buffers=[buffer()], segments=[segment(3)])).result()

    def tamper(db: apsw.Connection) -> None:
        db.execute("UPDATE ledger SET delivered = 1")

    store.write(tamper)
    assert subscriptions(store.reader, {})["delivery.d"]["mismatch"]["code"] == "LedgerMismatch"
    assert verify(store.reader) == ["delivery.d: 1 events are delivered or rejected, its objects hold 0"]


def test_tables_have_a_new_version_for_every_change_and_only_then(store: Store) -> None:
    doc = {"columns": [["a", "int"]], "location": "s3://lake/d/"}
    for _ in range(2):
        store.write(lambda db: put_table(db, "shop", "t", "external", doc))
    table = get_table(store.reader, "shop", "t")
    assert table is not None
    assert (table["version"], table["kind"], table["columns"]) == (1, "external", [["a", "int"]])
    keyed = {**doc, "columns": [], "partition_keys": [["year", "string"], ["month", "string"]]}
    store.write(lambda db: put_table(db, "shop", "t", "external", keyed))
    january = {"values": ["2026", "01"], "location": "s3://lake/d/2026/01/", "doc": {}}
    assert store.write(lambda db: add_partitions(db, "shop", "t", [january])) == []
    assert get_partition(store.reader, "shop", "t", ["2026", "01"])["location"] == january["location"]
    assert store.write(lambda db: remove_partitions(db, "shop", "t", [["2026", "01"]])) == []
    changed = get_table(store.reader, "shop", "t")
    assert changed is not None
    assert changed["version"] == 4
    assert store.write(lambda db: remove_partitions(db, "shop", "t", [["2026", "01"]])) == [["2026", "01"]]
    store.write(lambda db: remove_table(db, "shop", "t"))
    with pytest.raises(NotFound):
        store.write(lambda db: remove_table(db, "shop", "t"))
    store.write(lambda db: remove_database(db, "shop"))
    with pytest.raises(NotFound):
        store.write(lambda db: remove_database(db, "shop"))
    assert get_table(store.reader, "shop", "t") is None
