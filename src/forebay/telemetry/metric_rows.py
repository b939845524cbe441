"""The rows of `metrics.db`: metrics, their points, and how points are added up with age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import msgspec

from forebay.telemetry.distribution import counted, pack, unpack

FORMAT = 1
DDL = """
CREATE TABLE metrics(
  id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, name TEXT NOT NULL, dimensions TEXT NOT NULL,
  last INTEGER NOT NULL DEFAULT 0, UNIQUE(namespace, name, dimensions)
);
CREATE TABLE points(
  metric INTEGER NOT NULL, period INTEGER NOT NULL, at INTEGER NOT NULL, unit TEXT NOT NULL,
  n REAL NOT NULL, sum REAL NOT NULL, min REAL NOT NULL, max REAL NOT NULL, dist BLOB,
  PRIMARY KEY(metric, period, at, unit)
) WITHOUT ROWID;
CREATE INDEX points_by_age ON points(period, at);
CREATE TABLE totals(key TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
"""
ROLLED = ((1, 60, 3 * 3600), (60, 300, 15 * 86_400), (300, 3600, 63 * 86_400))
"""Which period is added up to which, after how many seconds."""
AT_ONCE = 5000
STEPS = 4
"""What is more than so many times `AT_ONCE` waits for the next time: points are put meanwhile."""
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured; `dimensions` are (name, value) pairs, by name."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str] | None = None) -> Metric:
        """With its dimensions in order."""
        return cls(namespace, name, tuple(sorted((dimensions or {}).items())))

    def packed(self) -> str:
        """The dimensions as the database has them."""
        return msgspec.json.encode(self.dimensions).decode()

    @classmethod
    def unpacked(cls, namespace: str, name: str, dimensions: str) -> Metric:
        """What `packed` was of."""
        pairs = msgspec.json.decode(dimensions, type=tuple[tuple[str, str], ...])
        return cls(namespace, name, pairs)


def register(db: apsw.Connection, metric: Metric) -> int:
    """The id of a metric that is new."""
    values = (metric.namespace, metric.name, metric.packed())
    db.execute("INSERT INTO metrics(namespace, name, dimensions) VALUES(?, ?, ?)", values)
    return db.last_insert_rowid()


def add_points(db: apsw.Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Add (metric, period, at, unit, n, sum, min, max, dist, put at) to what is there of the same period."""
    find = "SELECT n, sum, min, max, dist FROM points WHERE metric = ? AND period = ? AND at = ? AND unit = ?"
    for *row, put in rows:
        key, fresh = row[:4], row[4:]
        known: Any = db.execute(find, key).fetchone()
        if known is not None:
            fresh = added(known, fresh)
        db.execute("INSERT OR REPLACE INTO points VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", (*key, *fresh))
        db.execute("UPDATE metrics SET last = ?1 WHERE id = ?2 AND last < ?1", (put, key[0]))


def added(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """n, sum, min, max and dist of two periods together."""
    low, high = min(one[2], other[2]), max(one[3], other[3])
    dist = None
    if low != high:
        pairs = [_values(each) for each in (one, other)]
        if None not in pairs:
            dist = pack(counted(pair for each in pairs for pair in (each or {}).items()))
    return [one[0] + other[0], one[1] + other[1], low, high, dist]


def _values(row: Sequence[Any]) -> dict[float, float] | None:
    """The values of a period; None where they came as a statistic set."""
    n, _, low, high, dist = row
    if dist is not None:
        return unpack(dist)
    return {low: n} if low == high else None


def roll_up(db: apsw.Connection, now: int, retention: int) -> set[int]:
    """Add up what is old enough, remove what is older than `retention`; the metrics that went with it."""
    for fine, coarse, age in ROLLED:
        for _ in range(STEPS):
            if not _roll(db, fine, coarse, now - age):
                break
    expired = (
        "DELETE FROM points WHERE (metric, period, at, unit) IN"
        " (SELECT metric, period, at, unit FROM points WHERE period = ? AND at < ? LIMIT ?)"
    )
    for period in (1, 60, 300, 3600):
        with db:
            db.execute(expired, (period, now - retention - period, AT_ONCE * STEPS))
    with db:
        gone: list[Any] = db.execute(
            "SELECT id FROM metrics m WHERE last < ? AND NOT EXISTS (SELECT 1 FROM points WHERE metric = m.id)",
            (now - max(retention, HOUR),),
        ).fetchall()
        db.executemany("DELETE FROM metrics WHERE id = ?", gone)
    return {int(row[0]) for row in gone}


def _roll(db: apsw.Connection, fine: int, coarse: int, before: int) -> bool:
    """Add up some periods that began before then; whether there may be more."""
    before -= before % coarse
    with db:
        rows: list[Any] = db.execute(
            "SELECT metric, period, at, unit, n, sum, min, max, dist FROM points WHERE period = ? AND at < ? LIMIT ?",
            (fine, before, AT_ONCE),
        ).fetchall()
        add_points(db, ([m, coarse, at - at % coarse, *rest, 0] for m, _, at, *rest in rows))
        db.executemany(
            "DELETE FROM points WHERE metric = ? AND period = ? AND at = ? AND unit = ?",
            [row[:4] for row in rows],
        )
    return len(rows) == AT_ONCE
