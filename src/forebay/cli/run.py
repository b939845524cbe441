"""`forebay run`: check, plan, apply and serve a project, until Ctrl-C."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from forebay.cli.warm import Warm
from forebay.errors import UsageError


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--state",
    type=click.Path(path_type=Path, readable=False),  # whether it is said by who makes it, with what to do
    help="Where to keep everything [DIR/.forebay].",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--ingest-port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--aws-port", default=4566, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--console-port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 picks a free one, for each of the three.",
)
@click.option("--allow-host", multiple=True, metavar="NAME", help="Answer to this name too (`Host`).")
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--behind-proxy", multiple=True, metavar="ADDRESS", help="A proxy there does TLS; only it is answered."
)
@click.option("--project-less", is_flag=True, help="An empty system, without a project folder.")
@click.option("--ephemeral", is_flag=True, help="Keep the state in a temporary folder that goes at the end.")
@click.option("--simulate", is_flag=True, help="Run the project's simulators too.")
@click.option("--simulator", multiple=True, metavar="NAME", help="Run this simulator too, not all.")
@click.option("--accept", multiple=True, metavar="NAME", help="Let the plan do this to what holds data.")
@click.option("--no-reload", is_flag=True, help="Do not apply changed files on save.")
@click.option("--detach", is_flag=True, help="Go on in the background; `forebay stop` ends it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(**asked: Any) -> int:
    """Apply the project in DIR and serve it; prints the URLs; Ctrl-C drains."""
    if asked["detach"]:
        from forebay.cli.detach import run_detached  # noqa: PLC0415 - it does no other work

        return run_detached(sys.argv[1:], as_json=asked["as_json"])
    if asked["ephemeral"]:
        if asked["state"] is not None:
            raise UsageError("TwoMinds", "--ephemeral and --state", fix="give one of them")
        from forebay.cli import ephemeral  # noqa: PLC0415 - needed here only

        with ephemeral.folder() as folder:
            return _run({**asked, "state": folder})
    return _run(asked)


def _run(asked: dict[str, Any]) -> int:
    warm = Warm()
    try:
        from forebay.cli.running import Run  # noqa: PLC0415 - after the front began with its own imports

        return Run(asked, warm).run()
    finally:
        warm.cancel()
