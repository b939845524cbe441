"""The pytest plugin: what docs/testing.md shows, with a project too; and the recipe of an image."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.projects import project
from tests.repo.pages import blocks
from tests.repo.repository import ROOT

WITH_PROJECT = """\
import json
import urllib.request


def post(forebay, n):
    body = json.dumps({"id": "a", "n": n}).encode()
    urllib.request.urlopen(urllib.request.Request(forebay.ingest_url + "/events", body)).close()


def test_a_post_is_a_row_and_then_an_object(forebay):
    post(forebay, 1)
    assert forebay.query("select n from events") == [{"n": 1}]
    assert [each["rows"] for each in forebay.flush()] == [1]
    assert forebay.query("select n from events") == [{"n": 1}]


def test_the_next_test_has_a_state_of_its_own(forebay):
    assert forebay.query("select n from events") == []
"""


def pytest_in(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "forebay.testing", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_of_the_docs_passes(tmp_path: Path) -> None:
    (block,) = [block for block in blocks("docs/testing.md") if block.language == "python"]
    (tmp_path / "test_example.py").write_text(block.text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert "1 passed" in pytest_in(tmp_path)


def test_the_fixture_runs_the_project_that_is_named(tmp_path: Path) -> None:
    project(tmp_path / "menu")
    (tmp_path / "test_menu.py").write_text(WITH_PROJECT)
    (tmp_path / "pytest.ini").write_text("[pytest]\nforebay_project = menu\n")
    assert "2 passed" in pytest_in(tmp_path)


def test_pytest_finds_the_plugin_where_forebay_is_installed() -> None:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert found == {"forebay": "forebay.testing"}


def test_the_recipe_of_the_image_pins_what_it_takes_and_is_nobodys_root() -> None:
    text = (ROOT / "packaging" / "Containerfile").read_text().replace("\\\n", " ")
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    known = [
        "FROM",
        "RUN",
        "COPY",
        "USER",
        "WORKDIR",
        "VOLUME",
        "EXPOSE",
        "HEALTHCHECK",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    ]
    assert {word for word, _ in steps} <= set(known)
    assert steps[0][0] == "FROM"
    assert re.search(r":\d+\.\d+\.\d+-[a-z-]+$", steps[0][1])
    assert any("--require-hashes -r /tmp/requirements.lock" in rest for _, rest in steps)
    assert ["USER", "forebay"] in steps
    assert [word for word, _ in steps[-2:]] == ["ENTRYPOINT", "CMD"]


FIRST = """\
import pytest
from botocore.config import Config


@pytest.mark.parametrize("n", range(2))
def test_the_first_call_is_answered(forebay, n):
    s3 = forebay.client("s3", config=Config(retries={"total_max_attempts": 1}))
    s3.create_bucket(Bucket="menu")
    s3.put_object(Bucket="menu", Key="today", Body=b"soup")
    s3.close()
"""


def test_who_does_not_try_again_is_answered_while_the_system_is_still_starting(tmp_path: Path) -> None:
    (tmp_path / "test_first.py").write_text(FIRST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert "2 passed" in pytest_in(tmp_path)
