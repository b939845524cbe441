"""A real browser for a test: a Chromium that asks for nothing but the page it is shown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Browser, expect, sync_playwright

from forebay.web.static_files import STATIC

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 30_000


@contextlib.contextmanager
def browsing(patience: int = PATIENCE) -> Iterator[Browser]:
    """A browser, in which `expect` waits for `patience` milliseconds."""
    assert (STATIC / "index.html").exists(), "the front end is not built: run `make install`"
    with sync_playwright() as playwright:
        expect.set_options(timeout=patience)
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(_FLAGS), timeout=4 * PATIENCE
        )
        yield browser
        browser.close()
        expect.set_options(timeout=PATIENCE)
