"""What a person or a machine types first is there, and does what it says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import forebay
from tests.repo.repository import ROOT, files


@pytest.mark.parametrize(
    "target", ["install", "demo", "test", "proof", "bench", "bench-long", "lock", "clean"]
)
def test_make_knows_its_targets(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:.*## \S", makefile, re.M)


def test_make_alone_lists_them() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make demo" in listed
    assert "make test" in listed


def test_ci_does_what_a_person_does() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    commands = [line for line in script.splitlines() if line.startswith(("exec", "make"))]
    assert commands == ["exec make test"]


def test_scripts_can_be_run_and_bash_can_read_them() -> None:
    scripts = [ROOT / ".ci" / "run", *(path for path in files() if path.parent == ROOT / "scripts")]
    for script in scripts:
        if script.suffix == ".py":
            continue
        assert os.access(script, os.X_OK), script
        subprocess.run(["bash", "-n", script], check=True)


def test_a_missing_python_is_told_with_what_to_do() -> None:
    said = subprocess.run(
        [ROOT / "scripts" / "have", "python", "python9.9"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    assert "there is no python9.9" in said.stderr
    assert "apt-get install" in said.stderr


def test_a_missing_node_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "bash").symlink_to("/bin/bash")
    said = subprocess.run(
        ["/bin/bash", ROOT / "scripts" / "have", "node"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1
    assert "needs Node 20" in said.stderr


def test_the_changelog_speaks_of_this_version() -> None:
    log = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## {re.escape(forebay.__version__)}\b", log, re.M)
