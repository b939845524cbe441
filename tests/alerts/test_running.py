"""Alarms of a running project: what they look at, who is told, and what stays after a crash."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.shop import alarm, make, put, told
from tests.harness import System, until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("alerts")
    system = System(make(folder / "shop"), folder / "state", [], {})
    yield system.start()
    system.end()


def test_a_query_that_cannot_run_is_loud(shop: System) -> None:
    """In the alarm's state, in the status and in the log."""
    until(lambda: "nowhere" in (alarm(shop, "broken")["error"] or ""))
    assert alarm(shop, "broken")["state"] == "INSUFFICIENT_DATA"
    assert "nowhere" in shop.status()["flow"]["alerts"]["broken"]["error"]
    assert "alarm broken cannot be looked at" in (shop.layout.logs / "flow.log").read_text()


def test_a_query_alarms_as_soon_as_its_table_changes_and_is_over_when_it_says_so(shop: System) -> None:
    until(lambda: alarm(shop, "busy")["state"] in ("OK", "INSUFFICIENT_DATA"))
    assert shop.post("/clicks", {"user": "u7", "n": 12}).status == 200
    (first,) = until(lambda: told(shop, "busy"))
    data = first["alarmData"]
    assert first["alarmArn"] == "arn:aws:cloudwatch:us-east-1:000000000000:alarm:busy"
    assert data["state"]["value"] == "ALARM"
    assert "12.0" in data["state"]["reason"]
    now = alarm(shop, "busy")
    assert now["told"] == "the query's value is 12 (> 3): who u7"
    assert now["value"] == 12


def test_a_rule_over_other_alarms_follows_them(shop: System) -> None:
    until(lambda: alarm(shop, "both")["state"] == "ALARM")
    until(lambda: told(shop, "both"))


def test_two_alarms_of_a_group_are_one_message_and_one_of_recovery(shop: System) -> None:
    for name in ("orders", "refunds"):
        put(shop, name, 50)
        until(lambda name=name: alarm(shop, name)["state"] == "ALARM")  # type: ignore[misc]

    def ended() -> bool:
        for name in ("orders", "refunds"):
            put(shop, name, 1)
        return {alarm(shop, name)["state"] for name in ("orders", "refunds")} == {"OK"}

    until(ended, every=0.5)
    until(lambda: len(told(shop, "orders") + told(shop, "refunds")) >= 2)
    grouped = [each for each in told(shop) if each["alarmData"]["alarmName"] in ("orders", "refunds")]
    assert [each["alarmData"]["state"]["value"] for each in grouped] == ["ALARM", "OK"]


def test_its_history_has_every_change_and_every_action(shop: System) -> None:
    def history() -> list[dict[str, Any]]:
        return list(shop.call("flow", "alarm_history", name="busy")["history"])

    until(lambda: len(history()) >= 3)
    lines = history()
    items = [(each["item"], each["summary"]) for each in reversed(lines)]
    assert items[0] == ("ConfigurationUpdate", 'Alarm "busy" created')
    assert ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM") in items or (
        "StateUpdate",
        "Alarm updated from OK to ALARM",
    ) in items
    assert ("Action", "Successfully executed action functions.told") in items


def test_its_chart_has_the_values_of_a_query(shop: System) -> None:
    def charted() -> list[list[float]]:
        now = int(time.time())
        found = shop.call("flow", "alarm_chart", name="busy", start=now - 600, end=now + 10)
        assert found["threshold"] == 3
        points: list[list[float]] = found["points"]
        return points

    assert until(charted)[-1][1] == 12


def test_a_restart_tells_nobody_again(shop: System) -> None:
    before = told(shop)
    shop.kill_all()
    shop.start()
    until(lambda: alarm(shop, "busy")["value"] == 12)
    assert alarm(shop, "busy")["state"] == "ALARM"
    assert told(shop) == before


def test_an_alarm_may_be_set_for_a_while(shop: System, tmp_path: Path) -> None:
    shop.call("flow", "alarm_set", name="orders", state="ALARM", reason="a rehearsal")
    assert alarm(shop, "orders")["state"] == "ALARM"
    put(shop, "orders", 1)
    until(lambda: alarm(shop, "orders")["state"] == "OK")
