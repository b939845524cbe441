from __future__ import annotations

from pathlib import Path

import pytest

from forebay.cli.cases import read_cases
from tests.projects import project


def read(folder: Path, text: str) -> tuple[dict[str, list[object]], list[str]]:
    project(folder, **{"tests/a.yaml": text})
    cases, findings = read_cases(folder)
    return {file: list(its) for file, its in cases.items()}, [f"{f.line} {f.code}" for f in findings]


def test_a_case_is_read_with_its_place_and_what_to_send(tmp_path: Path) -> None:
    project(
        tmp_path,
        **{
            "tests/a.yaml": """\
cases:
  - name: two clicks
    send:
      clicks:
        - {a: 1, when: 2026-01-31}
        - '{"a": '
      streams.raw: {b: yes}
    refused: 1
    query: select 1
    expect:
      - [1]
"""
        },
    )
    cases, findings = read_cases(tmp_path)
    assert findings == []
    (case,) = cases["tests/a.yaml"]
    assert (case.name, case.line, case.refused, case.dropped) == ("two clicks", 2, 1, None)
    assert case.send == [
        ("clicks", [b'{"a":1,"when":"2026-01-31"}', b'{"a": ']),
        ("streams.raw", [b'{"b":"yes"}']),
    ]
    assert case.expect == [[1]]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("nothing: 1\n", "1 NoCases"),
        ("cases: 5\n", "1 NotAList"),
        ("cases:\n  - name: a\n    qury: select 1\n", "3 UnknownKey"),
        ("cases:\n  - send: {}\n", "2 NoName"),
        ("cases:\n  - name: a\n    query: select 1\n", "2 HalfACase"),
        ("cases:\n  - name: a\n    query: q\n    expect: {a: 1}\n", "4 BadRows"),
        ("cases:\n  - name: a\n    refused: many\n", "3 BadCount"),
    ],
)
def test_what_is_wrong_with_a_file_of_tests_is_a_finding_with_its_line(
    tmp_path: Path, text: str, finding: str
) -> None:
    assert finding in read(tmp_path, text)[1]
