"""Routes by the longer URL, `/STAGE/path`: what is in front of a target answers as API Gateway does on AWS."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Answer, System, request, until
from tests.wire.sdk import client, served

PROJECT = """\
name: gate
ingest:
  clicks: {route: POST /clicks, to: delivery.clicks, cors: ["https://shop.example"]}
  checked: {route: POST /checked, to: delivery.clicks, schema: click.json}
  small: {route: POST /small, to: delivery.clicks, max_body: 100B}
  slow: {route: POST /slow, to: delivery.clicks, limit: 1/h}
  keyed: {route: POST /keyed, to: delivery.clicks, key: required, api: http}
  raw: {route: POST /raw, to: streams.raw, api: rest, data: "$util.base64Encode($input.body)"}
  things: {route: "POST /things/{kind}", to: streams.things, partition_key: "$request.path.kind"}
  orders:
    route: POST /orders
    to: bus.shop
    source: HttpSource
    detail_type: "$request.header.X-Kind"
    detail: $request.body.order
    stages: {prod: {}, dev: {variables: {shop: test}}}
  told:
    route: "POST /told/{shop}"
    to: bus.shop
    source: "${stageVariables.where}-${request.querystring.from}"
    detail_type: "$context.stage"
    stages: {north: {variables: {where: hill}}}
  plain: {route: POST /plain, to: bus.shop, source: HttpSource, detail_type: myDetailType}
  once: {route: POST /once, to: bus.shop, unique: {field: id}}
  echo: {route: "POST /echo/{id}", to: functions.echo}
  echo1: {route: POST /echo1, to: functions.echo, payload: "1.0", stages: {prod: {variables: {a: b}}}}
  broken: {route: POST /broken, to: functions.broken, api: rest}
  rest: {route: "ANY /rest/{proxy+}", to: functions.echo}
  one: {route: "GET /rest/{proxy+}", to: functions.echo, payload: "1.0"}
delivery:
  clicks: {to: lake.gate/clicks/, buffer: {seconds: 60}}
streams:
  raw: {}
  things: {shards: 2}
bus:
  shop: {}
functions:
  echo: echo.handler
  broken: echo.broken
"""
FILES = {
    "click.json": '{"type": "object", "required": ["n"]}',
    "echo.py": "import json\n"
    "def handler(event, context):\n"
    "    return {'statusCode': 201, 'headers': {'x-own': 'yes'}, 'body': json.dumps(event)}\n"
    "def broken(event, context):\n"
    "    return 'nonsense'\n",
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with served(tmp_path_factory.mktemp("gate"), PROJECT, files=FILES) as running:
        yield running


def said(answer: Answer, status: int, message: str) -> None:
    """An error in API Gateway's shape, and nothing else."""
    assert (answer.status, answer.json()) == (status, {"message": message})


def records(system: System, log: str) -> list[bytes]:
    """What a log has."""
    found = system.call("front", "log_read", log=log, position=0, max=1000)["records"]
    return [bytes(each["data"]) for each in found]


def events(system: System) -> list[dict[str, Any]]:
    return [json.loads(each) for each in records(system, "bus.shop")]


def test_a_delivery_answers_as_put_record_does(system: System) -> None:
    answer = system.post("/prod/clicks", {"n": 1})
    assert answer.status == 200
    assert answer.json()["Encrypted"] is False
    assert len(answer.json()["RecordId"]) > 100
    assert answer.headers["x-amzn-requestid"]
    assert system.post("/clicks", {"n": 2}).json() == {"accepted": 1, "duplicate": 0, "refused": []}
    assert records(system, "delivery.clicks")[:2] == [b'{"n": 1}', b'{"n": 2}']


def test_a_body_is_one_record_whatever_it_holds(system: System) -> None:
    before = len(records(system, "delivery.clicks"))
    assert system.post("/prod/clicks", b'[{"n": 1}, {"n": 2}]').status == 200
    packed = gzip.compress(b'{"n": 3}')
    assert system.post("/prod/clicks", packed, {"content-encoding": "gzip"}).status == 200
    assert records(system, "delivery.clicks")[before:] == [b'[{"n": 1}, {"n": 2}]', b'{"n": 3}']


