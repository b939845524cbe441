"""A real forebay for a test: `forebay run` on free ports with its own state, spoken to like any other.

system = running(folder)            # the fixture, in conftest.py
system.post("/clicks", {"a": 1})
system.until(lambda: system.query("select count(*) from clicks") == [[1]])
system.kill("flow"); system.kill_all(); system.start(); system.stop()
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psutil

from forebay.errors import ForebayError, Unavailable
from forebay.ipc import Client
from forebay.layout import Layout
from forebay.runtime import endpoints

T = TypeVar("T")

FOREBAY = [sys.executable, "-P", "-m", "forebay.cli"]
PATIENCE = 30.0
SLOWLY = 120.0
"""Seconds for what takes several where nothing else runs."""
TURN = 5.0
DOORS = ("ingest", "aws", "console")


def until(question: Callable[[], T], *, patience: float = PATIENCE, every: float = 0.02) -> T:
    """The first truthy answer; errors of a system that is starting count as none. Fails after `patience` s.

    Of a turn that took longer than `TURN`, no more counts: the whole machine may have stood still.
    """
    waited = 0.0
    last: object = None
    while True:
        began = time.monotonic()
        try:
            answer = question()
        except (ForebayError, OSError, http.client.HTTPException) as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        if waited > patience:
            raise AssertionError(f"not within {patience:g} s; the last answer was {last!r}")
        time.sleep(every)
        waited += min(time.monotonic() - began, TURN)


def _alive(pid: int) -> bool:
    """Whether it runs: one that has ended and is not reaped yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def held_port() -> socket.socket:
    """A free port that no other process is given while this is open, and that a server can listen at all the same."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


def request(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float = PATIENCE,
) -> Answer:
    """One HTTP request over a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read whole
            connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


