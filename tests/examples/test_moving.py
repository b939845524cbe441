"""Whoever starts an example with its simulator sees its dashboard move a moment later."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import browsing
from tests.examples.moving import FIRST, once

PATIENCE = 90.0
"""Seconds, on a machine that does much else; `benchmarks/moving.py` measures it on one that does not."""


@pytest.mark.parametrize("name", list(FIRST))
def test_a_dashboard_moves_soon_after_the_start(name: str, tmp_path: Path) -> None:
    with browsing() as browser:
        seen = once(browser, name, tmp_path, patience=PATIENCE)
    assert seen.shown is not None
    assert seen.moved is not None
