"""One attack is one message, and one of recovery."""

from __future__ import annotations

from typing import Any

from forebay.alerts.incident import Incident, changed, key_of, over
from forebay.clock import SECOND


class People:
    """Notes what is told, and when."""

    def __init__(self) -> None:
        self.incident: Incident | None = None
        self.told: list[tuple[int, str, tuple[str, ...]]] = []

    def change(self, at: int, name: str, state: Any, **more: Any) -> None:
        given = {"key": key_of(name, "attack"), "quiet": 60.0, "targets": ("topics.ops",), **more}
        self.incident, notice = changed(self.incident, name, state, at * SECOND, **given)
        self._note(at, notice)

    def look(self, at: int) -> None:
        self.incident, notice = over(self.incident, at * SECOND)
        self._note(at, notice)

    def _note(self, at: int, notice: Any) -> None:
        if notice is not None:
            self.told.append((at, notice.kind, notice.targets))


def test_alarms_of_a_group_are_one_message_and_one_of_recovery() -> None:
    people = People()
    people.change(0, "users", "ALARM")
    people.change(1, "addresses", "ALARM")
    people.change(30, "users", "OK")
    people.look(200)
    people.change(210, "addresses", "OK")
    people.look(269)
    assert people.told == [(0, "began", ("topics.ops",))]
    people.look(270)
    assert people.told[1:] == [(270, "over", ("topics.ops",))]
    assert people.incident is None


def test_what_begins_again_within_the_quiet_time_is_no_second_message() -> None:
    people = People()
    for at in (0, 40, 80):
        people.change(at, "users", "ALARM")
        people.change(at + 10, "users", "OK")
    people.look(151)
    assert [(at, kind) for at, kind, _ in people.told] == [(0, "began"), (151, "over")]


def test_whoever_was_not_told_yet_is_told_when_another_alarm_begins() -> None:
    people = People()
    people.change(0, "users", "ALARM")
    people.change(1, "addresses", "ALARM", targets=("topics.ops", "topics.chief"))
    assert people.told[1] == (1, "began", ("topics.chief",))
    people.change(2, "users", "OK", quiet=0.0)
    people.change(3, "addresses", "OK", quiet=0.0)
    people.look(63)
    assert people.told[2] == (63, "over", ("topics.ops", "topics.chief"))


def test_without_quiet_time_recovery_is_told_at_once() -> None:
    people = People()
    people.change(0, "users", "ALARM", quiet=0.0)
    people.change(5, "users", "OK", quiet=0.0)
    assert [(at, kind) for at, kind, _ in people.told] == [(0, "began"), (5, "over")]


def test_no_data_is_no_recovery() -> None:
    people = People()
    people.change(0, "users", "ALARM", quiet=0.0)
    people.change(5, "users", "INSUFFICIENT_DATA", quiet=0.0)
    assert len(people.told) == 1
    assert people.incident is not None
