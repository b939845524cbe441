"""A generator function's events reach a route at the rate that was asked for, and its faults are told."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from forebay.errors import DataRejected, ForebayError, NotFound, UsageError
from forebay.layout import Layout
from forebay.project.model import Project, Ref, Spec
from forebay.simulate.run import Progress, run_simulation
from forebay.simulate.section import SimulatorSpec


class Door(Spec, frozen=True, kw_only=True):
    method: str = "POST"
    path: str = "/clicks"
    key: str = "none"
    max_body: int = 1 << 20


@dataclass
class Server:
    """Stands in for the ingest port: keeps what it got, answers as told, then as a healthy route."""

    url: str = ""
    requests: list[tuple[dict[str, str], list[Any]]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)

    @property
    def events(self) -> list[Any]:
        return [event for _, events in self.requests for event in events]


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            events = [json.loads(line) for line in body.splitlines()]
            status, headers, answer = (
                state.answers.pop(0)
                if state.answers
                else (200, {}, {"accepted": len(events), "duplicate": 0, "refused": []})
            )
            state.requests.append((dict(self.headers), events))
            raw = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}"
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def project(root: Path, code: str, **spec: Any) -> Project:
    (root / "events.py").write_text(code)
    given = {"function": "events.py:events", "rate": 1000.0, "to": Ref("ingest", "clicks"), **spec}
    simulator = SimulatorSpec(**given)
    sections: dict[str, dict[str, Spec]] = {"ingest": {"clicks": Door()}, "simulate": {"guests": simulator}}
    return Project(name="shop", root=str(root), timezone="Europe/Berlin", sections=sections)


def run(
    root: Path, server: Server, code: str, spec: dict[str, Any] | None = None, **options: Any
) -> Progress:
    return run_simulation(
        project(root, code, **(spec or {})),
        "guests",
        Layout(root / ".forebay"),
        {"ingest": server.url},
        **options,
    )


FOREVER = "def events():\n    n = 0\n    while True:\n        yield {'n': n}\n        n += 1\n"


def test_every_event_of_a_generator_arrives_in_order(tmp_path: Path, server: Server) -> None:
    code = "def events():\n    for n in range(120):\n        yield {'n': n}\n"
    done = run(tmp_path, server, code)
    assert server.events == [{"n": n} for n in range(120)]
    assert (done.sent, done.accepted, done.refused) == (120, 120, 0)


def test_the_same_seed_makes_the_same_events(tmp_path: Path, server: Server) -> None:
    code = "def events(simulation):\n    while True:\n        yield {'n': simulation.random.random()}\n"
    run(tmp_path, server, code, events=20, seed=7)
    first = list(server.events)
    server.requests.clear()
    run(tmp_path, server, code, events=20, seed=7)
    assert server.events == first
    server.requests.clear()
    run(tmp_path, server, code, events=20, seed=8)
    assert server.events != first


def test_the_rate_is_held_and_for_ends_it(tmp_path: Path, server: Server) -> None:
    """Nothing is asserted of the machine's speed: never more than the rate allows in the time that passed."""
    begun = time.monotonic()
    done = run(tmp_path, server, FOREVER, {"rate": 40.0}, duration=1.0)
    passed = time.monotonic() - begun
    assert 1 <= done.sent <= 40 * passed + 1
    assert done.elapsed >= 1.0


def test_a_rate_on_the_command_line_beats_the_projects(tmp_path: Path, server: Server) -> None:
    assert run(tmp_path, server, FOREVER, {"rate": 1.0}, rate=5000.0, events=300).rate == 5000.0
    assert len(server.events) == 300


def test_a_list_is_a_burst_that_waits_for_no_turn_and_is_no_part_of_the_count(
    tmp_path: Path, server: Server
) -> None:
    code = (
        "def events():\n"
        "    yield [{'n': n} for n in range(1200)]\n"
        "    for n in range(1200, 1210):\n"
        "        yield {'n': n}\n"
    )
    done = run(tmp_path, server, code, {"rate": 50.0}, events=5)
    assert [event["n"] for event in server.events] == list(range(1205))
    assert done.sent == 1205


def test_a_generator_is_pulled_so_an_event_that_stamps_itself_is_fresh(
    tmp_path: Path, server: Server
) -> None:
    code = (
        "import time\n"
        "def events(simulation):\n"
        "    assert str(simulation.now().tzinfo) == 'Europe/Berlin'\n"
        "    while True:\n"
        "        yield {'at': time.time()}\n"
    )
    stamps: list[tuple[float, float]] = []

    def look(_: Progress) -> None:
        stamps.append((time.time(), server.events[-1]["at"]))

    run(tmp_path, server, code, {"rate": 20.0}, events=8, progress=look)
    assert stamps
    made = [event["at"] for event in server.events]
    assert made == sorted(made)
    assert len(set(made)) > 4, "the events were made all at once, not when their turn came"


def test_bytes_and_text_go_out_as_they_are_and_pretty_json_on_one_line(
    tmp_path: Path, server: Server
) -> None:
    code = "def events():\n    yield b'{\"a\": 1}'\n    yield '{\\n  \"a\": 2\\n}'\n"
    run(tmp_path, server, code)
    assert server.events == [{"a": 1}, {"a": 2}]


