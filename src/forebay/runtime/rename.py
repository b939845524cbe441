"""Carries data over to a new name (`was:` in the project file), while nothing of the system runs.

Safe at every instruction: a step that was done already finds nothing left to do, and the project is
written as applied only after all of them, so what was interrupted is planned and done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from forebay.catalog import consumers
from forebay.catalog.deliveries import COPIES
from forebay.catalog.store import open_writer
from forebay.db import open_db, told
from forebay.durable import sync_folder
from forebay.errors import ForebayError
from forebay.keyvalue.store import rename_table
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.project.plan import Step
from forebay.runtime.subscription import PREFIX
from forebay.streams.schema import ADDITIONS
from forebay.streamsql.references import qualified


def renames(steps: Sequence[Step]) -> list[Step]:
    """The steps that give something that may hold data another name."""
    return [step for step in steps if step.was is not None and step.resource.noun in _CARRY]


def rename(layout: Layout, project: Project, steps: Sequence[Step]) -> None:
    """Carry out `renames(steps)`. Raises ForebayError if a database cannot be opened or is in the way."""
    for step in renames(steps):
        assert step.was is not None
        _CARRY[step.resource.noun](layout, project, step.was, step.resource.name)


def _stream(layout: Layout, _: Project, old: str, new: str) -> None:
    was, is_ = f"streams.{old}", f"streams.{new}"
    _log(layout, was, is_)
    _catalog(layout, [("UPDATE positions SET log = ? WHERE log = ?", (is_, was))])
    _readers(
        layout, lambda name: name.removesuffix(f"/{was}") + f"/{is_}" if name.endswith(f"/{was}") else name
    )


def _bus(layout: Layout, _: Project, old: str, new: str) -> None:
    was, is_ = f"bus.{old}", f"bus.{new}"

    def renamed(name: str) -> str:
        if name in (was, was + COPIES) or name.startswith(f"{was}/"):
            name = is_ + name.removeprefix(was)
        return name.removesuffix(f"/{was}") + f"/{is_}" if name.endswith(f"/{was}") else name

    _log(layout, was, is_)
    _readers(layout, renamed)
    if not layout.catalog.exists():
        return
    db = open_writer(layout.catalog)
    try:
        with db:
            db.execute(consumers.DDL)
            for table, column in (
                ("positions", "consumer"),
                ("positions", "log"),
                ("ledger", "consumer"),
                ("objects", "source"),
            ):
                _each(db, table, column, renamed)
            for table, column in (("buses", "name"), ("archives", "bus"), ("schedules", "bus")):
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, old))
    except apsw.Error as error:
        raise told(error, layout.catalog) from error
    finally:
        db.close()


def _readers(layout: Layout, renamed: Callable[[str], str]) -> None:
    """The consumers of rules, in the logs that they read and in those that they write."""
    for path in (*layout.streams.glob("bus.*.db"), *layout.streams.glob("streams.*.db")):
        db = open_db(path)
        try:
            with db:
                db.execute(ADDITIONS)
                _each(db, "subscriptions", "name", _behind_prefix(renamed))
                _each(db, "sources", "consumer", renamed)
                _each(db, "sources", "log", renamed)
        except apsw.Error as error:
            raise told(error, path) from error
        finally:
            db.close()


def _behind_prefix(renamed: Callable[[str], str]) -> Callable[[str], str]:
    def change(name: str) -> str:
        return PREFIX + renamed(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else name

    return change


def _each(db: apsw.Connection, table: str, column: str, renamed: Callable[[str], str]) -> None:
    rows: list[Any] = db.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()
    for (name,) in rows:
        if name is not None and (changed := renamed(name)) != name:
            db.execute(f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {column} = ?", (changed, name))


def _delivery(layout: Layout, _: Project, old: str, new: str) -> None:
    was, is_ = f"delivery.{old}", f"delivery.{new}"
    _log(layout, was, is_)
    for path in (*layout.streams.glob("streams.*.db"), *layout.streams.glob("bus.*.db")):
        _subscription(path, PREFIX + was, PREFIX + is_)
    _catalog(
        layout,
        [
            ("UPDATE positions SET log = ? WHERE log = ?", (is_, was)),
            ("UPDATE positions SET consumer = ? WHERE consumer = ?", (is_, was)),
            ("UPDATE ledger SET consumer = ? WHERE consumer = ?", (is_, was)),
            ("UPDATE buffers SET delivery = ? WHERE delivery = ?", (new, old)),
            ("UPDATE objects SET source = ? WHERE source = ?", (is_, was)),
        ],
    )


def _table(layout: Layout, project: Project, old: str, new: str) -> None:
    was, is_ = qualified(old, project), qualified(new, project)
    _catalog(layout, [("UPDATE tables SET db = ?, name = ? WHERE db = ? AND name = ?", (*is_, *was))])


def _keyvalue(layout: Layout, _: Project, old: str, new: str) -> None:
    rename_table(layout.keyvalue, old, new)


_CARRY = {"streams": _stream, "bus": _bus, "delivery": _delivery, "catalog": _table, "keyvalue": _keyvalue}


def _log(layout: Layout, old: str, new: str) -> None:
    """Move a log's file, once nothing of it is in a WAL any more."""
    source, target = layout.log(old), layout.log(new)
    if not source.exists():
        return
    if target.exists():
        raise ForebayError(
            "NameTaken",
            f"{new} has data of its own, from before {old} was to be called so",
            where=str(target),
            fix=f"choose another name, or move {target.name} away",
        )
    _subscription(source, old, new)
    _subscription(source, PREFIX + old, PREFIX + new)
    db = open_db(source)
    try:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        raise told(error, source) from error
    finally:
        db.close()
    for suffix in ("-wal", "-shm", ".lock"):
        source.with_name(source.name + suffix).unlink(missing_ok=True)
    source.rename(target)
    sync_folder(layout.streams)


def _subscription(path: Path, old: str, new: str) -> None:
    db = open_db(path)
    try:
        with db:
            db.execute("UPDATE OR REPLACE subscriptions SET name = ? WHERE name = ?", (new, old))
    except apsw.Error as error:
        raise told(error, path) from error
    finally:
        db.close()


def _catalog(layout: Layout, statements: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    if not layout.catalog.exists():
        return
    db = open_writer(layout.catalog)
    try:
        with db:
            for sql, values in statements:
                db.execute(sql, values)
    except apsw.Error as error:
        raise told(error, layout.catalog) from error
    finally:
        db.close()
