"""Access logs of routes: lines in log groups, in the formats that API Gateway's console proposes."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from forebay.ingest.door import Door
from forebay.ingest.section import RouteSpec
from forebay.project.model import Ref
from forebay.web.access_log import Format
from forebay.web.context import Context
from tests.harness import System, forebay, request, until
from tests.projects import project
from tests.wire.sdk import client, served

PROJECT = """\
name: lines
ingest:
  rows: {route: "POST /rows/{shop}", to: bus.all}
  clicks: {route: POST /clicks, to: delivery.kept}
  quiet: {route: POST /quiet, to: delivery.kept}
  errors: {route: POST /errors, to: delivery.kept}
  own: {route: POST /own, to: delivery.kept}
delivery:
  kept: {to: lake.lines/kept/}
bus:
  all: {}
functions:
  idle: idle.handler
telemetry:
  access_log: json
  log_retention: 14d
  groups:
    ingest.clicks: {format: clf, retention: 36h}
    ingest.quiet: {format: none}
    ingest.errors: {format: csv, level: warning}
    ingest.own: {format: "$context.status $context.stage $context.path $context.nothing"}
    functions.idle: {retention: 3d}
"""
FILES = {"idle.py": "def handler(event, context):\n    print('here')\n    return 1\n"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with served(tmp_path_factory.mktemp("lines"), PROJECT, files=FILES) as running:
        yield running


@pytest.fixture(scope="module")
def logs(system: System) -> Iterator[Any]:
    with contextlib.closing(client(system, "logs")) as made:
        yield made


def read(logs: Any, route: str) -> list[str]:
    """The lines of a route's log; none while its group is being made."""
    try:
        found = logs.filter_log_events(logGroupName=f"/aws/apigateway/{route}")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [each["message"] for each in found]


def lines(logs: Any, route: str, count: int) -> list[str]:
    """The lines of a route's log, once there are so many."""
    return until(lambda: found if len(found := read(logs, route)) >= count else [])


def test_each_request_is_a_line_of_json(system: System, logs: Any) -> None:
    answer = system.post("/prod/rows/north", {"n": 1}, {"x-request-id": "mine"})
    system.post("/rows/north", b"{")
    first, second = map(json.loads, lines(logs, "rows", 2))
    assert {name: first[name] for name in ("requestId", "httpMethod", "routeKey", "status", "protocol")} == {
        "requestId": "mine",
        "httpMethod": "POST",
        "routeKey": "POST /rows/{shop}",
        "status": "200",
        "protocol": "HTTP/1.1",
    }
    assert first["ip"] == "127.0.0.1"
    assert int(first["responseLength"]) == len(answer.body)
    assert second["status"] == "400"


def test_the_common_log_format(system: System, logs: Any) -> None:
    system.post("/prod/clicks", {"n": 1})
    (line,) = lines(logs, "clicks", 1)
    when = r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"
    assert re.fullmatch(rf'127\.0\.0\.1 - - \[{when}\] "POST /clicks HTTP/1\.1" 200 \d+ \S+', line), line


def test_a_level_says_which_requests_are_written(system: System, logs: Any) -> None:
    system.post("/quiet", {"n": 1})
    system.post("/errors", {"n": 1})
    system.post("/errors", b"{")
    (line,) = lines(logs, "errors", 1)
    assert ",400," in line
    groups = {each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]}
    assert "/aws/apigateway/quiet" not in groups


def test_a_format_of_ones_own(system: System, logs: Any) -> None:
    system.post("/dev/own", {"n": 1})
    assert lines(logs, "own", 1) == ["200 dev /dev/own -"]


def test_groups_are_kept_as_long_as_the_project_says(system: System, logs: Any) -> None:
    wanted = {
        "/aws/apigateway/rows": 14,
        "/aws/apigateway/clicks": 2,  # whole days
        "/aws/lambda/idle": 3,
    }

    def days() -> dict[str, Any]:
        groups = logs.describe_log_groups()["logGroups"]
        return {each["logGroupName"]: each.get("retentionInDays") for each in groups}

    until(lambda: wanted.items() <= days().items())


def test_lines_outlive_the_front(system: System, logs: Any) -> None:
    def kept() -> int:
        return sum(json.loads(each)["requestId"].startswith("kept-") for each in read(logs, "rows"))

    for n in range(2):
        system.post("/rows/east", {"n": n}, {"x-request-id": f"kept-{n}"})
    until(lambda: kept() == 2)
    system.kill("front")
    until(lambda: request(system.ingest + "/healthz").status == 200)
    assert kept() == 2


def test_a_value_does_not_end_its_line_or_its_quotes() -> None:
    class Headers:
        def get(self, key: str, default: Any = None) -> Any:
            return 'agent "x" \\' if key == "user-agent" else default

    class Scope:
        proto, method, path, query_string = "http", "POST", '/a\n{"forged": 1}', ""
        authority, client, headers = "localhost", "127.0.0.1:5", Headers()

    door = Door("r", RouteSpec(route="POST /a", to=Ref("bus", "b")))
    context = Context(Scope(), "id", door, None)  # type: ignore[arg-type]
    context.status = 200
    text = Format('{"agent":"$context.identity.userAgent","path":"$context.path"}').line(context)
    assert "\n" not in text
    assert json.loads(text) == {"agent": 'agent "x" \\', "path": '/a\n{"forged": 1}'}


def test_what_is_off_in_the_section_is_found(tmp_path: Any) -> None:
    wrong = PROJECT.replace("access_log: json", "access_log: jsonn").replace("ingest.quiet", "ingest.quite")
    wrong = wrong.replace("functions.idle: {retention: 3d}", "functions.idle: {level: error}")
    done = forebay("check", str(project(tmp_path / "p", wrong, **FILES)), "--json")
    codes = {(each["code"], each["line"]) for each in done.json()["findings"]}
    assert {code for code, _ in codes} == {"BadFormat", "UnknownReference", "NotForTarget"}
