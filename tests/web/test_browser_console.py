"""The console in a real browser: what a person sees, and that nothing leaves the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from forebay.delivery.section import DeliverySpec
from forebay.errors import QueryFailed
from forebay.ingest.section import RouteSpec
from forebay.project.model import Location, Ref, Spec
from tests.harness import until
from tests.web.fake_system import STATUS, FakeQuery, Site, project, served

EVENING = """\
title: Evening
range: 24h
filters:
  menu: {label: Menu, column: menu, sql: select distinct menu from clicks order by 1}
tiles:
  - title: Clicks
    kind: number
    query: select count(*) as n from clicks where ts >= ${start} and ts < ${end} and ${where}
    compare: day
  - {title: Trend, kind: number, x: h, query: "select date_trunc('hour', ts) h, count(*) n from clicks group by 1 order by 1"}
  - {title: By menu, kind: bar, query: "select menu, count(*) as n from clicks group by 1 order by 1"}
  - {title: Over time, kind: line, query: "select date_trunc('hour', ts) as h, menu, count(*) as n from clicks group by 1, 2"}
  - {title: Stack, kind: stacked, query: "select date_trunc('hour', ts) as h, menu, count(*) as n from clicks group by 1, 2"}
  - {title: Share, kind: stacked100, horizontal: true, query: "select menu, spent, count(*) as n from clicks group by 1, 2", series: spent}
  - {title: Pie, kind: pie, query: "select menu, count(*) as n from clicks group by 1"}
  - {title: Donut, kind: donut, query: "select menu, count(*) as n from clicks group by 1"}
  - {title: Heat, kind: heatmap, query: "select menu, spent, count(*) as n from clicks group by 1, 2"}
  - {title: Rows, kind: table, query: "select menu, count(*) as n, max(ts) as last from clicks group by 1 order by 1"}
  - {title: Broken, kind: line, query: "select nope from clicks"}
  - {kind: text, text: "**Bold** <script>alert(1)</script> and [a link](/query)"}
"""
CHARTS = ("by-menu", "over-time", "stack", "share", "pie", "donut", "heat")


def fill(query: FakeQuery) -> None:
    query.run("create or replace table clicks(menu varchar, spent int, ts timestamp)")
    query.run(
        "insert into clicks select ['bar', 'dinner', 'lunch'][i % 3 + 1], [5, 20, 45][i % 2 + 1],"
        " now()::timestamp - interval (i * 7) minute from range(90) t(i)"
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards/evening.yaml").write_text(EVENING)
    query = FakeQuery()
    query.cost_ms = 0.2
    fill(query)
    query.broken = {
        "nope": QueryFailed(
            "ColumnNotFound", "no column is named nope", line=1, column=8, hint="did you mean menu?"
        )
    }
    sections: dict[str, dict[str, Spec]] = {
        "ingest": {"clicks": RouteSpec(route="POST /clicks", to=Ref("delivery", "clicks"))},
        "delivery": {"clicks": DeliverySpec(to=Location("lake", "clicks/"), table="clicks")},
    }
    counts = {
        "accepted": 90,
        "delivered": 80,
        "dropped": 1,
        "rejected": 2,
        "expired": 0,
        "erased": 0,
        "buffered": 7,
    }
    status: dict[str, Any] = {
        **STATUS,
        "processes": [{"role": "front", "pid": 1, "restarts": 0}],
        "urls": {"ingest": "http://127.0.0.1:8000", "console": "http://127.0.0.1:8080"},
        "doors": {"ingest.clicks": {"accepted": 90, "duplicate": 0, "refused": 0}},
        "ledger": {"total": counts, "delivery.clicks": {**counts, "lag": 0, "log": "delivery.clicks"}},
    }
    with served(project(tmp_path, sections, timezone="Europe/Berlin"), query, status) as site:
        yield site


class Watched:
    """A page, with what it asked for and what went wrong in it."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.requests: list[str] = []
        self.trouble: list[str] = []
        page.on("request", self._request)
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.trouble.append(message.text)

    def go(self, path: str) -> Page:
        self.page.goto(self.site.url + path)
        return self.page

    def stays_at_home(self) -> bool:
        own = urlsplit(self.site.url).netloc
        return {urlsplit(url).netloc for url in self.requests if not url.startswith(("data:", "blob:"))} == {
            own
        }


