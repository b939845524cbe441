"""What `forebay run` does: check, plan, take the lock, open the doors, supervise."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from forebay import __version__
from forebay.alerts.store import FORMAT as ALERTS_FORMAT
from forebay.cli import process
from forebay.cli.detach import keep_apart
from forebay.cli.find import STATE, project_folder
from forebay.cli.findings import show_findings
from forebay.cli.warm import Warm
from forebay.errors import NotFound, UsageError
from forebay.keyvalue.store import FORMAT as TABLES_FORMAT
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.project.plan import plan, refused
from forebay.runtime import apply, snapshots
from forebay.runtime.development import Development
from forebay.runtime.doors import open_doors
from forebay.runtime.exposure import refuse_exposure
from forebay.runtime.lock import Lock
from forebay.runtime.options import PORTS, Options
from forebay.runtime.preflight import check_formats, check_installed, prepare
from forebay.runtime.requests import Requests
from forebay.runtime.supervisor import Supervisor
from forebay.sections import SECTIONS
from forebay.telemetry import log
from forebay.telemetry.groups import FORMAT as GROUPS_FORMAT
from forebay.telemetry.metric_rows import FORMAT as METRICS_FORMAT
from forebay.web.state import FORMAT as STATE_FORMAT

logger = logging.getLogger("forebay.supervisor")


class Run:
    """One `forebay run`. `asked` are its options, `warm` the front that waits."""

    def __init__(self, asked: dict[str, Any], warm: Warm) -> None:
        self._warm: Warm | None = warm
        self.as_json: bool = asked["as_json"]
        self.root = _root(asked["folder"], project_less=asked["project_less"])
        state = asked["state"] or (self.root / STATE if self.root is not None else None)
        if state is None:
            raise UsageError("NoState", "a system without a project needs a place", fix="say --state DIR")
        self.layout = Layout(Path(state).resolve())
        self.simulate: bool = asked["simulate"]
        self.simulators: list[str] = list(asked["simulator"])
        self._ephemeral: bool = asked["ephemeral"]
        self.options = Options(
            host=asked["host"],
            ports={name: asked[f"{name}_port"] for name in PORTS},
            tls_cert=_text(asked["tls_cert"]),
            tls_key=_text(asked["tls_key"]),
            behind_proxy=list(asked["behind_proxy"]),
            hosts=list(asked["allow_host"]),
            development=not asked["no_reload"],
            accept=list(asked["accept"]),
        )

    def run(self) -> int:
        """Until it is told to stop; the exit code."""
        found = apply.read(self.root, SECTIONS) if self.root is not None else _nothing(self.layout)
        if found.project is None:
            show_findings(found.findings, self.root, as_json=self.as_json)
            return 1
        if not self.as_json:
            show_findings(found.findings, self.root)
        project = found.project
        refuse_exposure(self.options, project)
        check_installed(project)
        prepare(self.layout)
        formats = {self.layout.state: STATE_FORMAT, self.layout.log_groups: GROUPS_FORMAT}
        formats |= {self.layout.keyvalue: TABLES_FORMAT, self.layout.metrics: METRICS_FORMAT}
        formats |= {self.layout.alerts: ALERTS_FORMAT}
        check_formats(self.layout, formats)
        lock = Lock(self.layout)
        lock.take()
        snapshots.finish(self.layout)
        log.configure(self.layout.logs, "supervisor")
        try:
            return self._serve(project, lock)
        finally:
            lock.release()
            log.end_logging()

    def _serve(self, project: Project, lock: Lock) -> int:
        before = apply.applied(self.layout, SECTIONS)
        steps = plan(before, project, SECTIONS)
        needed = refused(steps, project, self.options.accept)
        if before is not None:
            for step in steps:
                _say(f"  {step}")
        if needed:
            show_findings(needed, self.root, as_json=self.as_json)
            return 1
        doors = open_doors(self.options.host, self.options.ports)
        ports = {name: door.getsockname()[1] for name, door in doors.items()}
        urls = {name: self.options.url(port) for name, port in ports.items()}
        apply.carry_out(self.layout, project, steps)
        log.follow(self.layout.applied)
        supervisor = Supervisor(
            self.layout,
            name=project.name,
            version=__version__,
            urls=urls,
            doors=doors,
            lock=lock.fileno(),
            launch=self._launch,
            loudly=_loudly,
            on_ready=lambda: self._announce(project, urls),
            on_drain=lambda: _say("draining; Ctrl-C again ends it now"),
            simulators=_simulators(project, self.simulators, every=self.simulate),
        )
        looks = [Requests(self.layout, supervisor.pause, _say).look]
        if self.options.development and self.root is not None:
            development = Development(
                self.layout,
                self.root,
                SECTIONS,
                project,
                self.options,
                pause=supervisor.pause,
                say=_say,
                show=lambda findings: show_findings(findings, self.root),
            )
            looks.append(development.look)

        def look() -> None:
            for each in looks:
                each()

        supervisor.on_tick(look)
        supervisor.run()
        return 0

    def _launch(self, role: str, fds: Mapping[str, int]) -> subprocess.Popen[bytes]:
        arguments = process.arguments(self.layout, self.options, role)
        if role == "front" and self._warm is not None:
            warm, self._warm = self._warm, None
            return warm.go(arguments, fds)
        return process.start(arguments, fds)

    def _announce(self, project: Project, urls: dict[str, str]) -> None:
        dashboards = {
            name: f"{urls['console']}/dashboards/{name}" for name in project.sections.get("dashboards", {})
        }
        if self.as_json:
            state = str(self.layout.root)
            click.echo(
                json.dumps({"name": project.name, "state": state, "urls": urls, "dashboards": dashboards}),
            )
            keep_apart(self.layout)
            return
        click.echo(f"forebay {__version__} runs {click.style(project.name, bold=True)}")
        for name, url in urls.items():
            click.echo(f"  {name:<8} {url}")
        for name, url in dashboards.items():
            click.echo(f"  {'':<8} {url}   dashboard {name}")
        if self.root is None or self.layout.root != self.root / STATE:
            click.echo(
                f"  {'state':<8} {self.layout.root}   other commands need it: --state or FOREBAY_STATE"
            )
        if self._ephemeral:
            click.echo("Ctrl-C ends it, and all that it holds is gone.")
        else:
            click.echo("Ctrl-C ends it; nothing that was acknowledged is lost.")


def _root(folder: Path | None, *, project_less: bool) -> Path | None:
    if project_less:
        if folder is not None:
            raise UsageError("TwoMinds", f"--project-less and {folder}", fix="give one of them")
        return None
    if folder is not None:
        return folder.resolve()
    return project_folder() or Path.cwd()


def _nothing(layout: Layout) -> apply.Read:
    return apply.Read(Project(name="default", root=str(layout.root), sections={s.noun: {} for s in SECTIONS}))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


def _say(text: str) -> None:
    logger.info(text)
    click.echo(text, err=True)


def _loudly(text: str) -> None:
    logger.error(text)  # said on the terminal too


def _simulators(project: Project, named: Sequence[str], *, every: bool) -> list[str]:
    """Those that are to run. Raises NotFound."""
    known = list(project.sections.get("simulate", {}))
    for name in named:
        if name not in known:
            raise NotFound(
                "NoSuchSimulator",
                f"the project has no simulator {name}",
                why=f"it has: {', '.join(known) or 'none'}",
            )
    return known if every else list(dict.fromkeys(named))
