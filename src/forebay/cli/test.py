"""`forebay test`: the project's own cases, through the real flow in a system of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click
import pyarrow as pa

from forebay.catalog.section import CrawlerSpec
from forebay.cli.cases import Case, read_cases
from forebay.cli.find import json_option, project_folder
from forebay.cli.findings import show_findings
from forebay.cli.rows import differences
from forebay.errors import ForebayError, NoServer, NotFound, QueryFailed, Unavailable, UsageError
from forebay.functions.section import FunctionSpec
from forebay.ingest.section import RouteSpec
from forebay.ipc import Client
from forebay.layout import Layout
from forebay.project.load import load
from forebay.project.model import Project
from forebay.query.section import NamedQuerySpec
from forebay.sections import SECTIONS
from forebay.sender import Log, Route, Target
from forebay.streamsql.section import StreamSqlSpec

PATIENCE = 30.0
FOLLOWED = 15.0
"""Seconds in which crawlers, functions and windows begin to follow what arrived; those that are at it are waited for."""


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "-k", "wanted", metavar="TEXT", help="Only cases whose name has TEXT in it, and those before them."
)
@json_option
def command(folder: Path | None, wanted: str | None, as_json: bool) -> int:
    """Run the cases of tests/*.yaml: events in, rows out. Nothing that runs is touched."""
    root = (folder or project_folder() or Path.cwd()).resolve()
    project, findings = load(root, SECTIONS)
    cases, more = read_cases(root)
    findings = [*findings, *more]
    if project is None or any(finding.severity == "error" for finding in findings):
        show_findings(findings, root, as_json=as_json)
        return 1
    if not any(cases.values()):
        raise UsageError("NoTests", "the project has no tests", where=str(root / "tests"), fix="tests/*.yaml")
    results: list[Result] = []
    for file, its in cases.items():
        chosen = _chosen(its, wanted)
        if chosen:
            results += _run_file(root, project, file, chosen, quiet=as_json)
    failed = [result for result in results if result.problems]
    if as_json:
        click.echo(
            json.dumps({"passed": len(results) - len(failed), "cases": [r.to_dict() for r in results]})
        )
    else:
        click.echo(f"{len(results) - len(failed)} of {len(results)} passed")
    return 1 if failed else 0


def _chosen(cases: Sequence[Case], wanted: str | None) -> Sequence[Case]:
    if wanted is None:
        return cases
    last = max((index for index, case in enumerate(cases) if wanted in case.name), default=-1)
    return cases[: last + 1]


@dataclass(slots=True)
class Result:
    """What became of a case: `problems` is empty if it passed."""

    case: Case
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.case.name, "file": self.case.file, "line": self.case.line,
            "passed": not self.problems, "problems": self.problems, "seconds": round(self.seconds, 3),
        }  # fmt: skip


def _run_file(root: Path, project: Project, file: str, cases: Sequence[Case], *, quiet: bool) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory(prefix="forebay-test-") as folder, _System(root, Path(folder)) as system:
        for case in cases:
            began = time.monotonic()
            result = Result(case)
            try:
                result.problems = _run_case(project, system, case)
            except ForebayError as error:
                result.problems = [f"{error.code}: {error.message}", *([error.fix] if error.fix else [])]
            result.seconds = time.monotonic() - began
            results.append(result)
            if not quiet:
                _show(result)
    return results


def _show(result: Result) -> None:
    mark = click.style("FAIL", fg="red", bold=True) if result.problems else click.style("ok  ", fg="green")
    click.echo(f"{mark} {result.case.file}:{result.case.line} {result.case.name}")
    for problem in result.problems:
        colour = {"-": "red", "+": "green"}.get(problem[:1])
        click.echo("       " + click.style(problem, fg=colour))


def _run_case(project: Project, system: _System, case: Case) -> list[str]:
    problems = []
    whole = case.rejected is not None  # what is rejected counts once its object is there
    before = system.settled(flushed=whole)
    refused: list[str] = []
    for name, events in case.send:
        target = system.target(project, name)
        try:
            for event in events:
                outcome = target.send([event.replace(b"\n", b" ")])
                refused += [f"{reason} ({code})" for _, code, _, reason in outcome.refused]
        finally:
            target.close()
    for bucket, key, file in case.put:
        system.put(bucket, key, file)
    if len(refused) != case.refused:
        problems += [f"{len(refused)} were refused at the door, {case.refused} expected", *refused[:5]]
    after = system.settled(flushed=whole)
    for term in ("dropped", "rejected"):
        wanted = getattr(case, term)
        if wanted is not None and (found := after[term] - before[term]) != wanted:
            problems.append(f"{found} were {term}, {wanted} expected")
    if case.query is not None and case.expect is not None:
        found_differences = _compared(project, system, case, case.query, case.expect)
        if found_differences:
            problems += ["the rows differ (- expected, + found):", *found_differences]
    return problems


def _compared(project: Project, system: _System, case: Case, query: str, expect: list[Any]) -> list[str]:
    """How the rows differ; where something goes on working after all was read, it is given time to."""
    follows = _follows(project)
    deadline = time.monotonic() + (FOLLOWED if follows else 0)
    last = deadline + PATIENCE
    while True:
        if follows and system.busy():
            deadline = min(time.monotonic() + FOLLOWED, last)
        try:
            columns, rows = system.query(project, query)
        except QueryFailed:
            if time.monotonic() > deadline:
                raise
        else:
            found = differences(columns, rows, expect, ordered=case.ordered)
            if not found or time.monotonic() > deadline:
                return found
        time.sleep(0.1)


def _follows(project: Project) -> bool:
    """Whether crawlers follow what arrives, functions what is put, or windows wait for a silent shard."""
    return (
        any(crawler.arrives for crawler in project.of(CrawlerSpec).values())
        or any(function.on for function in project.of(FunctionSpec).values())
        or bool(project.of(StreamSqlSpec))
    )


class _System:
    """A `forebay run` of the project on free ports, with a state that is thrown away."""

    def __init__(self, root: Path, state: Path) -> None:
        self._layout = Layout(state / "state")
        self._said = state / "said"
        self._process: subprocess.Popen[bytes] | None = None
        self._root = root
        self._urls: dict[str, str] = {}
        self._front = Client(self._layout.socket("front"), "front")
        self._query = Client(self._layout.socket("query"), "query")
        self._flow = Client(self._layout.socket("flow"), "flow")

    def __enter__(self) -> _System:
        command = [sys.executable, "-P", "-m", "forebay.cli", "run", str(self._root), "--json", "--no-reload"]
        command += ["--state", str(self._layout.root)]
        command += ["--ingest-port", "0", "--aws-port", "0", "--console-port", "0"]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = json.loads(line) if line else {}
        if "urls" not in found:
            self.__exit__()
            sys.stderr.write(self._said.read_text("utf-8", "replace") or line.decode())
            raise ForebayError("WillNotRun", "the project does not run", fix="forebay check")
        self._urls = found["urls"]
        return self

    def __exit__(self, *_: object) -> None:
        self._front.close()
        self._query.close()
        self._flow.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def target(self, project: Project, name: str) -> Target:
        """Where events of that name go."""
        noun, dot, rest = name.partition(".")
        if dot and noun in ("streams", "bus", "delivery"):
            return Log(Client(self._layout.socket("front"), "front"), name)
        route = project.of(RouteSpec).get(rest if dot and noun == "ingest" else name)
        if route is None:
            known = ", ".join(project.of(RouteSpec)) or "none"
            raise NotFound("NoSuchTarget", f"there is no route {name}", fix=f"there are: {known}")
        key = None
        if route.key == "required":
            key = self._front.call("keys_create", name="test")["secret"]
        return Route(self._urls["ingest"], route.method, route.path, key, route.max_body)

    def put(self, bucket: str, key: str, file: str) -> None:
        """Put a file of the project into a bucket, as `aws s3 cp` does."""
        path = (self._root / file).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            raise NotFound("NoSuchFile", f"there is no file {file}", where=str(self._root))
        body = path.read_bytes()

        def send() -> None:
            parts = urlsplit(self._urls["aws"])
            connection = HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
            try:
                connection.request("PUT", quote(f"/{bucket}/{key}"), body)
                answer = connection.getresponse()
                said = answer.read().decode("utf-8", "replace")
            finally:
                connection.close()
            if answer.status == 503:
                raise NoServer("ProcessDown", said)
            if answer.status != 200:
                raise UsageError("NotPut", f"{bucket} does not take {key}", why=said[-300:])

        _once_up(send)

    def settled(self, *, flushed: bool) -> dict[str, int]:
        """The ledger's total once every consumer has read all there is, and with `flushed` delivered it."""
        total = self._settled()
        if flushed:
            _once_up(lambda: self._flow.call("flush", timeout=PATIENCE, name=None))
            total = self._settled()
        return total

    def _settled(self) -> dict[str, int]:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._front.call("settle")
                ledger = self._front.call("status")["ledger"]
            except Unavailable:
                ledger = None
            if ledger is not None and not any(entry.get("lag") for entry in ledger.values()):
                total: dict[str, int] = ledger["total"]
                return total
            if time.monotonic() > deadline:
                raise Unavailable(
                    "StillBusy",
                    f"the events were not processed within {PATIENCE:g} s",
                    why=self._last_words(),
                )
            time.sleep(0.02)

    def busy(self) -> bool:
        """Whether a crawler looks, a function is called, or anything is still to be read."""
        try:
            flow, ledger = self._flow.call("status"), self._front.call("status")["ledger"]
        except Unavailable:  # it is starting again
            return True
        return (
            any(each["state"] != "READY" for each in flow["crawlers"].values())
            or any(each.get("calls", {}).get("waiting") for each in flow["functions"].values())
            or any(each.get("lag") for each in ledger.values())
        )

    def query(self, project: Project, text: str) -> tuple[list[str], list[list[Any]]]:
        """Column names and rows of SQL, or of a query by its name."""
        database = project.database
        named = project.of(NamedQuerySpec).get(text.strip())
        path = self._root / "queries" / f"{text.strip()}.sql"
        if named is not None:
            text = named.sql or (self._root / str(named.file)).read_text("utf-8")
            database = named.database or database
        elif " " not in text.strip() and path.is_file():
            text = path.read_text("utf-8")
        answer = _once_up(lambda: self._query.call("query", sql=text, database=database))
        table = pa.ipc.open_stream(answer["arrow"]).read_all()
        columns = [column.to_pylist() for column in table.columns]
        return list(table.column_names), [list(row) for row in zip(*columns, strict=True)]

    def _last_words(self) -> str | None:
        lines = self._said.read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else None


def _once_up(call: Callable[[], Any]) -> Any:
    """What `call` answers; a process that is still starting is waited for."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except ForebayError as error:
            if error.code not in ("NoServer", "ProcessDown") or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
