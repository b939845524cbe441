"""A hostile web page in a real browser against a running system: nothing is accepted, read or opened.

The browser resolves `evil.test` and `rebind.test` to loopback, as a DNS server of the attacker's would:
the first serves the page, the second is the page's own name pointed at forebay's ports afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.conftest import Running
from tests.harness import System
from tests.projects import project

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP evil.test 127.0.0.1, MAP rebind.test 127.0.0.1",
]
SENDS = """async ([url, type, target]) => {
    const headers = {"Content-Type": type};
    if (target) headers["X-Amz-Target"] = target;
    const answers = [];
    for (const mode of ["cors", "no-cors"]) {
        try {
            const answer = await fetch(url, {method: "POST", mode, headers: mode === "cors" ? headers : {"Content-Type": "text/plain"}, body: '{"id": "evil"}'});
            answers.push(answer.type === "opaque" ? "opaque" : await answer.text());
        } catch (error) { answers.push("refused"); }
    }
    return answers;
}"""
OPENS = """url => new Promise(done => {
    const socket = new WebSocket(url);
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
})"""


class _Evil(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<h1>win a prize</h1>")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def evil() -> Iterator[str]:
    """Where the hostile page is."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Evil)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://evil.test:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser.new_page()
        browser.close()


@pytest.fixture
def system(running: Running, tmp_path: Path) -> System:
    return running(project(tmp_path / "p"), sql=False)


def accepted(system: System) -> int:
    found: int = system.status()["ledger"]["total"]["accepted"]
    return found


def test_a_page_of_another_origin_sends_nothing_and_opens_nothing(
    system: System, page: Page, evil: str
) -> None:
    page.goto(evil)
    doors = [
        (system.ingest + "/events", "application/json", None),
        (system.ingest + "/events", "text/plain", None),
        (system.urls["aws"] + "/", "application/x-amz-json-1.1", "Kinesis_20131202.CreateStream"),
        (system.urls["aws"] + "/bucket/key", "text/plain", None),
        (system.console + "/api/query", "application/json", None),
        (system.console + "/api/flush", "text/plain", None),
    ]
    for url, kind, target in doors:
        # A request without CORS gets an answer that the page cannot read; what counts is that nothing was done.
        assert set(page.evaluate(SENDS, [url, kind, target])) <= {"refused", "opaque"}, url
    assert page.evaluate(OPENS, system.console.replace("http", "ws") + "/api/live") == "refused"
    assert accepted(system) == 0


def test_a_name_rebound_to_loopback_is_refused_by_every_port(system: System, page: Page) -> None:
    for name in ("ingest", "aws", "console"):
        port = urlsplit(system.urls[name]).port
        answer = page.goto(f"http://rebind.test:{port}/")
        assert answer is not None
        assert answer.status in (403, 421), name
        # Same origin now, as far as the browser can tell: only the Host gives it away.
        path = "/events" if name == "ingest" else "/"
        sent = page.evaluate(SENDS, [f"http://rebind.test:{port}{path}", "application/json", None])
        assert "accepted" not in "".join(sent), name
    assert page.evaluate(OPENS, f"ws://rebind.test:{urlsplit(system.console).port}/api/live") == "refused"
    assert accepted(system) == 0
