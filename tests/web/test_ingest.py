"""The ingest port from outside: real HTTP requests, and what is on disk afterwards."""

from __future__ import annotations

import gzip
import json
import socket
from pathlib import Path

import pytest

from forebay.ingest.section import UniqueSpec
from forebay.project.model import Project, Ref
from forebay.web.ingest import IngestOptions
from tests.web.port import Make, clicks

CLICK_SCHEMA = {
    "type": "object",
    "required": ["element_clicked"],
    "properties": {"time_spent": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}},
}


REAL = [
    '{\n"element_clicked":"entree_1",\n"time_spent":67,\n"source_menu":"restaurant_name",\n"created_at":"2022–09–11 23:00:00"\n}\n',
    '{\n"element_clicked":"entree_4",\n"time_spent":32,\n"source_menu":"restaurant_name",\n"createdAt":"2022–09–11 23:00:00"\n}\n',
]


def test_a_real_pretty_printed_body_is_one_event_and_keeps_its_bytes(port: Make) -> None:
    here = port(clicks=clicks())
    for body in REAL:
        answer = here.ask.post("/clicks", body.encode())
        assert (answer.status, answer.json) == (200, {"accepted": 1, "duplicate": 0, "refused": []})
    assert here.stored() == [body.strip().encode() for body in REAL]


def test_the_answer_comes_after_the_event_is_on_disk(port: Make) -> None:
    here = port(clicks=clicks())
    here.ask.post("/clicks", b'{"n":1}')
    assert here.reader.head() == 1


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonlines", "application/json", ""])
def test_lines_of_objects_are_one_event_each(port: Make, kind: str) -> None:
    here = port(clicks=clicks())
    answer = here.ask.post("/clicks", b'{"n":1}\n{"n":2}\r\n\n{"n":3}\n', content_type=kind)
    assert (answer.status, answer.json["accepted"]) == (200, 3)
    assert here.stored() == [b'{"n":1}', b'{"n":2}', b'{"n":3}']


def test_an_array_is_its_elements_with_their_own_bytes(port: Make) -> None:
    here = port(clicks=clicks())
    answer = here.ask.post("/clicks", b'[ {"n": 1.0} ,\n {"n": 1e2}]')
    assert answer.json["accepted"] == 2
    assert here.stored() == [b'{"n": 1.0}', b'{"n": 1e2}']


def test_gzip_bodies_are_unpacked(port: Make) -> None:
    here = port(clicks=clicks())
    two = gzip.compress(b'{"n":1}\n') + gzip.compress(b'{"n":2}\n')
    answer = here.ask.post("/clicks", two, content_encoding="gzip", content_type="application/x-ndjson")
    assert (answer.status, answer.json["accepted"]) == (200, 2)
    assert here.stored() == [b'{"n":1}', b'{"n":2}']


def test_a_batch_answers_207_for_some_and_400_for_none(port: Make) -> None:
    here = port(clicks=clicks())
    answer = here.ask.post("/clicks", b'{"n":1}\nnot json\n[1]\n{"n":2}', content_type="application/x-ndjson")
    assert answer.status == 207
    assert answer.json["accepted"] == 2
    assert [(r["index"], r["code"]) for r in answer.json["refused"]] == [
        (1, "InvalidJson"),
        (2, "NotAnObject"),
    ]
    none = here.ask.post("/clicks", b"[1, 2]")
    assert (none.status, none.json["accepted"]) == (400, 0)
    assert here.app.doors() == {"ingest.clicks": {"accepted": 2, "duplicate": 0, "refused": 4}}


def test_a_list_of_refusals_is_bounded(port: Make) -> None:
    here = port(clicks=clicks())
    answer = here.ask.post("/clicks", b"[" + b",".join([b"1"] * 5000) + b"]")
    assert len(answer.json["refused"]) == 100
    assert answer.json["refused_total"] == 5000


BAD = {
    "malformed": (b'{"a":', 400, "InvalidJson"),
    "empty": (b"", 400, "InvalidJson"),
    "an empty array": (b"[]", 400, "EmptyBody"),
    "a number": (b"5", 400, "NotAnObject"),
    "invalid UTF-8": (b'{"a":"\xff"}', 400, "InvalidUtf8"),
    "NaN": (b'{"a":NaN}', 400, "InvalidJson"),
    "nested thousands deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "TooDeep"),
    "brackets a million deep": (b"[" * 1_000_000, 400, "TooDeep"),
}


