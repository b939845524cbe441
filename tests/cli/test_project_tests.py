"""`forebay test`: a project's cases through the real flow."""

from __future__ import annotations

from pathlib import Path

from tests.harness import forebay
from tests.projects import PLAIN, project

FUNCTION = """\
def keep(event):
    if event["n"] == 0:
        return None
    if event["n"] < 0:
        raise ValueError("negative")
    return event
"""
TEXT = PLAIN.replace("{to: lake.plain/events/,", "{transform: functions/f.py:keep, to: lake.plain/events/,")
GOOD = """\
cases:
  - name: a kept event is a row
    send:
      events:
        - {id: a, n: 1}
        - {id: b, n: 2}
    query: SELECT id, n FROM events
    expect:
      - {id: b, n: 2}
      - [a, 1]
  - name: zero is dropped, a negative number rejected, and no JSON refused
    send:
      events:
        - {id: c, n: 0}
        - {id: d, n: -1}
        - '{"id": '
    refused: 1
    dropped: 1
    rejected: 1
    query: SELECT count(*) AS n FROM events
    expect: [{n: 2}]
"""
BAD = """\
cases:
  - name: this holds
    send: {events: [{id: a, n: 1}]}
    query: SELECT id FROM events
    expect: [[a]]
  - name: this does not
    query: SELECT id, n FROM events
    expect: [{id: a, n: 5}]
  - name: nor does this run
    query: SELECT nothing FROM events
    expect: []
"""


def test_cases_that_hold_pass_in_a_system_of_their_own(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", TEXT, **{"functions/f.py": FUNCTION, "tests/good.yaml": GOOD})
    result = forebay("test", str(folder))
    assert result.code == 0, result
    assert "2 of 2 passed" in result.out
    assert not (folder / ".forebay").exists()


def test_a_case_that_does_not_hold_shows_how_its_rows_differ(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", TEXT, **{"functions/f.py": FUNCTION, "tests/bad.yaml": BAD})
    result = forebay("test", str(folder))
    assert result.code == 1
    assert "ok   tests/bad.yaml:2 this holds" in result.out
    assert "FAIL tests/bad.yaml:6 this does not" in result.out
    assert "- id: 'a', n: 5" in result.out
    assert "+ id: 'a', n: 1" in result.out
    assert "1 of 3 passed" in result.out
    found = forebay("test", str(folder), "--json").json()
    assert [case["passed"] for case in found["cases"]] == [True, False, False]
    assert "nothing" in found["cases"][2]["problems"][0]


def test_a_file_of_tests_with_mistakes_is_findings_and_nothing_runs(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", **{"tests/a.yaml": "cases:\n  - name: a\n    qury: select 1\n"})
    result = forebay("test", str(folder))
    assert result.code == 1
    assert "tests/a.yaml:3" in result.err
    assert "did you mean query?" in result.err


def test_a_project_without_tests_is_told_where_they_go(tmp_path: Path) -> None:
    result = forebay("test", str(project(tmp_path / "p")))
    assert result.code == 2
    assert "tests/*.yaml" in result.err
