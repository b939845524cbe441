"""The console's API over real HTTP, its walls, and its files."""

from __future__ import annotations

import csv
import io
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from websockets.sync.client import connect

from forebay.errors import QueryFailed, Unavailable
from forebay.web.sample import sample
from forebay.web.static_files import STATIC
from tests.web.evening import EVENING, Talk, ask
from tests.web.fake_system import Site


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


@pytest.mark.parametrize("path", ["/", "/api/status", "/assets/x.js", "/healthz"])
def test_a_foreign_host_or_origin_gets_nothing(site: Site, path: str) -> None:
    status, found, _ = ask(site, path, Host="evil.example")
    assert (status, found["error"]["code"]) == (421, "HostNotAllowed")
    status, found, _ = ask(site, path, Origin="https://evil.example")
    assert (status, found["error"]["code"]) == (403, "OriginNotAllowed")


def test_a_foreign_page_s_query_is_refused_before_its_body_is_read(site: Site) -> None:
    """The body is announced and never sent: an answer can only come from the headers."""
    connection = HTTPConnection(site.url.removeprefix("http://"), timeout=30)
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
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
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
