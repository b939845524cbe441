"""The project's own tests, `tests/*.yaml`: events in, rows out, as `EXAMPLE` shows.

`forebay test` runs each case in a system of its own, through the real flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from forebay.project.field import Field
from forebay.project.finding import Finding
from forebay.project.model import Project, Ref, Spec
from forebay.project.near import nearest
from forebay.project.parse import Parser
from forebay.project.read import Map, read_file
from forebay.project.section import Section

TERMS = ("accepted", "delivered", "dropped", "rejected", "expired", "erased", "buffered")
EXAMPLE = """\
cases:
  - name: a visit without a page is dropped
    send:
      ingest.events:
        - {page: /menu, milliseconds: 120}
        - {milliseconds: 5}
    query: select page, milliseconds from events
    rows:
      - [/menu, 120]
    ledger: {delivered: 1, dropped: 1}
"""
TARGETS = ("ingest", "streams", "delivery")


class CaseSpec(Spec, frozen=True, kw_only=True):
    """A case: what is sent, and what must come of it."""

    name: Annotated[str, Field("What the case shows, as a sentence.", example="a click becomes a row")]
    send: Annotated[
        dict[str, list[Any]],
        Field(
            "Events by target, in order; a mapping is sent as JSON, text as it is.",
            example="{ingest.events: [{page: /menu}]}",
            one=True,
        ),
    ]
    query: Annotated[
        str | None,
        Field("SQL, a named query, or a file that ends in .sql.", example="select page from events"),
    ] = None
    rows: Annotated[
        list[Any] | None,
        Field(
            "What the query must give, in any order: lists by place, or mappings by column, which leave out "
            "what does not matter.",
            example="[[/menu]]",
        ),
    ] = None
    ordered: Annotated[bool, Field("Whether the rows' order matters.")] = False
    ledger: Annotated[
        dict[str, int],
        Field(
            "Terms of the ledger's total when all is done: " + ", ".join(TERMS) + ".",
            example="{delivered: 1, dropped: 1}",
        ),
    ] = msgspec.field(default_factory=dict)


class CasesSpec(Spec, frozen=True, kw_only=True):
    """A file of cases."""

    cases: Annotated[list[CaseSpec], Field("The cases.", example="[]")]


@dataclass(frozen=True, slots=True)
class Case:
    """A case and where it is written (`tests/events.yaml`, line from 1)."""

    spec: CaseSpec
    file: str
    line: int


def load_cases(project: Project, sections: Sequence[Section]) -> tuple[list[Case], list[Finding]]:
    """The cases of `project`, in the order of their files' names, and what is wrong with them."""
    root = Path(project.root)
    cases: list[Case] = []
    findings: list[Finding] = []
    for path in sorted((root / "tests").glob("*.yaml")):
        file = path.relative_to(root).as_posix()
        node, _, found = read_file(path, file)
        findings += found
        if not isinstance(node, Map):
            if not found:
                message = "a file of tests is a mapping with `cases`"
                findings.append(Finding(code="WrongType", file=file, line=1, column=1, message=message))
            continue
        parser = Parser(file, sections)
        spec = parser.spec(node, CasesSpec, ("tests",))
        for index, case in enumerate(spec.cases if isinstance(spec, CasesSpec) else []):
            line, column = parser.places[("tests", "cases", index)]
            found = list(_check(case, project, file, line, column))
            findings += found
            if not found:
                cases.append(Case(case, file, line))
        findings += parser.findings
    return cases, findings


def _check(case: CaseSpec, project: Project, file: str, line: int, column: int) -> list[Finding]:
    def finding(code: str, message: str, fix: str | None = None) -> Finding:
        return Finding(code=code, file=file, line=line, column=column, message=message, fix=fix)

    found = []
    known = [str(Ref(noun, name)) for noun in TARGETS for name in project.sections.get(noun, {})]
    for target in case.send:
        if target not in known:
            near = nearest(target, known)
            fix = f"did you mean {near}?" if near else f"known: {', '.join(known) or 'none'}"
            found.append(finding("UnknownReference", f"nothing can be sent to {target}", fix))
    if (case.query is None) != (case.rows is None):
        missing = "query" if case.query is None else "rows"
        found.append(finding("MissingKey", f"the case has no `{missing}`", "`query` and `rows` go together"))
    elif case.rows is None and not case.ledger:
        found.append(finding("MissingKey", "the case expects nothing", "add `query` and `rows`, or `ledger`"))
    for row in case.rows or []:
        if not isinstance(row, list | Mapping):
            found.append(finding("WrongType", f"{row!r} is no row", "rows: [[a, 1], [b, 2]]"))
    for term in case.ledger:
        if term not in TERMS:
            near = nearest(term, TERMS)
            found.append(
                finding(
                    "UnknownKey", f"the ledger has no `{term}`", f"did you mean `{near}`?" if near else None
                )
            )
    return found
