"""`forebay stop`: end the running system as Ctrl-C would."""

from __future__ import annotations

import json
from pathlib import Path

import click

from forebay.cli import detach
from forebay.cli.find import find_layout, json_option, state_option
from forebay.errors import NoServer


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@state_option
@json_option
def command(folder: Path | None, state: Path | None, as_json: bool) -> int:
    """Drain and end the running system."""
    layout = find_layout(state, folder)
    pid = detach.stop(layout)
    if pid is None:
        raise NoServer("NoServer", "no forebay is running here", where=str(layout.root))
    click.echo(json.dumps({"stopped": pid}) if as_json else f"stopped (pid {pid})")
    return 0
