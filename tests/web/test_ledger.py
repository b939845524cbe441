from __future__ import annotations

from typing import Any

from forebay.web.ledger import LogFacts, ledger


def row(log: str = "streams.s", **more: Any) -> dict[str, Any]:
    ends = {"delivered": 0, "dropped": 0, "rejected": 0, "erased": 0, "waiting": 0}
    return {"log": log, "logs": {log: (0, 0)}, "checked": True, **ends, **more}


def test_what_waits_in_the_log_and_in_segments_is_buffered() -> None:
    consumers = {
        "delivery.d": row(logs={"streams.s": (10, 60)}, delivered=30, dropped=5, rejected=5, waiting=10)
    }
    found = ledger({"streams.s": ["delivery.d"]}, consumers, lambda _: LogFacts(head=100))
    assert found["delivery.d"] == {
        "accepted": 90, "delivered": 30, "dropped": 5, "rejected": 5, "expired": 0, "erased": 0,
        "buffered": 50, "log": "streams.s", "lag": 40, "adds_up": True,
    }  # fmt: skip


def test_an_event_with_two_subscriptions_counts_twice_in_the_total() -> None:
    consumers = {name: row(logs={"streams.s": (0, 7)}, delivered=7) for name in ("delivery.a", "delivery.b")}
    found = ledger({"streams.s": ["delivery.a", "delivery.b"]}, consumers, lambda _: LogFacts(head=7))
    assert found["total"]["accepted"] == 14
    assert found["total"]["delivered"] == 14


def test_a_count_that_does_not_fit_the_position_does_not_add_up() -> None:
    consumers = {"delivery.d": row(logs={"streams.s": (0, 10)}, delivered=9)}
    found = ledger({"streams.s": ["delivery.d"]}, consumers, lambda _: LogFacts(head=10))
    assert not found["delivery.d"]["adds_up"]
    assert not found["total"]["adds_up"]


def test_a_count_that_its_objects_do_not_bear_out_does_not_add_up() -> None:
    consumers = {"delivery.d": row(logs={"streams.s": (0, 10)}, delivered=10, checked=False)}
    assert not ledger({"streams.s": ["delivery.d"]}, consumers, lambda _: LogFacts(head=10))["total"][
        "adds_up"
    ]


def test_a_stream_that_nobody_reads_expires_on_its_own() -> None:
    found = ledger({"streams.s": ["streams.s"]}, {}, lambda _: LogFacts(head=100, start=40, expired=40))
    assert found["streams.s"]["expired"] == 40
    assert found["streams.s"]["buffered"] == 60
    assert found["total"]["adds_up"]


def test_a_subscription_that_has_not_begun_holds_all_in_the_log() -> None:
    found = ledger({"delivery.d": ["delivery.d"]}, {}, lambda _: LogFacts(head=3))
    assert found["delivery.d"]["buffered"] == 3


def test_a_consumer_that_the_project_no_longer_names_is_parked_and_still_counted() -> None:
    consumers = {"delivery.old": row(logs={"streams.s": (0, 10)}, delivered=8, waiting=2)}
    found = ledger({}, consumers, lambda _: LogFacts())
    assert found["delivery.old"]["parked"]
    assert found["delivery.old"]["accepted"] == 10
    assert found["total"]["adds_up"]


def test_a_consumer_that_was_moved_to_another_log_keeps_what_it_read_before() -> None:
    logs = {"streams.old": (0, 10), "streams.new": (5, 25)}
    consumers = {"delivery.d": row(logs=logs, delivered=30)}
    found = ledger({"streams.new": ["delivery.d"]}, consumers, lambda _: LogFacts(head=26, start=0))
    entry = found["delivery.d"]
    assert (entry["accepted"], entry["lag"], entry["adds_up"]) == (31, 1, True)