class System:
    """One `forebay run`. `arguments` are added to its command line, `environment` to its environment."""

    def __init__(
        self, folder: Path, state: Path, arguments: list[str], environment: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.layout = Layout(state)
        self._arguments = arguments
        self._environment = dict(environment)
        self.process: subprocess.Popen[str] | None = None
        self.urls: dict[str, str] = {}
        self.said = state.with_name(state.name + ".stderr")
        self._held = [held_port() for _ in DOORS]
        self._ports: list[str] = []
        for name, held in zip(DOORS, self._held, strict=True):
            self._ports += [f"--{name}-port", str(held.getsockname()[1])]

    # Its life.

    def start(self, *, sql: bool = True) -> System:
        """Start it and wait until it takes events and moves them, and with `sql` until it answers queries too.

        A second start has the same ports, which are nobody else's in between.
        """
        self.launch()
        try:
            until(lambda: request(self.ingest + "/healthz").status == 200, patience=SLOWLY)
            until(lambda: self.call("flow", "status"), patience=SLOWLY)
            if sql:
                until(lambda: self.query("select 1") == [[1]], patience=SLOWLY)
        except BaseException:  # it would be in the way of every test after this one
            self.kill_all()
            raise
        return self

    def launch(self) -> None:
        """Start it, and wait only until it has said where it listens."""
        with self.said.open("a") as stderr:
            self.process = subprocess.Popen(
                [*FOREBAY, *self._command()],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, **self._environment},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if '"urls"' not in line:
            code = self._ended(PATIENCE)
            raise AssertionError(f"forebay run ended with {code}: {line}\n{self.errors()}")
        self.urls = json.loads(line)["urls"]

    def _command(self) -> list[str]:
        return [
            "run",
            str(self.folder),
            "--state",
            str(self.layout.root),
            "--json",
            *self._ports,
            *self._arguments,
        ]

    def stop(self, *, number: int = signal.SIGTERM, patience: float = PATIENCE) -> int:
        """End it in good order; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self._ended(patience)

    def kill(self, role: str, number: int = signal.SIGKILL) -> int:
        """Send SIGKILL to one process: front, flow, query or supervisor. Its pid, once it answers no more."""
        pid = self.pid(role)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if number == signal.SIGKILL:
            until(lambda: not _alive(pid))
        return pid

    def kill_all(self) -> None:
        """SIGKILL everything at once, workers too, and wait until it is gone."""
        assert self.process is not None
        everything = [psutil.Process(self.process.pid)]
        with contextlib.suppress(psutil.NoSuchProcess):
            everything += everything[0].children(recursive=True)
        for process in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everything, timeout=PATIENCE)
        self._ended(PATIENCE)

    def _ended(self, patience: float) -> int:
        assert self.process is not None
        process = self.process
        try:
            with contextlib.suppress(AssertionError):
                until(lambda: process.poll() is not None, patience=patience)
            code = process.wait(0)
        finally:
            if process.stdout is not None:
                process.stdout.close()
        return code

    def end(self) -> None:
        """Whatever state it is in, it is gone afterwards."""
        for held in self._held:
            held.close()
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill_all()
                raise AssertionError(f"it did not end within {PATIENCE:g} s\n{self.errors()}") from None

    def errors(self) -> str:
        """What it said on stderr."""
        return self.said.read_text() if self.said.exists() else ""

    # What it is asked.

    @property
    def ingest(self) -> str:
        return self.urls["ingest"]

    @property
    def console(self) -> str:
        return self.urls["console"]

    def pid(self, role: str) -> int:
        """The living process of a role; waits for one that is being restarted."""

        def find() -> int:
            found = endpoints.read(self.layout)
            for process in found.processes if found else []:
                if process.role == role and _alive(process.pid):
                    return process.pid
            return 0

        return until(find)

    def restarts(self, role: str) -> int:
        found = endpoints.read(self.layout)
        return next((each.restarts for each in found.processes if each.role == role), 0) if found else 0

    def post(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, *, timeout: float = PATIENCE
    ) -> Answer:
        """POST to the ingest port; what is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return request(
            self.ingest + path,
            "POST",
            data,
            {"Content-Type": "application/json", **(headers or {})},
            timeout=timeout,
        )

    def call(self, role: str, op: str, /, timeout: float = 30.0, **args: Any) -> Any:
        """An operation of front.sock, flow.sock or query.sock."""
        client = Client(self.layout.socket(role), role)
        try:
            return client.call(op, timeout=timeout, **args)
        finally:
            client.close()

    def query(self, sql: str, *, timeout: float = 30.0) -> list[list[Any]]:
        """The rows of a query, as Python values. Raises Unavailable while the query process is not up."""
        import pyarrow.ipc

        with contextlib.suppress(ForebayError):
            self.call("front", "settle")
        project = json.loads(self.layout.applied.read_bytes())["name"]
        answer = self.call("query", "query", timeout=timeout, sql=sql, database=project, max_rows=20_000_000)
        assert not answer["truncated"]
        table = pyarrow.ipc.open_stream(answer["arrow"]).read_all()
        return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.call("front", "status")
        return found

    def flush(self, name: str | None = None) -> list[dict[str, Any]]:
        until(lambda: self.call("flow", "status"))  # after a start, the flow is the last to be up
        found: list[dict[str, Any]] = self.call("flow", "flush", timeout=60, name=name)["objects"]
        return found

    def cli(self, *arguments: str, stdin: bytes | None = None, timeout: float = SLOWLY) -> Result:
        """Run a forebay command about this system."""
        return forebay(
            *arguments, "--state", str(self.layout.root), cwd=self.folder, stdin=stdin, timeout=timeout
        )

    def until(self, question: Callable[[], T], *, patience: float = PATIENCE) -> T:
        return until(question, patience=patience)


class Result:
    """What a command printed, and its exit code."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.code = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()

    def json(self) -> Any:
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"<exit {self.code}\n{self.out}\n{self.err}>"


def forebay(
    *arguments: str, cwd: Path | None = None, stdin: bytes | None = None, timeout: float = SLOWLY
) -> Result:
    """Run `forebay ARGUMENTS` to its end."""
    return Result(
        subprocess.run(
            [*FOREBAY, *arguments],
            cwd=cwd,
            input=stdin or b"",
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    )


__all__ = ["Answer", "Result", "System", "Unavailable", "forebay", "held_port", "request", "until"]
