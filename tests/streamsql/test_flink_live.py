"""The same rows as Flink gives, asked now, on random events: their seed is in the test's name and printed.

Needs Java; Flink comes from PyPI into an environment of its own. At least 500 cases, at least 8 of each shape.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.proof.environments import made
from tests.streamsql.cases import SHAPES, case
from tests.streamsql.runner import in_order, ours

pytestmark = pytest.mark.proof

CASES = max(8, 520 // len(SHAPES))
EVENTS = 120


def test_the_rows_are_those_of_flink_on_random_cases() -> None:
    assert shutil.which("java") is not None, "Flink needs Java, which is not installed"
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be had again
    cases = [case(name, seed + index, EVENTS) for name in SHAPES for index in range(CASES)]
    done = subprocess.run(
        [made("flink") / "bin" / "python", Path(__file__).parent / "flink_rows.py"],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout)
    assert len(answers) == len(cases)
    for given, answer in zip(cases, answers, strict=True):
        assert "rows" in answer, f"{given['name']}, seed {given['seed']}: {answer.get('error')}"
        assert ours(given, 17) == in_order(answer["rows"]), f"{given['name']}, seed {given['seed']}"
