"""The states of alarms as they are kept, and all that a change of one makes: a line of history, incidents, messages.

One change is one commit. What is in memory is what is on disk: it moves after the commit. Beside `alerts.py`.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import msgspec

from forebay.alerts.alarm import Alarm
from forebay.alerts.evaluate import State
from forebay.alerts.incident import Incident, Notice, changed, gone, key_of, over
from forebay.alerts.reason import UNCHECKED
from forebay.alerts.shapes import history_data
from forebay.alerts.standing import Standing
from forebay.alerts.store import Alerts as Store
from forebay.alerts.store import Line, forget, put_history, put_incident, put_standing
from forebay.clock import now_us
from forebay.running.alert_actions import BUS, bus_payload, change_payload, due_of, notice_payload

log = logging.getLogger(__name__)


class Book:
    """Standings and incidents. Its methods may be called from any thread. `bus`: there is a bus `default`.

    Who decides by a standing what it is to be holds `lock` from the look at it to the change.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bus = False
        self.lock = threading.RLock()
        self._standings = store.standings()
        self._incidents = store.incidents()
        self._alarms: dict[str, Alarm] = {}

    def standings(self) -> dict[str, Standing]:
        """Every alarm's state."""
        with self.lock:
            return dict(self._standings)

    def get(self, name: str) -> Standing | None:
        """An alarm's state; None if there is no such alarm."""
        return self._standings.get(name)

    def incidents(self) -> list[Incident]:
        """Those that last."""
        with self.lock:
            return list(self._incidents.values())

    def adopt(self, alarms: dict[str, Alarm], beside: set[str]) -> None:
        """The alarms there are from now on, and `beside` those whose definition cannot be read.

        Those that are new, changed or gone are noted in the history. Who is changed keeps its state.
        """
        with self.lock:
            now = now_us()
            standings, incidents = dict(self._standings), dict(self._incidents)
            with self.store.change() as db:
                for name in standings.keys() - alarms.keys() - beside:
                    self._forget(db, standings.pop(name), incidents, now)
                for name, alarm in alarms.items():
                    if self._alarms.get(name) != alarm:
                        standings[name] = self._adopted(db, alarm, standings.get(name), now)
            self._standings, self._incidents, self._alarms = standings, incidents, alarms

    def _adopted(self, db: Any, alarm: Alarm, kept: Standing | None, now: int) -> Standing:
        print_, known = alarm.fingerprint(), self._alarms.get(alarm.name)
        if kept is None:
            kept = Standing(
                name=alarm.name,
                state="INSUFFICIENT_DATA",
                reason=UNCHECKED,
                since=now,
                updated=now,
                print=print_,
            )
            _configured(db, alarm, now, "Create")
        elif kept.print != print_ or (known is not None and known.members != alarm.members):
            kept = msgspec.structs.replace(kept, print=print_)
            _configured(db, alarm, now, "Update")
        put_standing(db, kept)
        return kept

    def _forget(self, db: Any, kept: Standing, incidents: dict[str, Incident], now: int) -> None:
        alarm = self._alarms.get(kept.name) or Alarm(name=kept.name, kind="metric")
        _configured(db, alarm, now, "Delete")
        forget(db, kept.name)
        for key, incident in incidents.items():
            if kept.name in incident.holding:
                left = _copied(incident)
                gone(left, kept.name, now)
                put_incident(db, key, left)
                incidents[key] = left

    def change(
        self,
        alarm: Alarm,
        state: State,
        why: str,
        *,
        facts: str | None = None,
        said: str | None = None,
        forced: bool = False,
    ) -> bool:
        """One commit of a state with all that follows from it; whether it is another state than before."""
        with self.lock:
            old = self._standings.get(alarm.name)
            if old is None:
                return False
            now = max(now_us(), old.since + 1)
            moved = state != old.state
            new = Standing(
                name=alarm.name,
                state=state,
                reason=why,
                data=facts,
                told=said,
                since=now if moved else old.since,
                updated=now,
                print=old.print,
                forced=forced,
            )
            held: dict[str, Incident | None] = {}
            with self.store.change() as db:
                put_standing(db, new)
                if moved:
                    held = self._transition(db, alarm, old, new)
            self._standings[alarm.name] = new
            self._hold(held)
        if moved:
            log.info("alarm %s: %s, %s", alarm.name, state, said or why)
        return moved

    def settled(self, name: str) -> None:
        """What SetAlarmState said is what values say, too."""
        with self.lock:
            old = self._standings.get(name)
            if old is not None and old.forced:
                self._standings[name] = msgspec.structs.replace(old, forced=False)

    def _transition(self, db: Any, alarm: Alarm, old: Standing, new: Standing) -> dict[str, Incident | None]:
        """Within the change: its history and its messages. The incident that there is then, by key."""
        line = Line(
            name=alarm.name,
            kind=_kind(alarm),
            at=new.since,
            item="StateUpdate",
            summary=f"Alarm updated from {old.state} to {new.state}",
            data=history_data(old, new),
        )
        put_history(db, line)
        dues = due_of(alarm, new, [BUS], bus_payload(alarm, old, new), "event") if self.bus else []
        held: dict[str, Incident | None] = {}
        if alarm.made:
            actions = {"ALARM": alarm.on_alarm, "OK": alarm.on_ok, "INSUFFICIENT_DATA": alarm.on_insufficient}
            if alarm.enabled:
                dues += due_of(alarm, new, actions[new.state], change_payload(alarm, old, new), "change")
        else:
            key = key_of(alarm.name, alarm.group)
            kept = self._incidents.get(key)
            held[key], notice = changed(
                None if kept is None else _copied(kept),
                alarm.name,
                new.state,
                new.since,
                key=key,
                quiet=alarm.quiet,
                targets=alarm.on_alarm,
            )
            put_incident(db, key, held[key])
            if notice is not None:
                payload = notice_payload(alarm, old, new, notice)
                dues += due_of(alarm, new, notice.targets, payload, notice.kind)
        for put in dues:
            put(db)
        return held

    def _hold(self, held: dict[str, Incident | None]) -> None:
        for key, incident in held.items():
            if incident is None:
                self._incidents.pop(key, None)
            else:
                self._incidents[key] = incident

    def close_incidents(self) -> bool:
        """Tell of incidents that have been over for long enough; whether there were any."""
        now = now_us()
        with self.lock:
            ended = [
                (key, each, notice) for key, each in self._incidents.items() for notice in _ended(each, now)
            ]
            for key, incident, notice in ended:
                with self.store.change() as db:
                    put_incident(db, key, None)
                    if notice is not None:
                        self._tell_over(db, incident, notice)
                del self._incidents[key]
        return bool(ended)

    def _tell_over(self, db: Any, kept: Incident, notice: Notice) -> None:
        name = next((each for each in reversed(kept.alarms) if each in self._alarms), None)
        if name is None or name not in self._standings:
            return
        alarm, new = self._alarms[name], self._standings[name]
        old = msgspec.structs.replace(new, state="ALARM", since=kept.since)
        ended = msgspec.structs.replace(new, since=kept.ended)
        for put in due_of(alarm, ended, notice.targets, notice_payload(alarm, old, new, notice), "over"):
            put(db)


def _ended(incident: Incident, now: int) -> list[Notice | None]:
    """Its notice, if it is over; nothing if it lasts."""
    left, notice = over(incident, now)
    return [notice] if left is None else []


def _configured(db: Any, alarm: Alarm, now: int, what: str) -> None:
    words = {"Create": "created", "Update": "updated", "Delete": "deleted"}
    line = Line(
        name=alarm.name,
        kind=_kind(alarm),
        at=now,
        item="ConfigurationUpdate",
        summary=f'Alarm "{alarm.name}" {words[what]}',
        data={"version": "1.0", "type": what, f"{what.lower()}dAlarm": {"alarmName": alarm.name}},
    )
    put_history(db, line)


def _kind(alarm: Alarm) -> str:
    return "CompositeAlarm" if alarm.kind == "composite" else "MetricAlarm"


def _copied(incident: Incident) -> Incident:
    return msgspec.convert(msgspec.to_builtins(incident), Incident)
