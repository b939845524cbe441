"""What the README and the guides show is so: commands are run, projects loaded, code compiled."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from forebay.dashboards import reader
from forebay.project.load import load
from forebay.project.settings import Settings
from forebay.sections import SECTIONS, STAGES
from tests.repo.pages import Block, Shell, Step, blocks, example, matches, steps
from tests.repo.repository import ROOT, texts

PAGES = sorted(
    file
    for file in texts()
    if re.fullmatch(r"README\.md|CONTRIBUTING\.md|docs/[a-z-]+\.md|examples/[a-z]+/README\.md", file)
)
ELSEWHERE = re.compile(r"make \w|pip install |git clone |python3|\. \.venv|source ")
"""What installs or builds is not run here; the targets are looked at in test_targets.py."""
ASKS = re.compile(r"forebay (query|status|flush)\b")
KNOWN = {"", "console", "json", "python", "sql", "text", "yaml"}


def of(language: str) -> list[object]:
    return [
        pytest.param(page, block, id=f"{page}:{block.line}")
        for page in PAGES
        for block in blocks(page)
        if block.language == language
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_looked_at(page: str) -> None:
    """A block without a language, or of `text`, is a drawing or an output; commands belong in `console`."""
    for block in blocks(page):
        assert block.language in KNOWN, f"{page}:{block.line}"
        if block.language in {"", "text"}:
            assert not re.search(r"^\$ ", block.text, re.M), f"{page}:{block.line}: make it a console block"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in PAGES if steps(page)])
def test_the_commands_of_a_page_do_what_it_shows(page: str, tmp_path: Path) -> None:
    """In order, in one folder, with a running system; a page that does not start one gets an example: its own,
    or the restaurant.
    """
    commands = [step for step in steps(page) if not ELSEWHERE.match(step.command)]
    starts = any(step.command.startswith(("forebay run", "forebay init")) for step in commands)
    own = page.split("/")[1] if page.startswith("examples/") else "restaurant"
    shell = Shell(tmp_path if starts else example(own, tmp_path / own), tmp_path)
    try:
        if not starts:
            shell.start("forebay run .")
        for step in commands:
            output = patiently(shell, step)
            assert matches(step.shown, output), f"{page}:{step.line}\n$ {step.command}\n{output}"
    finally:
        shell.stop()


def patiently(shell: Shell, step: Step) -> str:
    """The output of a step. A question may be asked again: what was posted is seen a moment later."""
    until = time.monotonic() + 30
    while True:
        patient = ASKS.match(step.command) and time.monotonic() < until
        try:
            output = shell.run(step.command)
        except AssertionError:
            if not patient:
                raise
        else:
            if not patient or matches(step.shown, output):
                return output
        time.sleep(0.1)


def referenced(text: str) -> dict[str, str]:
    """The files that a snippet of a project names, each with the least that lets it load."""
    files: dict[str, str] = {}
    for path, name in re.findall(r"(\w+/\w+)(?:\.py:|\.)(\w+)", text):
        if name not in {"sql", "json", "yaml", "py", "txt"}:
            files[f"{path}.py"] = f"def {name}(event, context=None):\n    return event\n"
    for path in re.findall(r"\w+/\w+\.sql", text):
        files[path] = "select 1 as one"
    for path in re.findall(r"\w+/\w+\.json", text):
        files[path] = "{}"
    return files


@pytest.mark.parametrize(("page", "block"), of("yaml"))
def test_a_snippet_of_a_project_or_dashboard_has_nothing_wrong_with_it(
    page: str, block: Block, tmp_path: Path
) -> None:
    written = yaml.safe_load(block.text)
    if "tiles" in written:
        (tmp_path / "dashboards").mkdir()
        (tmp_path / "dashboards" / "page.yaml").write_text(block.text)
        (tmp_path / "forebay.yaml").write_text("name: snippet\n")
    else:
        assert set(written) <= {*STAGES, *Settings.__struct_fields__}, f"{page}:{block.line}"
        (tmp_path / "forebay.yaml").write_text(("" if "name" in written else "name: snippet\n") + block.text)
        for path, text in referenced(block.text).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    project, findings = load(tmp_path, SECTIONS)
    assert not [finding for finding in findings if finding.severity == "error"], f"{page}:{block.line}"
    assert project is not None
    assert not reader.read(project)[1]


@pytest.mark.parametrize(("page", "block"), of("python"))
def test_shown_python_compiles(page: str, block: Block) -> None:
    ast.parse(block.text, filename=f"{page}:{block.line}")


@pytest.mark.parametrize(("page", "block"), of("json"))
def test_shown_json_is_json(page: str, block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_shown_exists(page: str) -> None:
    from forebay.cli import COMMANDS

    for step in steps(page):
        words = shlex.split(step.command.split("  #")[0], comments=True)
        if words[:1] == ["forebay"]:
            assert words[1] in COMMANDS, f"{page}:{step.line}"
    for name in re.findall(r"`forebay ([a-z]+)", (ROOT / page).read_text()):
        assert name in COMMANDS or name in {"backup"}, f"{page}: forebay {name}"


@pytest.mark.parametrize(
    ("script", "page"), [("errors_page.py", "docs/errors.md"), ("cli_page.py", "docs/cli.md")]
)
def test_a_made_page_is_as_its_script_makes_it(script: str, page: str) -> None:
    """`make docs` writes it."""
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "-"], capture_output=True, text=True, check=True
    ).stdout
    assert (ROOT / page).read_text() == made
