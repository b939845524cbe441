"""A dashboard's tile of alarms, with a real system behind it: states as they change, in the order that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.alerts.shop import make
from tests.browser import browsing
from tests.harness import System, request

BOARD = """\
title: Watch
tiles:
  - kind: alarm
    width: 6
    sort_by: stateUpdatedTimestamp
  - {kind: alarm, title: Attacks, alarms: [orders, refunds], states: [ALARM], width: 6}
"""
PATIENCE = 30_000  # milliseconds


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    place = tmp_path_factory.mktemp("watch")
    folder = make(place / "shop")
    (folder / "dashboards").mkdir()
    (folder / "dashboards" / "watch.yaml").write_text(BOARD)
    system = System(folder, place / "state", [], {})
    yield system.start()
    system.end()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with browsing(PATIENCE) as browser:
        yield browser


def opened(chromium: Browser, shop: System, width: int) -> Page:
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{shop.console}/dashboards/watch")
    return page


def test_a_person_sees_an_alarm_go_off_and_gets_to_its_page(chromium: Browser, shop: System) -> None:
    wide, narrow = opened(chromium, shop, 1400), opened(chromium, shop, 400)
    for page in (wide, narrow):
        every = page.locator('[data-tile="alarm-status"]')
        expect(every.locator("li")).to_have_count(5)
        expect(every.locator('[data-alarm="busy"]')).to_have_attribute("data-state", "INSUFFICIENT_DATA")
        expect(every.locator('[data-alarm="broken"]')).to_contain_text("nowhere")
        expect(page.locator('[data-tile="attacks"]')).to_contain_text("No alarm is in such a state")

    shop.post("/clicks", {"user": "u7", "n": 12})
    for page in (wide, narrow):
        every = page.locator('[data-tile="alarm-status"]')
        expect(every.locator('[data-alarm="busy"]')).to_have_attribute("data-state", "ALARM")
        expect(every.locator('[data-alarm="busy"]')).to_contain_text("who u7")
        expect(every.locator("li").first).to_have_attribute("data-state", "ALARM")  # what holds comes first
        page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")

    shop.call("flow", "alarm_set", name="refunds", state="ALARM", reason="a drill")
    expect(wide.locator('[data-tile="attacks"] li')).to_have_count(1)
    expect(wide.locator('[data-tile="attacks"]')).to_contain_text("a drill")

    wide.get_by_role("button", name="Alarm status as table").click()
    expect(wide.locator('[data-tile="alarm-status"] tbody tr')).to_have_count(5)
    narrow.locator('[data-tile="alarm-status"]').get_by_role("link", name="busy").click()
    expect(narrow.locator("h1")).to_contain_text("busy")
    for page in (wide, narrow):
        page.close()


def test_the_states_can_be_downloaded(shop: System) -> None:
    shop.call("flow", "alarm_set", name="orders", state="ALARM", reason="a drill")

    def lines() -> list[str]:
        answer = request(f"{shop.console}/api/dashboards/watch/tiles/attacks.csv")
        header, *found = answer.body.decode().splitlines()
        assert header == "alarm,state,since,reason"
        return found

    shop.until(
        lambda: any(each.startswith("orders,ALARM,20") and each.endswith(",a drill") for each in lines())
    )
