"""Fires scheduled rules: an event into the rule's bus, for that rule alone, at its times.

When a rule is next due is in the catalog. It fires at least once, and by its key in the bus's log not twice;
times that went by while nothing ran are passed over, as on AWS.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from forebay import ipc
from forebay.beat import Beat
from forebay.bus.envelope import envelope, head, new_id
from forebay.bus.router import rule_arn
from forebay.bus.schedule import Schedule
from forebay.bus.section import BusSpec
from forebay.catalog.store import Store
from forebay.clock import now_us, to_datetime
from forebay.errors import UsageError
from forebay.layout import Layout

log = logging.getLogger(__name__)

LATE = 60_000_000
"""Microseconds by which a time may have gone by and still be kept: what a restart takes."""
LOOK = 5.0


class RuleTimes:
    """Watches the scheduled rules, between `start` and `stop`. `refresh` is called before it looks at them."""

    def __init__(self, layout: Layout, store: Store) -> None:
        self._store = store
        self._front = ipc.Client(layout.socket("front"), "front")
        self._lock = threading.Lock()
        self._rules: dict[tuple[str, str], Schedule] = {}
        self.refresh: Callable[[], None] = lambda: None
        self._beat = Beat("scheduled rules", self._look)

    def start(self) -> None:
        """Begin to watch; what is long past is passed over."""
        self._beat.start()

    def apply(self, buses: Mapping[str, BusSpec]) -> None:
        """The scheduled rules there are from now on. A new or changed expression counts from now."""
        found: dict[tuple[str, str], Schedule] = {}
        for bus, spec in buses.items():
            for name, rule in spec.rules.items():
                if rule.schedule is not None and rule.enabled:
                    try:
                        found[bus, name] = Schedule(rule.schedule)
                    except UsageError as error:
                        log.error("rule %s of bus %s never fires: %s", name, bus, error)
        with self._lock:
            if not found and not self._rules:
                known = self._store.reader.execute("SELECT count(*) FROM schedules").get
                if not known:
                    return
            self._rules = found
        now = now_us()

        def work(db: Any) -> None:
            kept = {}
            for bus, rule, text, since, due in db.execute(
                "SELECT bus, rule, text, since, due FROM schedules"
            ):
                kept[bus, rule] = (text, since, due)
            for key in kept.keys() - found.keys():
                db.execute("DELETE FROM schedules WHERE bus = ? AND rule = ?", key)
            for key, schedule in found.items():
                text, since, due = kept.get(key, ("", now, None))
                if text == schedule.text and due is not None and due > now - LATE:
                    continue
                since = since if text == schedule.text else now
                values = (*key, schedule.text, since, _next(schedule, now, since))
                db.execute("INSERT OR REPLACE INTO schedules VALUES (?, ?, ?, ?, ?)", values)

        self._store.write(work)
        self.wake()

    def wake(self) -> None:
        """Rules may have changed."""
        self._beat.wake()

    def fire(self, bus: str, rule: str) -> bool:
        """Have a scheduled rule fire now; whether there is one."""
        self.refresh()
        self._put_due(bus, rule, now_us())
        self.wake()
        with self._lock:
            return (bus, rule) in self._rules

    def stop(self) -> None:
        """Fire no more."""
        self._beat.stop()
        self._front.close()

    def _look(self) -> float:
        self.refresh()
        return self._fire_due()

    def _fire_due(self) -> float:
        rows: list[Any] = []
        with self._lock:
            rules = dict(self._rules)
        if rules:
            rows = self._store.reader.execute(
                "SELECT bus, rule, since, due FROM schedules WHERE due IS NOT NULL"
            ).fetchall()
        pause = LOOK
        for bus, rule, since, due in rows:
            schedule = rules.get((bus, rule))
            if schedule is None:
                continue
            now = now_us()
            coming: int | None = due
            if due <= now:
                self._fire(bus, rule, due)
                coming = _next(schedule, max(now, due), since)
                self._put_due(bus, rule, coming)
            if coming is not None:
                pause = min(pause, max(0.0, (coming - now) / 1e6))
        return pause

    def _put_due(self, bus: str, rule: str, due: int | None) -> None:
        sql = "UPDATE schedules SET due = ? WHERE bus = ? AND rule = ?"
        self._store.write(lambda db: _void(db.execute(sql, (due, bus, rule))))

    def _fire(self, bus: str, rule: str, due: int) -> None:
        shared = head("aws.events", "Scheduled Event", resources=[rule_arn(bus, rule)])
        time = to_datetime(due).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._front.call(
            "append",
            target=f"bus.{bus}",
            records=[envelope(shared, new_id(), time, b"{}")],
            once=f"schedule {rule} {due}",
            same=True,
        )


def _next(schedule: Schedule, after: int, since: int) -> int | None:
    found = schedule.next(to_datetime(after), to_datetime(since))
    return None if found is None else int(found.astimezone(dt.UTC).timestamp() * 1_000_000)


def _void(_: object) -> None:
    """Let a result go."""
