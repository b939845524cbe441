"""No acknowledged event is lost or there twice, whatever is killed and whenever (see crash.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Running
from tests.system.crash import POSITION_APART, Storm, storm_project


def storm(running: Running, folder: Path, kills: int, seed: int) -> Storm:
    found = Storm(running(storm_project(folder)), seed)
    found.blow(kills)
    found.verify()
    return found


@pytest.mark.timeout(600)
def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(running: Running, tmp_path: Path) -> None:
    found = storm(running, tmp_path / "p", kills=30, seed=20220911)
    assert found.kills.counts.total() >= 30


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2])
def test_many_kills_at_random_moments_lose_nothing_and_repeat_nothing(
    running: Running, tmp_path: Path, seed: int
) -> None:
    found = storm(running, tmp_path / "p", kills=120, seed=seed)
    assert found.kills.counts.total() >= 120
    assert set(found.kills.counts) == {"front", "flow", "query", "worker", "supervisor", "everything"}


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_a_position_that_is_committed_apart_from_its_rows_is_noticed(
    running: Running, tmp_path: Path
) -> None:
    """The storm itself is tested: with this fault planted, it must find ids that are there twice."""
    (tmp_path / "fault").mkdir()
    (tmp_path / "fault" / "sitecustomize.py").write_text(POSITION_APART)
    environment = {"PYTHONPATH": str(tmp_path / "fault")}
    found = Storm(running(storm_project(tmp_path / "p"), environment=environment), seed=1, pause=0.005)
    found.blow(8, roles=["flow"])
    with pytest.raises(AssertionError, match=r"there twice|adds_up|of \d+ sent"):
        found.verify()
