"""The console's API over real HTTP and WebSocket, its walls, and its files."""

from __future__ import annotations

import csv
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from forebay.delivery.section import DeliverySpec
from forebay.errors import QueryFailed, Unavailable
from forebay.ingest.section import RouteSpec
from forebay.project.model import Location, Ref, Spec
from forebay.web.sample import sample
from forebay.web.static_files import STATIC
from tests.web.fake_system import FakeQuery, Site, project, served

EVENING = """\
title: Evening
range: all
filters:
  menu: {column: menu, sql: select distinct menu from clicks order by 1}
tiles:
  - title: Clicks
    kind: number
    query: select count(*) as n from clicks where ${where}
  - title: By menu
    kind: bar
    query: select menu, count(*) as n from clicks where ${where} group by 1 order by 1
  - kind: text
    text: hello
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "queries").mkdir()
    (tmp_path / "dashboards/evening.yaml").write_text(EVENING)
    (tmp_path / "dashboards/broken.yaml").write_text("tiles: [")
    (tmp_path / "queries/top.sql").write_text("select 1 as one")
    query = FakeQuery()
    query.run("create table clicks(menu varchar, ts timestamp)")
    query.run(
        "insert into clicks values ('bar', '2026-01-01'), ('bar', '2026-01-02'), ('=1+1', '2026-01-02')"
    )
    sections: dict[str, dict[str, Spec]] = {
        "ingest": {"clicks": RouteSpec(route="POST /clicks", to=Ref("delivery", "clicks"))},
        "delivery": {"clicks": DeliverySpec(to=Location("lake", "clicks/"), table="clicks")},
    }
    with served(project(tmp_path, sections, timezone="Europe/Berlin"), query) as site:
        yield site


def ask(site: Site, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(site.url + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, raw, found = answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            status, raw, found = error.code, error.read(), dict(error.headers)
    kind = {name.lower(): value for name, value in found.items()}
    text = raw.decode()
    return status, json.loads(text) if "json" in kind.get("content-type", "") else text, kind


def test_a_query_answers_columns_and_rows(site: Site) -> None:
    status, found, _ = ask(
        site, "/api/query", {"sql": "select menu, count(*) as n from clicks group by 1 order by 2 desc"}
    )
    assert status == 200
    assert found["columns"] == [
        {"name": "menu", "type": "varchar", "numeric": False},
        {"name": "n", "type": "bigint", "numeric": True},
    ]
    assert found["rows"] == [["bar", 2], ["=1+1", 1]]
    assert found["truncated"] is False
    assert found["stats"]["tables"] == ["restaurant.clicks"]


def test_a_query_s_rows_are_bounded_and_it_is_said(site: Site) -> None:
    _, found, _ = ask(site, "/api/query", {"sql": "select * from range(50)", "max_rows": 7})
    assert (len(found["rows"]), found["truncated"]) == (7, True)


def test_a_query_as_csv(site: Site) -> None:
    status, text, headers = ask(
        site, "/api/query", {"sql": "select menu, null as x from clicks order by 1", "format": "csv"}
    )
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert list(csv.reader(io.StringIO(text))) == [["menu", "x"], ["=1+1", ""], ["bar", ""], ["bar", ""]]


def test_a_query_that_fails_says_where(site: Site) -> None:
    site.query.broken = {
        "nope": QueryFailed("ColumnNotFound", "no column nope", line=1, column=8, hint="did you mean menu?")
    }
    status, found, _ = ask(site, "/api/query", {"sql": "select nope from clicks"})
    assert status == 400
    assert found["error"] == {
        "code": "ColumnNotFound", "message": "no column nope", "line": 1, "column": 8, "hint": "did you mean menu?",
    }  # fmt: skip


def test_while_the_query_process_is_down_it_says_so_and_when_to_come_back(site: Site) -> None:
    site.query.down = Unavailable("ProcessDown", "query is not running")
    status, found, headers = ask(site, "/api/query", {"sql": "select 1"})
    assert (status, found["error"]["code"], headers["retry-after"]) == (503, "ProcessDown", "1")
    status, found, _ = ask(site, "/readyz")
    assert (status, found["problems"]) == (503, {"query": "query is not running"})
    assert ask(site, "/healthz")[0] == 200


@pytest.mark.parametrize(
    "body", [{}, {"sql": 5}, {"sql": "select 1", "nope": 1}, {"sql": "select 1", "format": "xml"}, []]
)
def test_a_body_that_makes_no_sense_is_refused(site: Site, body: Any) -> None:
    status, found, _ = ask(site, "/api/query", body)
    assert status == 400
    assert found["error"]["message"]


def test_a_form_s_post_is_refused_whatever_it_holds(site: Site) -> None:
    """A page of another site can send a form here without asking; it cannot send JSON."""
    status, found, _ = ask(site, "/api/query", {"sql": "select 1"}, **{"Content-Type": "text/plain"})
    assert (status, found["error"]["code"]) == (400, "NotJson")


def test_a_body_without_end_is_refused(site: Site) -> None:
    status, found, _ = ask(site, "/api/query", {"sql": "x" * (2 << 20)})
    assert (status, found["error"]["code"]) == (400, "BodyTooLarge")


def test_flush_passes_on_what_the_flow_wrote(site: Site) -> None:
    status, found, _ = ask(site, "/api/flush", {"name": "clicks"})
    assert (status, found["objects"][0]["delivery"]) == (200, "clicks")


def test_dashboards_are_listed_with_what_is_wrong_in_their_files(site: Site) -> None:
    _, found, _ = ask(site, "/api/dashboards")
    listed = {each["name"]: each for each in found["dashboards"]}
    assert listed["evening"]["findings"] == []
    assert [each["code"] for each in listed["broken"]["findings"]] == ["BadYaml"]
    status, answer, _ = ask(site, "/api/dashboards/evening")
    assert (status, [tile["kind"] for tile in answer["tiles"]]) == (200, ["number", "bar", "text"])
    status, answer, _ = ask(site, "/api/dashboards/evning")
    assert (status, answer["error"]["code"]) == (404, "NoSuchDashboard")


def test_a_dashboard_s_file_that_changes_is_read_again(site: Site, tmp_path: Path) -> None:
    (tmp_path / "dashboards/evening.yaml").write_text(EVENING.replace("title: Evening", "title: Late"))
    assert ask(site, "/api/dashboards/evening")[1]["title"] == "Late"


def test_a_tile_s_rows_as_csv_and_json_under_range_and_filters(site: Site) -> None:
    path = "/api/dashboards/evening/tiles/by-menu"
    status, text, headers = ask(site, f"{path}.csv?range=all&f.menu=bar")
    assert (status, text) == (200, "menu,n\r\nbar,2\r\n")
    assert headers["content-disposition"] == 'attachment; filename="evening-by-menu.csv"'
    assert ask(site, f"{path}.json")[1]["rows"] == [["=1+1", 1], ["bar", 2]]
    assert ask(site, f"{path}.csv?range=nope")[0] == 400
    for missing in (
        "/api/dashboards/evening/tiles/nope.csv",
        "/api/dashboards/evening/tiles/text.csv",
        f"{path}.xml",
    ):
        assert ask(site, missing)[0] == 404


def test_a_filter_s_choices_come_from_its_query(site: Site) -> None:
    assert ask(site, "/api/dashboards/evening/filters/menu")[1] == {"options": ["=1+1", "bar"]}
    assert ask(site, "/api/dashboards/evening/filters/nope")[0] == 404


def test_what_every_page_needs_comes_in_one_answer(site: Site) -> None:
    _, found, _ = ask(site, "/api/console")
    assert (found["name"], found["timezone"], found["database"]) == (
        "restaurant",
        "Europe/Berlin",
        "restaurant",
    )
    assert {"from": "ingest.clicks", "to": "delivery.clicks"} in found["graph"]["edges"]
    assert {"from": "catalog.clicks", "to": "dashboards.evening"} in found["graph"]["edges"]
    assert (
        next(node["label"] for node in found["graph"]["nodes"] if node["id"] == "ingest.clicks")
        == "POST /clicks"
    )
    assert found["queries"] == [{"name": "top", "sql": "select 1 as one", "description": None}]
    assert found["first"] == {"method": "POST", "path": "/clicks", "body": '{"hello": "world"}', "key": False}
    assert found["themes"].keys() == {"light", "dark"}


def test_the_first_request_fits_the_route_s_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "what": {"type": "string", "examples": ["entree_1"]},
            "how_long": {"type": ["integer", "null"], "minimum": 0},
            "at": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
            "more": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        },
    }
    made = sample(schema)
    jsonschema_rs.validate({**schema, "required": list(schema["properties"])}, made)
    assert (made["what"], made["how_long"], made["tags"], made["more"]) == ("entree_1", 0, ["a"], True)
    assert sample({"properties": {"a": {"properties": {}}}}) == {"a": {}}


def test_the_status_is_passed_on(site: Site) -> None:
    assert ask(site, "/api/status")[1]["ledger"]["total"]["accepted"] == 0


def test_a_bug_is_an_answer_too_and_the_console_goes_on(site: Site) -> None:
    async def fails() -> dict[str, Any]:
        raise RuntimeError("a bug")

    sound, site.console.ctx.status = site.console.ctx.status, fails
    status, found, _ = ask(site, "/api/status")
    assert (status, found["error"]["code"]) == (500, "Internal")
    with connect(site.url.replace("http", "ws") + "/api/live") as socket:
        talk = Talk(socket)
        talk.say(type="status")
        assert talk.until(lambda message: message["type"] == "status")["error"]["code"] == "Internal"
        site.console.ctx.status = sound
        talk.until(lambda message: "data" in message)


def test_an_unknown_operation_is_not_a_page(site: Site) -> None:
    status, found, _ = ask(site, "/api/nope")
    assert (status, found["error"]["code"]) == (404, "NoSuchOperation")


# The walls.


@pytest.mark.parametrize("path", ["/", "/api/status", "/assets/x.js", "/healthz"])
def test_a_foreign_host_or_origin_gets_nothing(site: Site, path: str) -> None:
    status, found, _ = ask(site, path, Host="evil.example")
    assert (status, found["error"]["code"]) == (421, "HostNotAllowed")
    status, found, _ = ask(site, path, Origin="https://evil.example")
    assert (status, found["error"]["code"]) == (403, "OriginNotAllowed")


def test_a_foreign_page_s_query_is_refused_before_its_body_is_read(site: Site) -> None:
    """The body is announced and never sent: an answer can only come from the headers."""
    connection = HTTPConnection(site.url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/api/query")
    for name, value in (
        ("Origin", "http://evil.example"),
        ("Content-Type", "application/json"),
        ("Content-Length", "1000"),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()
    assert site.query.asked == []


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example:80"}])
def test_a_foreign_page_s_socket_is_refused_before_it_opens(site: Site, headers: dict[str, str]) -> None:
    host = site.url.removeprefix("http://").partition(":")
    port = int(host[2])
    request = {"Host": f"127.0.0.1:{port}", **headers}
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", "/api/live", skip_host=True)
    for name, value in {**request, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}.items():  # fmt: skip
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()


def test_every_answer_forbids_what_is_not_its_own(site: Site) -> None:
    for path in ("/", "/api/status", "/api/nope", "/nope.js"):
        headers = ask(site, path)[2]
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


# The files.


def test_the_page_is_asked_for_each_time_and_its_parts_are_kept_for_ever(site: Site) -> None:
    assert (STATIC / "index.html").exists(), "the front end is not built: run `make install`"
    for path in ("/", "/dashboards/evening", "/query"):
        status, page, headers = ask(site, path)
        assert (status, headers["cache-control"]) == (200, "no-cache")
    script = page.partition('src="')[2].partition('"')[0]
    status, _, headers = ask(site, script)
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert "immutable" in headers["cache-control"]
    assert ask(site, script, **{"If-None-Match": headers["etag"]})[0] == 304
    assert ask(site, script, **{"If-None-Match": '"other"'})[0] == 200


@pytest.mark.parametrize(
    "path", ["/assets/nope.js", "/..%2fconsole.py", "/assets/../../console.py", "/nope.txt", "/a%00b.js"]
)
def test_what_is_not_built_is_not_found(site: Site, path: str) -> None:
    assert ask(site, path)[0] == 404


def test_a_console_that_was_not_built_says_how_to_build_it(site: Site, tmp_path: Path) -> None:
    site.console._static._folder = tmp_path / "nowhere"
    status, page, _ = ask(site, "/")
    assert status == 503
    assert "npm ci &amp;&amp; npm run build" in page
    assert ask(site, "/api/status")[0] == 200


# The live socket.


class Talk:
    """A browser's end of `/api/live`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def until(self, wanted: Callable[[dict[str, Any]], object], seconds: float = 10) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message: dict[str, Any] = json.loads(self.socket.recv(left))
            if wanted(message):
                return message
        raise AssertionError("it did not come")


