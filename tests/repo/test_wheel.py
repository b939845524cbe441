"""The wheel carries all it needs: it installs and runs where there is neither Node nor make."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import forebay
from tests.harness import request, until
from tests.repo.repository import ROOT

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as for a release, from this tree."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment of its own with the wheel in it; the folder of its programs."""
    home = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    pip: list[str | Path] = [
        home / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements.lock"], check=True)
    subprocess.run([*pip, "--no-deps", wheel], check=True)
    subprocess.run([home / "bin" / "python", "-m", "pip", "check"], check=True, stdout=subprocess.DEVNULL)
    return home / "bin"


def run(programs: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`forebay ...` with nothing but the environment's own programs on the path."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PATH", "PYTHONPATH", "VIRTUAL_ENV", "FOREBAY_REAL_DATA"}
    }
    return subprocess.run(
        [programs / "forebay", *arguments],
        cwd=cwd,
        env={**environment, "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_carries_the_built_front_end_and_no_sources_of_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "forebay/web/static/index.html" in names
    assert any(re.fullmatch(r"forebay/web/static/assets/.*\.js", name) for name in names)
    assert not [name for name in names if "/ui/" in name or "node_modules" in name]
    assert "forebay/py.typed" in names
    assert not [name for name in names if name.startswith("tests/")]


def test_it_carries_the_examples_as_they_are_in_the_repository_and_no_state_of_a_demo(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("forebay/examples/")}
    tracked = subprocess.run(
        ["git", "ls-files", "examples"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert names == {f"forebay/{name}" for name in tracked.stdout.split()}


def test_its_metadata_are_those_of_the_project(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    text = archive.read(metadata).decode()
    assert f"Version: {forebay.__version__}\n" in text
    assert "License-Expression: Apache-2.0\n" in text


def test_without_node_or_make_it_helps_starts_a_project_and_checks_it(clean: Path, tmp_path: Path) -> None:
    helped = run(clean, tmp_path, "--help")
    assert helped.returncode == 0, helped.stderr
    assert "init" in helped.stdout
    made = run(clean, tmp_path, "init", "shop")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "shop" / "forebay.yaml").is_file()
    checked = run(clean, tmp_path, "check", "shop")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_restaurant_comes_with_it(clean: Path, tmp_path: Path) -> None:
    made = run(clean, tmp_path, "init", "mine", "--example", "restaurant")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "mine" / "simulate" / "evening.py").is_file()
    checked = run(clean, tmp_path, "check", "mine")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_runs_there_with_its_console(clean: Path, tmp_path: Path) -> None:
    """A POST is answered, the page is served and its script with it, and `stop` ends it."""
    assert run(clean, tmp_path, "init", "shop").returncode == 0
    ports = [word for door in ("ingest", "aws", "console") for word in (f"--{door}-port", "0")]
    started = run(clean, tmp_path, "run", "shop", "--detach", "--json", *ports)
    assert started.returncode == 0, started.stderr
    try:
        urls = json.loads(started.stdout)["urls"]
        event = b'{"page": "/menu", "milliseconds": 120}'
        posted = request(f"{urls['ingest']}/events", "POST", event, {"Content-Type": "application/json"})
        assert posted.status == 200, posted
        page = request(urls["console"] + "/")
        assert page.status == 200
        (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', page.body.decode())
        assert request(urls["console"] + script).status == 200
        query = ("query", "SELECT page, milliseconds FROM events", "--format", "csv")
        until(lambda: "/menu" in run(clean, tmp_path / "shop", *query).stdout)
    finally:
        assert run(clean, tmp_path, "stop", "shop").returncode == 0
