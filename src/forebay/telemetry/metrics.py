"""Metrics, kept (`metrics.db`): one thread writes, in group commits; others read what is committed.

    put ─▶ queue ─▶ BEGIN; points of all who wait, added to their periods; COMMIT (fsync) ─▶ answers
    read ─▶ a connection of its own

A point is a period of a metric in one unit: count, sum, least, greatest, and the values themselves, bounded
(`distribution`). Periods are 1 second (high resolution) or 60 seconds; with age they are added up as CloudWatch does:
seconds after 3 hours to minutes, minutes after 15 days to 5 minutes, those after 63 days to hours. What is older than
`retention` goes, and so do metrics of which nothing is left. Times are UTC seconds.
"""

from __future__ import annotations

import contextlib
import time
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from forebay.db import open_versioned
from forebay.errors import Throttled
from forebay.group_commit import Answer, Asker, GroupCommits
from forebay.telemetry.distribution import counted, pack, unpack
from forebay.telemetry.metric_rows import DDL, FORMAT, Metric, add_points, register, roll_up
from forebay.telemetry.statistic import Aggregate

PAGE_SIZE = 8192
WAITING = 2000
"""Requests that may wait for a commit; more are told to come again."""
MOST_METRICS = 100_000
UPKEEP = 30.0
DAY = 86_400

T = TypeVar("T")


class TooManyMetrics(Throttled):
    """There are as many metrics as are kept."""


