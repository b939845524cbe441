"""The tables of `catalog.db`, and the rules that keep them true. Flow writes; everybody reads.

What is delivered and how far, in one database, so that a position commits with its output (invariant 4):

- A *buffer* is an object in the making: one delivery, one resolved prefix, one kind (data or error).
- A *segment* is a run of rows of one buffer that committed in one tick, with the delivery's position.
- An *intent* says that a buffer is becoming an object; on opening, intents are finished or undone.
- An *object* is a file of the lake with its key. A replaced one stays until `gone_after`.
- `positions` and `ledger` have one row per consumer; `ledger` counts input events.

Who looks for foreign files (those in a location that no row names) lists the folder first and reads
`objects` (live and replaced) and `intents` afterwards: a file is in one of them from before it has its
name until well after it has lost it.

Opened by everybody in WAL mode with `synchronous=FULL`; `PRAGMA user_version` is the format version.
"""

from __future__ import annotations

FORMAT = 1

DDL = """
CREATE TABLE databases(
  name TEXT PRIMARY KEY, doc TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;

-- A table's `doc` is JSON: {columns: [[name, type], ...], partition_keys: [[name, type], ...],
--   location: "s3://bucket/prefix/", format: json|csv|parquet|text, serde, serde_parameters: {},
--   parameters: {} (projection.* and storage.location.template as on AWS), view_sql (views only),
--   inferred: true where columns widen by themselves, owner: project|wire|crawler|delivery|stream}
-- Types are Athena's: string, int, bigint, double, boolean, date, timestamp, decimal(p,s), array<..>,
-- map<..,..>, struct<a:..,b:..>.
CREATE TABLE tables(
  id INTEGER PRIMARY KEY AUTOINCREMENT, db TEXT NOT NULL, name TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1, kind TEXT NOT NULL CHECK (kind IN ('external','managed','view')),
  doc TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, UNIQUE(db, name)
);
CREATE TABLE partitions(
  table_id INTEGER NOT NULL, vals TEXT NOT NULL, location TEXT NOT NULL, doc TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY(table_id, vals)
) WITHOUT ROWID;

-- `path` is NULL where the file is lake/<bucket>/<key>, else it is relative to the state folder.
-- `state`: live, or replaced (kept until gone_after, UTC us, for queries that planned it).
-- `hidden` objects are copies that SQL reads and S3 does not show. `source` is the delivery or owner.
CREATE TABLE objects(
  id INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key TEXT NOT NULL,
  size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL, path TEXT,
  format TEXT, compression TEXT, rows INTEGER, inputs INTEGER, source TEXT,
  state TEXT NOT NULL DEFAULT 'live' CHECK (state IN ('live','replaced')), gone_after INTEGER,
  meta TEXT NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX objects_key ON objects(bucket, key) WHERE state = 'live';
CREATE INDEX objects_source ON objects(source, state, inputs);
CREATE INDEX objects_replaced ON objects(gone_after) WHERE state = 'replaced';

-- `opened` is the arrival of the buffer's first record. `meta` is JSON: {since: when it was opened by the
-- clock, format, compression, columns: a CSV's header}: how to write what it holds, whatever the project
-- says by now.
CREATE TABLE buffers(
  id INTEGER PRIMARY KEY AUTOINCREMENT, delivery TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('data','error')),
  bucket TEXT NOT NULL, prefix TEXT NOT NULL, opened INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open','flushing')),
  meta TEXT NOT NULL DEFAULT '{}'
);
-- `encoding`: lines (event blob format 1 of the final records, without the newline) or arrow (an IPC stream).
-- `inputs` counts the input events whose end these rows are.
CREATE TABLE segments(
  id INTEGER PRIMARY KEY AUTOINCREMENT, buffer INTEGER NOT NULL REFERENCES buffers(id),
  rows INTEGER NOT NULL, inputs INTEGER NOT NULL, bytes INTEGER NOT NULL,
  encoding TEXT NOT NULL CHECK (encoding IN ('lines','arrow')), payload BLOB NOT NULL
);
CREATE INDEX segments_buffer ON segments(buffer);
CREATE TABLE intents(
  id INTEGER PRIMARY KEY AUTOINCREMENT, buffer INTEGER NOT NULL, bucket TEXT NOT NULL, key TEXT NOT NULL,
  path TEXT, created INTEGER NOT NULL
);

CREATE TABLE positions(
  consumer TEXT NOT NULL, log TEXT NOT NULL, start INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY(consumer, log)
) WITHOUT ROWID;
-- Input events whose end is recorded. Those in segments are still buffered: sum(segments.inputs).
-- `removed` is no end of its own: of those delivered or rejected, how many are in objects that have since
-- expired or been deleted, so that delivered + rejected = sum(inputs of the live objects) + removed.
CREATE TABLE ledger(
  consumer TEXT PRIMARY KEY, delivered INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0, erased INTEGER NOT NULL DEFAULT 0,
  removed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

# What later came beside the tables above. Each statement may run again; who does not know these tables
# has no use for them, so the format stays the same.
ADDITIONS = """
-- Whose databases and tables are declared here: the applied project's `revision` (one row).
CREATE TABLE IF NOT EXISTS declared(one INTEGER PRIMARY KEY CHECK (one = 1), revision TEXT NOT NULL);
-- Definitions that a table had before; `version` is its doc's `revision` (see catalog/register.py).
CREATE TABLE IF NOT EXISTS table_versions(
  table_id INTEGER NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL, doc TEXT NOT NULL,
  updated INTEGER NOT NULL, PRIMARY KEY(table_id, version)
) WITHOUT ROWID;
-- One run of a crawler. `state`: running, completed, failed, cancelled. `doc` is JSON: what it changed,
-- why it failed, what it had seen (see catalog/crawl/runs.py).
CREATE TABLE IF NOT EXISTS crawls(
  id TEXT PRIMARY KEY, crawler TEXT NOT NULL, state TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER,
  doc TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS crawls_crawler ON crawls(crawler, started);
-- Where a function began with a stream, for which trigger, and how far it is in each shard (catalog/triggers.py).
CREATE TABLE IF NOT EXISTS function_triggers(
  consumer TEXT NOT NULL, log TEXT NOT NULL, id TEXT NOT NULL, begun INTEGER NOT NULL,
  PRIMARY KEY(consumer, log)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS function_shards(
  consumer TEXT NOT NULL, log TEXT NOT NULL, shard INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY(consumer, log, shard)
) WITHOUT ROWID;
"""
