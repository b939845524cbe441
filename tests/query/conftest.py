from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.query.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for tests that only ask."""
    made = World(tmp_path_factory.mktemp("lake"))
    yield made
    made.close()
