"""What the system says of itself: under AWS's names, under its own, and as Prometheus asks for it."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import System, request
from tests.projects import project
from tests.wire.sdk import client

PROJECT = """\
name: shop
ingest:
  clicks: {route: POST /clicks, to: streams.clicks, unique: {field: id, within: 1h}}
streams: {clicks: {}}
lake: {shelf: {}}
delivery:
  raw: {from: streams.clicks, to: s3://shelf/raw/, buffer: {seconds: 60}}
functions:
  greet: {handler: functions/greet.handler}
bus:
  default:
    rules:
      tens: {when: {detail: {n: [10]}}, to: streams.clicks}
"""
CODE = """\
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no")
    return event
"""
STATES = {"accepted": 3, "duplicate": 1, "refused": 1}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("system")
    made = project(folder / "p", PROJECT, **{"functions/greet.py": CODE})
    running = System(made, folder / "state", [], {})
    try:
        yield happened(running.start(sql=False))
    finally:
        running.end()


def happened(system: System) -> System:
    """Three events accepted, one twice, one refused; two invocations, one failed; one of two events matched."""
    for body in ({"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "c"}):
        system.post("/clicks", body)
    assert system.post("/clicks", b"no JSON").status == 400
    functions = client(system, "lambda")
    for payload in ({}, {"fail": True}):
        functions.invoke(FunctionName="greet", Payload=json.dumps(payload))
    events = client(system, "events")
    for n in (10, 11):
        events.put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": json.dumps({"n": n})}])
    for each in (functions, events):
        each.close()
    system.until(lambda: system.status()["streams"]["clicks"]["accepted"] == 4)  # one by the rule
    return system


def total(
    system: System, name: str, namespace: str = "forebay", stat: str = "Sum", **dimensions: str
) -> float | None:
    """The statistic of a metric over the last hour and the next minute; None if there is no point."""
    now = int(time.time())
    metric = {"namespace": namespace, "name": name, "dimensions": dimensions}
    query = {"id": "m", "metric": metric, "stat": stat, "period": 7200}
    (answer,) = system.call("front", "metrics_query", queries=[query], start=now - 3600, end=now + 60)
    return answer["values"][0] if answer["values"] else None


def reaches(system: System, expected: float, *named: str, **dimensions: str) -> None:
    """Wait until a metric is so much; each is put when it is counted, and not with the others."""
    system.until(lambda: total(system, *named, **dimensions) == expected)


def passes(system: System, least: float, *named: str, **dimensions: str) -> None:
    """Wait until a metric is more than that."""
    system.until(lambda: (total(system, *named, **dimensions) or 0) > least)


def test_a_door_tells_what_came_through_it(system: System) -> None:
    for what, expected in STATES.items():
        reaches(system, expected, f"ingest.clicks.{what}")


def test_a_stream_and_a_delivery_have_awss_names_too(system: System) -> None:
    stream = {"StreamName": "clicks"}
    reaches(system, 4, "IncomingRecords", "AWS/Kinesis", **stream)  # one by a rule
    passes(system, 20, "IncomingBytes", "AWS/Kinesis", **stream)
    reaches(system, 4, "delivery.raw.accepted")
    reaches(system, 4, "delivery.raw.buffered", "forebay", "Maximum")
    system.flush("raw")
    delivery = {"DeliveryStreamName": "raw"}
    reaches(system, 4, "DeliveryToS3.Records", "AWS/Firehose", **delivery)
    reaches(system, 1, "DeliveryToS3.Success", "AWS/Firehose", **delivery)
    reaches(system, 4, "delivery.raw.delivered")
    passes(system, 40, "DeliveryToS3.Bytes", "AWS/Firehose", **delivery)
    reaches(system, 0, "DeliveryToS3.DataFreshness", "AWS/Firehose", "Minimum", **delivery)


def test_a_function_has_invocations_errors_and_durations(system: System) -> None:
    named = {"FunctionName": "greet"}
    reaches(system, 2, "Invocations", "AWS/Lambda", **named)
    reaches(system, 1, "Errors", "AWS/Lambda", **named)
    reaches(system, 2, "Duration", "AWS/Lambda", "SampleCount", **named)
    passes(system, 0, "Duration", "AWS/Lambda", "p99", **named)
    reaches(system, 1, "functions.greet.errors")


def test_a_rule_has_what_it_matched(system: System) -> None:
    reaches(system, 1, "MatchedEvents", "AWS/Events", RuleName="tens")
    reaches(system, 1, "Invocations", "AWS/Events", RuleName="tens")
    reaches(system, 1, "bus.default.unmatched")


def test_the_disk_is_watched(system: System) -> None:
    passes(system, 0, "system.disk.free", "forebay", "Minimum")


def test_awss_names_are_asked_for_like_any_metric(system: System) -> None:
    cloudwatch = client(system, "cloudwatch")
    found = system.until(
        lambda: cloudwatch.list_metrics(Namespace="AWS/Lambda", MetricName="Errors")["Metrics"]
    )
    assert found[0]["Dimensions"] == [{"Name": "FunctionName", "Value": "greet"}]
    cloudwatch.close()


def page(system: System) -> dict[str, str]:
    """`/metrics`: value by name and labels; each family with its help and type before it."""
    answer = request(system.console + "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found, described = {}, set()
    for line in answer.body.decode().splitlines():
        if line.startswith("#"):
            described.add((line.split()[1], line.split()[2]))
            continue
        matched = re.fullmatch(r'([a-z_]+)(\{name="[^"]*"\}) (-?[0-9.e+]+)', line)
        assert matched is not None, line
        assert {("HELP", matched[1]), ("TYPE", matched[1])} <= described
        found[matched[1] + matched[2]] = matched[3]
    return found


def test_prometheus_is_answered(system: System) -> None:
    for name, expected in STATES.items():
        text = f'forebay_ingest_{name}_total{{name="clicks"}}'
        system.until(lambda text=text, expected=expected: page(system).get(text) == str(expected))  # type: ignore[misc]
    system.until(lambda: 'forebay_delivery_lag{name="raw"}' in page(system))
    system.until(lambda: float(page(system).get('forebay_system_free_bytes{name="disk"}', 0)) > 0)


def test_nothing_is_counted_twice_over_kills(system: System) -> None:
    reaches(system, STATES["accepted"], "ingest.clicks.accepted")
    system.kill("front")
    system.until(system.status)
    assert system.post("/clicks", {"id": "d"}).status in (200, 202)
    reaches(system, STATES["accepted"] + 1, "ingest.clicks.accepted")
    reaches(system, 5, "IncomingRecords", "AWS/Kinesis", StreamName="clicks")
    system.kill("flow")
    reaches(system, 5, "delivery.raw.accepted")


def test_requests_to_a_route_are_counted_with_those_that_fail(system: System) -> None:
    named = {"ApiName": "clicks"}
    passes(system, 4, "Count", "AWS/ApiGateway", **named)
    reaches(system, 1, "4XXError", "AWS/ApiGateway", **named)
    assert total(system, "5XXError", "AWS/ApiGateway", **named) is None


def test_records_that_are_put_on_a_stream_are_incoming(system: System) -> None:
    kinesis = client(system, "kinesis")
    stream = {"StreamName": "clicks"}
    before = system.status()["streams"]["clicks"]["accepted"]
    reaches(system, before, "IncomingRecords", "AWS/Kinesis", **stream)
    records: list[Any] = [{"Data": base64.b64encode(b"{}"), "PartitionKey": str(n)} for n in range(7)]
    kinesis.put_records(StreamName="clicks", Records=records)
    reaches(system, before + 7, "IncomingRecords", "AWS/Kinesis", **stream)
    shard = kinesis.list_shards(StreamName="clicks")["Shards"][0]["ShardId"]
    at = {"StreamName": "clicks", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    read = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**at)["ShardIterator"])["Records"]
    reaches(system, len(read), "GetRecords.Records", "AWS/Kinesis", **stream)
    kinesis.close()


def test_tables_and_log_groups_have_theirs(system: System) -> None:
    dynamodb, logs = client(system, "dynamodb"), client(system, "logs")
    key = {"AttributeName": "id", "AttributeType": "S"}
    dynamodb.create_table(
        TableName="seen",
        AttributeDefinitions=[key],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "1"}}
    dynamodb.put_item(TableName="seen", Item=item)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName="seen", Item=item, ConditionExpression="attribute_not_exists(id)")
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="one")
    events = [{"timestamp": int(time.time() * 1000), "message": text} for text in ("one", "three")]
    logs.put_log_events(logGroupName="app", logStreamName="one", logEvents=events)
    reaches(system, 2, "IncomingLogEvents", "AWS/Logs", LogGroupName="app")
    reaches(system, 8, "IncomingBytes", "AWS/Logs", LogGroupName="app")
    table = {"TableName": "seen"}
    reaches(system, 1, "ConditionalCheckFailedRequests", "AWS/DynamoDB", **table)
    put = {**table, "Operation": "PutItem"}
    reaches(system, 1, "SuccessfulRequestLatency", "AWS/DynamoDB", "SampleCount", **put)
    for each in (dynamodb, logs):
        each.close()


def asked(system: System, path: str, body: dict[str, Any] | None = None) -> Any:
    """The console's answer, as JSON."""
    if body is None:
        return request(system.console + path).json()
    headers = {"Content-Type": "application/json"}
    return request(system.console + path, "POST", json.dumps(body).encode(), headers).json()


def test_the_console_draws_a_metric(system: System) -> None:
    passes(system, STATES["accepted"] - 1, "ingest.clicks.accepted")

    def namespaces() -> set[str]:
        return {each["namespace"] for each in asked(system, "/api/telemetry/metrics")["metrics"]}

    system.until(lambda: {"forebay", "AWS/Kinesis", "AWS/Lambda"} <= namespaces())
    named = "namespace=forebay&name=ingest.clicks.accepted"
    drawn = asked(system, f"/api/telemetry/metric?{named}&stat=Sum&span=15m")
    assert drawn["total"] >= STATES["accepted"]
    assert drawn["option"]["series"]
    empty = asked(system, "/api/telemetry/metric?namespace=forebay&name=nothing")
    assert (empty["latest"], empty["option"]["title"]["text"]) == (None, "No data in this time")


def test_the_console_asks_log_groups(system: System) -> None:
    def groups() -> set[str]:
        return {each["name"] for each in asked(system, "/api/logs/groups")["groups"]}

    system.until(lambda: "/aws/lambda/greet" in groups())
    text = "filter @type = 'REPORT' | stats count(*) as n"
    query = {"groups": ["/aws/lambda/greet"], "text": text}
    system.until(lambda: asked(system, "/api/logs/query", query).get("rows") == [["2"]])
    wrong = asked(system, "/api/logs/query", {"groups": ["/aws/lambda/greet"], "text": "limit 1\n| sort"})[
        "error"
    ]
    assert (wrong["code"], wrong["line"], wrong["column"]) == ("MalformedQuery", 2, 7)
