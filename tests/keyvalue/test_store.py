"""The store: one commit for all who wait, each undone alone; what the disk refuses is nobody's; formats."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from forebay.db import open_db
from forebay.errors import ForebayError, Unavailable
from forebay.keyvalue import rows
from forebay.keyvalue.errors import ConditionFailed, NoTable
from forebay.keyvalue.items import Write, perform
from forebay.keyvalue.rows import Batch
from forebay.keyvalue.store import FORMAT, Tables
from forebay.keyvalue.table import Attribute, Index, KeySchema, Table
from forebay.keyvalue.values import Item

TABLE = Table("seats", KeySchema(Attribute("id", "S")), (Index("by_row", KeySchema(Attribute("row", "N"))),))


def run(path: Path, work: Callable[[Tables], Awaitable[Any]], *, tables: tuple[Table, ...] = (TABLE,)) -> Any:
    """What `work` answers, with a store of these tables."""

    async def opened() -> Any:
        store = Tables(path)
        try:
            await store.conform({table.name: table for table in tables})
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(opened())


def item(id: str, row: int = 1) -> Item:
    return {"id": {"S": id}, "row": {"N": str(row)}}


async def put(store: Tables, id: str, row: int = 1, *, free: bool = False) -> Any:
    table = await store.find("seats")
    test = (lambda found: "id" not in found) if free else None
    write = Write(table, {"id": {"S": id}}, item=item(id, row), test=test)
    return await store.write(lambda batch: perform(batch, write))


async def ids(store: Tables) -> list[str]:
    table = await store.find("seats")
    found: list[Any] = await store.read(
        lambda db: db.execute("SELECT item FROM items WHERE tbl = ?", (table.id,)).fetchall()
    )
    return sorted(rows.decode(each[0])["id"]["S"] for each in found)


def test_writers_that_wait_together_are_answered_each_with_its_own(tmp_path: Path) -> None:
    async def work(store: Tables) -> None:
        done = await asyncio.gather(
            *(put(store, f"s{n % 40}", free=True) for n in range(80)), return_exceptions=True
        )
        assert sum(isinstance(each, ConditionFailed) for each in done) == 40
        assert await ids(store) == sorted(f"s{n}" for n in range(40))
        assert await store.facts("seats") == (40, sum(len(f"ids{n}row") + 2 for n in range(40)))

    run(tmp_path / "kv.db", work)


def test_work_that_fails_half_way_undoes_itself_alone(tmp_path: Path) -> None:
    async def work(store: Tables) -> None:
        table = await store.find("seats")

        def fails(batch: Batch) -> None:
            perform(batch, Write(table, {"id": {"S": "half"}}, item=item("half")))
            raise RuntimeError("a bug")

        done = await asyncio.gather(
            put(store, "a"), store.write(fails), put(store, "b"), return_exceptions=True
        )
        assert isinstance(done[1], RuntimeError)
        assert await ids(store) == ["a", "b"]
        assert (await store.facts("seats"))[0] == 2

    run(tmp_path / "kv.db", work)


def test_a_full_disk_refuses_the_whole_group_and_then_all_goes_on(tmp_path: Path) -> None:
    async def work(store: Tables) -> None:
        def full(_: Batch) -> None:
            raise apsw.FullError("database or disk is full")

        done = await asyncio.gather(put(store, "a"), store.write(full), return_exceptions=True)
        assert isinstance(done[1], Unavailable)
        kept = ["a"] if not isinstance(done[0], Exception) else []  # they may have been two groups
        assert await ids(store) == kept
        await put(store, "b")
        assert await ids(store) == [*kept, "b"]

    run(tmp_path / "kv.db", work)


def test_tables_and_items_are_there_again_after_opening(tmp_path: Path) -> None:
    run(tmp_path / "kv.db", lambda store: put(store, "a"))
    assert run(tmp_path / "kv.db", ids) == ["a"]


def test_a_store_without_tables_makes_no_file(tmp_path: Path) -> None:
    async def work(store: Tables) -> None:
        with pytest.raises(NoTable):
            await store.find("seats")

    run(tmp_path / "kv.db", work, tables=())
    assert not (tmp_path / "kv.db").exists()


def test_an_index_that_is_added_has_the_items_that_were_there(tmp_path: Path) -> None:
    path = tmp_path / "kv.db"
    plain = Table("seats", TABLE.schema)

    async def fill(store: Tables) -> None:
        for n in range(5):
            await put(store, f"s{n}", n % 2)

    async def entries(store: Tables) -> int:
        found: list[Any] = await store.read(lambda db: db.execute("SELECT * FROM entries").fetchall())
        return len(found)

    run(path, fill, tables=(plain,))
    assert run(path, entries) == 5
    assert run(path, entries, tables=(plain,)) == 0


def test_a_write_meant_for_a_table_that_has_gone_is_refused(tmp_path: Path) -> None:
    async def work(store: Tables) -> None:
        table = await store.find("seats")
        await store.drop("seats")
        with pytest.raises(NoTable):
            await store.write(lambda batch: perform(batch, Write(table, {"id": {"S": "a"}}, item=item("a"))))

    run(tmp_path / "kv.db", work)


def test_a_newer_format_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "kv.db"
    run(path, lambda store: put(store, "a"))
    db = open_db(path)
    db.execute(f"PRAGMA user_version={FORMAT + 1}")
    db.close()
    with pytest.raises(ForebayError, match="newer forebay"):
        run(path, ids)
