"""The project that `forebay init` makes works as it is."""

from __future__ import annotations

from pathlib import Path

from tests.harness import forebay


def test_a_new_project_has_nothing_wrong_with_it_and_passes_its_own_tests(tmp_path: Path) -> None:
    assert forebay("init", "shop", cwd=tmp_path).code == 0
    checked = forebay("check", "shop", cwd=tmp_path)
    assert checked.code == 0, checked
    tested = forebay("test", "shop", cwd=tmp_path)
    assert tested.code == 0, tested
