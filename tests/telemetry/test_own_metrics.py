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


def test_a_door_tells_what_came_through_it(system: System) -> None:
    for what, expected in STATES.items():
        system.until(lambda what=what, expected=expected: total(system, f"ingest.clicks.{what}") == expected)  # type: ignore[misc]


def test_a_stream_and_a_delivery_have_awss_names_too(system: System) -> None:
    stream = {"StreamName": "clicks"}
    system.until(lambda: total(system, "IncomingRecords", "AWS/Kinesis", **stream) == 4)  # one by a rule
    assert (total(system, "IncomingBytes", "AWS/Kinesis", **stream) or 0) > 20
    system.until(lambda: total(system, "delivery.raw.accepted") == 4)
    system.until(lambda: total(system, "delivery.raw.buffered", stat="Maximum") == 4)
    system.flush("raw")
    delivery = {"DeliveryStreamName": "raw"}
    system.until(lambda: total(system, "DeliveryToS3.Records", "AWS/Firehose", **delivery) == 4)
    system.until(lambda: total(system, "DeliveryToS3.Success", "AWS/Firehose", **delivery) == 1)
    assert total(system, "delivery.raw.delivered") == 4
    system.until(lambda: (total(system, "DeliveryToS3.Bytes", "AWS/Firehose", **delivery) or 0) > 40)
    name = "DeliveryToS3.DataFreshness"
    system.until(lambda: total(system, name, "AWS/Firehose", "Minimum", **delivery) == 0)


def test_a_function_has_invocations_errors_and_durations(system: System) -> None:
    named = {"FunctionName": "greet"}
    system.until(lambda: total(system, "Invocations", "AWS/Lambda", **named) == 2)
    assert total(system, "Errors", "AWS/Lambda", **named) == 1
    assert total(system, "Duration", "AWS/Lambda", "SampleCount", **named) == 2
    assert (total(system, "Duration", "AWS/Lambda", "p99", **named) or 0) > 0
    assert total(system, "functions.greet.errors") == 1


def test_a_rule_has_what_it_matched(system: System) -> None:
    system.until(lambda: total(system, "MatchedEvents", "AWS/Events", RuleName="tens") == 1)
    system.until(lambda: total(system, "Invocations", "AWS/Events", RuleName="tens") == 1)
    system.until(lambda: total(system, "bus.default.unmatched") == 1)


def test_the_disk_is_watched(system: System) -> None:
    system.until(lambda: (total(system, "system.disk.free", stat="Minimum") or 0) > 0)


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
    system.until(lambda: page(system).get('forebay_ingest_accepted_total{name="clicks"}') == "3")
    system.until(lambda: 'forebay_delivery_lag{name="raw"}' in page(system))
    found = page(system)
    assert found['forebay_ingest_duplicate_total{name="clicks"}'] == "1"
    assert float(found['forebay_system_free_bytes{name="disk"}']) > 0


def test_nothing_is_counted_twice_over_kills(system: System) -> None:
    system.until(lambda: total(system, "ingest.clicks.accepted") == STATES["accepted"])
    system.kill("front")
    system.until(system.status)
    assert system.post("/clicks", {"id": "d"}).status in (200, 202)
    system.until(lambda: total(system, "ingest.clicks.accepted") == STATES["accepted"] + 1)
    system.until(lambda: total(system, "IncomingRecords", "AWS/Kinesis", StreamName="clicks") == 5)
    system.kill("flow")
    system.until(lambda: total(system, "delivery.raw.accepted") == 5)


def test_requests_to_a_route_are_counted_with_those_that_fail(system: System) -> None:
    named = {"ApiName": "clicks"}
    system.until(lambda: (total(system, "Count", "AWS/ApiGateway", **named) or 0) >= 6)
    assert total(system, "4XXError", "AWS/ApiGateway", **named) == 1
    assert total(system, "5XXError", "AWS/ApiGateway", **named) is None


def test_records_that_are_put_on_a_stream_are_incoming(system: System) -> None:
    kinesis = client(system, "kinesis")
    before = total(system, "IncomingRecords", "AWS/Kinesis", StreamName="clicks") or 0
    records: list[Any] = [{"Data": base64.b64encode(b"{}"), "PartitionKey": str(n)} for n in range(7)]
    kinesis.put_records(StreamName="clicks", Records=records)
    system.until(lambda: total(system, "IncomingRecords", "AWS/Kinesis", StreamName="clicks") == before + 7)
    shard = kinesis.list_shards(StreamName="clicks")["Shards"][0]["ShardId"]
    at = {"StreamName": "clicks", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    read = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**at)["ShardIterator"])["Records"]
    system.until(lambda: total(system, "GetRecords.Records", "AWS/Kinesis", StreamName="clicks") == len(read))
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
    system.until(lambda: total(system, "IncomingLogEvents", "AWS/Logs", LogGroupName="app") == 2)
    assert total(system, "IncomingBytes", "AWS/Logs", LogGroupName="app") == 8
    table = {"TableName": "seen"}
    name, latency = "ConditionalCheckFailedRequests", "SuccessfulRequestLatency"
    system.until(lambda: total(system, name, "AWS/DynamoDB", **table) == 1)
    put = {**table, "Operation": "PutItem"}
    assert total(system, latency, "AWS/DynamoDB", "SampleCount", **put) == 1
    for each in (dynamodb, logs):
        each.close()


def asked(system: System, path: str, body: dict[str, Any] | None = None) -> Any:
    """The console's answer, as JSON."""
    if body is None:
        return request(system.console + path).json()
    headers = {"Content-Type": "application/json"}
    return request(system.console + path, "POST", json.dumps(body).encode(), headers).json()


def test_the_console_draws_a_metric(system: System) -> None:
    system.until(lambda: total(system, "ingest.clicks.accepted"))
    listed = asked(system, "/api/telemetry/metrics")["metrics"]
    assert {"forebay", "AWS/Kinesis", "AWS/Lambda"} <= {each["namespace"] for each in listed}
    named = "namespace=forebay&name=ingest.clicks.accepted"
    drawn = asked(system, f"/api/telemetry/metric?{named}&stat=Sum&span=15m")
    assert drawn["total"] >= STATES["accepted"]
    assert drawn["option"]["series"]
    empty = asked(system, "/api/telemetry/metric?namespace=forebay&name=nothing")
    assert (empty["latest"], empty["option"]["title"]["text"]) == (None, "No data in this time")


def test_the_console_asks_log_groups(system: System) -> None:
    system.until(lambda: asked(system, "/api/logs/groups")["groups"])
    groups = [each["name"] for each in asked(system, "/api/logs/groups")["groups"]]
    assert "/aws/lambda/greet" in groups
    text = "filter @type = 'REPORT' | stats count(*) as n"
    query = {"groups": ["/aws/lambda/greet"], "text": text}
    found = system.until(
        lambda: answer if "rows" in (answer := asked(system, "/api/logs/query", query)) else None
    )
    assert found is not None
    assert found["rows"] == [["2"]]
    wrong = asked(system, "/api/logs/query", {"groups": ["/aws/lambda/greet"], "text": "limit 1\n| sort"})[
        "error"
    ]
    assert (wrong["code"], wrong["line"], wrong["column"]) == ("MalformedQuery", 2, 7)