def test_a_function_that_returns_an_event_is_called_for_each_until_it_returns_none(
    tmp_path: Path, server: Server
) -> None:
    code = "left = [3, 2, 1]\ndef events():\n    return {'n': left.pop()} if left else None\n"
    run(tmp_path, server, code)
    assert server.events == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_what_the_generator_prints_is_not_taken_for_events(tmp_path: Path, server: Server) -> None:
    code = "def events():\n    print('hello')\n    yield {'n': 1}\n"
    run(tmp_path, server, code)
    assert server.events == [{"n": 1}]


def test_a_request_that_was_not_answered_well_is_repeated_under_the_same_idempotency_key(
    tmp_path: Path, server: Server
) -> None:
    server.answers = [(503, {"Retry-After": "0"}, {}), (429, {"Retry-After": "0"}, {})]
    done = run(tmp_path, server, "def events():\n    yield {'n': 1}\n")
    keys = {headers["Idempotency-Key"] for headers, _ in server.requests}
    assert len(server.requests) == 3
    assert len(keys) == 1
    assert done.accepted == 1


def test_what_a_route_refuses_is_counted_with_its_reasons(tmp_path: Path, server: Server) -> None:
    refused = [{"index": 0, "code": "SchemaMismatch", "path": "/n", "reason": "is not a string"}]
    server.answers = [(400, {}, {"accepted": 0, "duplicate": 0, "refused": refused})]
    done = run(tmp_path, server, "def events():\n    yield {'n': 1}\n")
    assert (done.accepted, done.refused) == (0, 1)
    assert done.reasons == ["/n is not a string"]


def test_a_route_that_refuses_the_caller_ends_the_simulation(tmp_path: Path, server: Server) -> None:
    server.answers = [(403, {}, {"error": {"code": "MissingKey", "message": "this route needs a key"}})]
    with pytest.raises(DataRejected, match="403: this route needs a key"):
        run(tmp_path, server, FOREVER)


def test_it_stops_when_told_to(tmp_path: Path, server: Server) -> None:
    stop = threading.Event()

    def enough(_: Progress) -> None:
        stop.set()

    done = run(tmp_path, server, FOREVER, {"rate": 20.0}, progress=enough, stopped=stop.is_set)
    assert done.sent >= 1


def test_a_generator_that_raises_is_told_with_its_place(tmp_path: Path, server: Server) -> None:
    code = "def events():\n    yield {'n': 1}\n    {}['missing']\n"
    with pytest.raises(ForebayError, match="KeyError: 'missing'") as raised:
        run(tmp_path, server, code)
    assert raised.value.where == "events.py:3"
    assert raised.value.code == "SimulatorFailed"
    assert server.events == [{"n": 1}], "what came before the fault is sent"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def other():\n    yield {}\n", "has no function events"),
        ("def events():\n    return 1\n", "returned int; a generator yields events"),
        ("def events():\n    yield 3\n", "an event is a dict, str or bytes, not int"),
        ("def events():\n    yield {'a': object()}\n", "cannot be written as JSON"),
        ("def events(:\n", "SyntaxError"),
        ("import os\ndef events():\n    os._exit(3)\n    yield {}\n", "exit code 3"),
    ],
)
def test_what_a_generator_may_not_do_is_told(tmp_path: Path, server: Server, code: str, message: str) -> None:
    with pytest.raises(ForebayError, match=message):
        run(tmp_path, server, code)


def test_a_generator_that_hangs_is_given_up(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forebay.simulate.generator.PATIENCE", 1.5)
    with pytest.raises(ForebayError, match="gave no event") as raised:
        run(tmp_path, server, "import time\ndef events():\n    time.sleep(60)\n    yield {}\n")
    assert raised.value.code == "SimulatorHangs"


@pytest.mark.parametrize("url", ["http://10.0.0.1:8000", "http://example.org", "http://[2001:db8::1]:8000"])
def test_no_address_but_a_local_one_is_ever_sent_to(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="to this machine only"):
        run(tmp_path, Server(url=url), FOREVER)


def test_an_unknown_simulator_is_told_with_those_that_are(tmp_path: Path, server: Server) -> None:
    with pytest.raises(NotFound) as raised:
        run_simulation(project(tmp_path, FOREVER), "gests", Layout(tmp_path / ".forebay"), {})
    assert raised.value.why == "it has: guests"


def test_the_generators_process_ends_with_who_started_it(tmp_path: Path) -> None:
    """Even if its code never comes back: nobody is left to kill it when the system was killed."""
    (tmp_path / "events.py").write_text(
        "import sys, time\n"
        "def events():\n"
        "    print('running', file=sys.stderr, flush=True)\n"
        "    while True:\n"
        "        time.sleep(0.01)\n"
        "    yield {}\n"
    )
    arguments = [str(tmp_path), "events.py", "events", "1", "UTC", "1.0"]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "forebay.simulate.source", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"\0\0\0\1\1")
        process.stdin.flush()
        assert process.stderr.readline() == b"running\n"
        process.stdin.close()
        assert process.wait(30) == 0
