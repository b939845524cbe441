"""The same rows as Flink gives, asked now, on random events: their seed is printed.

At least 500 cases, at least 8 of each shape. In every case one event in six is out of order and some are too late for
every window, many have the same time, and values are missing or written as text. The `shards-` shapes are over two to
four shards with clocks of their own, some of which have nothing for longer than the idle timeout, or just as long, or
are waited for (no timeout); `flink_marks` says how Flink itself says what their watermark is. Needs Java; Flink comes
from PyPI into an environment of its own, and is begun anew now and then, as it keeps what it compiled.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.proof.environments import made
from tests.streamsql.cases import SHAPES, case
from tests.streamsql.changing import QUESTIONS, by_text, question, rows_here
from tests.streamsql.runner import in_order, ours

pytestmark = pytest.mark.proof

CASES = max(8, -(-520 // len(SHAPES)))
EVENTS = 120
AT_ONCE = 130


def asked(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [made("flink") / "bin" / "python", Path(__file__).parent / "flink_rows.py"],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(answers) == len(cases)
    return answers


@pytest.mark.timeout(3000)
def test_the_rows_are_those_of_flink_on_random_cases() -> None:
    assert shutil.which("java") is not None, "Flink needs Java, which is not installed"
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be had again
    cases = [case(name, seed + index, EVENTS) for name in SHAPES for index in range(CASES)]
    assert len(cases) >= 500
    differ = []
    for at in range(0, len(cases), AT_ONCE):
        some = cases[at : at + AT_ONCE]
        for given, answer in zip(some, asked(some), strict=True):
            said = f"{given['name']}, seed {given['seed']}"
            if "rows" not in answer:
                differ.append(f"{said}: {answer.get('error')}")
            elif ours(given, 17) != in_order(answer["rows"]):
                differ.append(said)
    assert not differ, f"{len(differ)} of {len(cases)} differ: " + "; ".join(differ)


def test_the_rows_that_a_question_has_at_the_end_are_those_of_flink() -> None:
    assert shutil.which("java") is not None, "Flink needs Java, which is not installed"
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201 - as above
    cases = [question(name, seed + index, EVENTS) for name in QUESTIONS for index in range(4)]
    for given, answer in zip(cases, asked(cases), strict=True):
        said = f"{given['name']}, seed {given['seed']}"
        assert "rows" in answer, f"{said}: {answer.get('error')}"
        assert rows_here(given, 17) == by_text([json.loads(row) for row in answer["rows"]]), said
