"""`forebay check`: everything that is wrong with a project, and what applying it would change."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from forebay.cli.cases import read_cases
from forebay.cli.engines import engine_findings
from forebay.cli.findings import show_findings
from forebay.errors import ForebayError
from forebay.layout import Layout
from forebay.project.finding import Finding
from forebay.project.jsonschema import schema_of
from forebay.project.load import FILE, find_root, load, unsupported
from forebay.project.model import Project
from forebay.project.plan import Step, plan, refused
from forebay.sections import SECTIONS
from forebay.streamsql.section import StreamSqlSpec


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FOREBAY_STATE",
    help="The state folder to compare with. Otherwise DIR/.forebay.",
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of forebay.yaml, for editors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: Path | None, state: Path | None, schema: bool, as_json: bool) -> int:
    """Say all that is wrong with a project: where, why, and how to mend it."""
    if schema:
        print(json.dumps(schema_of(SECTIONS), indent=2, ensure_ascii=False))
        return 0
    root = folder or find_root(Path.cwd()) or Path.cwd()
    project, findings = load(root, SECTIONS)
    steps: list[Step] = []
    if project is not None:
        findings = [
            *findings,
            *read_cases(root)[1],
            *engine_findings(project),
            *_as_warnings(unsupported(project, SECTIONS)),
        ]
        applied, more = _applied(Layout(state or root / ".forebay"))
        steps = plan(applied, project, SECTIONS) if applied is not None else []
        findings += [*more, *_as_warnings(refused(steps, project, ()))]
    findings.sort(key=lambda each: (each.file != FILE, each.file, each.line, each.column))
    errors = any(finding.severity == "error" for finding in findings)
    if as_json:
        parts = {"findings": [finding.to_dict() for finding in findings]}
        print(json.dumps({**parts, "plan": [_step(step) for step in steps]}, ensure_ascii=False))
    else:
        show_findings(findings, root)
        if project is not None and not errors:
            _summary(project, findings, steps)
    return 1 if errors else 0


def _as_warnings(findings: list[Finding]) -> list[Finding]:
    """What keeps `run` from running is no error of the project as written."""
    return [msgspec.structs.replace(finding, severity="warning") for finding in findings]


def _applied(layout: Layout) -> tuple[Project | None, list[Finding]]:
    """The project as last applied, if ever."""
    try:
        return Project.decode(layout.applied.read_bytes(), SECTIONS), []
    except OSError:
        return None, []
    except ForebayError as error:
        finding = Finding(
            code=error.code,
            file=str(layout.applied),
            message=error.message,
            fix=error.fix,
            severity="warning",
        )
        return None, [finding]


def _step(step: Step) -> dict[str, object]:
    parts: dict[str, object] = {"action": step.action, "resource": str(step.resource)}
    if step.was:
        parts["was"] = step.was
    return {**parts, "reasons": step.reasons}


def _summary(project: Project, findings: list[Finding], steps: list[Step]) -> None:
    count = sum(len(entries) for entries in project.sections.values())
    resources = f"{count} resource{'s' * (count != 1)}"
    if not findings:
        click.echo(f"{project.name}: {resources}, nothing to mend")
    else:
        warnings = len(findings)
        click.echo(f"{project.name}: {resources}, {warnings} warning{'s' * (warnings != 1)}")
    for job, spec in project.of(StreamSqlSpec).items():
        for insert in spec.inserts.values():
            if insert.table is not None:
                click.echo(f"  streamsql.{job} writes the table {insert.table} by {insert.to}")
    if steps:
        click.echo("against what was last applied:")
        for step in steps:
            click.echo(f"  {step}")
