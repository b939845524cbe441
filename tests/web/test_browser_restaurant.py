"""The restaurant's dashboard over the whole real system, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.conftest import Running
from tests.harness import System, request

EXAMPLE = Path(__file__).parents[2] / "examples" / "restaurant"
CLICK = {
    "element_clicked": "entree_1",
    "time_spent": 67,
    "source_menu": "restaurant_name",
    "created_at": "2022-09-11 23:00:00",
}
LOOPBACK = re.compile(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:")


@pytest.fixture
def restaurant(running: Running, tmp_path: Path) -> System:
    return running(Path(shutil.copytree(EXAMPLE, tmp_path / "restaurant")))


def opened(chromium: Browser, system: System) -> tuple[Page, list[str]]:
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(60_000)
    left: list[str] = []

    def note(asked: Request) -> None:
        if not LOOPBACK.match(asked.url):
            left.append(asked.url)

    page.on("request", note)
    page.goto(f"{system.console}/dashboards/evening")
    return page, left


def post(system: System) -> None:
    assert system.post("/clicks", CLICK).json()["accepted"] == 1


def test_a_posted_event_changes_a_number_on_the_page_within_two_seconds(
    chromium: Browser, restaurant: System
) -> None:
    page, left = opened(chromium, restaurant)
    number = page.locator('[data-tile="looks-at-the-menu"] .number-value')
    expect(number).to_have_text("0")
    waits: list[float] = []
    # The machine may be busy with others for a while; the one in the middle of five is what a person sees.
    while len(waits) < 5 or (statistics.median(waits[-5:]) >= 2 and len(waits) < 30):
        post(restaurant)
        began = time.monotonic()
        expect(number).to_have_text(str(len(waits) + 1))
        waits.append(time.monotonic() - began)
    assert statistics.median(waits[-5:]) < 2, waits
    assert left == []
    page.close()


def test_every_tile_of_the_example_answers(restaurant: System) -> None:
    post(restaurant)
    restaurant.until(lambda: restaurant.query("select count(*) from clicks") == [[1]])
    board = request(f"{restaurant.console}/api/dashboards/evening").json()
    assert board["findings"] == []
    for tile in board["tiles"]:
        if tile["kind"] != "text":
            answer = request(f"{restaurant.console}/api/dashboards/evening/tiles/{tile['id']}.json")
            assert answer.status == 200, (tile["id"], answer.body)
    for filter_ in board["filters"]:
        answer = request(f"{restaurant.console}/api/dashboards/evening/filters/{filter_['name']}")
        assert answer.json() == {"options": ["restaurant_name"]}


def test_the_page_goes_on_after_the_query_process_was_killed(chromium: Browser, restaurant: System) -> None:
    page, _ = opened(chromium, restaurant)
    number = page.locator('[data-tile="looks-at-the-menu"] .number-value')
    expect(number).to_have_text("0")
    restaurant.kill("query")
    post(restaurant)
    expect(number).to_have_text("1")
    page.close()


def test_the_page_goes_on_after_everything_was_killed_and_started_again(
    chromium: Browser, restaurant: System
) -> None:
    page, _ = opened(chromium, restaurant)
    number = page.locator('[data-tile="looks-at-the-menu"] .number-value')
    post(restaurant)
    expect(number).to_have_text("1")
    restaurant.kill_all()
    expect(page.locator(".banner")).to_be_visible()
    restaurant.start()
    post(restaurant)
    expect(number).to_have_text("2")
    page.close()


def test_sql_with_a_typo_shows_the_place_and_the_nearest_column(
    chromium: Browser, restaurant: System
) -> None:
    page = chromium.new_page()
    page.goto(f"{restaurant.console}/query")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("select element_clickd from clicks")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("element_clicked")
    expect(page.locator(".caret b")).to_have_text("^")
    page.close()


def test_the_first_command_that_the_overview_offers_is_accepted(restaurant: System) -> None:
    first = request(f"{restaurant.console}/api/console").json()["first"]
    answer = restaurant.post(first["path"], first["body"].encode())
    assert answer.json() == {"accepted": 1, "duplicate": 0, "refused": []}


def test_an_edited_dashboard_is_seen_without_a_reload(chromium: Browser, restaurant: System) -> None:
    page, _ = opened(chromium, restaurant)
    expect(page.locator("h1")).to_have_text("The evening")
    file = restaurant.folder / "dashboards/evening.yaml"
    file.write_text(file.read_text().replace("title: The evening\n", "title: The late evening\n", 1))
    expect(page.locator("h1")).to_have_text("The late evening")
    page.close()


def test_the_console_says_the_same_as_the_command_line(restaurant: System) -> None:
    post(restaurant)
    status = request(f"{restaurant.console}/api/status").json()
    assert status["ledger"]["total"]["accepted"] == 1
    told = json.loads(restaurant.cli("status", "--json").out)
    assert told["ledger"]["total"]["accepted"] == 1
