"""An example with its simulator, started while a browser waits: when its dashboard first shows something, and moves."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, expect

from tests.harness import System, until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FIRST = {"gaming": "arena", "ecommerce": "live"}
"""The dashboard that moves, of each example."""
LOOK = """() => Object.fromEntries([...document.querySelectorAll("[data-tile]")].map((tile) => [tile.dataset.tile,
  tile.querySelector(".number-value")?.innerText ?? (tile.querySelector("canvas, tbody tr") ? tile.dataset.rev : "")]))"""


class Seen:
    """What the tiles of a page show, and when that was first so."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._first: dict[str, str] = {}
        self.shown: float | None = None
        self.moved: float | None = None
        self.steps: list[str] = []

    def note(self, what: str) -> float:
        """Keep when something was so; the seconds since the beginning."""
        now = time.perf_counter() - self._began
        self.steps.append(f"{now:5.2f} s  {what}")
        return now

    def look(self, page: Page) -> bool:
        """Look once; True as soon as something has moved."""
        tiles: dict[str, str] = page.evaluate(LOOK)
        for name, text in tiles.items():
            if text in ("", "–", "0"):
                continue
            if name not in self._first:
                self._first[name] = text
                now = self.note(f"{name}: {text}")
                self.shown = self.shown or now
            elif text != self._first[name] and self.moved is None:
                self.moved = self.note(f"{name}: {self._first[name]} → {text}")
        return self.moved is not None


def once(browser: Browser, name: str, here: Path, *, patience: float = 60.0, whole: float = 0.0) -> Seen:
    """Start an example and look at it until it has moved, and for `whole` seconds."""
    shutil.copytree(EXAMPLES / name, here / name, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    system = System(here / name, here / "state", ["--simulate"], {})
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    try:
        began = time.perf_counter()
        seen = Seen(began)
        system.launch()
        seen.note("the address is printed")
        until(lambda: opened(page, f"{system.console}/dashboards/{FIRST[name]}"))
        seen.note("the page is open")
        until(lambda: seen.look(page) and time.perf_counter() - began >= whole, patience=patience)
        expect(page.locator(".problem")).to_have_count(0)
        return seen
    finally:
        page.close()
        system.end()


def opened(page: Page, url: str) -> bool:
    """Whether the page is there; the console may still be starting."""
    with suppress(Error):
        page.goto(url)
        return True
    return False
