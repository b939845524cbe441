"""The pages of orders and sports in a real browser: empty without complaint, and full with no further step."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import browsing
from tests.harness import System

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WIDTHS = (1400, 400)
PATIENCE = 30_000  # milliseconds


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing(PATIENCE) as browser:
        yield browser


@pytest.fixture
def example(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[System]:
    shutil.copytree(
        EXAMPLES / request.param,
        tmp_path / request.param,
        ignore=shutil.ignore_patterns(".forebay", "__pycache__"),
    )
    system = System(tmp_path / request.param, tmp_path / "state", [], {})
    yield system.start()
    system.end()


def opened(chromium: Browser, system: System, name: str, width: int) -> Page:
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(f"{system.console}/dashboards/{name}")
    return page


def fits(page: Page) -> None:
    """Nothing is wider than the page, once all is drawn."""
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("example", ["orders"], indirect=True)
def test_a_dropped_file_fills_the_page_of_answers(chromium: Browser, example: System) -> None:
    wide, narrow = (opened(chromium, example, "answers", width) for width in WIDTHS)
    for page in (wide, narrow):
        waiting = page.locator('[data-tile="ten-largest-orders-of-february-2025"] .tile-body')
        expect(waiting).to_contain_text("Nothing here yet")
        expect(waiting).to_contain_text("The crawler orders makes the table orders_db.processed")
        expect(page.locator(".problem")).to_have_count(0)
        expect(page.get_by_label("Time", exact=True)).to_have_count(0)  # no question depends on it
    shutil.copy(EXAMPLES / "orders" / "data" / "orders.csv", example.layout.lake / "orders-lake" / "raw")
    for page in (wide, narrow):
        expect(page.locator('[data-tile="orders-that-are-kept"] .number-value')).to_have_text("32")
        expect(page.locator('[data-tile="revenue"] .number-value')).to_have_text("7,275.62")
        largest = page.locator('[data-tile="ten-largest-orders-of-february-2025"] tbody tr')
        expect(largest).to_have_count(10)
        expect(page.locator('[data-tile="total-by-customer"] canvas')).to_be_visible()
        fits(page)
        page.close()


@pytest.mark.parametrize("example", ["sports"], indirect=True)
def test_posted_permits_fill_the_page_once_they_are_crawled(chromium: Browser, example: System) -> None:
    page = opened(chromium, example, "city", WIDTHS[0])
    expect(page.locator('[data-tile="count-by-name"] .tile-body')).to_contain_text("Nothing here yet")
    expect(page.locator(".problem")).to_have_count(0)

    permits = runpy.run_path(str(EXAMPLES / "sports" / "simulate" / "permits.py"))
    assert permits["post"](EXAMPLES / "sports" / "data" / "events.csv", example.ingest + "/events") == 160
    example.until(lambda: not any(line.get("lag") for line in example.status()["ledger"].values()))
    example.flush()
    expect(page.locator('[data-tile="permits"] .number-value')).to_have_text("160")
    expect(page.locator('[data-tile="count-by-location"] tbody tr')).not_to_have_count(0)
    page.get_by_label("Borough", exact=True).select_option("Bronx")
    expect(page.locator('[data-tile="boroughs"] .number-value')).to_have_text("1")
    fits(page)
    page.close()
