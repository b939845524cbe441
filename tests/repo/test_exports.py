"""What others may rely on is pinned: a change here is a change for them, and belongs in the changelog."""

from __future__ import annotations

import tomllib

import forebay
from forebay.cli import COMMANDS
from tests.repo.repository import ROOT


def test_the_package_exports_its_version_and_nothing_else() -> None:
    assert [
        name for name in vars(forebay) if not name.startswith("_") and name in getattr(forebay, "__all__", ())
    ] == []
    assert forebay.__version__


def test_the_commands_are_these_in_the_order_in_which_one_meets_them() -> None:
    assert list(COMMANDS) == [
        "init",
        "check",
        "install",
        "run",
        "stop",
        "test",
        "send",
        "simulate",
        "query",
        "tail",
        "status",
        "flush",
        "replay",
        "snapshot",
        "reset",
        "keys",
        "connect",
    ]


def test_there_is_one_program() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"forebay": "forebay.cli:main"}
