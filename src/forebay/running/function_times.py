"""Functions that are called at times they say."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import apsw

from forebay.arn import ACCOUNT, REGION, arn
from forebay.beat import Beat
from forebay.bus.schedule import Schedule
from forebay.catalog.store import Store
from forebay.clock import SECOND
from forebay.errors import UsageError
from forebay.functions import shapes
from forebay.functions.queue import Queue, enqueue, void
from forebay.functions.section import FunctionSpec

log = logging.getLogger(__name__)

MOST = 60.0
"""Seconds between two looks at the clock."""

DDL = """
CREATE TABLE IF NOT EXISTS function_schedules(
  function TEXT NOT NULL, text TEXT NOT NULL, since INTEGER NOT NULL, due INTEGER, PRIMARY KEY(function, text)
) WITHOUT ROWID;
"""


class FunctionTimes:
    """Calls functions at the times that they say: each call is kept in the commit that sets the next time."""

    def __init__(self, store: Store, queue: Queue) -> None:
        self._store = store
        self._queue = queue
        store.write(lambda db: void(db.execute(DDL)))
        self._wanted: dict[tuple[str, str], Schedule] = {}
        self._beat = Beat("scheduled functions", self._fire)

    def start(self) -> None:
        """Begin to watch the clock."""
        self._beat.start()

    def stop(self) -> None:
        """Watch no more; a time that passes meanwhile is made up for once."""
        self._beat.stop()

    def apply(self, functions: Mapping[str, FunctionSpec]) -> None:
        """The schedules there are from now on; a new one counts from now."""
        wanted: dict[tuple[str, str], Schedule] = {}
        for name, spec in functions.items():
            for on in spec.on:
                if on.schedule is not None and on.enabled:
                    try:
                        wanted[name, on.schedule] = Schedule(on.schedule)
                    except UsageError as error:
                        log.error("functions.%s: %s", name, error.message)
        self._wanted = wanted
        now = datetime.now(UTC)

        def work(db: apsw.Connection) -> None:
            rows: Any = db.execute("SELECT function, text FROM function_schedules").fetchall()
            for name, text in rows:
                if (name, text) not in wanted:
                    db.execute("DELETE FROM function_schedules WHERE function = ? AND text = ?", (name, text))
            for (name, text), schedule in wanted.items():
                db.execute(
                    "INSERT OR IGNORE INTO function_schedules VALUES (?, ?, ?, ?)",
                    (name, text, _us(now), _us(schedule.next(now, now))),
                )

        self._store.write(work)
        self._beat.wake()

    def _fire(self) -> float:
        """Keep the calls that are due; seconds until the next."""
        now = datetime.now(UTC)
        rows: Any = self._store.reader.execute(
            "SELECT function, text, since, due FROM function_schedules WHERE due IS NOT NULL"
        ).fetchall()
        wait = MOST
        for name, text, since, due in rows:
            schedule = self._wanted.get((name, text))
            if schedule is None:
                continue
            if due > _us(now):
                wait = min(wait, (due - _us(now)) / SECOND)
                continue
            following = schedule.next(now, _at(since))
            self._store.write(partial(_fired, name=name, text=text, due=due, following=_us(following)))
            self._queue.wake()
            if following is not None:
                wait = min(wait, (following - now).total_seconds())
        return max(0.0, wait)


def _fired(db: apsw.Connection, name: str, text: str, due: int, following: int | None) -> None:
    db.execute(
        "UPDATE function_schedules SET due = ? WHERE function = ? AND text = ? AND due = ?",
        (following, name, text, due),
    )
    if not db.changes():
        return
    id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name}\0{text}\0{due}"))
    event = shapes.scheduled_event(
        id=id,
        time=f"{_at(due):%Y-%m-%dT%H:%M:%SZ}",
        rule_arn=arn("events", f"rule/functions.{name}"),
        account=ACCOUNT,
        region=REGION,
    )
    enqueue(db, name, json.dumps(event).encode())


def _us(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * SECOND)


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us / SECOND, UTC)