def test_a_stream_answers_with_a_number_that_a_reader_finds(system: System) -> None:
    answer = system.post("/prod/things/lamp", {"n": 1})
    found = answer.json()
    assert (answer.status, set(found)) == (200, {"SequenceNumber", "ShardId"})
    with contextlib.closing(client(system, "kinesis")) as kinesis:
        iterator = kinesis.get_shard_iterator(
            StreamName="things",
            ShardId=found["ShardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=found["SequenceNumber"],
        )["ShardIterator"]
        (record,) = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert record["PartitionKey"] == "lamp"
    assert json.loads(record["Data"]) == {"kind": "lamp", "n": 1}


def test_a_streams_data_may_be_any_text(system: System) -> None:
    answer = system.post("/prod/raw", b"no JSON, \xff\x00 nor text", {"content-type": "text/plain"})
    assert answer.status == 200
    assert records(system, "streams.raw")[-1] == b"no JSON, \xff\x00 nor text"


def test_a_bus_answers_as_put_events_does(system: System) -> None:
    answer = system.post("/prod/plain", {"event_type": "Sport - Adult"})
    (entry,) = answer.json()["Entries"]
    assert (answer.status, answer.json()["FailedEntryCount"]) == (200, 0)
    event = events(system)[-1]
    assert event["id"] == entry["EventId"]
    assert (event["source"], event["detail-type"]) == ("HttpSource", "myDetailType")
    assert event["detail"] == {"event_type": "Sport - Adult"}


def test_detail_source_and_type_are_mapped(system: System) -> None:
    body = {"order": {"id": 7}, "more": 1}
    answer = system.post("/prod/orders", body, {"X-Kind": "placed"})
    assert answer.json()["FailedEntryCount"] == 0
    event = events(system)[-1]
    assert (event["source"], event["detail-type"], event["detail"]) == ("HttpSource", "placed", {"id": 7})
    assert system.post("/orders", body, {"X-Kind": "plain"}).json()["accepted"] == 1
    assert events(system)[-1]["detail-type"] == "plain"
    assert system.post("/north/told/x?from=web&from=app", {"n": 1}).status == 200
    event = events(system)[-1]
    assert (event["source"], event["detail-type"]) == ("hill-web,app", "north")
    assert event["detail"] == {"shop": "x", "n": 1}


def test_an_event_that_a_bus_does_not_take_fails_as_an_entry(system: System) -> None:
    before = len(events(system))
    missing = system.post("/prod/orders", {"order": {"id": 7}}).json()
    assert missing["FailedEntryCount"] == 1
    assert missing["Entries"][0]["ErrorCode"] == "InvalidArgument"
    assert "DetailType is a required argument" in missing["Entries"][0]["ErrorMessage"]
    malformed = system.post("/prod/plain", b"[1, 2]").json()
    assert malformed["Entries"] == [{"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}]
    assert system.post("/orders", {"order": {}}).json()["error"]["code"] == "InvalidArgument"
    assert len(events(system)) == before


def test_a_repeat_is_answered_as_the_first_was(system: System) -> None:
    before = len(events(system))
    first, again = (system.post("/prod/once", {"id": "a"}) for _ in range(2))
    assert first.json() == again.json()
    assert first.json()["Entries"][0]["EventId"] == events(system)[-1]["id"]
    keyed = [system.post("/prod/things/x", {"n": 1}, {"idempotency-key": "k"}) for _ in range(2)]
    assert keyed[0].json() == keyed[1].json()
    assert keyed[1].headers["idempotency-replayed"] == "true"
    assert len(events(system)) == before + 1


def test_what_is_nowhere_is_said_in_the_apis_words(system: System) -> None:
    said(system.post("/prod/nowhere", {}), 404, "Not Found")  # an HTTP API's: most routes here are
    said(request(system.ingest + "/prod/clicks"), 403, "Missing Authentication Token")
    said(request(system.ingest + "/prod/plain"), 404, "Not Found")
    said(system.post("/south/told/x", {}), 404, "Not Found")  # no stage of that route
    said(system.post("/dev/echo1", {}), 403, "Missing Authentication Token")
    said(system.post("/south/echo1", {}), 403, "Forbidden")  # no stage at all
    answer = request(system.ingest + "/prod/clicks")
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    plain = system.post("/nowhere", {})
    assert (plain.status, plain.json()["error"]["code"]) == (404, "NoSuchRoute")
    assert system.post("/shelves/nowhere", {}).json()["error"]["code"] == "NoSuchRoute"


def test_bad_requests_are_refused_in_the_apis_words(system: System) -> None:
    before = len(records(system, "delivery.clicks"))
    said(system.post("/prod/checked", {"m": 1}), 400, "Invalid request body")
    said(system.post("/prod/checked", b"{"), 400, "Invalid request body")
    said(system.post("/prod/plain", b"{"), 400, "Invalid request body")
    rest = system.post("/prod/clicks", b'{"n": ')
    assert rest.status == 400
    assert rest.json()["message"].startswith("Could not parse request body into json: ")
    assert rest.headers["x-amzn-errortype"] == "BadRequestException"
    said(system.post("/prod/small", {"n": "x" * 200}), 413, "Request Too Long")
    assert system.post("/prod/slow", {"n": 1}).status == 200
    slow = system.post("/prod/slow", {"n": 1})
    said(slow, 429, "Too Many Requests")
    assert int(slow.headers["retry-after"]) >= 1
    assert len(records(system, "delivery.clicks")) == before + 1


def test_a_key_opens_and_without_one_it_is_forbidden(system: System) -> None:
    secret = system.call("front", "keys_create", name="k", routes=["keyed"])["secret"]
    said(system.post("/prod/keyed", {}), 403, "Forbidden")
    said(system.post("/prod/keyed", {}, {"x-api-key": "fb_wrong"}), 403, "Forbidden")
    assert system.post("/prod/keyed", {"n": 1}, {"x-api-key": secret}).status == 200


def test_a_page_that_is_listed_may_call_and_another_may_not(system: System) -> None:
    asks = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    before = request(system.ingest + "/prod/clicks", "OPTIONS", None, asks)
    assert before.status == 200
    assert before.headers["access-control-allow-origin"] == "https://shop.example"
    assert before.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert "x-api-key" in before.headers["access-control-allow-headers"]
    answer = system.post("/prod/clicks", {"n": 1}, {"Origin": "https://shop.example"})
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    said(system.post("/prod/clicks", {"n": 1}, {"Origin": "https://other.example"}), 403, "Forbidden")


def test_a_function_sees_stage_and_path_as_behind_an_http_api(system: System) -> None:
    answer = system.post("/prod/echo/7?a=1&a=2", {"n": 1})
    assert (answer.status, answer.headers["x-own"]) == (201, "yes")
    event = answer.json()
    assert (event["version"], event["routeKey"]) == ("2.0", "POST /echo/{id}")
    assert event["rawPath"] == "/prod/echo/7"
    assert event["requestContext"]["stage"] == "prod"
    assert event["requestContext"]["http"]["path"] == "/prod/echo/7"
    assert event["pathParameters"] == {"id": "7"}
    assert event["queryStringParameters"] == {"a": "1,2"}


def test_a_function_sees_stage_and_variables_as_behind_a_rest_api(system: System) -> None:
    event = system.post("/prod/echo1", {"n": 1}).json()
    assert (event["path"], event["resource"], event["httpMethod"]) == ("/echo1", "/echo1", "POST")
    assert event["requestContext"]["path"] == "/prod/echo1"
    assert event["requestContext"]["stage"] == "prod"
    assert event["stageVariables"] == {"a": "b"}
    said(system.post("/prod/broken", {"n": 1}), 502, "Internal server error")


def test_any_method_is_every_one_that_no_other_route_has(system: System) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        event = request(f"{system.ingest}/prod/rest/a/b", method).json()
        assert (event["routeKey"], event["pathParameters"]) == ("ANY /rest/{proxy+}", {"proxy": "a/b"})
        assert event["requestContext"]["http"]["method"] == method
    head = request(f"{system.ingest}/rest/a", "HEAD")
    assert (head.status, head.headers["x-own"], head.body) == (201, "yes", b"")
    assert request(f"{system.ingest}/rest/a").json()["httpMethod"] == "GET"


def test_what_was_answered_is_there_after_a_kill(system: System) -> None:
    sent = [system.post("/prod/things/kept", {"n": n}).json()["SequenceNumber"] for n in range(20)]
    system.kill("front")
    until(lambda: request(system.ingest + "/healthz").status == 200)
    kept = [json.loads(each) for each in until(lambda: records(system, "streams.things"))]
    assert [each["n"] for each in kept if each["kind"] == "kept"] == list(range(20))
    assert len(set(sent)) == 20
