"""What follows from an alarm: topics are told, functions called, and the bus `default` if there is one.

What is to be told is in `alerts.db` since the commit of the change that it tells of, and goes from there once it is
done: at least once, with the same id; into a topic or a bus, once. Beside `alerts.py`.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from forebay import ipc
from forebay.alerts import shapes
from forebay.alerts.alarm import Alarm
from forebay.alerts.incident import Incident, Notice
from forebay.alerts.reason import span
from forebay.alerts.standing import Standing
from forebay.alerts.store import Alerts, Due, Line, put_due, put_history
from forebay.alerts.targets import target_of
from forebay.beat import Beat
from forebay.bus.envelope import envelope, head, moment
from forebay.clock import SECOND, iso, now_us
from forebay.errors import ForebayError, NotFound, UsageError
from forebay.layout import Layout
from forebay.topics.message import encode

log = logging.getLogger(__name__)

LOOK = 1.0
RETRY_FIRST, RETRY_MOST = 0.5, 60.0
GIVEN_UP = 86_400 * SECOND
"""Microseconds after which what cannot be told is given up."""
BUS = "bus.default"
_SPACE = uuid.UUID("6f2f7a0e-3c5a-4f0c-9a0e-6d0d3b1c7a51")

Call = Callable[[str, bytes, str], None]
"""Keeps a call of a function: (function, event, request id)."""


def id_of(text: str) -> str:
    """A UUID that is the same for the same text."""
    return str(uuid.uuid5(_SPACE, text))


def change_payload(alarm: Alarm, old: Standing, new: Standing) -> bytes:
    """What is told of a change of state."""
    return orjson.dumps(
        {
            "subject": shapes.subject(alarm, new),
            "text": f"{alarm.name}: {new.told or new.reason}" + _described(alarm),
            "json": shapes.message(alarm, old, new).decode(),
            "event": shapes.lambda_event(alarm, old, new),
            "attributes": {"alarm": alarm.name, "state": new.state},
            "made": alarm.made,
        }
    )


def notice_payload(alarm: Alarm, old: Standing, new: Standing, notice: Notice) -> bytes:
    """What people are told of an incident that begins or is over."""
    incident = notice.incident
    began = notice.kind == "began"
    what = incident.key.removeprefix("group:").removeprefix("alarm:")
    lines = [f"{alarm.name}: {new.told or new.reason}"]
    if alarm.description:
        lines.append(alarm.description)
    if not began:
        lines = [_over(incident, what), f"Last: {lines[0]}"]
    return orjson.dumps(
        {
            "subject": f"{'ALARM' if began else 'OK'}: {what}"[:100],
            "text": "\n".join(lines),
            "json": shapes.message(alarm, old, new).decode(),
            "event": shapes.lambda_event(alarm, old, new),
            "attributes": {"alarm": alarm.name, "state": new.state, "incident": id_of(incident.id)},
            "made": False,
        }
    )


def _over(incident: Incident, what: str) -> str:
    lasted = span(max(1, (incident.ended - incident.since) // SECOND))
    others = "" if incident.alarms == [what] else f" ({', '.join(incident.alarms)})"
    times = "" if incident.times <= 1 else f", {incident.times} times"
    return f"{what} is over{others}: from {iso(incident.since)[:19]}Z, {lasted}{times}."


def _described(alarm: Alarm) -> str:
    return f"\n{alarm.description}" if alarm.description else ""


def bus_payload(alarm: Alarm, old: Standing, new: Standing) -> bytes:
    """The event that the bus is given."""
    return orjson.dumps({"arn": alarm.arn, "detail": shapes.bus_detail(alarm, old, new), "at": new.since})


class Actions:
    """Does what is due, between `start` and `stop`."""

    def __init__(self, layout: Layout, store: Alerts, call: Call) -> None:
        self._store = store
        self._call = call
        self._front = ipc.Client(layout.socket("front"), "front")
        self._beat = Beat("alarm actions", self._look, retry=LOOK)
        self.failing: dict[str, str] = {}
        """What could not be told yet, by target."""

    def start(self) -> None:
        """Begin with what was due when it ended."""
        self._beat.start()

    def wake(self) -> None:
        """Something is due."""
        self._beat.wake()

    def stop(self) -> None:
        """Do no more."""
        self._beat.stop()
        self._front.close()

    def _look(self) -> float:
        now = now_us()
        for due in self._store.due(now):
            if self._beat.stopping:
                break
            self._one(due)
        coming = self._store.next_due()
        return LOOK if coming is None else min(LOOK, max(0.05, (coming - now_us()) / SECOND))

    def _one(self, due: Due) -> None:
        try:
            self._do(due)
        except (UsageError, NotFound) as error:
            self._failed(due, f"{error.code}: {error.message}", over=now_us() - due.made > 30 * SECOND)
        except ForebayError as error:
            self._failed(due, f"{error.code}: {error.message}", over=now_us() - due.made > GIVEN_UP)
        else:
            self.failing.pop(due.target, None)
            self._done(due, f"Successfully executed action {due.target}", "Succeeded", None)

    def _failed(self, due: Due, why: str, *, over: bool) -> None:
        if self.failing.get(due.target) != why:
            log.warning("alarm %s could not tell %s: %s", due.name, due.target, why)
        self.failing[due.target] = why
        if over:
            self._done(due, f"Failed to execute action {due.target}. {why}", "Failed", why)
            return
        pause = min(RETRY_FIRST * 2**due.tries, RETRY_MOST)
        with self._store.change() as db:
            db.execute(
                "UPDATE outbox SET tries = tries + 1, due = ? WHERE id = ?",
                (now_us() + int(pause * SECOND), due.id),
            )

    def _done(self, due: Due, summary: str, result: str, why: str | None) -> None:
        with self._store.change() as db:
            db.execute("DELETE FROM outbox WHERE id = ?", (due.id,))
            if due.target != BUS or why is not None:
                data = {"actionState": result, "notificationResource": due.target, "error": why}
                kind = "CompositeAlarm" if due.id.startswith("composite:") else "MetricAlarm"
                line = Line(name=due.name, kind=kind, at=now_us(), item="Action", summary=summary, data=data)
                put_history(db, line)

    def _do(self, due: Due) -> None:
        """Raises ForebayError."""
        payload = orjson.loads(due.payload)
        noun, name = target_of(due.target)
        id = id_of(due.id)
        if due.target == BUS:
            shared = head("aws.cloudwatch", "CloudWatch Alarm State Change", resources=[payload["arn"]])
            record = envelope(shared, id, moment(payload["at"]), orjson.dumps(payload["detail"]))
            self._append(BUS, record, due.id)
        elif noun == "topics":
            self._append(f"topics.{name}", _message(payload, id), due.id)
        else:
            self._call(name, orjson.dumps(payload["event"]), id)

    def _append(self, target: str, record: bytes, once: str) -> None:
        self._front.call("append", target=target, records=[record], once=f"alarm {once}", same=True)


def _message(payload: Mapping[str, Any], id: str) -> bytes:
    text, data = payload["text"], payload["json"]
    machines = dict.fromkeys(("http", "https", "lambda", "email-json", "firehose"), data)
    if payload["made"]:  # as CloudWatch has it: JSON for all but people
        text, machines = data, dict.fromkeys(("email", "webhook", "service"), text)
    return encode(
        text,
        subject=payload["subject"],
        attributes=payload["attributes"],
        by_protocol=machines,
        id=id,
    )


def due_of(
    alarm: Alarm, new: Standing, targets: Sequence[str], payload: bytes, mark: str
) -> list[Callable[[Any], None]]:
    """What puts each target's message into the outbox, within a change."""
    made = []
    for index, target in enumerate(targets):
        due = Due(
            id=f"{alarm.kind}:{alarm.name}:{mark}:{new.since}:{index}",
            name=alarm.name,
            target=target,
            payload=payload,
            made=new.since,
        )
        made.append(_putting(due))
    return made


def _putting(due: Due) -> Callable[[Any], None]:
    return lambda db: put_due(db, due)
