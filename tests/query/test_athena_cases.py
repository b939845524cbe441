"""Cases whose results are true on Athena, read from where `FOREBAY_REAL_DATA` points."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from forebay.errors import QueryFailed
from tests.query.world import World

# What differs, and why. Whatever else fails is a regression.
KNOWN: dict[str, str] = {}


def _cases(folder: Path) -> list[dict[str, Any]]:
    path = folder / "cases" / "athena_sql.jsonl"
    return [json.loads(text) for text in path.read_text("utf-8").splitlines() if text.strip()]


def _same(got: Any, expected: Any, case: dict[str, Any]) -> bool:
    if got == "error" or expected == "error":
        return bool(got == expected)
    if case.get("unordered"):
        got, expected = sorted(got, key=str), sorted(expected, key=str)
    if case.get("map_order_free"):
        got, expected = ([[_sorted_map(cell) for cell in row] for row in rows] for rows in (got, expected))
    if case.get("float_tolerant") and got != expected:
        return len(got) == len(expected) and all(
            a == b or (a is not None and b is not None and math.isclose(float(a), float(b), rel_tol=1e-9))
            for row, other in zip(got, expected, strict=True)
            for a, b in zip(row, other, strict=True)
        )
    return bool(got == expected)


def _sorted_map(cell: str | None) -> Any:
    return sorted((cell or "").strip("{}").split(", "))


def test_no_true_case_regresses(lake: World, real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = _cases(real_data.parent)
    assert cases
    failed: dict[str, Any] = {}
    for case in cases:
        try:
            got: Any = lake.cells(case["sql"])
        except QueryFailed:
            got = "error"
        if not _same(got, case["expected"], case):
            failed[case["id"]] = (case["sql"], case["expected"], got)
    with capsys.disabled():
        sys.stdout.write(f"\nAthena cases: {len(cases) - len(failed)} of {len(cases)} as on Athena\n")
    assert {k: v for k, v in failed.items() if k not in KNOWN} == {}
    assert [k for k in KNOWN if k not in failed] == [], "these pass by now: take them off the list"
