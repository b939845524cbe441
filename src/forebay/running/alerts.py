"""Alarms in a running flow: what they look at, what became of it, and who is told.

    lookers    data points of metrics, values of queries                 alert_values.py
      │
      ▼
    judge      M of N, missing data, bands                               alerts/evaluate.py
      │
      │  one commit: the state, its line of history, the messages        alerts/store.py
      ▼
    actions    topics, functions, the bus `default`                      alert_actions.py

Queries are asked in threads of their own, so that a slow one holds up nobody. A look costs at most a share of the
time, whatever it costs by itself. Beside `flow.py` as it needs several nouns.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

from forebay import ipc
from forebay.alerts.alarm import Alarm
from forebay.alerts.composite import Rule
from forebay.alerts.declared import declared
from forebay.alerts.evaluate import Missing, State, evaluate
from forebay.alerts.reason import UNCHECKED, Sample, data, reason, told
from forebay.alerts.section import AlertSpec
from forebay.alerts.standing import Standing
from forebay.alerts.store import Alerts as Store
from forebay.beat import Beat
from forebay.clock import now_us
from forebay.errors import ForebayError, NotFound, Unavailable
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.running.alert_actions import Actions, Call
from forebay.running.alert_book import Book
from forebay.running.alert_heart import Heart
from forebay.running.alert_values import Clients, Looker, NotYet, chart, looker_of

log = logging.getLogger(__name__)

LOOK = 0.25
QUERIES = 4
"""Queries that are asked at once."""
SOONEST_QUERY = 0.5
"""Seconds between two looks at whether what a query reads has changed."""
SHARE = 10.0
"""A look that asks is followed by a pause of so many times what it costs, but no longer than the alarm says."""
CLEAN = 3600.0


@dataclass(slots=True)
class Watched:
    """An alarm with who looks for it, and when that is next."""

    alarm: Alarm
    looker: Looker | None
    rule: Rule | None
    due: float = 0.0
    looking: bool = False
    trouble: str | None = None
    samples: int = 0
    cost: float = 0.0
    rests: float = 0.0

    def looked(self, begun: float, *, asked: bool) -> None:
        """Say when the next look is: after a rest by what it costs, the lesser of the last two times that it asked.

        One slow answer says little: the first one of a system that starts takes long, and whatever happens just then
        would be noticed late.
        """
        now = time.monotonic()
        if asked:
            lesser, self.cost = min(self.cost, now - begun), now - begun
            self.rests = now + min(SHARE * lesser, self.alarm.every)
        self.due = max(now + _pause(self.alarm), self.rests)
        self.looking = False


class Alerts:
    """Every alarm of the flow, between `start` and `stop`."""

    def __init__(self, layout: Layout, call: Call) -> None:
        self._layout = layout
        self._store = Store(layout.alerts)
        self._book = Book(self._store)
        self._actions = Actions(layout, self._store, call)
        self._lock = threading.RLock()
        self._watched: dict[str, Watched] = {}
        self._refused: dict[str, str] = {}
        self._since = now_us()
        self._local = threading.local()
        self._clients: list[Clients] = []
        self._pool = ThreadPoolExecutor(QUERIES, thread_name_prefix="alarms")
        self._cleaned = time.monotonic()
        self._beat = Beat("alarms", self._look)
        self.heart = Heart()

    def start(self) -> None:
        """Begin, with what was to be told when it ended."""
        self._beat.start()
        self._actions.start()
        self.heart.start()

    def apply(self, project: Project) -> None:
        """The alarms there are from now on. Those that are new, changed or gone are noted in the history."""
        wanted: dict[str, Alarm] = {}
        refused: dict[str, str] = {}
        for name, spec in project.of(AlertSpec).items():
            try:
                wanted[name] = declared(name, spec, project)
            except (ForebayError, ValueError, KeyError, TypeError) as error:
                refused[name] = str(error)
                log.error("alarm %s cannot be looked at: %s", name, error)
        self.heart.apply(project)
        with self._lock:
            self._refused = refused
            self._book.bus = "default" in project.sections.get("bus", {})
            self._book.adopt(wanted, set(refused))
            for name in self._watched.keys() - wanted.keys():
                del self._watched[name]
            for name, alarm in wanted.items():
                self._watch(name, alarm)
        self._beat.wake()

    def _watch(self, name: str, alarm: Alarm) -> None:
        """Look for an alarm; one whose condition is as it was goes on with what it has seen."""
        known = self._watched.get(name)
        if known is not None and known.alarm.fingerprint() == alarm.fingerprint():
            known.alarm = alarm
            if known.looker is not None:
                known.looker.alarm = alarm
            return
        rule = None if alarm.rule is None else Rule(alarm.rule)
        self._watched[name] = Watched(alarm, looker_of(alarm, self._since), rule)

    # --- looking ---

    def _look(self) -> float:
        now = time.monotonic()
        with self._lock:
            due = [each for each in self._watched.values() if not each.looking and each.due <= now]
        for each in due:
            if self._beat.stopping:
                return LOOK
            if each.alarm.kind == "sql":
                each.looking = True
                self._pool.submit(self._see, each)
            else:
                self._see(each)
        if self._book.close_incidents():
            self._actions.wake()
        if time.monotonic() - self._cleaned > CLEAN:
            self._cleaned = time.monotonic()
            self._store.clean(now_us())
        return LOOK

    def _see(self, watched: Watched) -> None:
        begun, looker = time.monotonic(), watched.looker
        asks = 0 if looker is None else looker.asks
        try:
            self._judge(watched)
            watched.trouble = None if looker is None else looker.error
        except NotYet as error:
            watched.trouble = str(error)
        except ForebayError as error:
            self._broken(watched, f"{error.code}: {error.message}")
        except Exception as error:  # one alarm's fault is not the others'
            log.exception("alarm %s", watched.alarm.name)
            self._broken(watched, repr(error))
        finally:
            watched.looked(begun, asked=looker is None or looker.asks > asks)

    def _judge(self, watched: Watched) -> None:
        alarm = watched.alarm
        if watched.rule is not None:
            self._judge_rule(watched.rule, alarm)
            return
        assert watched.looker is not None
        assert alarm.condition is not None
        samples = watched.looker.look(self._mine())
        if watched.looker.error is not None:
            self._broken(watched, watched.looker.error)
            return
        if samples is None:
            return
        if not watched.looker.within_hours(now_us()):
            self._rest(alarm)
            return
        breaching = [
            None if each.value is None else alarm.condition.holds(each.value, each.band) for each in samples
        ]
        treated: Missing = "missing" if alarm.missing == "zero" else alarm.missing
        verdict = evaluate(breaching, alarm.periods, alarm.datapoints, treated)
        with self._book.lock:  # what is set meanwhile is not undone by what was seen before
            old = self._standing(alarm)
            if verdict.state is None or (old.forced and verdict.state == "INSUFFICIENT_DATA"):
                return
            if verdict.state == old.state and old.reason != UNCHECKED:
                if verdict.used:
                    self._book.settled(alarm.name)
                return
            why = reason(alarm, samples, verdict, old.state)
            said = self._said(watched.looker, alarm, samples, verdict.state, old.state)
            facts = orjson.dumps(data(alarm, samples, verdict, now_us())).decode()
            moved = self._book.change(alarm, verdict.state, why, facts=facts, said=said)
        self._moved(alarm, moved)

    def _said(self, looker: Looker, alarm: Alarm, samples: Any, state: State, before: State) -> str:
        if state == "INSUFFICIENT_DATA" and alarm.condition is not None and alarm.condition.banded:
            return f"still learning what is usual: {looker.learning} values so far"
        said = told(alarm, [each for each in samples if isinstance(each, Sample)], state, before)
        details = ", ".join(f"{name} {value}" for name, value in looker.details.items())
        return f"{said}: {details}" if details and state == "ALARM" else said

    def _judge_rule(self, rule: Rule, alarm: Alarm) -> None:
        with self._book.lock:
            holds = rule.holds(lambda name: each.state if (each := self._book.get(name)) else None)
            state: State = "ALARM" if holds else "OK"
            old = self._standing(alarm)
            if state == old.state and old.reason != UNCHECKED:
                return
            names = ", ".join(dict.fromkeys(rule.names)) or "no alarm"
            why = f"{alarm.arn} transitioned to {state}: the rule is {str(holds).lower()} given {names}"
            said = f"{alarm.rule} {'holds' if holds else 'does not hold'}"
            moved = self._book.change(alarm, state, why, said=said)
        self._moved(alarm, moved)

    def _rest(self, alarm: Alarm) -> None:
        """Outside its hours nothing is held against anybody."""
        if self._standing(alarm).state == "ALARM":
            said = f"its hours ({alarm.during}) are over; it is not looked at until they begin again"
            self._change(alarm, "OK", f"Not evaluated outside {alarm.during}", said=said)

    def _broken(self, watched: Watched, error: str) -> None:
        """What cannot be asked is loud: in the state, in the log, in the status."""
        alarm = watched.alarm
        if watched.trouble != error:
            log.warning("alarm %s cannot be looked at: %s", alarm.name, error)
        watched.trouble = error
        why = f"Insufficient Data: {error}"[:1023]
        old = self._book.get(alarm.name)
        if old is not None and (old.state != "INSUFFICIENT_DATA" or old.reason != why):
            self._change(alarm, "INSUFFICIENT_DATA", why, said=f"it cannot be looked at: {error}")

    def _change(
        self, alarm: Alarm, state: State, why: str, *, facts: str | None = None, said: str | None = None
    ) -> None:
        self._moved(alarm, self._book.change(alarm, state, why, facts=facts, said=said))

    def _moved(self, alarm: Alarm, moved: bool) -> None:
        """Have those look that look at it, and tell what is to be told."""
        if moved:
            for each in self.watched().values():
                if each.rule is not None and alarm.name in each.rule.names:
                    each.due = 0.0
            self._actions.wake()
            self._beat.wake()

    def _standing(self, alarm: Alarm) -> Standing:
        """Raises NotYet for one that went meanwhile."""
        found = self._book.get(alarm.name)
        if found is None:
            raise NotYet(f"{alarm.name} is no more")
        return found

    # --- what is asked of it ---

    def set_state(self, name: str, state: State, why: str, facts: str | None) -> None:
        """Put an alarm into a state until it is looked at with values again. Raises NotFound."""
        watched = self._watched.get(name)
        if watched is None:
            raise NotFound("NoSuchAlarm", f"there is no alarm {name}")
        moved = self._book.change(watched.alarm, state, why, facts=facts, said=why or None, forced=True)
        self._moved(watched.alarm, moved)

    @property
    def book(self) -> Book:
        """Their states, and the incidents that last."""
        return self._book

    def watched(self) -> dict[str, Watched]:
        """Every alarm that is looked at."""
        with self._lock:
            return dict(self._watched)

    @property
    def store(self) -> Store:
        """The file, for its history."""
        return self._store

    def chart(self, name: str, start: int, end: int) -> dict[str, Any]:
        """What an alarm looks at between two times (UTC seconds): see `alert_values.chart`. Raises NotFound."""
        watched = self._watched.get(name)
        if watched is None:
            raise NotFound("NoSuchAlarm", f"there is no alarm {name}")
        if watched.looker is None:
            return {"points": []}
        looker = looker_of(
            watched.alarm, self._since
        )  # one of its own: lookers are used by one thread at a time
        assert looker is not None
        clients = self._connect()
        try:
            return chart(looker, clients, start, end)
        except NotYet as error:
            raise Unavailable("NotYet", str(error)) from None
        finally:
            clients.close()

    def status(self) -> dict[str, Any]:
        """Every alarm's state in short, and what ails those that cannot be looked at."""
        found: dict[str, Any] = {name: {"state": None, "error": why} for name, why in self._refused.items()}
        for name, watched in self.watched().items():
            standing = self._book.get(name)
            if standing is None:
                continue
            found[name] = {"state": standing.state, "since": standing.since, "told": standing.told}
            if watched.trouble is not None:
                found[name]["error"] = watched.trouble
        return found

    def failing(self) -> dict[str, str]:
        """What could not be told yet, by target, and the heartbeat."""
        trouble = self.heart.trouble
        return {**self._actions.failing, **({} if trouble is None else {"heartbeat": trouble})}

    def stop(self) -> None:
        """Look no more; what is to be told waits on disk."""
        self._beat.stop()
        self.heart.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._actions.stop()
        for clients in self._clients:
            clients.close()
        self._store.close()

    def _mine(self) -> Clients:
        """This thread's connections."""
        found: Clients | None = getattr(self._local, "clients", None)
        if found is None:
            found = self._local.clients = self._connect()
            self._clients.append(found)
        return found

    def _connect(self) -> Clients:
        sockets = (ipc.Client(self._layout.socket(role), role) for role in ("front", "query"))
        return Clients(*sockets)


def _pause(alarm: Alarm) -> float:
    """Seconds between two looks, if they cost nothing."""
    match alarm.kind:
        case "sql":
            return SOONEST_QUERY
        case "metric":
            return max(1.0, min(alarm.every, alarm.period / 10))
        case "composite":
            return alarm.every
