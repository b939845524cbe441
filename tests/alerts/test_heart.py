"""The heartbeat that is heard elsewhere."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from forebay.project.load import load
from forebay.running.alert_heart import Heart
from forebay.sections import SECTIONS
from tests.harness import until


def test_it_is_heard_again_and_again_and_says_when_it_is_not(tmp_path: Path) -> None:
    heard: list[str] = []
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/ping/${{secret:PING}}"
    (tmp_path / ".env").write_text("PING=abc\n")
    (tmp_path / ".env").chmod(0o600)
    (tmp_path / "forebay.yaml").write_text(
        f'name: shop\ntelemetry: {{heartbeat: {{url: "{url}", every: 1s}}}}\n'
    )
    project, findings = load(tmp_path, SECTIONS)
    assert findings == []
    assert project is not None
    heart = Heart()
    try:
        heart.start()
        heart.apply(project)
        until(lambda: len(heard) >= 2)
        assert set(heard) == {"/ping/abc"}
        status[0] = 500
        until(lambda: heart.trouble == "the heartbeat was not heard: answered 500")
        status[0] = 200
        until(lambda: heart.trouble is None)
    finally:
        heart.stop()
        server.shutdown()
        server.server_close()
        thread.join()
