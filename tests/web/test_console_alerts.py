"""The console's alerts: states with their reasons, a chart with its threshold, the history."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from typing import Any

import pytest

from forebay.web.console_alerts import option
from tests.alerts.shop import make
from tests.harness import System, request, until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("console")
    system = System(make(folder / "shop"), folder / "state", [], {})
    yield system.start()
    system.end()


def test_alerts_are_listed_with_state_and_error(shop: System) -> None:
    def told() -> bool:  # until the query process is up, the error is that it does not answer yet
        found = request(shop.console + "/api/alerts").json()
        error = next(each for each in found["alarms"] if each["name"] == "broken")["error"]
        return "nowhere" in (error or "")

    assert until(told)


def test_an_alert_has_its_chart_and_its_history(shop: System) -> None:
    shop.post("/clicks", {"user": "u7", "n": 12})

    def alarmed() -> Any:
        found = request(shop.console + "/api/alerts/busy?seconds=600").json()
        return (
            found if found["alarm"]["state"] == "ALARM" and found["chart"]["option"].get("series") else None
        )

    found = until(alarmed)
    names = [each["name"] for each in found["chart"]["option"]["series"]]
    assert names == ["value", "threshold"]
    assert found["history"][-1]["summary"] == 'Alarm "busy" created'
    assert request(shop.console + "/api/alerts/nothing").status == 404


def test_the_status_has_the_alerts_too(shop: System) -> None:
    names = {"busy", "broken", "both", "orders", "refunds"}
    until(lambda: set(shop.status()["flow"].get("alerts", {})) == names)  # the flow is not waited for long


def test_a_band_is_drawn_behind_the_value() -> None:
    chart = {"points": [[60_000, 5.0]], "band": [[0, 1.0, 2.0, 3.0], [60_000, 2.0, 3.0, 4.0]]}
    series = option(chart, 0, 120, zoneinfo.ZoneInfo("Europe/Berlin"))["series"]
    assert [each["name"] for each in series] == [
        "below",
        "room",
        "usual, at least",
        "usual, at most",
        "value",
    ]
    assert series[1]["data"] == [[3_600_000, 2.0], [3_660_000, 2.0]]
