"""Snapshots of the whole state, the way back, and a state that is kept only while it runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.cli.ephemeral import PREFIX, sweep
from forebay.layout import Layout
from forebay.runtime import snapshots
from forebay.runtime.lock import Lock
from tests.conftest import Running
from tests.harness import FOREBAY, forebay, request
from tests.projects import PLAIN, project
from tests.wire.sdk import client

COUNT = "select count(*) from events"


def test_a_running_system_goes_back_to_where_it_was(running: Running, tmp_path: Path) -> None:
    """Events, objects, resources made over the wire and log groups; the ports stay the same."""
    system = running(project(tmp_path / "p", PLAIN.replace("seconds: 60", "seconds: 900")))
    system.post("/events", {"id": "a", "n": 1})
    system.until(lambda: system.query(COUNT) == [[1]])
    system.flush()
    system.post("/events", {"id": "b", "n": 2})
    system.until(lambda: system.query(COUNT) == [[2]])
    client(system, "logs").create_log_group(logGroupName="before")
    assert system.cli("snapshot", "two").code == 0
    system.until(lambda: system.query(COUNT) == [[2]])
    system.post("/events", {"id": "c", "n": 3})
    system.until(lambda: system.query(COUNT) == [[3]])
    system.flush()
    client(system, "logs").create_log_group(logGroupName="after")

    back = system.cli("reset", "--to", "two", "--json")
    assert back.json() == {"reset": "two"}
    system.until(lambda: system.query(COUNT) == [[2]])
    groups = client(system, "logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["before"]
    system.until(lambda: system.status()["ledger"]["total"]["accepted"] == 2)
    system.post("/events", {"id": "d", "n": 4})
    system.until(lambda: system.query(COUNT) == [[3]])
    assert len(system.flush()) == 1
    assert system.query("select n from events order by n") == [[1], [2], [4]]


def test_a_stopped_system_goes_back_as_often_as_one_likes(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"))
    system.post("/events", {"id": "a", "n": 1})
    system.until(lambda: system.query(COUNT) == [[1]])
    system.stop()
    assert system.cli("snapshot", "one").code == 0
    assert "one" in system.cli("snapshot").out
    for _ in range(2):
        system.start()
        system.post("/events", {"id": "b", "n": 2})
        system.until(lambda: system.query(COUNT) == [[2]])
        system.stop()
        assert system.cli("reset", "--to", "one").code == 0
    system.start()
    system.until(lambda: system.query(COUNT) == [[1]])


def test_a_snapshot_is_asked_for_by_a_name_that_is_right(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    assert "BadName" in system.cli("snapshot", "../x").err
    assert "NoSuchSnapshot" in system.cli("reset", "--to", "none").err
    assert system.cli("snapshot", "one").code == 0
    assert "SnapshotExists" in system.cli("snapshot", "one").err
    (system.folder / "forebay.yaml").write_text(PLAIN.replace("seconds: 60", "seconds: 61"))
    system.until(lambda: not snapshots.same_project(system.layout, "one"))
    system.until(lambda: request(system.ingest + "/healthz").status == 200)
    changed = system.cli("reset", "--to", "one")
    assert changed.code == 2
    assert "ProjectChanged" in changed.err
    assert system.cli("snapshot", "one", "--delete").code == 0
    assert system.cli("snapshot", "--json").json() == []


def test_a_way_back_that_a_crash_cut_short_is_finished_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every single step of the swap."""
    rename = Path.rename
    for steps in range(5):
        layout = Layout(tmp_path / str(steps))
        layout.make()
        layout.applied.write_text("{}")
        for name in ("state.db", "catalog.db"):
            (layout.root / name).write_text("old")
        snapshots.take(layout, "one")
        for name in ("state.db", "catalog.db", "late.db"):
            (layout.root / name).write_text("new")
        left = iter(range(steps))

        def crash(path: Path, target: Path, left: Iterator[int] = left) -> Path:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return rename(path, target)

        with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
            patched.setattr(Path, "rename", crash)
            snapshots.reset(layout, "one")
        assert snapshots.finish(layout)
        assert [(layout.root / name).read_text() for name in ("state.db", "catalog.db")] == ["old", "old"]
        assert not (layout.root / "late.db").exists()
        assert not snapshots.finish(layout)


def test_an_ephemeral_system_leaves_nothing_and_needs_no_project() -> None:
    ports = [word for door in ("ingest", "aws", "console") for word in (f"--{door}-port", "0")]
    process = subprocess.Popen(
        [*FOREBAY, "run", "--ephemeral", "--project-less", "--json", *ports],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        said = json.loads(process.stdout.readline())
    state = Path(said["state"])
    assert (state / "state.db").exists()
    assert request(said["urls"]["aws"] + "/_forebay/health").status == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not state.exists()
    assert "TwoMinds" in forebay("run", "--ephemeral", "--project-less", "--state", str(state)).err


def test_what_a_killed_ephemeral_system_left_goes_when_the_next_one_starts(tmp_path: Path) -> None:
    left, young, held, other = (tmp_path / f"{PREFIX}{name}" for name in ("a", "b", "c", "d"))
    for folder in (left, young, held):
        (folder / "run").mkdir(parents=True)
        (folder / "state.db").write_bytes(b"x")
    other.symlink_to(tmp_path)
    lock = Lock(Layout(held))
    lock.take()
    for folder in (left, held):
        os.utime(folder, (0, 0))
    sweep(tmp_path)
    lock.release()
    assert sorted(path.name[-1] for path in tmp_path.iterdir()) == ["b", "c", "d"]
