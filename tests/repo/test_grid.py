"""Learn the nouns and you can guess the paths: the grid has no holes."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from forebay.sections import SECTIONS, STAGES
from forebay.wire.services import MODULES
from tests.repo import grid
from tests.repo.grid import NOUNS
from tests.repo.repository import PACKAGE, ROOT


def test_the_nouns_are_these_in_the_order_in_which_events_meet_them() -> None:
    assert list(STAGES) == NOUNS
    assert [section.noun for section in SECTIONS] == NOUNS


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_is_a_package_with_a_section(noun: str) -> None:
    package = importlib.import_module(f"forebay.{noun}")
    assert (package.__doc__ or "").strip()
    section = importlib.import_module(f"forebay.{noun}.section").SECTION
    assert section.noun == noun
    assert section.doc
    assert section.example


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_has_its_tests_or_a_reason(noun: str) -> None:
    tests = list((ROOT / "tests" / noun).glob("test_*.py"))
    assert bool(tests) != (noun in grid.TESTS), f"tests/{noun}: {grid.TESTS.get(noun, 'no test, no reason')}"


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_has_its_page(noun: str) -> None:
    page = (ROOT / "docs" / "reference" / f"{noun}.md").read_text()
    assert re.search(rf"`?{noun}`?", page)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_that_does_not_run_yet_says_so_on_its_page(noun: str) -> None:
    section = next(section for section in SECTIONS if section.noun == noun)
    page = (ROOT / "docs" / "reference" / f"{noun}.md").read_text()
    if section.later:
        assert section.later in page


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_has_its_builder_for_aws_or_a_reason(noun: str) -> None:
    assert (PACKAGE / "deploy" / f"{noun}.py").exists() != (noun in grid.DEPLOY)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_has_its_page_of_the_console_or_a_reason(noun: str) -> None:
    main = (PACKAGE / "web" / "ui" / "src" / "main.tsx").read_text()
    page = grid.CONSOLE.get(noun)
    assert (page is None) == (noun in grid.NO_CONSOLE)
    assert page is None or f'path: "{page}"' in main


def test_the_readme_is_honest_about_what_does_not_run() -> None:
    bullet = re.search(
        r"^- Of sixteen nouns these do not run yet: ([^.]*)\.", (ROOT / "README.md").read_text(), re.M
    )
    named = [] if bullet is None else re.findall(r"`(\w+)`", bullet[1])
    assert named == [section.noun for section in SECTIONS if section.later]


def test_the_readme_names_the_services_of_the_aws_port() -> None:
    bullet = re.search(r"On the AWS port there are, in part, ([^.]*)\.", (ROOT / "README.md").read_text())
    assert bullet is not None
    assert re.findall(r"`(\w+)`", bullet[1]) == sorted(MODULES)


def test_no_reason_is_given_for_what_is_no_noun() -> None:
    for cells in (grid.TESTS, grid.CONSOLE, grid.NO_CONSOLE, grid.DEPLOY):
        assert set(cells) <= set(NOUNS)
        assert all(cells.values())


def test_the_readme_of_the_package_is_made_from_the_stages() -> None:
    """It tells the flow's order, which the alphabet hides; `scripts/package_readme.py` writes it."""
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "package_readme.py", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (PACKAGE / "README.md").read_text() == made
