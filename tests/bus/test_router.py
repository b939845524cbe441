"""A bus's rules at work: who gets which events, found once however many ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.bus.envelope import envelope, head, new_id, replay_of, replayed
from forebay.bus.router import Router, rule_arn
from forebay.bus.rules import RuleSet
from forebay.bus.section import BusSpec, RuleSpec, TargetSpec
from forebay.bus.wrap import Wrap, is_event
from forebay.ports import Origin
from forebay.project.model import Ref

A, B = Ref("streams", "a"), Ref("delivery", "b")


def router(**rules: RuleSpec) -> Router:
    made = Router("bus")
    made.replace(BusSpec(rules=rules), {}, {})
    return made


def rule(when: Any, *targets: TargetSpec, **options: Any) -> RuleSpec:
    return RuleSpec(when=when, to=list(targets), **options)


def events(*details: Any) -> list[bytes]:
    return Wrap("shop", "sold")([json.dumps(detail).encode() for detail in details])


def sift(of: Router, ref: Ref, records: list[bytes], first: int = 0) -> list[tuple[int, bytes]]:
    origins = [Origin("bus.bus", 0, first + at, 0) for at in range(len(records))]
    found = of.sieve(ref).sift(records, origins)
    return list(zip(found.source, found.records, strict=True))


def test_a_target_gets_what_its_rules_match() -> None:
    made = router(
        one=rule({"detail": {"n": [1]}}, TargetSpec(to=A)),
        two=rule({"detail": {"n": [2]}}, TargetSpec(to=A), TargetSpec(to=B, input="$.detail")),
        off=rule({"detail": {"n": [3]}}, TargetSpec(to=A), enabled=False),
    )
    records = events({"n": 1}, {"n": 2}, {"n": 3})
    assert sift(made, A, records) == [(0, records[0]), (1, records[1])]
    assert sift(made, B, records) == [(1, b'{"n":2}')]
    assert sift(made, Ref("streams", "none"), records) == []


def test_an_event_that_two_rules_match_is_given_twice() -> None:
    made = router(
        one=rule({"source": ["shop"]}, TargetSpec(to=A)),
        two=rule({"detail": {"n": [2]}}, TargetSpec(to=A, constant='"two"')),
    )
    records = events({"n": 1}, {"n": 2})
    assert sift(made, A, records) == [(0, records[0]), (1, records[1]), (1, b'"two"')]


def test_events_are_matched_once_however_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    match = RuleSet.match

    def counted(self: RuleSet, some: Any) -> Any:
        seen.append(len(some))
        return match(self, some)

    monkeypatch.setattr(RuleSet, "match", counted)
    made = router(one=rule({"detail": {"even": [True]}}, TargetSpec(to=A), TargetSpec(to=B)))
    records = events(*({"even": n % 2 == 0, "n": n} for n in range(10)))
    assert [at for at, _ in sift(made, A, records[2:6], 2)] == [0, 2]
    assert [at for at, _ in sift(made, B, records)] == [0, 2, 4, 6, 8]
    assert [at for at, _ in sift(made, A, records[5:], 5)] == [1, 3]
    assert [at for at, _ in sift(made, A, records)] == [0, 2, 4, 6, 8]
    assert sum(seen) == len(records)


def test_a_changed_rule_holds_from_the_next_look() -> None:
    made = router(one=rule({"detail": {"n": [1]}}, TargetSpec(to=A)))
    records = events({"n": 1}, {"n": 2})
    assert [at for at, _ in sift(made, A, records)] == [0]
    made.replace(BusSpec(rules={"one": rule({"detail": {"n": [2]}}, TargetSpec(to=A))}), {}, {})
    assert [at for at, _ in sift(made, A, records)] == [1]


def test_a_rule_that_is_wrong_leaves_the_others_alone() -> None:
    made = router(
        bad=rule({"source": "shop"}, TargetSpec(to=A)), good=rule({"source": ["shop"]}, TargetSpec(to=A))
    )
    assert [at for at, _ in sift(made, A, events({"n": 1}))] == [0]
    assert "must be an object or an array" in made.refused["bad"]


def test_a_schedules_event_is_for_its_own_rule() -> None:
    made = router(
        every=rule({"source": [{"prefix": ""}]}, TargetSpec(to=A)),
        tick=RuleSpec(schedule="rate(1 minute)", to=[TargetSpec(to=B)]),
        tock=RuleSpec(schedule="rate(1 minute)", to=[TargetSpec(to=A)]),
    )
    shared = head("aws.events", "Scheduled Event", resources=[rule_arn("bus", "tick")])
    tick = envelope(shared, new_id(), "2026-01-01T00:00:00Z", b"{}")
    assert sift(made, A, [tick]) == []
    assert sift(made, B, [tick]) == [(0, tick)]


def test_a_replayed_event_goes_to_the_rules_it_was_replayed_to() -> None:
    made = Router("bus")
    rules = {name: rule({"source": ["shop"]}, TargetSpec(to=A, constant=f'"{name}"')) for name in ("x", "y")}
    made.replace(BusSpec(rules=rules), {}, {"again": frozenset({"y"})})
    (event,) = events({"n": 1})
    again = replayed(event, "again", new_id())
    assert replay_of(event) is None
    assert replay_of(again) == "again"
    assert json.loads(again) == {**json.loads(event), "id": json.loads(again)["id"], "replay-name": "again"}
    assert sift(made, A, [event]) == [(0, b'"x"'), (0, b'"y"')]
    assert sift(made, A, [again], 1) == [(0, b'"y"')]
    assert replay_of(replayed(again, "third", new_id())) == "third"


def test_a_door_takes_source_and_type_from_the_detail_if_it_is_told_to() -> None:
    wrap = Wrap("$request.body.shop", "$request.body.kind")
    first, second = wrap([b'{"shop": "north", "kind": "sold"}', b'{"kind": "seen"}'])
    assert is_event(first)
    assert not is_event(b'{"a": 1}')
    assert (json.loads(first)["source"], json.loads(first)["detail-type"]) == ("north", "sold")
    assert (json.loads(second)["source"], json.loads(second)["detail-type"]) == ("", "seen")
