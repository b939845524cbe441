"""The project that `forebay init` makes works as it is."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Running
from tests.harness import forebay


def test_a_new_project_has_nothing_wrong_with_it_and_passes_its_own_tests(tmp_path: Path) -> None:
    assert forebay("init", "shop", cwd=tmp_path).code == 0
    checked = forebay("check", "shop", cwd=tmp_path)
    assert checked.code == 0, checked
    tested = forebay("test", "shop", cwd=tmp_path)
    assert tested.code == 0, tested


def test_its_pages_are_averaged_where_numbers_came_as_text(tmp_path: Path, running: Running) -> None:
    """As they do from a CSV."""
    assert forebay("init", "shop", cwd=tmp_path).code == 0
    system = running(tmp_path / "shop")
    for milliseconds in ("100", "200", ""):
        system.post("/events", {"page": "/menu", "milliseconds": milliseconds})
    pages = (tmp_path / "shop" / "queries" / "pages.sql").read_text()
    system.until(lambda: system.query(pages) == [["/menu", 3, 150.0]])
