"""The project's own tests as they are written: `tests/*.yaml`."""

from __future__ import annotations

import pytest

from forebay.project.cases import EXAMPLE, load_cases
from forebay.project.finding import Finding
from forebay.project.load import load
from forebay.project.model import Project
from forebay.sections import SECTIONS
from tests.project.folder import Folder, codes, only
from tests.project.test_load import ROOT


@pytest.fixture
def project(folder: Folder) -> Project:
    return folder.good("streams: {s: {}}\ningest: {r: {route: POST /r, to: streams.s}}\n")


def found(folder: Folder, project: Project, text: str) -> list[Finding]:
    folder.write({"tests/a.yaml": text})
    return load_cases(project, SECTIONS)[1]


def test_a_case_has_events_and_what_must_come_of_them(folder: Folder, project: Project) -> None:
    text = (
        "cases:\n"
        "  - name: one\n"
        "    send: {ingest.r: {a: 1}, streams.s: [text, {b: [1, null, on]}]}\n"
        "    query: select 1\n"
        "    rows: [[1, x], {a: 2.5}]\n"
        "    ordered: true\n"
        "    ledger: {accepted: 3}\n"
    )
    assert found(folder, project, text) == []
    (case,) = load_cases(project, SECTIONS)[0]
    assert (case.file, case.line) == ("tests/a.yaml", 2)
    assert case.spec.send == {"ingest.r": [{"a": 1}], "streams.s": ["text", {"b": [1, None, "on"]}]}
    assert case.spec.rows == [[1, "x"], {"a": 2.5}]
    assert (case.spec.ordered, case.spec.ledger) == (True, {"accepted": 3})


@pytest.mark.parametrize(
    ("case", "code", "fix"),
    [
        ("send: {ingest.x: [{}]}, ledger: {accepted: 1}", "UnknownReference", "did you mean ingest.r?"),
        ("send: {ingest.r: [{}]}", "MissingKey", "add `query` and `rows`, or `ledger`"),
        ("send: {ingest.r: [{}]}, query: select 1", "MissingKey", "`query` and `rows` go together"),
        ("send: {ingest.r: [{}]}, ledger: {droped: 1}", "UnknownKey", "did you mean `dropped`?"),
        ("send: {ingest.r: [{}]}, query: q, rows: [1]", "WrongType", "rows: [[a, 1], [b, 2]]"),
        ("sned: {ingest.r: [{}]}, send: {}, ledger: {accepted: 0}", "UnknownKey", "did you mean `send`?"),
    ],
)
def test_a_case_that_is_none(folder: Folder, project: Project, case: str, code: str, fix: str) -> None:
    finding = only(found(folder, project, f"cases:\n  - {{name: one, {case}}}\n"))
    assert (finding.code, finding.file, finding.line, finding.fix) == (code, "tests/a.yaml", 2, fix)


@pytest.mark.parametrize("text", ["- a\n", "", "cases: {}\n", "cases:\n\t- a\n"])
def test_a_file_that_holds_no_cases(folder: Folder, project: Project, text: str) -> None:
    assert codes(found(folder, project, text)) != []


def test_the_documented_example_is_one(folder: Folder) -> None:
    project = folder.good(
        "ingest: {events: {route: POST /e, to: delivery.e}}\ndelivery: {e: {to: lake.shop/e/}}\n"
    )
    assert found(folder, project, EXAMPLE) == []


def test_the_starter_has_cases() -> None:
    project, findings = load(ROOT / "src" / "forebay" / "starter", SECTIONS)
    assert (findings, project is not None) == ([], True)
    assert project is not None
    cases, wrong = load_cases(project, SECTIONS)
    assert (len(cases), wrong) == (2, [])
