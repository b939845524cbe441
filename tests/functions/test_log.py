"""What a function prints goes to its log, and only there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forebay.functions import log as logs
from forebay.functions.log import FunctionLog, Output
from tests.functions.conftest import Project, Spec, events, origins, rows


def test_prints_and_reports_stand_between_start_and_end_with_their_request(project: Project) -> None:
    function = project.plain(
        """
    import os, sys, subprocess

    print("while importing")

    def f(event):
        print("printed", event["n"])
        print("to stderr", file=sys.stderr)
        os.write(1, b"raw\\n")
        subprocess.run(["echo", "from a child"], check=True)
        print("no newline", end="")
        return event
    """
    )
    assert rows(function.apply(events({"n": 7}), origins(1))) == [{"n": 7}]
    lines = project.log().splitlines()
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    assert re.fullmatch(f"{time} - while importing", lines[0])
    request = lines[1].split()[1]
    assert all(re.match(f"{time} {request} ", line) for line in lines[1:])
    assert [line.split(" ", 2)[2] for line in lines[1:8]] == [
        f"START RequestId: {request} Version: $LATEST",
        "printed 7",
        "to stderr",
        "raw",
        "from a child",
        "no newline",
        f"END RequestId: {request}",
    ]
    report = r"REPORT RequestId: \S+ Duration: [\d.]+ ms Billed Duration: \d+ ms Memory Size: 256 MB "
    report += r"Max Memory Used: \d+ MB Records: 1 Init Duration: [\d.]+ ms"
    assert re.search(report, lines[8])


def test_the_root_logger_works_without_set_up_as_on_lambda(project: Project) -> None:
    function = project.plain(
        """
    import logging

    logger = logging.getLogger()
    logger.setLevel("INFO")

    def f(event):
        logger.info("seen %s", event["n"])
        return event
    """
    )
    function.apply(events({"n": 7}), origins(1))
    assert "[INFO]\troot\tseen 7" in project.log()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("mischief", ["sys.{0}.close()", "sys.{0} = None", "del sys.{0}", "sys.{0} = 3"])
def test_code_that_breaks_its_streams_breaks_nothing_else(
    project: Project, stream: str, mischief: str
) -> None:
    function = project.plain(
        f"""
    import sys

    def f(event):
        {mischief.format(stream)}
        if event["n"]:
            raise ValueError("still counted")
        return event
    """
    )
    outcome = function.apply(events({"n": 0}, {"n": 1}), origins(2))
    assert outcome.failed
    assert len(rows(outcome)) + len(outcome.failed) == 2
    assert function.stats()["starts"] == 1


def test_secrets_are_in_the_workers_environment_and_in_no_log_or_reason(project: Project) -> None:
    project.write(
        "functions/f.py",
        """
    import os

    def f(event):
        print("the token is", os.environ["TOKEN"])
        if event["fail"]:
            raise ValueError(os.environ["TOKEN"])
        return {"length": len(os.environ["TOKEN"])}
    """,
    )
    project.secrets["API"] = "canary-8cbd1"
    spec = Spec("function", "functions/f.py:f", environment={"TOKEN": "Bearer ${secret:API}"})
    function = project.open(spec)
    outcome = function.apply(events({"fail": False}, {"fail": True}), origins(2))
    assert rows(outcome) == [{"length": len("Bearer canary-8cbd1")}]
    assert outcome.failed[0].reason.startswith("ValueError: Bearer ***")
    assert "the token is Bearer ***" in project.log()
    assert "canary" not in project.log() + str(function.stats())


def test_a_log_is_rotated_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "ROTATE", 1000)
    log = FunctionLog(tmp_path / "f.log")
    for n in range(100):
        log.write("id", b"line %d\n" % n)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["f.log", "f.log.1", "f.log.2"]
    assert all(path.stat().st_size < 1100 for path in tmp_path.iterdir())
    assert "line 99" in (tmp_path / "f.log").read_text() + (tmp_path / "f.log.1").read_text()


def test_output_is_cut_into_lines_wherever_the_pipe_cut_it(tmp_path: Path) -> None:
    output = Output(FunctionLog(tmp_path / "f.log"))
    output.begin("id")
    for chunk in (b"one\ntw", b"o", b"\n\nthree"):
        output.feed(chunk)
    output.finish()
    lines = (tmp_path / "f.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["one", "two", "", "three"]
