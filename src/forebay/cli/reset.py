"""`forebay reset`: put the whole state back to a snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import click

from forebay.cli.find import find_layout, json_option, state_option
from forebay.runtime import snapshots
from forebay.runtime.alone import alone_or_asked


@click.command()
@click.option("--to", "name", required=True, metavar="NAME", help="The snapshot.")
@state_option
@json_option
def command(name: str, state: Path | None, as_json: bool) -> int:
    """Put everything back as it was at a snapshot. What came since is gone; the snapshot stays.

    A running system pauses for it: its processes end in good order and start again, the ports stay open,
    and who calls meanwhile waits. If its project is not the snapshot's, stop it first; the next start
    then plans the change.
    """
    layout = find_layout(state)
    snapshots.folder_of(layout, name)
    alone_or_asked(layout, lambda: snapshots.reset(layout, name), op="reset", name=name)
    click.echo(json.dumps({"reset": name}) if as_json else f"all is as it was at {name}")
    return 0
