"""A pytest plugin: the fixture `forebay` is a running system of a test's own.

Own ports, own state, gone afterwards; tests may run in parallel. `forebay_project` in pytest's settings
names a project folder (from the root of the tests); otherwise the system is empty, and the test makes
what it needs through AWS's clients. Nothing but pytest is imported until a test asks for the fixture.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
PATIENCE = 30.0


class Forebay:
    """A running system: `aws_endpoint`, `ingest_url` and `console_url` are its ports."""

    def __init__(self, process: subprocess.Popen[str], said: dict[str, Any]) -> None:
        self._process = process
        self.name: str = said["name"]
        self.state = Path(said["state"])
        self.aws_endpoint: str = said["urls"]["aws"]
        self.ingest_url: str = said["urls"]["ingest"]
        self.console_url: str = said["urls"]["console"]

    def client(self, service: str, **more: Any) -> Any:
        """A boto3 client of the system; `more` goes to `boto3.client`."""
        import boto3  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 - see the module's docstring

        given = {
            "endpoint_url": self.aws_endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        return boto3.client(service, **{**given, **more})

    def settle(self, patience: float = PATIENCE) -> None:
        """Wait until everything that was accepted has been read by those who consume it, and objects can be queried."""
        _until(lambda: self._call("front", "settle") is None, patience)
        _until(lambda: all(not each.get("lag") for each in self._ledger().values()), patience)

    def flush(self, name: str | None = None) -> list[dict[str, Any]]:
        """Write the buffers of all deliveries (or of one) to the lake now; the objects."""
        self.settle()
        answer = _until(lambda: self._call("flow", "flush", name=name), PATIENCE)
        objects: list[dict[str, Any]] = answer["objects"]
        return objects

    def query(self, sql: str, database: str | None = None) -> list[dict[str, Any]]:
        """The rows of a query. Raises forebay.errors.QueryFailed."""
        import pyarrow.ipc  # noqa: PLC0415 - see the module's docstring

        self.settle()
        answer = _until(
            lambda: self._call("query", "query", sql=sql, database=database or self.name, max_rows=1_000_000),
            PATIENCE,
        )
        rows: list[dict[str, Any]] = pyarrow.ipc.open_stream(answer["arrow"]).read_all().to_pylist()
        return rows

    def stop(self) -> None:
        """End it, and remove its state."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        shutil.rmtree(self.state, ignore_errors=True)

    def _ledger(self) -> dict[str, dict[str, Any]]:
        ledger: dict[str, dict[str, Any]] = self._call("front", "status")["ledger"]
        return ledger

    def _call(self, role: str, op: str, **args: Any) -> Any:
        from forebay.ipc import Client  # noqa: PLC0415 - see the module's docstring
        from forebay.layout import Layout  # noqa: PLC0415

        client = Client(Layout(self.state).socket(role), role)
        try:
            return client.call(op, timeout=PATIENCE, **args)
        finally:
            client.close()


def start(project: Path | None = None) -> Forebay:
    """Start a system on free ports, of `project` or empty. Raises RuntimeError with what it said if it ends."""
    what = ["--project-less"] if project is None else [str(project), "--no-reload"]
    ports = [word for door in ("ingest", "aws", "console") for word in (f"--{door}-port", "0")]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "forebay.cli", "run", *what, "--ephemeral", "--json", *ports],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if '"urls"' not in line:
        process.stdout.close()
        raise RuntimeError(f"forebay run ended with {process.wait()}: {line}")
    return Forebay(process, json.loads(line))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`forebay_project` in pytest's settings."""
    parser.addini(
        "forebay_project", "The project folder of the fixture `forebay`; an empty system without it."
    )


@pytest.fixture
def forebay(request: pytest.FixtureRequest) -> Iterator[Forebay]:
    """A running system of the test's own."""
    named = request.config.getini("forebay_project")
    system = start(request.config.rootpath / named if named else None)
    try:
        yield system
    finally:
        system.stop()


def _until(question: Callable[[], T], patience: float) -> T:
    from forebay.errors import NoServer, Unavailable  # noqa: PLC0415 - see the module's docstring

    deadline = time.monotonic() + patience
    while True:
        try:
            answer = question()
        except (NoServer, Unavailable):
            if time.monotonic() > deadline:
                raise
        else:
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {patience:g} s")
        time.sleep(0.02)
