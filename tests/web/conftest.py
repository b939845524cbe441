"""What the tests of the console share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from websockets.sync.client import connect
from websockets.typing import Origin

from forebay.delivery.section import DeliverySpec
from forebay.ingest.section import RouteSpec
from forebay.project.model import Location, Ref, Spec
from tests.browser import browsing
from tests.web.evening import EVENING, Talk
from tests.web.fake_system import FakeQuery, Site, project, served
from tests.web.port import Make, Ports


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A console with two dashboards, one of them broken, over three clicks."""
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "queries").mkdir()
    (tmp_path / "dashboards/evening.yaml").write_text(EVENING)
    (tmp_path / "dashboards/broken.yaml").write_text("tiles: [")
    (tmp_path / "queries/top.sql").write_text("select 1 as one")
    query = FakeQuery()
    query.run("create table clicks(menu varchar, ts timestamp)")
    query.run(
        "insert into clicks values ('bar', '2026-01-01'), ('bar', '2026-01-02'), ('=1+1', '2026-01-02')"
    )
    sections: dict[str, dict[str, Spec]] = {
        "ingest": {"clicks": RouteSpec(route="POST /clicks", to=Ref("delivery", "clicks"))},
        "delivery": {"clicks": DeliverySpec(to=Location("lake", "clicks/"), table="clicks")},
    }
    with served(project(tmp_path, sections, timezone="Europe/Berlin"), query) as site:
        yield site


@pytest.fixture
def talk(site: Site) -> Iterator[Talk]:
    """A browser that is connected."""
    with connect(site.url.replace("http", "ws") + "/api/live", origin=Origin(site.url)) as socket:
        yield Talk(socket)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser of a module's tests."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of its own."""
    page = chromium.new_page()
    yield page
    page.close()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Make]:
    """Starts the ingest port with the given routes (`name=RouteSpec`)."""
    ports = Ports(tmp_path)
    with ports.open:
        yield ports.make