@pytest.mark.parametrize(("body", "status", "code"), BAD.values(), ids=BAD.keys())
def test_a_bad_body_is_refused_with_its_reason_and_the_door_goes_on(
    port: Make, body: bytes, status: int, code: str
) -> None:
    here = port(clicks=clicks())
    answer = here.ask.post("/clicks", body)
    said = answer.json
    assert answer.status == status
    assert (said["error"] if "error" in said else said["refused"][0])["code"] == code
    assert here.ask.post("/clicks", b"{}").status == 200
    assert here.stored() == [b"{}"]


def test_a_million_keys_are_one_event(port: Make) -> None:
    here = port(clicks=clicks(max_body=50 << 20))
    body = b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(1_000_000)) + b"}"
    assert here.ask.post("/clicks", body).status == 200
    assert here.stored() == [body]


def test_duplicate_names_are_kept_as_sent_and_the_last_counts(port: Make) -> None:
    here = port(clicks=clicks(unique=UniqueSpec(field="id")))
    assert here.ask.post("/clicks", b'{"id":1,"id":2}').json["accepted"] == 1
    assert here.ask.post("/clicks", b'{"id":2}').json["duplicate"] == 1
    assert here.ask.post("/clicks", b'{"id":1}').json["accepted"] == 1
    assert here.stored()[0] == b'{"id":1,"id":2}'


def test_bad_gzip_and_a_bomb_are_refused(port: Make) -> None:
    here = port(clicks=clicks(max_body=1 << 20))
    for bad in (b"not gzip", gzip.compress(b'{"n":1}')[:-6]):
        answer = here.ask.post("/clicks", bad, content_encoding="gzip")
        assert (answer.status, answer.json["error"]["code"]) == (400, "InvalidGzip")
    bomb = gzip.compress(b" " * (200 << 20))
    answer = here.ask.post("/clicks", bomb, content_encoding="gzip")
    assert (answer.status, answer.json["error"]["code"]) == (413, "BodyTooLarge")
    assert here.ask.post("/clicks", b"x", content_encoding="br").status == 415


def test_a_body_past_the_bound_is_refused_before_it_is_read(port: Make) -> None:
    here = port(clicks=clicks(max_body=1000))
    head = b"POST /clicks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n"
    with here.ask.raw(head) as connection:
        assert b" 413 " in connection.recv(100)
    chunked = (
        b"POST /clicks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + b" " * 1024
    )
    with here.ask.raw(chunked) as connection:
        assert b" 413 " in connection.recv(100)


def test_a_body_that_does_not_come_is_given_up(port: Make) -> None:
    here = port(clicks=clicks(), options=IngestOptions(body_timeout=0.2))
    head = b"POST /clicks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"
    with here.ask.raw(head) as connection:
        assert b" 408 " in connection.recv(100)
    head = head.replace(b"Content-Length: 10", b"Content-Length: 2")
    with here.ask.raw(head + b"}") as connection:  # at once: a client may be slower than that between the two
        assert b" 200 " in connection.recv(100)


def test_a_client_that_hangs_up_disturbs_nobody(port: Make) -> None:
    here = port(clicks=clicks())
    for _ in range(5):
        with here.ask.raw(b"POST /clicks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{") as half:
            half.shutdown(socket.SHUT_RDWR)
    assert here.ask.post("/clicks", b"{}").status == 200


def test_content_types_other_than_json_are_refused(port: Make) -> None:
    here = port(clicks=clicks())
    for kind in ("text/csv", "application/xml", "multipart/form-data; boundary=x"):
        answer = here.ask.post("/clicks", b"{}", content_type=kind)
        assert (answer.status, answer.json["error"]["code"]) == (415, "UnsupportedContentType")
    assert here.ask.post("/clicks", b"{}", content_type="application/json; charset=latin-1").status == 415
    for kind in ("application/json; charset=utf-8", "application/cloudevents+json", "text/plain"):
        assert here.ask.post("/clicks", b"{}", content_type=kind).status == 200


def test_an_unknown_path_is_told_the_nearest_routes(port: Make) -> None:
    here = port(clicks=clicks(), orders=clicks(route="PUT /orders/{id}"))
    answer = here.ask.post("/click", b"{}")
    assert answer.status == 404
    assert "/clicks" in answer.json["error"]["fix"]
    assert answer.headers["content-type"] == "application/json"
    wrong = here.ask("GET", "/clicks")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert here.ask.post("/orders/1", b"{}").headers["allow"] == "PUT"


