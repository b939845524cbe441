"""One attack is one message: when people are told, of alarms that come together, come again, and are over.

An incident begins with the first alarm of its group (or with the alarm, if it has none), which is told. What begins
while it lasts is not, unless it has somebody to tell who was not told yet. It is over when none of its alarms has held
for the longest `quiet` among them: then all who were told of it are told that.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from forebay.alerts.evaluate import State
from forebay.clock import SECOND


class Incident(msgspec.Struct, kw_only=True):
    """One that lasts. Times in UTC microseconds. `holding` are the alarms that hold now, `alarms` all that did."""

    id: str
    key: str
    since: int
    holding: list[str] = []
    alarms: list[str] = []
    told: list[str] = []
    ended: int = 0
    quiet: float = 0.0
    times: int = 0

    @property
    def over_at(self) -> int | None:
        """When it is over if nothing holds again; None while something holds."""
        return None if self.holding else self.ended + int(self.quiet * SECOND)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be told to `targets`."""

    kind: Literal["began", "over"]
    incident: Incident
    targets: tuple[str, ...]


def key_of(name: str, group: str | None) -> str:
    """What alarms that are told as one have in common."""
    return f"group:{group}" if group else f"alarm:{name}"


def changed(
    incident: Incident | None,
    name: str,
    state: State,
    at: int,
    *,
    key: str,
    quiet: float,
    targets: tuple[str, ...],
) -> tuple[Incident | None, Notice | None]:
    """An alarm's state became `state`: the incident that there is then, and what is to be told.

    Only OK ends what held: of one without data nobody knows that it is over.
    """
    if state == "ALARM":
        if incident is None:
            incident = Incident(id=f"{key}@{at}", key=key, since=at)
        incident.quiet = max(incident.quiet, quiet)
        incident.times += 1
        if name not in incident.holding:
            incident.holding.append(name)
        if name not in incident.alarms:
            incident.alarms.append(name)
        fresh = tuple(each for each in targets if each not in incident.told)
        incident.told.extend(fresh)
        return incident, Notice(kind="began", incident=incident, targets=fresh) if fresh else None
    if state == "OK" and incident is not None and name in incident.holding:
        incident.holding.remove(name)
        incident.ended = at
    return over(incident, at)


def over(incident: Incident | None, now: int) -> tuple[Incident | None, Notice | None]:
    """An incident that is over by now is told and gone."""
    if incident is None or incident.over_at is None or incident.over_at > now:
        return incident, None
    if not incident.told:
        return None, None
    return None, Notice(kind="over", incident=incident, targets=tuple(incident.told))


def gone(incident: Incident, name: str, now: int) -> None:
    """An alarm of it is no more."""
    if name in incident.holding:
        incident.holding.remove(name)
        incident.ended = now
