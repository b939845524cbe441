"""`forebay replay`: process again what a delivery rejected, once its cause is mended."""

from __future__ import annotations

import json
from pathlib import Path

import click

from forebay.cli.find import find_running, flow, json_option, state_option
from forebay.errors import DataRejected


@click.command()
@click.argument("delivery")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds to wait for it.")
@state_option
@json_option
def command(delivery: str, timeout: float, state: Path | None, as_json: bool) -> int:
    """Send the events under DELIVERY's error prefix, as they arrived, through its transform once more.

    What fails again is under the error prefix again, and the exit code is then 4. The old error objects
    stay under replayed/.
    """
    layout, _ = find_running(state)
    client = flow(layout)
    try:
        done = client.call("replay", timeout=timeout, delivery=delivery.removeprefix("delivery."))
    finally:
        client.close()
    if as_json:
        click.echo(json.dumps(done))
    elif not done["events"]:
        click.echo("nothing was rejected")
    else:
        kept = done["events"] - done["failed"] - done["dropped"]
        click.echo(f"{kept:,} of {done['events']:,} events are delivered now, {done['dropped']:,} dropped")
        if done["failed"]:
            click.secho(f"{done['failed']:,} failed again", fg="red", err=True)
    return DataRejected.exit_code if done["failed"] else 0
