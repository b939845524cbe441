"""`forebay install`: the libraries that functions ask for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from forebay.cli.find import json_option, project_folder
from forebay.cli.findings import show_findings
from forebay.functions.section import FunctionSpec
from forebay.functions.venv import install, installed
from forebay.project.load import load
from forebay.sections import SECTIONS


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@json_option
def command(folder: Path | None, as_json: bool) -> int:
    """Install what the functions' requirements files name, into virtual environments under .forebay/venvs."""
    root = (folder or project_folder() or Path.cwd()).resolve()
    project, findings = load(root, SECTIONS)
    if project is None:
        show_findings(findings, root, as_json=as_json)
        return 1
    wanted = {
        name: spec.requirements
        for name, spec in project.of(FunctionSpec).items()
        if spec.requirements is not None
    }
    done: dict[str, str] = {}
    for file in dict.fromkeys(wanted.values()):
        there = installed(root, file)
        made = install(root, file, lambda line: print(line, file=sys.stderr))
        done[file] = str(made)
        if not as_json:
            click.echo(f"{file}: " + ("there already" if there else f"installed in {made.relative_to(root)}"))
    if as_json:
        click.echo(json.dumps({"installed": done}))
    elif not wanted:
        click.echo("no function has requirements")
    return 0