@pytest.fixture
def talk(site: Site) -> Iterator[Talk]:
    with connect(site.url.replace("http", "ws") + "/api/live", origin=Origin(site.url)) as socket:
        yield Talk(socket)


def clicks(value: int) -> Callable[[dict[str, Any]], object]:
    def seen(message: dict[str, Any]) -> object:
        shown = message.get("data", {}).get("shown", {})
        return (
            message.get("data", {}).get("tile") == "clicks" and shown.get("number", {}).get("value") == value
        )

    return seen


def test_a_change_reaches_the_browser(site: Site, talk: Talk) -> None:
    talk.say(type="subscribe", view=3, dashboard="evening", range="all", filters={})
    first = talk.until(clicks(3))
    assert (first["type"], first["view"]) == ("tile", 3)
    site.query.run("insert into clicks values ('bar', '2026-01-03')")
    second = talk.until(clicks(4))
    assert second["data"]["rev"] > first["data"]["rev"]
    assert second["data"]["changed_at"] is not None


def test_a_filter_reaches_the_query(talk: Talk) -> None:
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={"menu": "bar"})
    talk.until(clicks(2))


def test_nothing_comes_to_a_browser_that_paused_until_it_goes_on(site: Site, talk: Talk) -> None:
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
    talk.until(clicks(3))
    talk.say(type="pause")
    deadline = time.monotonic() + 10
    while site.console.hub.watched and time.monotonic() < deadline:
        time.sleep(0.01)
    asked = len(site.query.asked)
    site.query.run("insert into clicks values ('bar', '2026-01-03')")
    time.sleep(0.6)
    assert len(site.query.asked) == asked
    talk.say(type="resume")
    talk.until(clicks(4))


