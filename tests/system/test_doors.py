"""The three ports from outside: TLS, the proxy, draining, and who is answered."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import Running
from tests.harness import System, request, until
from tests.projects import PLAIN, project


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_with_a_certificate_every_port_speaks_tls(
    running: Running, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    folder = project(tmp_path / "p")
    system = System(folder, tmp_path / "tls", ["--tls-cert", str(cert), "--tls-key", str(key)], {})
    system.launch()
    try:
        context = ssl.create_default_context(cafile=str(cert))
        for name, path in (("ingest", "/healthz"), ("console", "/healthz"), ("aws", "/_forebay/health")):
            parts = urlsplit(system.urls[name])
            assert parts.scheme == "https"

            def healthy(port: int | None = parts.port, path: str = path) -> bool:
                connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
                try:
                    connection.request("GET", path)
                    response = connection.getresponse()
                    response.read()
                    return response.status == 200
                finally:
                    connection.close()

            until(healthy)
    finally:
        system.end()


def test_behind_a_proxy_nobody_else_is_answered(running: Running, tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    system = System(folder, tmp_path / "state", ["--behind-proxy", "10.1.2.3"], {})
    system.launch()
    try:
        for url in (f"{system.ingest}/healthz", f"{system.console}/healthz"):
            assert until(lambda url=url: request(url)).status == 403  # type: ignore[misc]
    finally:
        system.end()


def test_the_proxy_is_answered(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), "--behind-proxy", "127.0.0.1", sql=False)
    assert system.post("/events", {"id": "1"}).status == 200


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_request_under_way_is_answered_while_the_system_drains(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    port = urlsplit(system.ingest).port or 0
    body = json.dumps({"id": "late"}).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        head = f"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body[:3])
        # Who came later was answered: the front is in the middle of the request now.
        assert request(system.ingest + "/healthz").status == 200
        stopping = threading.Thread(target=system.stop)
        stopping.start()
        until(lambda: not listens(port))
        connection.sendall(body[3:])
        answer = connection.recv(4096)
        stopping.join()
    assert b" 200 " in answer.split(b"\r\n")[0]
    assert system.cli("status", "--json").json()["ledger"]["total"]["accepted"] == 1


def test_an_open_page_does_not_keep_the_system_from_ending(running: Running, tmp_path: Path) -> None:
    from websockets.sync.client import connect
    from websockets.typing import Origin

    system = running(project(tmp_path / "p"), sql=False)
    url = system.console.replace("http", "ws") + "/api/live"
    until(lambda: request(system.console + "/healthz").status == 200)
    with connect(url, origin=Origin(system.console)) as page:
        page.send(json.dumps({"type": "status"}))
        assert json.loads(page.recv())["type"] == "status"
        assert system.stop(number=signal.SIGINT, patience=5) == 0


def test_the_aws_port_says_what_it_does_not_do(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    answer = request(
        system.urls["aws"] + "/",
        "POST",
        b"{}",
        {"X-Amz-Target": "DynamoDB_20120810.ExecuteStatement", "Content-Type": "application/x-amz-json-1.0"},
    )
    assert answer.status == 501
    assert b"ExecuteStatement" in answer.body


def test_a_foreign_host_is_refused_unless_it_was_allowed(running: Running, tmp_path: Path) -> None:
    folder = project(tmp_path / "p", PLAIN)
    system = running(folder, "--allow-host", "events.example", sql=False)
    assert system.post("/events", {"id": "1"}, {"Host": "rebound.example"}).status == 421
    assert system.post("/events", {"id": "1"}, {"Host": "events.example"}).status == 200