def opened(chromium: Browser, site: Site, width: int = 1400, scheme: Any = "light") -> Watched:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(60_000)
    return Watched(context.new_page(), site)


@pytest.fixture
def watched(chromium: Browser, site: Site) -> Iterator[Watched]:
    made = opened(chromium, site)
    yield made
    made.page.context.close()


def painted(page: Page, tile: str) -> None:
    """The tile's canvas has something on it."""
    page.wait_for_function(
        """tile => {
            const canvas = document.querySelector(`[data-tile="${tile}"] canvas`);
            if (!canvas || !canvas.width) return false;
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let seen = 0;
            for (let at = 3; at < pixels.length; at += 4) if (pixels[at] > 0) seen += 1;
            return seen > 800;
        }""",
        arg=tile,
    )


def test_every_kind_of_tile_is_drawn_and_no_request_leaves_the_machine(watched: Watched) -> None:
    page = watched.go("/dashboards/evening")
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text(re.compile(r"\d+"))
    for tile in (*CHARTS, "trend"):
        painted(page, tile)
    expect(page.locator('[data-tile="rows"] tbody tr')).to_have_count(3)
    expect(page.locator('[data-tile="clicks"]')).to_contain_text("Europe/Berlin")
    assert watched.trouble == []
    assert watched.stays_at_home()


def test_a_changed_table_changes_the_number_on_the_page_without_a_reload(watched: Watched) -> None:
    page = watched.go("/dashboards/evening?range=all")
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text("90")
    watched.site.query.run("insert into clicks values ('bar', 5, now()::timestamp)")
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text("91")
    expect(page.locator('[data-tile="clicks"] .fresh')).to_contain_text(re.compile("just now|ago"))


def test_a_failing_tile_shows_the_place_and_the_others_live(watched: Watched) -> None:
    page = watched.go("/dashboards/evening")
    broken = page.locator('[data-tile="broken"] [role="alert"]')
    expect(broken).to_contain_text("no column is named nope")
    expect(broken).to_contain_text("did you mean menu?")
    expect(broken.locator(".caret b")).to_have_text("^")
    painted(page, "pie")


def test_text_of_a_tile_is_never_markup(watched: Watched) -> None:
    page = watched.go("/dashboards/evening")
    expect(page.locator(".text-tile strong")).to_have_text("Bold")
    expect(page.locator(".text-tile")).to_contain_text("<script>alert(1)</script>")


def test_range_and_filter_are_kept_in_the_url_and_survive_a_reload(watched: Watched) -> None:
    page = watched.go("/dashboards/evening")
    page.get_by_label("Time", exact=True).select_option("all")
    page.get_by_role("combobox", name="Menu").select_option("dinner")
    expect(page).to_have_url(re.compile(r"range=all"))
    expect(page).to_have_url(re.compile(r"f\.menu=dinner"))
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text("30")
    page.reload()
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text("30")
    page.go_back()
    expect(page).not_to_have_url(re.compile(r"f\.menu"))
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text("90")


def test_a_tile_can_be_read_as_a_table_and_kept_as_csv(watched: Watched) -> None:
    page = watched.go("/dashboards/evening?range=all")
    page.get_by_role("button", name="By menu as table").click()
    expect(page.locator('[data-tile="by-menu"] tbody tr')).to_have_count(3)
    watched.site.query.run("insert into clicks values ('late', 5, now()::timestamp)")
    expect(page.locator('[data-tile="by-menu"] tbody tr')).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download By menu as CSV").click()
    assert Path(download.value.path()).read_text() == "menu,n\nbar,30\ndinner,30\nlate,1\nlunch,30\n"
    assert download.value.suggested_filename == "evening-by-menu.csv"
    page.get_by_role("button", name="By menu as chart").click()
    painted(page, "by-menu")


def test_pause_stops_the_page_and_resume_catches_up(watched: Watched) -> None:
    page = watched.go("/dashboards/evening?range=all")
    number = page.locator('[data-tile="clicks"] .number-value')
    expect(number).to_have_text("90")
    page.get_by_role("button", name="Pause live updates").click()
    expect(page.get_by_role("button", name="Resume live updates")).to_be_visible()
    until(lambda: not watched.site.console.hub.watched)  # the server has heard it
    watched.site.query.run("insert into clicks values ('bar', 5, now()::timestamp)")
    page.wait_for_timeout(800)
    expect(number).to_have_text("90")
    page.get_by_role("button", name="Resume live updates").click()
    expect(number).to_have_text("91")


