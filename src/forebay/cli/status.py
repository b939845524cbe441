"""`forebay status`: who runs, the ledger, the doors."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from forebay.cli.find import applied_project, find_layout, front, json_option, state_option
from forebay.clock import iso
from forebay.errors import NoServer
from forebay.layout import Layout
from forebay.runtime.lock import holder

PATIENCE = 5.0
_TERMS = ("accepted", "delivered", "dropped", "rejected", "expired", "erased", "buffered")


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@state_option
@json_option
def command(folder: Path | None, state: Path | None, as_json: bool) -> int:
    """Resources, processes, and where every accepted event is. Also of a system that does not run."""
    layout = find_layout(state, folder)
    if holder(layout) is not None:
        found = _ask(layout)
    else:
        from forebay.web.api import offline  # noqa: PLC0415 - only where no front can be asked

        found = offline(layout, applied_project(layout))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return 0
    _show(found)
    return 0


def _ask(layout: Layout) -> dict[str, Any]:
    """The front's answer; one that is being restarted is waited for."""
    client = front(layout)
    deadline = time.monotonic() + PATIENCE
    try:
        while True:
            try:
                found: dict[str, Any] = client.call("status", timeout=10.0)
            except NoServer:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return found
    finally:
        client.close()


def _show(found: dict[str, Any]) -> None:
    name = click.style(found["name"], bold=True)
    click.echo(f"{name} {'runs' if found['processes'] else 'does not run'}  (forebay {found['version']})")
    for role, url in found["urls"].items():
        click.echo(f"  {role:<10} {url}")
    for process in found["processes"]:
        again = f"  started {process['restarts'] + 1} times" if process["restarts"] else ""
        click.echo(f"  {process['role']:<10} pid {process['pid']}{again}")
    click.echo()
    _table(
        ["ledger", *_TERMS, "lag"],
        [
            [key, *(entry[term] for term in _TERMS), entry.get("lag", "")]
            for key, entry in sorted(found["ledger"].items(), key=lambda item: item[0] == "total")
        ],
    )
    broken = [key for key, entry in found["ledger"].items() if not entry["adds_up"] and key != "total"]
    for key in broken:
        click.secho(f"  {key} does not add up", fg="red")
    if found["doors"]:
        click.echo()
        rates = found["rates"]
        rows = [[key, *entry.values(), rates.get(key, 0)] for key, entry in found["doors"].items()]
        _table(["doors", "accepted", "duplicate", "refused", "a second"], rows)
    queries = found["flow"].get("streamsql") or {}
    if queries:
        click.echo()
        rows = [
            [
                key,
                entry["lag"],
                entry["late"],
                entry["unreadable"],
                entry["held"],
                _moment(entry["watermark"]),
            ]
            for key, entry in queries.items()
        ]
        _table(["stream SQL", "lag", "late", "unreadable", "held", "watermark"], rows)
    _show_alerts(found["flow"].get("alerts") or {})
    for key, entry in queries.items():
        if entry["last_error"]:
            click.secho(f"  {key}: {entry['last_error']}", fg="yellow")
        if entry.get("refused"):
            why = "without a source, a detail-type or a detail they are no events of a bus"
            click.secho(f"  {key}: {entry['refused']} rows are not written: {why}", fg="yellow")
    for key, entry in found["flow"].get("deliveries", {}).items():
        if entry.get("last_error"):
            click.secho(f"  delivery {key}: {entry['last_error']}", fg="yellow")
    for problem in found["problems"]:
        click.secho(f"  {problem['about']}: {problem['message']}", fg="red")


def _show_alerts(alerts: dict[str, Any]) -> None:
    if not alerts:
        return
    click.echo()
    rows = [
        [key, entry["state"] or "refused", _moment(entry["since"] // 1000) if entry.get("since") else "-"]
        for key, entry in sorted(alerts.items(), key=lambda item: (item[1]["state"] != "ALARM", item[0]))
    ]
    _table(["alerts", "state", "since"], rows)
    for key, entry in alerts.items():
        if entry["state"] == "ALARM":
            click.secho(f"  {key}: {entry['told']}", fg="red")
        elif entry.get("error"):
            click.secho(f"  {key}: {entry['error']}", fg="yellow")


def _moment(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else iso(milliseconds * 1000)


def _table(heads: list[str], rows: list[list[Any]]) -> None:
    cells = [heads, *([str(cell) if isinstance(cell, str) else f"{cell:,}" for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for row in cells:
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  " + "  ".join([first, *rest]))
