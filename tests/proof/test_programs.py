"""Programs written with other people's clients, each check of them a test; only `forebay connect` says where to go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import System
from tests.proof.clients import Outcomes, checks, environment, settings

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]

PROGRAMS = {
    "awswrangler_tables.py": ("awswrangler", "awswrangler"),
    "files.py": ("files", "s3fs"),
    "kinesis.mjs": ("javascript", "javascript"),
    "others.mjs": ("javascript", "javascript"),
    "producers.mjs": ("javascript", "javascript"),
    "pyathena_cursors.py": ("pyathena", "sqlalchemy"),
    "storage.mjs": ("javascript", "javascript"),
    "stores.py": ("files", "s3fs"),
}
"""By program: its locked environment, and the tool whose exports of `forebay connect` it runs with."""

_outcomes: dict[str, Outcomes] = {}


def outcomes(program: str, system: System, folder: Path) -> Outcomes:
    """What became of a program, which runs once."""
    if program not in _outcomes:
        where, tool = PROGRAMS[program]
        for name in ("pyathena", "pyarrow"):
            (folder / f"{name}.py.txt").write_text(settings(system, name))
        (folder / "sqlalchemy.txt").write_text(settings(system, "sqlalchemy"))
        _outcomes[program] = Outcomes(program, where, environment(system, tool), folder)
    return _outcomes[program]


@pytest.mark.parametrize(
    ("program", "check"), [(program, check) for program in PROGRAMS for check in checks(program)]
)
def test_a_program_holds(program: str, check: str, system: System, tmp_path: Path) -> None:
    outcomes(program, system, tmp_path).holds(check)
