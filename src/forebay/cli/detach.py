"""`forebay run --detach`: the same command in the background, and how it is ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

from forebay.errors import ForebayError
from forebay.layout import Layout
from forebay.runtime.lock import holder

PATIENCE = 60.0


def run_detached(arguments: Sequence[str], *, as_json: bool) -> int:
    """Start `forebay ARGUMENTS` without a terminal, wait until it serves, and leave; its exit code if it fails.

    What it would have said on the terminal goes to `logs/run.log` of the state folder.
    """
    rest = [each for each in arguments if each not in ("--detach", "--json")]
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "forebay.cli", *rest, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            env={**os.environ, "FOREBAY_DETACHED": "1"},
        )
        assert child.stdout is not None
        ready, _, _ = select.select([child.stdout], [], [], PATIENCE)
        if not ready:
            child.terminate()
        line = child.stdout.readline()
        child.stdout.close()
        if line and b'"urls"' in line:
            found = json.loads(line)
            if as_json:
                click.echo(json.dumps({**found, "pid": child.pid}))
            else:
                click.echo(f"forebay runs {found['name']} in the background (pid {child.pid})")
                for name, url in found["urls"].items():
                    click.echo(f"  {name:<8} {url}")
                click.echo("`forebay stop` ends it")
            child.returncode = 0  # it lives on; nobody waits for it
            return 0
        code = child.wait()
        said.seek(0)
        sys.stderr.write(said.read().decode("utf-8", "replace"))
        if line:
            _show_failure(line, as_json=as_json)
        return code


def _show_failure(line: bytes, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(line.decode())
        return
    with contextlib.suppress(ValueError):
        parts = json.loads(line)
        for finding in parts.get("findings", []):
            click.echo(
                f"{finding['file']}:{finding.get('line', 0)} {finding['code']}: {finding['message']}",
                err=True,
            )
        if "error" in parts:
            click.echo(f"error {parts['error']['code']}: {parts['error']['message']}", err=True)


def keep_apart(layout: Layout) -> None:
    """In the background process, once it serves: what is said from now on goes to `logs/run.log`."""
    if os.environ.get("FOREBAY_DETACHED") != "1":
        return
    path = layout.logs / "run.log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for number in (1, 2):
        os.dup2(fd, number)
    os.close(fd)


def stop(layout: Layout, patience: float = 10.0) -> int | None:
    """End the system of a state folder in good order; its pid, or None if none runs.

    Raises ForebayError `WillNotStop` if it still lives after `patience` seconds.
    """
    pid = holder(layout)
    if pid is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while holder(layout) is not None:
        if time.monotonic() > deadline:
            raise ForebayError(
                "WillNotStop",
                f"the system (pid {pid}) still runs after {patience:g} s",
                where=str(Path(layout.root)),
                fix=f"kill -9 {pid}: nothing that was acknowledged is lost by it",
            )
        time.sleep(0.02)
    return pid
