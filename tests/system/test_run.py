"""`forebay run` as a user meets it: what it refuses, how it ends, what it survives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import apsw
import psutil
import pytest

from forebay.layout import Layout
from tests.conftest import Running
from tests.harness import FOREBAY, Result, forebay, request, until
from tests.projects import PLAIN, STREAM, project

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is refused
PORTS = ("--ingest-port", "0", "--aws-port", "0", "--console-port", "0")


def refused(folder: Path, *arguments: str) -> Result:
    """What `forebay run` says when it will not run."""
    result = forebay("run", str(folder), *PORTS, *arguments)
    assert result.code != 0, result
    assert "Traceback" not in result.err, result
    return result


def test_all_findings_are_printed_with_their_places(tmp_path: Path) -> None:
    folder = project(
        tmp_path / "p", PLAIN.replace("to: delivery.events", "to: delivery.evnts") + "nonsense: 1\n"
    )
    result = refused(folder)
    assert result.code == 1
    assert "forebay.yaml:3" in result.err
    assert "delivery.events" in result.err
    assert "nonsense" in result.err
    findings = refused(folder, "--json").json()["findings"]
    assert len(findings) == 2


def test_what_does_not_run_yet_is_refused_by_name(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", PLAIN + "topics:\n  ops: {region: eu-west-1}\n")
    result = refused(folder)
    assert "topics.ops.region" in result.err
    assert "does not run yet" in result.err


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    assert "forebay init" in refused(tmp_path).err


def test_a_second_instance_on_the_same_state_is_told_the_firsts_pid(running: Running, tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    system = running(folder, sql=False)
    result = refused(folder, "--state", str(system.layout.root))
    assert "AlreadyRunning" in result.err
    assert str(system.pid("supervisor")) in result.err


def test_a_port_in_use_is_named_with_its_holder_and_a_way_out(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        result = forebay("run", str(folder), "--ingest-port", port)
    assert result.code == 1
    assert f"port {port}" in result.err
    assert str(os.getpid()) in result.err
    assert "--ingest-port" in result.err


def test_a_state_written_by_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    layout = Layout(tmp_path / "state")
    layout.make()
    newer = apsw.Connection(str(layout.catalog))
    newer.execute("PRAGMA user_version = 999; CREATE TABLE t(x)")
    newer.close()
    before = layout.catalog.read_bytes()
    result = refused(folder, "--state", str(layout.root))
    assert "StateTooNew" in result.err
    assert "upgrade" in result.err
    assert layout.catalog.read_bytes() == before


def test_an_unreadable_state_folder_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0)
    # Root may read everything, unless it gives that up.
    before = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    run = [*before, *FOREBAY, "run", str(project(tmp_path / "p")), *PORTS, "--state", str(state)]
    result = Result(subprocess.run(run, capture_output=True, timeout=60, check=False))
    assert result.code != 0, result
    assert "Traceback" not in result.err, result
    assert "StateUnreadable" in result.err


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a folder")
    result = refused(project(tmp_path / "p"), "--state", str(tmp_path / "state"))
    assert result.code in (1, 2)
    assert "state" in result.err


def test_beyond_loopback_it_wants_tls_and_keys(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    assert "NoTls" in refused(folder, "--host", EVERYWHERE).err
    result = refused(folder, "--host", EVERYWHERE, "--behind-proxy", "10.0.0.1")
    assert "NoKeys" in result.err
    assert "events" in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_drains_and_ends_within_five_seconds(running: Running, tmp_path: Path, number: int) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    pids = [system.pid(role) for role in ("front", "flow")]
    for n in range(20):
        assert system.post("/events", {"id": str(n)}).status == 200
    assert system.stop(number=number, patience=5) == 0
    assert not any(psutil.pid_exists(pid) for pid in pids)
    ledger = system.cli("status", "--json").json()["ledger"]["total"]
    assert ledger["accepted"] == 20
    assert ledger["adds_up"]


def test_a_second_signal_ends_it_now(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    front, flow = (psutil.Process(system.pid(role)) for role in ("front", "flow"))
    for each in (front, flow):
        each.suspend()  # they cannot drain
    assert system.process is not None
    system.process.send_signal(signal.SIGINT)
    until(lambda: "draining" in system.errors())
    system.process.send_signal(signal.SIGINT)
    assert system.stop() == 0
    assert "flow did not end" not in system.errors(), "it had its time, though nobody wanted to wait"
    assert not front.is_running()
    assert not flow.is_running()


def test_a_signal_that_comes_as_it_ends_changes_nothing(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    assert system.process is not None
    while system.process.poll() is None:
        system.process.send_signal(signal.SIGINT)
    assert system.stop() == 0


def _listens(url: str) -> bool:
    port = int(url.rpartition(":")[2])
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_killed_process_comes_back_and_the_restart_is_counted(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    for role in ("front", "flow"):
        pid = system.kill(role)
        until(lambda role=role, pid=pid: system.pid(role) != pid)  # type: ignore[misc]
        assert system.restarts(role) == 1
    until(lambda: system.post("/events", {"id": "1"}).status == 200)
    assert "SIGKILL" in system.errors()


def test_a_request_during_the_fronts_restart_waits_instead_of_being_refused(
    running: Running, tmp_path: Path
) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    system.kill("front")
    assert system.post("/events", {"id": "1"}, timeout=20).status == 200


def test_the_front_accepts_while_flow_is_down(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    psutil.Process(system.pid("flow")).suspend()
    assert system.post("/events", {"id": "1"}).status == 200
    assert system.status()["ledger"]["total"]["accepted"] == 1


def test_when_the_supervisor_is_killed_its_children_end_and_hold_no_port(
    running: Running, tmp_path: Path
) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    children = psutil.Process(system.pid("supervisor")).children(recursive=True)
    system.kill("supervisor")
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert len(gone) >= 2
    assert not any(_listens(url) for url in system.urls.values())
    system.stop()
    system.start(sql=False)


def test_a_start_right_after_the_supervisor_was_killed_waits_for_its_children(
    running: Running, tmp_path: Path
) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    for _ in range(3):
        system.kill("supervisor")
        system.stop()
        system.start(sql=False)
        assert system.post("/events", {"id": "1"}).status == 200


def test_what_is_saved_is_applied_without_a_restart(running: Running, tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    system = running(folder, sql=False)
    front = system.pid("front")
    project(folder, PLAIN.replace("POST /events", "POST /moved"))
    until(lambda: system.post("/moved", {"id": "1"}).status == 200)
    assert system.post("/events", {"id": "1"}).status == 404
    assert system.pid("front") == front
    assert "change ingest.events" in system.errors()


def test_a_mistake_that_is_saved_is_said_and_the_old_project_runs_on(
    running: Running, tmp_path: Path
) -> None:
    folder = project(tmp_path / "p")
    system = running(folder, sql=False)
    project(folder, PLAIN.replace("delivery.events", "delivery.nothing"))
    until(lambda: "runs on" in system.errors())
    assert system.post("/events", {"id": "1"}).status == 200
    project(folder, PLAIN)
    until(lambda: "applied" in system.errors())


def test_it_goes_on_in_the_background_until_it_is_stopped(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    result = forebay("run", str(folder), *PORTS, "--detach", "--json")
    assert result.code == 0, result
    found = result.json()
    try:
        assert request(found["urls"]["ingest"] + "/healthz").status == 200
        assert psutil.pid_exists(found["pid"])
    finally:
        stopped = forebay("stop", str(folder), "--json")
    assert stopped.json() == {"stopped": found["pid"]}
    assert forebay("stop", str(folder)).code == 3


def test_detaching_from_a_project_with_findings_says_them(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "name: plain\nnonsense: 1\n")
    result = forebay("run", str(folder), *PORTS, "--detach")
    assert result.code == 1
    assert "nonsense" in result.err


def test_a_system_without_a_project_needs_a_state_folder(tmp_path: Path) -> None:
    result = forebay("run", "--project-less", cwd=tmp_path)
    assert result.code == 2
    assert "--state" in result.err


def test_a_stream_that_nobody_reads_is_its_own_subscription(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p", STREAM), sql=False)
    assert system.post("/raw", [{"n": 1}, {"n": 2}]).status == 200
    ledger = system.status()["ledger"]
    assert ledger["streams.raw"]["buffered"] == 2
    assert ledger["total"]["accepted"] == 2


def test_a_module_in_the_current_folder_does_not_pass_for_the_standard_library(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", **{"json.py": "raise SystemExit('taken over')"})
    done = subprocess.run(
        [*FOREBAY, "run", *PORTS, "--detach"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    try:
        assert done.returncode == 0, done
    finally:
        forebay("stop", str(folder))


def test_the_projects_simulators_run_when_asked_for(running: Running, tmp_path: Path) -> None:
    text = (
        PLAIN + 'simulate:\n  made: {function: "simulate/made.py:events", rate: 200/s, to: ingest.events}\n'
    )
    made = "import itertools\n\n\ndef events(simulation):\n    for n in itertools.count():\n        yield {'id': str(n)}\n"
    system = running(project(tmp_path / "p", text, **{"simulate/made.py": made}), "--simulate", sql=False)
    until(lambda: system.status()["ledger"]["delivery.events"]["accepted"] > 20)
    system.kill("front")
    until(lambda: system.restarts("front") == 1)
    before = until(lambda: system.status()["ledger"]["delivery.events"]["accepted"])
    until(lambda: system.status()["ledger"]["delivery.events"]["accepted"] > before)
    assert "simulate:made" in {process["role"] for process in system.status()["processes"]}


def test_a_saved_change_does_not_open_a_door_that_a_start_would_refuse(
    running: Running, tmp_path: Path
) -> None:
    locked = PLAIN.replace("to: delivery.events}", "to: delivery.events, key: required}")
    folder = project(tmp_path / "p", locked)
    system = running(
        folder, "--host", EVERYWHERE, "--behind-proxy", "127.0.0.1", "--allow-host", "127.0.0.1", sql=False
    )
    project(folder, PLAIN)
    until(lambda: "refusing to listen" in system.errors())
    assert system.post("/events", {"id": "1"}).status == 401
