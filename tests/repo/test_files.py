"""What holds of every file: small, free of this machine, free of promises."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.repo.repository import ROOT, places, texts

LINES = 400
LONGER: dict[str, str] = {}
"""Files that may pass 400 lines, each with its reason."""

MAY_SKIP = {
    "tests/streams/test_disk_full.py": "a small disk can be mounted by root only",
}
"""Files in which a test may be skipped, each with the reason, besides where the real input is not at hand."""

# Spelt in parts, so that this file does not hold what it looks for.
REGISTRIES = ["pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js.org", "deb.debian" + ".org"]
INDEX = re.compile(r"--(extra-)?index" + r"-url|--find" + r"-links|^registry *=|\"resolved\": *\"http", re.M)
HERE = {ROOT, ROOT.parent, Path.home()} - {Path("/"), Path(tempfile.gettempdir())}
MACHINE = re.compile("|".join(re.escape(f"{folder}/") for folder in HERE))
PROMISE = re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + r"X|Not" + r"ImplementedError)\b")
SKIP = re.compile(r"pytest\.sk" + r"ip\(|mark\.(sk" + r"ip|xf" + r"ail)")


def lines_with(pattern: re.Pattern[str], suffixes: tuple[str, ...] = ()) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for file, text in texts().items():
        if suffixes and not file.endswith(suffixes):
            continue
        at = [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
        if at:
            found[file] = at
    return found


def test_no_source_file_is_longer_than_a_sitting() -> None:
    """A file of more than 400 lines is two files, or has its reason stated here."""
    kinds = (".py", ".ts", ".tsx", ".css", ".sh")
    long = {
        file: text.count("\n")
        for file, text in texts().items()
        if file.endswith(kinds) and text.count("\n") > LINES and file not in LONGER
    }
    assert not long
    assert all(texts()[file].count("\n") > LINES for file in LONGER), "a reason that is no longer needed"


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the machine's own setting."""
    hosts = re.compile("|".join(re.escape(host) for host in REGISTRIES))
    assert not places({**lines_with(hosts), **lines_with(INDEX)})


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert not places(lines_with(MACHINE))


def test_nothing_is_promised_for_later_in_the_code() -> None:
    """What is not done is an issue; what is, is code."""
    assert not places(lines_with(PROMISE, (".py", ".ts", ".tsx")))


def test_no_test_is_skipped() -> None:
    """A test that does not run where it should says so by failing."""
    found = lines_with(SKIP, (".py",))
    allowed = {file for file in found if file in MAY_SKIP or "FOREBAY_REAL_DATA" in texts()[file]}
    assert not places({file: lines for file, lines in found.items() if file not in allowed})
    assert set(MAY_SKIP) <= set(found), "a reason that is no longer needed"


def test_every_package_and_module_says_what_it_is_for() -> None:
    """The first line that a stranger reads in a room tells what the room is for."""
    silent = [
        file
        for file, text in texts().items()
        if file.startswith("src/") and file.endswith(".py") and not re.match(r'(#!.*\n)?r?"""\S', text)
    ]
    assert not silent


def test_lock_files_pin_exact_versions_with_their_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        pinned = re.findall(r"^([a-z0-9._-]+)==\S+.*\\$", text, re.M)
        others = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert len(pinned) == len(others) > 15, name
        assert "://" not in text, name


def test_lock_files_hold_every_dependency_of_the_project() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    run, dev = ((ROOT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock"))
    named = re.findall(r'^  "([A-Za-z0-9._-]+)(?:\[[a-z]+\])?[<>=~]', project, re.M)
    assert len(named) > 25
    for name in named:
        pin = re.compile(rf"^{re.escape(name.lower().replace('_', '-'))}==", re.M)
        assert pin.search(dev), f"{name}: make lock"
    for line in re.findall(r"^(\S+==\S+)", run, re.M):
        assert line in dev, f"{line} differs between the lock files: make lock"
