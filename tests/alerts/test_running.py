"""Alarms of a running project: what they look at, who is told, and what stays after a crash."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.alerts.shop import alarm, done, make, put, told
from tests.harness import System, until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("alerts")
    system = System(make(folder / "shop"), folder / "state", [], {})
    yield system.start()
    system.end()


@pytest.fixture(scope="module")
def alarmed(shop: System) -> System:
    """Somebody has clicked too fast, and the alarm over it and the rule over that have told of it."""
    until(lambda: alarm(shop, "busy")["state"] in ("OK", "INSUFFICIENT_DATA"))
    assert shop.post("/clicks", {"user": "u7", "n": 12}).status == 200
    until(lambda: told(shop, "busy") and told(shop, "both"))
    return shop


def state_of(system: System, name: str, value: float) -> str:
    """An alarm's state after one more value: a point that was looked at too late for its second counts no more."""
    put(system, name, value)
    return str(alarm(system, name)["state"])


def test_a_query_that_cannot_run_is_loud(shop: System) -> None:
    """In the alarm's state, in the status and in the log."""
    until(lambda: "nowhere" in (alarm(shop, "broken")["error"] or ""))
    assert alarm(shop, "broken")["state"] == "INSUFFICIENT_DATA"
    # The front asks the flow for its part, and does not wait for it long.
    until(lambda: "nowhere" in shop.status()["flow"].get("alerts", {}).get("broken", {}).get("error", ""))
    assert "alarm broken cannot be looked at" in (shop.layout.logs / "flow.log").read_text()


def test_a_query_alarms_as_soon_as_its_table_changes(alarmed: System) -> None:
    (first,) = told(alarmed, "busy")
    data = first["alarmData"]
    assert first["alarmArn"] == "arn:aws:cloudwatch:us-east-1:000000000000:alarm:busy"
    assert data["state"]["value"] == "ALARM"
    assert "12.0" in data["state"]["reason"]
    now = alarm(alarmed, "busy")
    assert now["told"] == "the query's value is 12 (> 3): who u7"
    assert now["value"] == 12


def test_a_rule_over_other_alarms_follows_them(alarmed: System) -> None:
    assert alarm(alarmed, "both")["state"] == "ALARM"
    assert len(told(alarmed, "both")) == 1


def test_two_alarms_of_a_group_are_one_message_and_one_of_recovery(shop: System) -> None:
    for name in ("orders", "refunds"):
        until(lambda name=name: state_of(shop, name, 50) == "ALARM", every=0.5)  # type: ignore[misc]

    def ended() -> bool:
        return {state_of(shop, name, 1) for name in ("orders", "refunds")} == {"OK"}

    until(ended, every=0.5)
    until(lambda: len(told(shop, "orders") + told(shop, "refunds")) >= 2)
    grouped = [each for each in told(shop) if each["alarmData"]["alarmName"] in ("orders", "refunds")]
    assert [each["alarmData"]["state"]["value"] for each in grouped] == ["ALARM", "OK"]


def test_its_history_has_every_change_and_every_action(alarmed: System) -> None:
    def history() -> list[tuple[str, str]]:
        lines = alarmed.call("flow", "alarm_history", name="busy")["history"]
        return [(each["item"], each["summary"]) for each in reversed(lines)]

    until(lambda: ("Action", "Successfully executed action functions.told") in history())
    items = history()
    assert items[0] == ("ConfigurationUpdate", 'Alarm "busy" created')
    assert ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM") in items or (
        "StateUpdate",
        "Alarm updated from OK to ALARM",
    ) in items


def test_its_chart_has_the_values_of_a_query(alarmed: System) -> None:
    def charted() -> list[list[float]]:
        now = int(time.time())
        found = alarmed.call("flow", "alarm_chart", name="busy", start=now - 600, end=now + 10)
        assert found["threshold"] == 3
        points: list[list[float]] = found["points"]
        return points

    assert until(charted)[-1][1] == 12


def test_a_restart_tells_nobody_again(alarmed: System) -> None:
    until(lambda: done(alarmed))
    before = told(alarmed)
    alarmed.kill_all()
    alarmed.start()
    until(lambda: alarm(alarmed, "busy")["value"] == 12)
    assert alarm(alarmed, "busy")["state"] == "ALARM"
    assert told(alarmed) == before


def test_an_alarm_may_be_set_for_a_while(shop: System) -> None:
    shop.call("flow", "alarm_set", name="orders", state="ALARM", reason="a rehearsal")
    changes = shop.call("flow", "alarm_history", name="orders", item="StateUpdate")["history"]
    assert changes[0]["summary"].endswith(" to ALARM")
    until(lambda: state_of(shop, "orders", 1) == "OK", every=0.5)
