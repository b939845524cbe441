"""How findings look: `file:line:column`, the line with a caret under it, why, fix.

forebay.yaml:7:9 error UnknownReference: there is no delivery clcks
    to: delivery.clcks
        ^
  fix    did you mean delivery.clicks?
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from forebay.project.finding import Finding

_COLOUR = {"error": "red", "warning": "yellow"}


def show_findings(findings: Sequence[Finding], root: Path | None = None, *, as_json: bool = False) -> None:
    """Print them all: on stdout as `{"findings": [...]}` where JSON was asked for, else on stderr."""
    if as_json:
        print(json.dumps({"findings": [finding.to_dict() for finding in findings]}, ensure_ascii=False))
        return
    for finding in findings:
        for line in finding_lines(finding, root):
            click.echo(line, err=True)
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        click.echo(f"{errors} to mend", err=True)


def finding_lines(finding: Finding, root: Path | None = None) -> list[str]:
    """One finding, for people; with the line it is about where `root`, the project's folder, is known."""
    colour = _COLOUR[finding.severity]
    head = click.style(f"{finding.severity} {finding.code}", fg=colour, bold=True)
    lines = [f"{finding.place} {head}: {finding.message}"]
    source = _source(finding, root)
    if source is not None:
        shown = source.strip()
        column = finding.column - (len(source) - len(source.lstrip()))
        lines.append(f"    {shown}")
        if column > 0:
            lines.append("    " + " " * (column - 1) + click.style("^", fg=colour, bold=True))
    if finding.why:
        lines.append(f"  why    {finding.why}")
    if finding.fix:
        lines.append(f"  fix    {finding.fix}")
    return lines


def _source(finding: Finding, root: Path | None) -> str | None:
    if root is None or not finding.line:
        return None
    try:
        return (root / finding.file).read_text("utf-8").splitlines()[finding.line - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return None
