"""Every event of a batch has one end, whatever the function makes of it."""

from __future__ import annotations

import random

import pytest

from forebay.functions.job import LOST, Job, cuts
from forebay.functions.process import Answer
from forebay.ports import Outcome
from tests.functions.conftest import Project, events, origins

PLAIN = """
    import os

    def f(event):
        match event["do"]:
            case "keep": return event
            case "drop": return None
            case "split": return [event, event]
            case "raise": raise ValueError
            case "nonsense": return 7
            case "die": os._exit(1)
"""

HANDLER = """
    import base64, json

    def handler(event, context):
        answers = []
        for r in event['records']:
            result = {'keep': 'Ok', 'drop': 'Dropped', 'raise': 'ProcessingFailed'}
            do = json.loads(base64.b64decode(r['data']))['do']
            if do == 'die': raise SystemExit
            if do != 'split':
                answers.append({**r, 'result': result.get(do, 'Perhaps')})
        return {'records': answers}
"""

SQL = "SELECT CAST(n AS INTEGER) AS n FROM events WHERE do <> 'drop'"


def assert_one_end_each(outcome: Outcome, n: int) -> None:
    kept, dropped = set(outcome.output.source), list(outcome.dropped)
    failed = [failure.index for failure in outcome.failed]
    assert sorted([*kept, *dropped, *failed]) == list(range(n))
    assert list(outcome.output.source) == sorted(outcome.output.source)


@pytest.mark.parametrize("kind", ["plain", "handler", "sql"])
def test_output_dropped_and_failed_together_are_the_input(project: Project, kind: str) -> None:
    rng = random.Random(7)
    source = {"plain": PLAIN, "handler": HANDLER, "sql": SQL}[kind]
    transform = getattr(project, kind)(source)
    for n in (1, 2, 50, 300):
        weights = (40, 20, 10, 10, 10, 1)
        kinds = rng.choices(("keep", "drop", "split", "raise", "nonsense", "die"), weights, k=n)
        documents = [{"do": do, "n": "x" if do in ("raise", "die") else "1"} for do in kinds]
        assert_one_end_each(transform.apply(events(*documents), origins(n)), n)


@pytest.mark.parametrize(
    "answer",
    [
        Answer("done", source=[0, 1]),
        Answer("done", source=[0, 1, 3]),
        Answer("done", source=[0, 1], dropped=[1]),
        Answer("done", source=[0, 1], dropped=[2, 2]),
        Answer("done", source=[0, 1], failed=[(-1, "", "")]),
        Answer("done", dropped=[2]),
    ],
)
def test_an_answer_that_does_not_add_up_is_not_believed(answer: Answer) -> None:
    job = Job([b"1", b"2", b"3"], origins(3), str)
    rows = Job([b""] * len(answer.source or range(3)), [], str).blob(0, 9)
    job.done(0, 3, answer, rows)
    assert_one_end_each(job.lines(), 3)
    assert {failure.code for failure in job.failed} == {LOST}


@pytest.mark.parametrize("sizes", [[], [5], [1] * 10, [3, 9, 1, 1], [9, 9, 9], [0, 0, 0, 0]])
def test_cuts_cover_everything_once_within_their_bounds(sizes: list[int]) -> None:
    records = [b"x" * size for size in sizes]
    pieces = list(cuts(records, 0, len(records), 3, 4))
    assert [i for low, high in pieces for i in range(low, high)] == list(range(len(records)))
    assert all(high - low <= 3 for low, high in pieces)
    assert all(sum(sizes[low:high]) <= 4 or high - low == 1 for low, high in pieces)
