"""`forebay keys`: API keys for routes that want one. A secret is shown once and kept as a hash."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from forebay.access.keys import Keys
from forebay.cli.find import find_layout, front, json_option, state_option
from forebay.errors import UsageError
from forebay.layout import Layout
from forebay.runtime.lock import holder
from forebay.runtime.preflight import prepare
from forebay.web.state import open_state


@click.group()
def command() -> None:
    """Make, list and revoke API keys."""


@command.command()
@click.argument("name")
@click.option("--route", "routes", multiple=True, help="A route that it opens; repeatable. Otherwise all.")
@click.option(
    "--aws", is_flag=True, help="Make an AWS access key for the user NAME of the project, or of IAM."
)
@state_option
@json_option
def create(name: str, routes: Sequence[str], aws: bool, state: Path | None, as_json: bool) -> int:
    """Make a key; NAME says whose it is."""
    if aws:
        if routes:
            raise UsageError(
                "RoutesOfAwsKey", "a user's policies say what an AWS key opens", fix="leave --route out"
            )
        return _create_aws(name, find_layout(state), as_json)
    wanted = [route.removeprefix("ingest.") for route in routes] or None
    made = _ask(
        find_layout(state),
        lambda client: client.call("keys_create", name=name, routes=wanted),
        lambda keys: _with_secret(keys, name, wanted),
    )
    if as_json:
        click.echo(json.dumps(made))
        return 0
    click.echo(made["secret"])
    click.echo(f"id {made['id']}; send it as x-api-key. It is not shown again.", err=True)
    return 0


@command.command("list")
@state_option
@json_option
def list_(state: Path | None, as_json: bool) -> int:
    """Every key, without its secret."""
    keys: list[dict[str, Any]] = _ask(
        find_layout(state),
        lambda client: client.call("keys_list"),
        lambda keys: [key.to_dict() for key in keys.list()],
    )
    if as_json:
        click.echo(json.dumps({"keys": keys}))
        return 0
    for key in keys:
        opens = ", ".join(key["routes"]) if key["routes"] is not None else "every route"
        revoked = f"  revoked {key['revoked']}" if key["revoked"] else ""
        click.echo(f"{key['id']}  {key['name']}  opens {opens}  made {key['created']}{revoked}")
    return 0


@command.command()
@click.argument("id_", metavar="ID")
@state_option
@json_option
def revoke(id_: str, state: Path | None, as_json: bool) -> int:
    """Close a key at once and for good."""
    key = _ask(
        find_layout(state),
        lambda client: client.call("keys_revoke", id=id_),
        lambda keys: keys.revoke(id_).to_dict(),
    )
    click.echo(json.dumps(key) if as_json else f"revoked {key['id']} ({key['name']})")
    return 0


def _create_aws(user: str, layout: Layout, as_json: bool) -> int:
    client = front(layout)
    try:
        made = client.call("aws_keys_create", user=user)
    finally:
        client.close()
    if as_json:
        click.echo(json.dumps(made))
        return 0
    click.echo(f"export AWS_ACCESS_KEY_ID={made['id']}\nexport AWS_SECRET_ACCESS_KEY={made['secret']}")
    click.echo("The secret is not shown again.", err=True)
    return 0


def _with_secret(keys: Keys, name: str, routes: Sequence[str] | None) -> dict[str, Any]:
    key, secret = keys.create(name, routes)
    return {**key.to_dict(), "secret": secret}


def _ask(layout: Layout, running: Callable[[Any], Any], stopped: Callable[[Keys], Any]) -> Any:
    """Ask the front, which owns the keys; where none runs, the file itself."""
    if holder(layout) is not None:
        client = front(layout)
        try:
            return running(client)
        finally:
            client.close()
    prepare(layout)
    db = open_state(layout.state)
    try:
        return stopped(Keys(db))
    finally:
        db.close()
