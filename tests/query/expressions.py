"""Cases of one expression and the one cell that it gives; `error` where Trino refuses."""

from __future__ import annotations

import pytest

from forebay.errors import QueryFailed
from tests.query.world import World

Case = tuple[str, str | None]


def cases(*lists: list[Case]) -> pytest.MarkDecorator:
    """A test's `expression` and `expected`."""
    every = [case for each in lists for case in each]
    return pytest.mark.parametrize(
        ("expression", "expected"), every, ids=[expression[:60] for expression, _ in every]
    )


def result(lake: World, expression: str, expected: str | None) -> str | None:
    """The cell; of an error that is not expected, what it says."""
    try:
        return lake.one(f"SELECT {expression}")
    except QueryFailed as error:
        return "error" if expected == "error" else str(error)