@dataclass(frozen=True, slots=True)
class Point:
    """What is put: values with how often each was there, or a statistic set (`n`, `sum`, `min`, `max`) where none are."""

    metric: Metric
    at: int
    values: tuple[tuple[float, float], ...] = ()
    unit: str = "None"
    resolution: int = 60
    n: float = 0.0
    sum: float = 0.0
    min: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A metric that is there, by id, and when it was last put (UTC seconds)."""

    id: int
    metric: Metric
    last: int


@dataclass(slots=True)
class Reading:
    """Reads of one snapshot: `find`, `listed` and `points`."""

    db: apsw.Connection
    _ids: dict[Metric, int | None] = field(default_factory=dict)

    def find(self, metric: Metric) -> int | None:
        """The id of a metric; None if it was never put."""
        if metric not in self._ids:
            sql = "SELECT id FROM metrics WHERE namespace = ? AND name = ? AND dimensions = ?"
            row: Any = self.db.execute(sql, (metric.namespace, metric.name, metric.packed())).fetchone()
            self._ids[metric] = None if row is None else int(row[0])
        return self._ids[metric]

    def listed(
        self, namespace: str | None = None, name: str | None = None, *, since: int = 0, after: int = 0
    ) -> Iterable[Listed]:
        """Metrics of this namespace and name (None: of any), put since then, in the order in which they came."""
        sql = "SELECT id, namespace, name, dimensions, last FROM metrics WHERE id > ? AND last >= ?"
        values: list[Any] = [after, since]
        for column, value in (("namespace", namespace), ("name", name)):
            if value is not None:
                sql += f" AND {column} = ?"
                values.append(value)
        for row in self.db.execute(sql + " ORDER BY id", values):
            yield Listed(int(row[0]), Metric.unpacked(str(row[1]), str(row[2]), str(row[3])), int(row[4]))

    def points(
        self, metric: int, start: int, end: int, longest: int, *, values: bool
    ) -> Iterable[tuple[int, str, Aggregate]]:
        """Periods of at most `longest` seconds that begin from `start` to before `end`: beginning, unit, what is known."""
        sql = (
            f"SELECT at, unit, n, sum, min, max, {'dist' if values else 'NULL'} FROM points"
            " WHERE metric = ? AND period <= ? AND at >= ? AND at < ?"
        )
        for row in self.db.execute(sql, (metric, longest, start, end)):
            at, unit, n, total, low, high, dist = row
            known = None
            if values:
                known = unpack(dist) if dist is not None else {low: n} if low == high else None
            yield at, unit, Aggregate(n, total, low, high, known)


_Job = tuple[Sequence[Point], Mapping[str, float]]


class Metrics(GroupCommits[_Job]):
    """The metrics of a state folder."""

    def __init__(self, path: Path, *, retention: float = 15 * DAY) -> None:
        """`retention` in seconds; may be changed later."""
        super().__init__(path, "metrics")
        self.retention = retention
        self._waiting = 0
        self._looked = time.monotonic()
        self._ids: dict[Metric, int] = {}
        self._fresh: dict[Metric, int] = {}

    async def put(self, points: Sequence[Point], totals: Mapping[str, float] | None = None) -> None:
        """Add points to their periods; they are on disk when this returns, with the `totals` that they came of.

        Raises Throttled `TooManyMetrics`, `TooManyWaiting`, and what disks do (Unavailable).
        """
        if self._waiting >= WAITING:
            raise Throttled("TooManyWaiting", "too many metrics wait to be written", retry_after=1)
        self._waiting += 1
        try:
            await self.submit((points, totals or {}))
        finally:
            self._waiting -= 1

    async def read(self, work: Callable[[Reading], T]) -> T:
        """Do `work` on one snapshot of what is committed, in a thread."""
        return await self.snapshot(lambda db: work(Reading(db)))

    async def totals(self) -> dict[str, float] | None:
        """The totals as they were last put; None if there never were any."""
        rows: list[Any] = await self.read(
            lambda reading: reading.db.execute("SELECT * FROM totals").fetchall()
        )
        return {str(key): float(value) for key, value in rows} if rows else None

    def _begin(self) -> apsw.Connection:
        db = open_versioned(self._path, format=FORMAT, ddl=DDL, page_size=PAGE_SIZE)
        self._ids = {each.metric: each.id for each in Reading(db).listed()}
        return db

    # The thread that writes.

    def _pause(self) -> float:
        return UPKEEP

    def _do(self, db: apsw.Connection, jobs: list[tuple[_Job, Asker]]) -> list[Answer]:
        fresh = self._fresh = {}
        ids = ChainMap(fresh, self._ids)
        answers: list[Answer] = []
        for (points, totals), asker in jobs:
            new = [metric for metric in dict.fromkeys(point.metric for point in points) if metric not in ids]
            if len(self._ids) + len(fresh) + len(new) > MOST_METRICS:
                answers.append(Answer(asker, error=_too_many()))
                continue
            for metric in new:
                fresh[metric] = register(db, metric)
            add_points(db, _rows(points, ids))
            db.executemany("INSERT OR REPLACE INTO totals VALUES(?, ?)", totals.items())
            answers.append(Answer(asker))
        return answers

    def _done(self) -> None:
        self._ids |= self._fresh

    def _look_after(self) -> None:
        if time.monotonic() - self._looked < UPKEEP:
            return
        self._looked = time.monotonic()
        assert self._db is not None
        with contextlib.suppress(apsw.Error):  # a full disk: it is tried again, and puts say so
            gone = roll_up(self._db, int(time.time()), int(self.retention))
            if gone:
                self._ids = {metric: id for metric, id in self._ids.items() if id not in gone}


def _too_many() -> TooManyMetrics:
    return TooManyMetrics(
        "TooManyMetrics",
        f"{MOST_METRICS:,} metrics are kept, and this would be one more",
        why="each set of dimensions is a metric of its own",
        fix="leave out dimensions of many values, such as ids",
    )


def _rows(points: Iterable[Point], ids: Mapping[Metric, int]) -> Iterable[Sequence[Any]]:
    for point in points:
        period = 1 if point.resolution == 1 else 60
        at = point.at - point.at % period
        n, total, low, high, dist = point.n, point.sum, point.min, point.max, None
        if point.values:
            n = sum(count for _, count in point.values)
            total = sum(value * count for value, count in point.values)
            low = min(value for value, _ in point.values)
            high = max(value for value, _ in point.values)
            dist = None if low == high else pack(counted(point.values))
        yield ids[point.metric], period, at, point.unit, n, total, low, high, dist, point.at


def decoded(data: Any) -> list[Point]:
    """Points as another process sends them: maps with namespace, name, dimensions, at, value or values, unit, resolution."""
    return [_point(msgspec.convert(each, Sent)) for each in data]


class Sent(msgspec.Struct, frozen=True):
    """A point between processes; `values` are (value, count) pairs."""

    namespace: str
    name: str
    at: float
    value: float | None = None
    values: tuple[tuple[float, float], ...] = ()
    dimensions: dict[str, str] = {}
    unit: str = "None"
    resolution: int = 60


def _point(sent: Sent) -> Point:
    values = sent.values if sent.value is None else ((sent.value, 1.0),)
    metric = Metric.of(sent.namespace, sent.name, sent.dimensions)
    return Point(metric, int(sent.at), values, sent.unit, sent.resolution)
