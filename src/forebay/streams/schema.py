"""The tables of one log's database (format 1), and how it is opened.

- A row of `batches` is one group commit of one shard: `n` events from `offset` on, stamped once with
  `arrival` (UTC microseconds), their bytes in `blob` (`forebay.event`, blob format 1). Offsets are dense
  over the log, so `accepted` is the head, never a second count.
- `meta` has what the rows no longer say once they were trimmed: `start` (the first offset still kept)
  and `arrival` (the last stamp of what was trimmed).
- `subscriptions` has one row per declared consumer, or, while there is none, one named after the log
  itself, whose `expired` counts what retention removed unread.
- `shards` is the shard map (`streams.shards`), and `shards` in `meta` how many the stream's specification last
  asked for; a log that has, or had, several has an index by shard.
- `once` and `unique_keys` are what makes a retry at the door no second event; both commit with the batch.
- `sources` has one row per consumer of another log whose output this log is: how far it is there, and how
  many of its inputs led to an event here (`delivered`) or were meant for nobody (`dropped`); `source_states` has
  what such a consumer keeps with its position, in a format of its own.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from forebay.db import open_versioned
from forebay.streams import shards

FORMAT = 2

# 8 KiB pages: half again as fast as 4 KiB for batches of 500 events, and a commit of one event, which
# rewrites a page, still costs little. A bus is mostly given ten events or fewer at once: with half of the bytes, a
# client's whole call takes two to four percent less.
PAGE_SIZE = 8192
BUS_PAGE_SIZE = 4096

DDL = (
    """
CREATE TABLE batches(
  offset INTEGER PRIMARY KEY, n INTEGER NOT NULL, shard INTEGER NOT NULL, arrival INTEGER NOT NULL,
  blob BLOB NOT NULL
);
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('start', 0), ('arrival', 0);
CREATE TABLE subscriptions(
  name TEXT PRIMARY KEY, start INTEGER NOT NULL, position INTEGER NOT NULL,
  expired INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- The first answer to an idempotency key: `id` hashes scope and key, `body` is the request body's hash.
CREATE TABLE once(
  id BLOB PRIMARY KEY, body BLOB NOT NULL, answer BLOB NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX once_expires ON once(expires);

-- Values seen of a unique field: `id` hashes scope and value. `scopes.keys` is how many a scope has.
CREATE TABLE scopes(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, keys INTEGER NOT NULL DEFAULT 0);
CREATE TABLE unique_keys(
  id BLOB PRIMARY KEY, scope INTEGER NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX unique_expires ON unique_keys(scope, expires);
"""
    + shards.DDL
)


# What later came beside the tables above; who does not know it has no use for it, so the format stays.
ADDITIONS = """
CREATE TABLE IF NOT EXISTS sources(
  consumer TEXT PRIMARY KEY, log TEXT NOT NULL, start INTEGER NOT NULL, position INTEGER NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source_states(consumer TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
"""


def _add_shards(db: apsw.Connection) -> None:
    """Format 1 had no shard map: the rule of even ranges over as many shards as the project said."""
    db.execute(shards.DDL)
    last = db.execute("SELECT max(shard) FROM batches").get
    if last:
        shards.index(db)


MIGRATIONS = {1: _add_shards}


def open_log(path: Path) -> apsw.Connection:
    """The log's database, for its one writer; made if missing.

    Checkpoints are the writer's to time, so SQLite's own are off. Raises ForebayError `StateTooNew`
    (the file is left untouched), `DatabaseCorrupt`, or Unavailable `DiskFull`.
    """
    size = BUS_PAGE_SIZE if path.name.startswith("bus.") else PAGE_SIZE
    connection = open_versioned(path, format=FORMAT, ddl=DDL, migrations=MIGRATIONS, page_size=size)
    connection.execute(ADDITIONS)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(f"PRAGMA journal_size_limit={64 << 20}")
    connection.execute("PRAGMA cache_size=-16384")
    return connection
