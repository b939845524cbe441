"""SQLite: the one way every forebay database is opened, versioned, migrated, and its errors told.

All openings go through `open_db`, so that a test can put another VFS underneath (one that loses what
was not synced) by naming it in `FOREBAY_VFS`.

SQLite's own version is asserted: releases before 3.51.3 can corrupt a WAL that several connections
write (https://sqlite.org/wal.html#walresetbug). apsw bundles its own SQLite; never open the same file
with the standard library's in the same process.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import apsw

from forebay.errors import ForebayError, Unavailable

MINIMUM = (3, 51, 3)
_MAGIC = b"SQLite format 3\x00"
_USER_VERSION = struct.Struct(">i")
_USER_VERSION_AT = 60
BUSY_MS = 10_000

Migration = Callable[[apsw.Connection], None]


def assert_sqlite() -> None:
    """Raise ForebayError `SqliteTooOld` unless the linked SQLite is safe for many connections in WAL mode."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < MINIMUM:
        raise ForebayError(
            "SqliteTooOld",
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a database that several processes use",
            why="a fault in WAL resets, mended in 3.51.3",
            fix="install apsw from PyPI (it bundles SQLite): pip install -U apsw",
        )


def open_db(
    path: Path, *, readonly: bool = False, page_size: int | None = None, vfs: str | None = None
) -> apsw.Connection:
    """A connection in WAL mode with `synchronous=FULL`: a commit that returned is on disk.

    A new file gets `page_size` and incremental vacuum. `vfs` defaults to the environment's `FOREBAY_VFS`,
    else SQLite's default. Raises Unavailable `DatabaseMissing` if a read-only open finds no file (its
    owner may not have made it yet), ForebayError `DatabaseCorrupt` if it is not a database.
    """
    assert_sqlite()
    vfs = vfs if vfs is not None else os.environ.get("FOREBAY_VFS")
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(str(path), flags=flags, vfs=vfs or None)
        connection.set_busy_timeout(BUSY_MS)
        if not readonly:
            if page_size is not None:
                connection.execute(f"PRAGMA page_size={page_size}")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        if connection is not None:
            connection.close()
        raise told(error, path) from error
    return connection


def told(error: Exception, path: Path) -> ForebayError:
    """The ForebayError that says what an error of SQLite or the disk means, for the file at `path`."""
    where = str(path)
    if isinstance(error, ForebayError):
        return error
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return ForebayError(
            "DatabaseCorrupt",
            f"{path.name} is damaged: {error}",
            where=where,
            why="bytes of the file were changed by something else than forebay, or the disk failed",
            fix="restore it from a backup, or move the file away to go on without its data",
        )
    if isinstance(error, apsw.FullError) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    if isinstance(error, apsw.IOError):
        return Unavailable(
            "DiskError", f"{path.name}: {error}", where=where, why="the disk refused a read or a write"
        )
    if isinstance(error, apsw.CantOpenError):
        if not path.exists():
            return Unavailable("DatabaseMissing", f"{path.name} does not exist", where=where)
        return ForebayError("DatabaseUnreadable", f"{path.name} cannot be opened: {error}", where=where)
    if isinstance(error, apsw.ReadOnlyError | apsw.PermissionsError | apsw.AuthError):
        return ForebayError("DatabaseUnreadable", f"{path.name} cannot be written: {error}", where=where)
    if isinstance(error, apsw.BusyError | apsw.LockedError | apsw.ProtocolError):
        return Unavailable("DatabaseBusy", f"{path.name} is locked: {error}", where=where)
    return ForebayError("DatabaseError", f"{path.name}: {error!r}", where=where)


def disk_full(path: Path, *, free: int | None = None, reserve: int | None = None) -> Unavailable:
    """The refusal given while the disk has no room: nothing is acknowledged that could not be kept."""
    why = None if free is None else f"{free >> 20} MiB are free, {reserve or 0:,} bytes are held back"
    return Unavailable(
        "DiskFull",
        f"the disk that holds {path.parent} is full or nearly so",
        where=str(path),
        why=why,
        fix="free some space; nothing that was acknowledged is lost, and writing goes on by itself",
        retry_after=5,
    )


def stored_format(path: Path) -> int:
    """The format version in the file's header, read without opening the database; 0 if there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return 0
    if len(head) < 100 or not head.startswith(_MAGIC):
        return 0
    (version,) = _USER_VERSION.unpack_from(head, _USER_VERSION_AT)
    return int(version)


def refuse_newer(path: Path, version: int, known: int) -> None:
    """Raise ForebayError `StateTooNew` if `version` is above what this release knows."""
    if version > known:
        raise ForebayError(
            "StateTooNew",
            f"{path.name} was written by a newer forebay (format {version}; this one knows {known})",
            where=str(path),
            fix="upgrade forebay; the file was left untouched",
        )


def open_versioned(
    path: Path,
    *,
    format: int,
    ddl: str,
    migrations: Mapping[int, Migration] | None = None,
    page_size: int | None = None,
    vfs: str | None = None,
) -> apsw.Connection:
    """The database at `path` in `format`, made if missing, migrated if older, refused if newer.

    `migrations[n]` brings format n to n + 1. Before the first, the file is copied to
    `<name>.format<n>.bak`; all steps and the new version commit together.
    """
    refuse_newer(path, stored_format(path), format)
    connection = open_db(path, page_size=page_size, vfs=vfs)
    try:
        version = int(connection.pragma("user_version"))
        refuse_newer(path, version, format)  # a version that is still in the WAL
        if version == 0:
            if connection.execute("SELECT count(*) FROM sqlite_schema").get:
                raise ForebayError("NotOurs", f"{path.name} is a database of something else", where=str(path))
            with connection:
                connection.execute(ddl)
                connection.execute(f"PRAGMA user_version={format}")
        elif version < format:
            _copy(connection, path.with_name(f"{path.name}.format{version}.bak"))
            with connection:
                for step in range(version, format):
                    (migrations or {})[step](connection)
                connection.execute(f"PRAGMA user_version={format}")
        # The version is then in the file's header too, where a release that does not know it sees it.
        if version != format:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        connection.close()
        raise told(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _copy(connection: apsw.Connection, target: Path) -> None:
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    copy = apsw.Connection(str(partial))
    try:
        with copy.backup("main", connection, "main") as backup:
            backup.step(-1)
    finally:
        copy.close()
    partial.replace(target)
