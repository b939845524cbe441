"""In development a changed file is seen by the next batch."""

from __future__ import annotations

import os

from tests.functions.conftest import Project, Spec, events, origins, rows


def test_a_changed_handler_runs_from_the_next_batch_on(project: Project) -> None:
    project.write("functions/f.py", "def f(event): return {'v': 1}")
    function = project.open(Spec("function", "functions/f.py:f"), watch=True)
    for version in range(1, 6):  # faster than a file's time in seconds could tell
        project.write("functions/f.py", f"def f(event): return {{'v': {version}}}")
        assert rows(function.apply(events({}), origins(1))) == [{"v": version}]


def test_a_changed_module_that_the_handler_imports_counts_too(project: Project) -> None:
    project.write("lib/prices.py", "price = 1")
    project.write(
        "functions/f.py", "def f(event):\n    from lib.prices import price\n    return {'price': price}"
    )
    function = project.open(Spec("function", "functions/f.py:f"), watch=True)
    assert rows(function.apply(events({}), origins(1))) == [{"price": 1}]
    project.write("lib/prices.py", "price = 2")
    assert rows(function.apply(events({}), origins(1))) == [{"price": 2}]


def test_unchanged_code_keeps_its_warm_worker(project: Project) -> None:
    file = project.write(
        "functions/f.py", "n = 0\ndef f(event):\n    global n\n    n += 1\n    return {'n': n}"
    )
    os.utime(file, (1_700_000_000, 1_700_000_000))
    function = project.open(Spec("function", "functions/f.py:f"), watch=True)
    assert [rows(function.apply(events({}), origins(1))) for _ in range(3)] == [[{"n": n}] for n in (1, 2, 3)]


def test_code_that_breaks_and_is_mended_goes_on(project: Project) -> None:
    project.write("functions/f.py", "def f(event): return {'v': 1}")
    function = project.open(Spec("function", "functions/f.py:f"), watch=True)
    assert rows(function.apply(events({}), origins(1))) == [{"v": 1}]
    project.write("functions/f.py", "def f(event) return")
    assert [f.code for f in function.apply(events({}), origins(1)).failed] == ["Function.ImportError"]
    project.write("functions/f.py", "def f(event): return {'v': 2}")
    assert rows(function.apply(events({}), origins(1))) == [{"v": 2}]


def test_without_watching_the_code_stays_as_it_was_loaded(project: Project) -> None:
    project.write("functions/f.py", "def f(event): return {'v': 1}")
    function = project.open(Spec("function", "functions/f.py:f"))
    function.apply(events({}), origins(1))
    project.write("functions/f.py", "def f(event): return {'v': 2}")
    assert rows(function.apply(events({}), origins(1))) == [{"v": 1}]
