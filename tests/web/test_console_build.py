"""What the front end is made of: small, its own, and the same wherever it is built."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from forebay.web.static_files import STATIC

UI = Path(__file__).parents[2] / "src" / "forebay" / "web" / "ui"
MOST_SCRIPT = 250_000  # bytes, gzip: what a dashboard loads before it can draw


@pytest.fixture(scope="module")
def built() -> list[Path]:
    files = sorted((STATIC / "assets").glob("*")) if STATIC.exists() else []
    assert files, "the front end is not built: run `make install`"
    return files


def test_a_dashboard_loads_little_script(built: list[Path]) -> None:
    first = [file for file in built if file.suffix == ".js" and re.match(r"index|charts", file.name)]
    assert len(first) == 2
    assert sum(len(gzip.compress(file.read_bytes())) for file in first) < MOST_SCRIPT


def test_the_editor_is_loaded_only_where_sql_is_written(built: list[Path]) -> None:
    page = (STATIC / "index.html").read_text()
    assert "editor" not in page
    assert [file.name for file in built if file.name.startswith("editor-")] != []


def test_the_page_names_no_other_machine(built: list[Path]) -> None:
    """Namespaces of SVG and XHTML are names, not addresses; a link in an error message loads nothing."""
    pages = [STATIC / "index.html", *(file for file in built if file.suffix == ".css")]
    for file in pages:
        assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text()) == [], file.name
    for file in built:
        if file.suffix == ".js":
            loads = re.findall(
                r"(?:fetch|import|importScripts|WebSocket|EventSource)\(\s*[\"'`]https?:[^)]*",
                file.read_text(),
            )
            assert loads == [], file.name


def test_the_lock_file_names_every_package_by_hash_and_no_registry() -> None:
    lock = json.loads((UI / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
    assert "omit-lockfile-registry-resolved=true" in (UI / ".npmrc").read_text()


def test_the_front_process_stays_light_with_the_console_in_it() -> None:
    heavy = ("pyarrow", "duckdb", "numpy", "sqlglot", "pandas")
    code = f"import sys, forebay.web.console; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
