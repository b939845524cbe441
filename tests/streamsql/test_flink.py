"""The same rows as real Flink gave: `rows.json` has what it wrote for each case, made by `flink_rows.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.streamsql.cases import SHAPES, case
from tests.streamsql.runner import in_order, ours

STORED = json.loads((Path(__file__).parent / "rows.json").read_text())


def test_every_shape_has_rows_of_flink() -> None:
    assert {each["name"] for each in STORED} == set(SHAPES)


@pytest.mark.parametrize("stored", STORED, ids=[f"{each['name']}-{each['seed']}" for each in STORED])
@pytest.mark.parametrize("cut", [1000, 7])
def test_the_rows_are_those_of_flink_however_events_are_cut_into_batches(stored: dict, cut: int) -> None:  # type: ignore[type-arg]
    given = case(stored["name"], stored["seed"], stored["count"])
    assert ours(given, cut) == in_order(stored["rows"])
