"""`forebay simulate`: run a generator of the project against the running system."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import click

from forebay.cli.bar import Bar
from forebay.cli.find import applied_project, find_running, json_option, state_option
from forebay.errors import NotFound, UsageError
from forebay.simulate.run import Progress, run_simulation

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@click.command()
@click.argument("name", required=False)
@click.option("--rate", type=float, help="Events a second, instead of the project's.")
@click.option("--for", "span", metavar="TIME", help="End after so long: 30s, 5m. Otherwise with Ctrl-C.")
@click.option("--events", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--seed", type=int, help="Make the same choices again.")
@state_option
@json_option
def command(
    *,
    name: str | None,
    rate: float | None,
    span: str | None,
    events: int | None,
    seed: int | None,
    state: Path | None,
    as_json: bool,
) -> int:
    """Send what the simulator NAME (or the project's only one) makes up."""
    layout, running = find_running(state)
    project = applied_project(layout)
    names = list(project.sections.get("simulate", {}))
    if name is None:
        if len(names) != 1:
            raise NotFound("WhichSimulator", f"the project has {len(names)} simulators", fix=", ".join(names))
        name = names[0]
    duration = _seconds(span) if span is not None else None
    done: Progress | None = None
    with Bar(name, events or duration) as bar:

        def show(progress: Progress) -> None:
            nonlocal done
            done = progress
            now = progress.accepted if events else progress.elapsed
            bar.show(now, f"{progress.accepted:,} accepted, {progress.refused:,} refused")

        with contextlib.suppress(KeyboardInterrupt):
            done = run_simulation(
                project,
                name.removeprefix("simulate."),
                layout,
                running.urls,
                rate=rate,
                duration=duration,
                events=events,
                seed=seed,
                progress=show,
            )
    if done is None:
        return 0
    if as_json:
        found = {"sent": done.sent, "accepted": done.accepted, "duplicate": done.duplicate}
        click.echo(
            json.dumps(
                {**found, "refused": done.refused, "seconds": round(done.elapsed, 3), "seed": done.seed}
            )
        )
    else:
        click.echo(
            f"{done.accepted:,} accepted, {done.refused:,} refused in {done.elapsed:.1f} s (seed {done.seed})"
        )
    for reason in done.reasons:
        click.secho(f"  refused: {reason}", fg="red", err=True)
    return 0 if not done.refused else 4


def _seconds(text: str) -> float:
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise UsageError("BadTime", f"--for {text}", fix="30s, 5m, 1h")
    return float(found[1]) * _UNITS[found[2]]
