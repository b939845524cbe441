"""`state.db`: what the front keeps besides the logs. Access keys are `access.keys`'s table in it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import apsw

from forebay.db import open_db, open_versioned, told

FORMAT = 1
DDL = """
CREATE TABLE doors(
  name TEXT PRIMARY KEY, accepted INTEGER NOT NULL, duplicate INTEGER NOT NULL, refused INTEGER NOT NULL
) WITHOUT ROWID;
"""
COUNTS = ("accepted", "duplicate", "refused")
Doors = dict[str, dict[str, int]]


def open_state(path: Path) -> apsw.Connection:
    """The front's own connection. Raises ForebayError (`StateTooNew`, `DatabaseCorrupt`).

    The file is its owner's only: secrets of AWS keys are in it.
    """
    with contextlib.suppress(OSError):  # what is wrong with it, opening it says better
        path.touch(mode=0o600)
        path.chmod(0o600)
    return open_versioned(path, format=FORMAT, ddl=DDL)


def read_doors(db: apsw.Connection) -> Doors:
    """What the doors counted, as last saved."""
    rows = db.execute("SELECT name, accepted, duplicate, refused FROM doors")
    return {row[0]: dict(zip(COUNTS, row[1:], strict=True)) for row in rows}


def read_doors_at(path: Path) -> Doors:
    """`read_doors` without the front; empty if it never ran."""
    if not path.exists():
        return {}
    db = open_db(path, readonly=True)
    try:
        return read_doors(db)
    except apsw.Error as error:
        raise told(error, path) from error
    finally:
        db.close()


def save_doors(db: apsw.Connection, doors: Mapping[str, Mapping[str, int]]) -> None:
    """Keep the counts. They are for the eye: a crash may lose the last second of them, and no event."""
    with db:
        db.executemany(
            "INSERT INTO doors VALUES(?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET accepted = excluded.accepted,"
            " duplicate = excluded.duplicate, refused = excluded.refused",
            [(name, *(counts[each] for each in COUNTS)) for name, counts in doors.items()],
        )


def added(before: Doors, since: Mapping[str, Mapping[str, int]]) -> Doors:
    """The counts of earlier runs and of this one together."""
    names = before.keys() | since.keys()
    return {
        name: {each: before.get(name, {}).get(each, 0) + since.get(name, {}).get(each, 0) for each in COUNTS}
        for name in sorted(names)
    }