def test_while_empty_every_tile_says_so(watched: Watched) -> None:
    watched.site.query.run("delete from clicks")
    page = watched.go("/dashboards/evening")
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text("0")
    for tile in CHARTS:
        expect(page.locator(f'[data-tile="{tile}"]')).to_contain_text("No rows in this range")
    expect(page.locator('[data-tile="rows"]')).to_contain_text("No rows")
    assert watched.trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize(
    "path", ["/", "/dashboards", "/dashboards/evening", "/query", "/deliveries", "/streams"]
)
def test_no_page_is_wider_than_the_screen(
    chromium: Browser, site: Site, path: str, width: int, scheme: str
) -> None:
    watched = opened(chromium, site, width, scheme)
    page = watched.go(path)
    expect(page.locator("h1")).to_be_visible()
    if path == "/dashboards/evening":
        painted(page, "pie")
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    assert watched.trouble == []
    page.context.close()


def test_the_colours_follow_the_choice_and_stay(watched: Watched) -> None:
    page = watched.go("/dashboards/evening")
    painted(page, "pie")
    page.get_by_role("button", name="Colours").click()
    page.get_by_role("button", name="Colours: light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    painted(page, "pie")
    page.reload()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_ledger_is_shown_with_its_sum(watched: Watched) -> None:
    page = watched.go("/")
    expect(page.locator(".equation")).to_have_attribute("aria-label", "90 accepted, 90 accounted for")
    expect(page.locator(".sum")).to_contain_text("The sum is right")
    watched.site.status["ledger"]["total"]["accepted"] = 91
    expect(page.locator(".sum")).to_contain_text("off by 1")
    expect(page.locator(".flow")).to_contain_text("POST /clicks")


def test_a_system_without_events_says_how_to_send_the_first(watched: Watched) -> None:
    watched.site.status["ledger"] = STATUS["ledger"]
    page = watched.go("/")
    expect(page.locator(".first")).to_contain_text("curl -X POST http://127.0.0.1:8000/clicks")


def test_sql_runs_from_the_keyboard_and_its_error_shows_the_place(watched: Watched) -> None:
    page = watched.go("/query")
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("select menu, count(*) as n from clicks group by 1 order by 1")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".result tbody tr")).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert Path(download.value.path()).read_text().startswith("menu,n\n")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("select nope from clicks")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("did you mean menu?")
    expect(page.locator(".caret b")).to_have_text("^")
    # Chromium's own editing of a text clones a style attribute, which the page's policy blocks unseen.
    assert [each for each in watched.trouble if "400" not in each and "inline style" not in each] == []
    assert watched.stays_at_home()


def test_after_the_server_was_away_the_page_goes_on_by_itself(chromium: Browser, site: Site) -> None:
    watched = opened(chromium, site)
    page = watched.go("/dashboards/evening?range=all")
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text("90")
    with site.away():
        expect(page.locator(".banner")).to_be_visible()
        site.query.run("insert into clicks values ('bar', 5, now()::timestamp)")
    expect(page.locator(".banner")).to_have_count(0)
    expect(page.locator('[data-tile="clicks"] .number-value')).to_have_text("91")
    page.context.close()


def test_a_hostile_page_cannot_read_the_console_or_open_its_socket(chromium: Browser, site: Site) -> None:
    """A page of another origin in a real browser: its request is refused, its socket never opens."""
    context = chromium.new_context()
    page = context.new_page()
    page.route(
        "http://evil.test/", lambda route: route.fulfill(body="<h1>evil</h1>", content_type="text/html")
    )
    page.goto("http://evil.test/")
    read = """url => fetch(url, {method: "POST", headers: {"Content-Type": "text/plain"}, body: '{"sql": "select 1"}'})
        .then(answer => answer.text(), error => "refused: " + error)"""
    assert page.evaluate(read, site.url + "/api/query").startswith("refused")
    opens = """url => new Promise(done => { const socket = new WebSocket(url); socket.onopen = () => done("open"); socket.onerror = () => done("refused"); })"""
    assert page.evaluate(opens, site.url.replace("http", "ws") + "/api/live") == "refused"
    assert site.query.asked == []
    context.close()
