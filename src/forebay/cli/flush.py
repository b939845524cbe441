"""`forebay flush`: deliver now what is buffered."""

from __future__ import annotations

import json
from pathlib import Path

import click

from forebay.cli.find import find_running, flow, json_option, state_option


@click.command()
@click.argument("name", required=False)
@state_option
@json_option
def command(name: str | None, state: Path | None, as_json: bool) -> int:
    """Deliver what the delivery NAME (or every one) holds in its buffers, without waiting for them to fill."""
    layout, _ = find_running(state)
    client = flow(layout)
    try:
        wanted = name.removeprefix("delivery.") if name is not None else None
        objects = client.call("flush", timeout=120.0, name=wanted)["objects"]
    finally:
        client.close()
    if as_json:
        click.echo(json.dumps({"objects": objects}))
        return 0
    for each in objects:
        click.echo(f"s3://{each['bucket']}/{each['key']}  {each['rows']:,} rows, {each['bytes']:,} bytes")
    if not objects:
        click.echo("nothing was buffered")
    return 0
