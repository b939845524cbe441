"""A Lambda handler at Firehose's bounds, and one that fails: what is tried again, halved, refused or named."""

from __future__ import annotations

import pytest

from forebay.functions import shapes
from tests.functions.conftest import Project, events, failed, only_failure, origins, rows
from tests.functions.handlers import ANSWER, RESTAURANT


def test_a_worker_whose_answers_grow_is_replaced_before_lambdas_bound(project: Project) -> None:
    handler = project.handler(RESTAURANT)
    record = b'"' + b"x" * 100_000 + b'"'
    for n in range(12):
        outcome = handler.apply([record] * 9, origins(9, first=9 * n))
        assert not outcome.failed
        assert len(outcome.output.source) == 9
    assert 1 < handler.stats()["starts"] < 12


def test_no_invocation_passes_awss_bounds(project: Project) -> None:
    handler = project.handler(
        """
    import json, pathlib

    def handler(event, context):
        with pathlib.Path('sizes').open('a') as file:
            file.write(f"{len(json.dumps(event))} {len(event['records'])}\\n")
        return {'records': [{'recordId': r['recordId'], 'result': 'Dropped'} for r in event['records']]}
    """
    )
    small, large = [b"1"] * 25_000, [b"x" * 900_000] * 3
    outcome = handler.apply(small + large, origins(25_003))
    assert outcome.dropped == list(range(25_003))
    sizes = [tuple(map(int, line.split())) for line in (project.root / "sizes").read_text().splitlines()]
    assert max(size for size, _ in sizes) <= shapes.PAYLOAD
    assert [n for _, n in sizes] == [10_000, 10_000, 5_001, 1, 1]


def test_a_record_larger_than_lambdas_request_is_refused(project: Project) -> None:
    handler = project.handler(RESTAURANT)
    outcome = handler.apply([b"1", b"x" * (5 << 20), b"2"], origins(3))
    assert failed(outcome) == [(1, "Lambda.RequestTooLarge")]
    assert rows(outcome) == [1, 2]


def test_an_answer_larger_than_lambdas_is_asked_for_in_halves(project: Project) -> None:
    handler = project.handler(
        ANSWER
        + """
    def handler(event, context):
        return {'records': [answer(r, data='MTEx' * (400_000 + load(r) * 2_000_000)) for r in event['records']]}
    """
    )
    outcome = handler.apply(events(0, 0, 0, 0, 1, 0), origins(6))
    assert outcome.output.source == [0, 1, 2, 3, 5]
    assert "Function.ResponseSizeTooLarge" in only_failure(outcome).reason


def test_an_invocation_that_fails_is_tried_again_with_the_same_records(project: Project) -> None:
    handler = project.handler(
        """
    import pathlib

    def handler(event, context):
        tries = pathlib.Path('tries')
        n = int(tries.read_text()) if tries.exists() else 0
        tries.write_text(str(n + 1))
        if n < 3:
            raise ConnectionError('the neighbour sleeps')
        return {'records': [{'recordId': r['recordId'], 'result': 'Dropped'} for r in event['records']]}
    """,
        retries=3,
    )
    assert handler.apply(events(1, 2, 3), origins(3)).dropped == [0, 1, 2]
    assert (project.root / "tries").read_text() == "4"


def test_a_record_that_breaks_the_handler_does_not_take_its_batch_along(project: Project) -> None:
    handler = project.handler(
        ANSWER
        + """
    def handler(event, context):
        return {'records': [answer(r) for r in event['records'] if load(r)['ok']]}
    """
    )
    documents = [{"ok": True}] * 300
    broken = events(*documents)
    broken[41], broken[200] = b"<html>", b'{"no": 1}'
    outcome = handler.apply(broken, origins(300))
    assert failed(outcome) == [(41, "Lambda.FunctionError"), (200, "Lambda.FunctionError")]
    assert outcome.failed[0].reason.startswith("JSONDecodeError: ")
    assert outcome.failed[1].reason == "KeyError: 'ok' (functions/h.py:11)"
    assert list(outcome.output.source) == [i for i in range(300) if i not in (41, 200)]


def test_a_handler_that_always_fails_is_not_called_for_ever(project: Project) -> None:
    handler = project.handler("def handler(event, context): return None")
    outcome = handler.apply(events(*range(5_000)), origins(5_000))
    assert len(outcome.failed) == 5_000
    assert {f.code for f in outcome.failed} == {"Lambda.JsonProcessingException"}
    assert handler.stats()["invocations"] < 300


@pytest.mark.parametrize(
    "returned",
    [
        "None",
        "42",
        "'text'",
        "[]",
        "{}",
        "{'records': None}",
        "{'records': {}}",
        "object()",
        "event['records']",
    ],
)
def test_nonsense_is_named(project: Project, returned: str) -> None:
    handler = project.handler(f"def handler(event, context): return {returned}")
    failure = only_failure(handler.apply(events(1), origins(1)))
    assert failure.code == "Lambda.JsonProcessingException"
    assert failure.reason.startswith("the handler returned ")