def test_path_parameters_become_fields_unless_the_event_has_them(port: Make) -> None:
    here = port(shop=clicks(route="POST /shops/{shop}/{rest+}"))
    assert here.ask.post("/shops/caf%C3%A9/a/b", b'{ "n":1}').status == 200
    assert here.ask.post("/shops/x/y", b'{"shop":7,"rest":null}').status == 200
    assert here.ask.post("/shops/x/y", b"{}").status == 200
    assert [json.loads(each) for each in here.stored()] == [
        {"shop": "café", "rest": "a/b", "n": 1},
        {"shop": 7, "rest": None},
        {"shop": "x", "rest": "y"},
    ]


def test_events_that_do_not_fit_the_schema_are_refused_with_the_failing_path(
    port: Make, tmp_path: Path
) -> None:
    (tmp_path / "click.json").write_text(json.dumps(CLICK_SCHEMA))
    here = port(clicks=clicks(schema="click.json"))
    lines = [
        b'{"element_clicked":"a","time_spent":1}',
        b'{"element_clicked":"a","time_spent":"1"}',
        b'{"time_spent":1}',
        b'{"element_clicked":"a","tags":["x",2]}',
    ]
    answer = here.ask.post("/clicks", b"\n".join(lines))
    assert answer.status == 207
    assert [(r["index"], r["path"]) for r in answer.json["refused"]] == [
        (1, "$.time_spent"),
        (2, "$"),
        (3, "$.tags[1]"),
    ]
    assert "integer" in answer.json["refused"][0]["reason"]
    assert here.stored() == lines[:1]


def test_events_of_a_keyed_stream_are_sharded_by_the_field(port: Make) -> None:
    here = port(shards=4, key="user", keyed=clicks(to=Ref("streams", "keyed")))
    here.ask.post("/clicks", b"\n".join(b'{"user":"u%d","n":%d}' % (i % 5, i) for i in range(50)))
    shards: dict[str, set[int]] = {}
    for batch in here.reader.read(0):
        columns = batch.columns()
        assert columns.keys is not None
        for key, record in zip(columns.keys, columns.records(), strict=True):
            assert json.loads(record)["user"] == key.decode()
            shards.setdefault(key.decode(), set()).add(batch.shard)
    assert len(shards) == 5
    assert all(len(of) == 1 for of in shards.values())


def test_health_and_readiness(port: Make) -> None:
    problems: dict[str, str] = {}
    here = port(clicks=clicks(), options=IngestOptions(ready=lambda: problems))
    assert here.ask("GET", "/healthz").json == {"status": "ok"}
    assert here.ask("GET", "/readyz").status == 200
    problems["flow"] = "restarting"
    answer = here.ask("GET", "/readyz")
    assert (answer.status, answer.json["problems"]) == (503, {"flow": "restarting"})
    assert here.ask("GET", "/healthz").status == 200


def test_a_full_disk_is_answered_503_and_events_are_taken_again_when_there_is_room(port: Make) -> None:
    here = port(clicks=clicks())
    here.log.disk.reserve = 1 << 60
    here.log.disk.forget()
    answer = here.ask.post("/clicks", b"{}")
    assert (answer.status, answer.json["error"]["code"]) == (503, "DiskFull")
    assert int(answer.headers["retry-after"]) >= 1
    assert here.ask("GET", "/readyz").status == 503
    here.log.disk.reserve = 0
    here.log.disk.forget()
    assert here.ask.post("/clicks", b"{}").status == 200


def test_every_answer_carries_the_request_id(port: Make) -> None:
    here = port(clicks=clicks())
    assert here.ask.post("/clicks", b"{}", x_request_id="mine-1").headers["x-request-id"] == "mine-1"
    assert here.ask.post("/nope", b"{}", x_request_id="mine-2").json["error"]["request_id"] == "mine-2"
    made = here.ask.post("/clicks", b"{}", x_request_id="not an id").headers["x-request-id"]
    assert made
    assert made != "not an id"


def test_routes_follow_the_project_without_a_restart(port: Make, tmp_path: Path) -> None:
    here = port(clicks=clicks())
    here.app.reload(
        Project(name="p", root=str(tmp_path), sections={"ingest": {"new": clicks(route="POST /new")}})
    )
    assert here.ask.post("/new", b"{}").status == 200
    assert here.ask.post("/clicks", b"{}").status == 404
