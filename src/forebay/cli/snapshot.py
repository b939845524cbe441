"""`forebay snapshot`: keep the whole state under a name."""

from __future__ import annotations

import json
from pathlib import Path

import click

from forebay.cli.find import find_layout, json_option, state_option
from forebay.errors import UsageError
from forebay.runtime import snapshots
from forebay.runtime.alone import alone_or_asked


@click.command()
@click.argument("name", required=False)
@click.option("--delete", is_flag=True, help="Remove the snapshot NAME.")
@state_option
@json_option
def command(name: str | None, delete: bool, state: Path | None, as_json: bool) -> int:
    """Keep the whole state as NAME, to which `forebay reset --to NAME` goes back. Without NAME: list them.

    A running system pauses for it: its processes end in good order and start again, the ports stay open,
    and who calls meanwhile waits. Objects of the lake are hard links and take no room.
    """
    layout = find_layout(state)
    if name is None:
        if delete:
            raise UsageError(
                "NoName", "which snapshot is to be removed?", fix="forebay snapshot NAME --delete"
            )
        found = snapshots.listed(layout)
        if as_json:
            click.echo(json.dumps([{"name": each["name"], "made": each["made"]} for each in found]))
        for each in () if as_json else found:
            click.echo(f"{each['name']:<24} {each['made']}")
        return 0
    snapshots.folder_of(layout, name)
    if delete:
        snapshots.delete(layout, name)
        click.echo(json.dumps({"deleted": name}) if as_json else f"removed snapshot {name}")
        return 0
    alone_or_asked(layout, lambda: snapshots.take(layout, name), op="snapshot", name=name)
    click.echo(json.dumps({"snapshot": name}) if as_json else f"kept as {name}")
    return 0
