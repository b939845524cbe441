"""`forebay tail`: a log's events as they come."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from forebay.cli.find import applied_project, find_running, front, json_option, state_option
from forebay.clock import iso
from forebay.errors import NoServer, NotFound, Unavailable, UsageError
from forebay.ingest.section import RouteSpec
from forebay.layout import Layout

EVERY = 0.1
PATIENCE = 30.0


@click.command()
@click.argument("target")
@click.option(
    "--filter", "filters", multiple=True, metavar="FIELD=VALUE", help="Only events with it; repeatable."
)
@click.option("--from", "start", default="now", show_default=True, metavar="start|now|OFFSET")
@click.option("--max", "most", type=click.IntRange(min=1), help="End after so many events.")
@state_option
@json_option
def command(
    *, target: str, filters: Sequence[str], start: str, most: int | None, state: Path | None, as_json: bool
) -> int:
    """Print the events of TARGET (streams.NAME, bus.NAME, delivery.NAME, or a route) as they are accepted.

    With --json, each is {offset, shard, arrival, event}.
    """
    layout, _ = find_running(state)
    wanted = [_condition(text) for text in filters]
    log = _log(layout, target)
    client = front(layout)
    position = _start(start)
    shown = 0
    silent_since: float | None = None
    try:
        while most is None or shown < most:
            try:
                found = client.call("log_read", log=log, position=position, max=1000)
            except (NoServer, Unavailable):
                client.close()
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > PATIENCE:
                    raise
                time.sleep(EVERY)
                continue
            silent_since = None
            position = found["next"]
            for record in found["records"]:
                if all(_has(record["data"], *condition) for condition in wanted):
                    _show(record, as_json=as_json)
                    shown += 1
                    if shown == most:
                        break
            sys.stdout.flush()
            if not found["records"]:
                time.sleep(EVERY)
    except KeyboardInterrupt:
        pass
    finally:
        client.close()
    return 0


def _start(text: str) -> int | None:
    if text == "now":
        return None
    if text == "start":
        return 0
    if text.isdigit():
        return int(text)
    raise UsageError("BadStart", f"--from {text}", fix="start, now, or an offset")


def _log(layout: Layout, target: str) -> str:
    """The log that a name stands for: its own, or where the route of that name leads."""
    project = applied_project(layout)
    noun, dot, name = target.partition(".")
    if dot and noun != "ingest":
        delivery = project.sections.get("delivery", {}).get(name) if noun == "delivery" else None
        source = getattr(delivery, "from_", None)
        return str(source) if source is not None else target
    route = project.of(RouteSpec).get(name or target)
    if route is None:
        known = ", ".join(project.of(RouteSpec)) or "none"
        raise NotFound(
            "NoSuchTarget",
            f"there is no {target}",
            fix=f"streams.NAME, bus.NAME, delivery.NAME, or of: {known}",
        )
    return str(route.to)


def _condition(text: str) -> tuple[list[str], str]:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise UsageError("BadFilter", f"--filter {text}", fix="--filter field=value, or outer.inner=value")
    return path.split("."), value


def _has(data: bytes, path: Sequence[str], value: str) -> bool:
    try:
        found: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    return (found if isinstance(found, str) else json.dumps(found)) == value


def _show(record: dict[str, Any], *, as_json: bool) -> None:
    data: bytes = record["data"]
    if not as_json:
        when = click.style(iso(record["arrival"])[11:23], dim=True)
        click.echo(f"{when} {data.decode('utf-8', 'replace')}")
        return
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError:
        event = data.decode("utf-8", "replace")
    entry = {"offset": record["offset"], "shard": record["shard"], "arrival": iso(record["arrival"])}
    click.echo(orjson.dumps({**entry, "event": event}).decode())