def test_a_browser_that_hangs_up_is_forgotten(site: Site, talk: Talk) -> None:
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
    talk.until(clicks(3))
    talk.socket.close()
    deadline = time.monotonic() + 10
    while (site.console.hub.watched or site.console._browsers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (site.console.hub.watched, site.console._browsers) == ([], set())


def test_browsers_that_hang_up_in_the_middle_of_a_message_are_forgotten(site: Site) -> None:
    """A cancellation that met the end of a send was lost once, and the browser stayed for good."""
    for _ in range(25):
        with connect(site.url.replace("http", "ws") + "/api/live") as socket:
            Talk(socket).say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
            socket.recv(10)
            socket.socket.close()
    deadline = time.monotonic() + 10
    while site.console._browsers and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (site.console.hub.watched, site.console._browsers) == ([], set())


def test_the_status_is_pushed_to_who_asks_for_it(site: Site, talk: Talk) -> None:
    talk.say(type="status")
    talk.until(lambda message: message["type"] == "status" and message["data"]["name"] == "restaurant")
    site.status["name"] = "another"
    talk.until(lambda message: message["type"] == "status" and message["data"]["name"] == "another")


def test_a_changed_project_makes_every_page_ask_again(site: Site, talk: Talk) -> None:
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
    talk.until(clicks(3))
    site.on_loop(
        lambda: site.console.reloaded(project(Path(site.console.ctx.project.root), name="restaurant"))
    )
    talk.until(lambda message: message["type"] == "changed")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "BadMessage"),
        ('{"type": "nope"}', "BadMessage"),
        ('{"type": "subscribe", "filters": {"menu": 5}}', "BadMessage"),
        ('{"type": "subscribe", "dashboard": "nope"}', "NoSuchDashboard"),
        ('{"type": "subscribe", "dashboard": "evening", "range": "nope"}', "BadRange"),
        ('{"type": "subscribe", "dashboard": "' + "x" * 20_000 + '"}', "BadMessage"),
    ],
)
def test_a_message_that_makes_no_sense_is_answered_and_the_socket_lives(
    talk: Talk, message: str, code: str
) -> None:
    talk.socket.send(message)
    assert talk.until(lambda found: found["type"] == "error")["error"]["code"] == code
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
    talk.until(clicks(3))


def test_a_socket_of_no_console_address_is_no_page(site: Site) -> None:
    with pytest.raises(InvalidStatus), connect(site.url.replace("http", "ws") + "/api/other"):
        pass
