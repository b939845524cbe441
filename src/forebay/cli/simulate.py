"""`forebay simulate`: run a generator of the project against the running system."""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from pathlib import Path

import click

from forebay.cli.bar import Bar
from forebay.cli.find import applied_project, find_running, json_option, project_folder, state_option
from forebay.errors import NotFound, UsageError
from forebay.project.model import Project
from forebay.sender import one_line
from forebay.simulate.making import events_of
from forebay.simulate.run import Progress, find, run_simulation

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@click.command()
@click.argument("name", required=False)
@click.option("--rate", type=float, help="Events a second, instead of the project's.")
@click.option("--for", "span", metavar="TIME", help="End after so long: 30s, 5m. Otherwise with Ctrl-C.")
@click.option("--events", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--seed", type=int, help="Make the same choices again.")
@click.option(
    "--sample",
    type=click.IntRange(1, 10_000),
    help="Print so many events instead of sending them; nothing needs to run.",
)
@state_option
@json_option
def command(
    *,
    name: str | None,
    rate: float | None,
    span: str | None,
    events: int | None,
    seed: int | None,
    sample: int | None,
    state: Path | None,
    as_json: bool,
) -> int:
    """Send what the simulator NAME (or the project's only one) makes up."""
    if sample is not None:
        return _sample(name, sample, seed, rate)
    layout, running = find_running(state)
    project = applied_project(layout)
    name = _which(project, name)
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
                name,
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


def _which(project: Project, name: str | None) -> str:
    names = list(project.sections.get("simulate", {}))
    if name is None and len(names) != 1:
        raise NotFound("WhichSimulator", f"the project has {len(names)} simulators", fix=", ".join(names))
    return names[0] if name is None else name.removeprefix("simulate.")


def _sample(name: str | None, count: int, seed: int | None, rate: float | None) -> int:
    """Events as they would be sent now, a line each. A replay gives them without its pauses."""
    from forebay.cli.findings import show_findings  # noqa: PLC0415 - what sends needs neither
    from forebay.project.load import load  # noqa: PLC0415
    from forebay.sections import SECTIONS  # noqa: PLC0415

    root = project_folder() or Path.cwd()
    project, findings = load(root, SECTIONS)
    if project is None:
        show_findings(findings, root)
        return 1
    simulator = find(project, _which(project, name))
    chosen = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    events = events_of(
        project, simulator, seed=chosen, rate=rate or simulator.rate or 1.0, simulated=time.time, aws_url=""
    )
    left = count
    try:
        while left:
            taken = events.take(left)
            for event in taken.events[:left]:
                click.echo(one_line(event))
            left -= min(left, len(taken.events))
            if taken.ended:
                break
    finally:
        events.close()
    return 0


def _seconds(text: str) -> float:
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise UsageError("BadTime", f"--for {text}", fix="30s, 5m, 1h")
    return float(found[1]) * _UNITS[found[2]]
