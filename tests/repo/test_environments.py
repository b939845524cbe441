"""The environments of other people's programs: locked like our own, and told of as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.proof.environments import version
from tests.repo.repository import ROOT

FOLDERS = sorted(
    path.parent
    for path in ROOT.glob("*/**/environments/*/*")
    if path.name in ("requirements.in", "package.json") and "node_modules" not in path.parts
)
ROW = re.compile(r"^\| ([^|]+?) \| ([\w./@-]+) (\d[\w.]*) \| `(\w+)` \|", re.M)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_an_environment_is_locked_with_hashes_and_names_no_place(folder: Path) -> None:
    if (folder / "package.json").exists():
        asked = json.loads((folder / "package.json").read_text())["dependencies"]
        lock = json.loads((folder / "package-lock.json").read_text())["packages"]
        for name, wanted in asked.items():
            assert lock[f"node_modules/{name}"]["version"] == wanted
        for name, entry in lock.items():
            assert "resolved" not in entry, name
            assert not name or entry["integrity"].startswith("sha512-"), name
        return
    text = (folder / "requirements.lock").read_text()
    pinned = re.findall(r"^([a-z0-9._-]+)==\S+.*\\$", text, re.M)
    assert len(pinned) == len(
        [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    )
    assert "://" not in text
    asked_for = (folder / "requirements.in").read_text().split()
    for line in asked_for:
        name = re.split(r"[\[=<>]", line)[0].lower().replace("_", "-")
        assert name in pinned, f"{name}: make lock"


def test_the_page_of_clients_names_the_versions_that_are_proven() -> None:
    rows = ROW.findall((ROOT / "docs" / "clients.md").read_text())
    assert len(rows) > 10
    for _, package, told, environment in rows:
        assert version(environment, package) == told, package
