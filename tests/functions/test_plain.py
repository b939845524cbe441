"""A plain function of one event."""

from __future__ import annotations

import orjson
import pytest

from forebay.ports import Lines
from tests.functions.conftest import Project, Spec, events, failed, only_failure, origins, rows


def test_a_dict_is_kept_none_is_dropped_and_a_list_is_several_rows_of_one_event(project: Project) -> None:
    function = project.plain(
        """
    def f(event):
        if event["n"] == 0:
            return None
        if event["n"] == 1:
            return [{"part": 1}, None, {"part": 2}]
        if event["n"] == 2:
            return []
        return {**event, "seen": True}
    """
    )
    outcome = function.apply(events(*({"n": n} for n in range(4))), origins(4))
    assert rows(outcome) == [{"part": 1}, {"part": 2}, {"n": 3, "seen": True}]
    assert outcome.output.source == [1, 1, 3]
    assert (outcome.dropped, outcome.failed) == ([0, 2], [])


def test_an_exception_fails_its_event_alone_and_says_where(project: Project) -> None:
    function = project.plain(
        """
    def f(event):
        return {"half": 1 / event["n"]}
    """
    )
    outcome = function.apply(events({"n": 1}, {"n": 0}, {}, {"n": 2}), origins(4))
    assert rows(outcome) == [{"half": 1.0}, {"half": 0.5}]
    assert [f.reason for f in outcome.failed] == [
        "ZeroDivisionError: division by zero (functions/f.py:3)",
        "KeyError: 'n' (functions/f.py:3)",
    ]
    assert {f.code for f in outcome.failed} == {"Function.Error"}
    assert "Traceback" in project.log()


@pytest.mark.parametrize(
    "record",
    [b"", b"{", b"<html>", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000, b'{"a":1}{"a":2}', b'{"a":1},{"a":2}'],
)
def test_what_is_not_json_fails_alone(project: Project, record: bytes) -> None:
    function = project.plain("def f(event): return event")
    outcome = function.apply([b"{}", record, b'{"b":2}'], origins(3))
    assert rows(outcome) == [{}, {"b": 2}]
    assert failed(outcome) == [(1, "Function.NotJson")]


def test_of_a_duplicate_key_the_last_value_counts(project: Project) -> None:
    function = project.plain("def f(event): return event")
    assert rows(function.apply([b'{"a":1,"a":2}'], origins(1))) == [{"a": 2}]


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("1", "returned int; return a dict, None, or a list of dicts"),
        ("'text'", "returned str"),
        ("True", "returned bool"),
        ("[1]", "returned a list with int in it"),
        ("(x for x in ())", "returned generator"),
        ("{'a': {1, 2}}", "not JSON serializable"),
        ("{'a': object()}", "not JSON-serializable"),
        ("{1: 2}", "Dict key must be str"),
        ("{'a': 2 ** 70}", "Integer exceeds 64-bit range"),
        ("{'a': '\\ud800'}", "str is not valid UTF-8"),
    ],
)
def test_nonsense_is_named(project: Project, returned: str, reason: str) -> None:
    function = project.plain(f"def f(event): return {returned} if event['bad'] else event")
    outcome = function.apply(events({"bad": 0}, {"bad": 1}, {"bad": 0}), origins(3))
    failure = only_failure(outcome)
    assert (failure.index, failure.code) == (1, "Function.BadAnswer")
    assert reason.replace("-", " ") in failure.reason.replace("-", " ")
    assert len(rows(outcome)) == 2


def test_what_python_functions_return_is_encoded(project: Project) -> None:
    function = project.plain(
        """
    from collections import OrderedDict
    from datetime import datetime, UTC
    from decimal import Decimal

    def f(event):
        return OrderedDict(n=Decimal("2"), x=Decimal("2.5"), at=datetime(2026, 1, 2, tzinfo=UTC), nan=float("nan"))
    """
    )
    expected = {"n": 2, "x": 2.5, "at": "2026-01-02T00:00:00+00:00", "nan": None}
    assert rows(function.apply(events({}), origins(1))) == [expected]


def test_a_function_that_returns_the_same_dict_again_and_again_is_read_each_time(project: Project) -> None:
    function = project.plain(
        """
    shared = {}

    def f(event):
        shared["n"] = event["n"]
        return shared
    """
    )
    assert rows(function.apply(events({"n": 1}, {"n": 2}), origins(2))) == [{"n": 1}, {"n": 2}]


def test_large_batches_keep_their_order_over_several_calls(project: Project) -> None:
    function = project.plain("def f(event): return event if event['n'] % 3 else None")
    outcome = function.apply(events(*({"n": n} for n in range(10_000))), origins(10_000))
    kept = [n for n in range(10_000) if n % 3]
    assert isinstance(outcome.output, Lines)
    assert [orjson.loads(line)["n"] for line in outcome.output.data] == kept
    assert list(outcome.output.source) == kept
    assert outcome.dropped == [n for n in range(10_000) if not n % 3]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("async def f(event): return event", "'f' is async; write it as a plain def"),
        ("def f(event): yield event", "is a generator"),
        ("def g(event): return event", "Handler 'f' missing on module 'functions/f'"),
        ("f = 3", "Handler 'f' missing"),
    ],
)
def test_what_is_no_function_is_said_before_any_event(project: Project, source: str, reason: str) -> None:
    failure = only_failure(project.plain(source).apply(events({}), origins(1)))
    assert failure.code == "Function.ImportError"
    assert reason in failure.reason


def test_a_callable_object_is_a_function(project: Project) -> None:
    function = project.plain(
        """
    class Count:
        def __init__(self): self.n = 0
        def __call__(self, event):
            self.n += 1
            return {"n": self.n}

    f = Count()
    """
    )
    assert rows(function.apply(events({}, {}), origins(2))) == [{"n": 1}, {"n": 2}]


def test_a_missing_file_is_named(project: Project) -> None:
    outcome = project.open(Spec("function", "functions/nowhere.py:f")).apply(events({}), origins(1))
    assert "no such file" in only_failure(outcome).reason
