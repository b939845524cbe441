"""What boto3 was told is done stays done, whatever is killed and whenever (see wire_storm.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Running
from tests.system import wire_made
from tests.system.kills import ROLES
from tests.system.wire_storm import Storm, storm_project


def storm(running: Running, folder: Path, kills: int, seed: int) -> Storm:
    found = Storm(running(storm_project(folder)), seed)
    found.blow(kills)
    found.verify()
    return found


@pytest.mark.timeout(300)
def test_kills_at_random_moments_lose_nothing_that_boto3_was_told_of(
    running: Running, tmp_path: Path
) -> None:
    storm(running, tmp_path / "p", kills=8, seed=20230202)


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [1, 2])
def test_many_kills_at_random_moments_lose_nothing_that_boto3_was_told_of(
    running: Running, tmp_path: Path, seed: int
) -> None:
    found = storm(running, tmp_path / "p", kills=36, seed=seed)
    assert set(found.kills.counts) == set(ROLES)


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_nor_do_they_where_all_of_it_was_made_over_the_wire(running: Running, tmp_path: Path) -> None:
    system = running(wire_made.empty_project(tmp_path / "p"))
    wire_made.make(system)
    found = Storm(system, seed=3)
    found.blow(36)
    found.verify()


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_retries_that_are_not_known_as_such_are_noticed(running: Running, tmp_path: Path) -> None:
    """The storm itself is tested: without the SDK's invocation id, it must find ids that are there twice."""
    found = Storm(running(storm_project(tmp_path / "p")), seed=4, named=False)
    found.blow(16, roles=["front"])
    with pytest.raises(AssertionError, match=r"twice|was \d+, and is \['\d+', '\d+'"):
        found.verify()
