"""Buses and deliveries as tables of stream SQL, in a running system: read by their events, written by rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
import pytest

from forebay.errors import UsageError
from forebay.project.load import load
from forebay.sections import SECTIONS
from forebay.streamsql.job import compile_job
from tests.harness import System, request, until
from tests.projects import project

SPENT = """\
CREATE TABLE shop (
  id STRING, `detail-type` STRING, source STRING, `time` TIMESTAMP_LTZ(3), resources ARRAY<STRING>,
  detail ROW<user_id BIGINT, price DOUBLE>, WATERMARK FOR `time` AS `time` - INTERVAL '10' SECOND
) WITH ('connector' = 'eventbridge', 'event-bus' = 'shop', 'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE spent (user_id BIGINT, total DOUBLE, until TIMESTAMP(3))
WITH ('connector' = 'eventbridge', 'event-bus' = 'found', 'source' = 'shop.sql', 'detail-type' = 'Spent');
INSERT INTO spent SELECT detail.user_id, SUM(detail.price), window_end
FROM TABLE(TUMBLE(TABLE shop, DESCRIPTOR(`time`), INTERVAL '10' SECOND)) WHERE `detail-type` = 'purchase'
GROUP BY window_start, window_end, detail.user_id;
"""
LOUD = """\
CREATE TABLE lines (level STRING, text STRING)
WITH ('connector' = 'firehose', 'delivery-stream' = 'lines', 'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE loud (source STRING, `detail-type` STRING, resources ARRAY<STRING>, detail STRING)
WITH ('connector' = 'eventbridge', 'event-bus.arn' = 'arn:aws:events:us-east-1:000000000000:event-bus/found');
INSERT INTO loud SELECT 'shop.' || level, 'Line', ARRAY[level], text FROM lines WHERE level <> 'debug';
"""
PROJECT = """\
name: shop
bus:
  shop: {}
  found:
    rules:
      spent: {when: {detail-type: [Spent]}, to: [{streams.spent: {input: $.detail}}]}
      loud: {when: {source: [{prefix: shop.e}]}, to: streams.loud}
streams:
  spent: {}
  loud: {}
delivery:
  lines: {to: lake.shop/lines/}
streamsql:
  spent: streams/spent.sql
  loud: streams/loud.sql
"""
FILES = {"streams/spent.sql": SPENT, "streams/loud.sql": LOUD}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("shop")
    system = System(project(folder / "p", PROJECT, **FILES), folder / "state", [], {})
    try:
        yield system.start(sql=False)
    finally:
        system.end()


def client(system: System, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=system.urls["aws"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def records(system: System, log: str) -> list[dict[str, Any]]:
    answer = system.call("front", "log_read", log=log, position=0)
    return [json.loads(each["data"]) for each in answer["records"]]


def figures(system: System, name: str) -> dict[str, Any]:
    """What the flow says of a query: a moment after the log has what it did."""
    found: dict[str, Any] = system.call("flow", "status")["streamsql"][name]
    return found


def settled(system: System, *names: str) -> dict[str, Any]:
    """The ledger, once these have read all there is."""

    def asked() -> Any:
        ledger = system.status()["ledger"]
        return all(ledger[name]["lag"] == 0 == ledger[name]["buffered"] for name in names) and ledger

    found: dict[str, Any] = until(asked)
    return found


def put(system: System, *given: tuple[str, int, float, int]) -> None:
    entries = [
        {
            "EventBusName": "shop",
            "Source": "shop.web",
            "DetailType": kind,
            "Time": 1772366400 + second,
            "Detail": json.dumps({"user_id": str(user), "price": price}),
        }
        for kind, user, price, second in given
    ]
    answer = client(system, "events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 0


def test_the_events_of_a_bus_are_rows_and_rows_are_events_of_another(shop: System) -> None:
    put(shop, ("purchase", 7, 2.5, 1), ("view", 7, 9.5, 2), ("purchase", 7, 1.5, 9), ("purchase", 8, 1, 4))
    put(shop, ("purchase", 9, 1, 30), ("purchase", 9, 1, 3))
    until(lambda: len(records(shop, "streams.spent")) == 2)
    assert records(shop, "streams.spent") == [
        {"user_id": 7, "total": 4.0, "until": "2026-03-01T12:00:10"},
        {"user_id": 8, "total": 1.0, "until": "2026-03-01T12:00:10"},
    ]
    event = next(each for each in records(shop, "bus.found") if each["detail-type"] == "Spent")
    assert list(event) == [
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    ]  # fmt: skip
    assert (event["version"], event["source"], len(event["id"])) == ("0", "shop.sql", 36)
    name = "streamsql.spent/bus.found"
    now = until(lambda: (told := figures(shop, name))["position"] == 6 and told)
    assert (now["log"], now["sink"], now["late"]) == ("bus.shop", "bus.found", 1)
    ledger = settled(shop, name)
    assert (ledger[name]["accepted"], ledger[name]["delivered"], ledger[name]["dropped"]) == (6, 4, 2)
    assert ledger["total"]["adds_up"]


def test_what_is_put_to_a_delivery_is_rows_and_a_row_may_say_all_of_its_event(shop: System) -> None:
    lines = [("error", '{"a": 1.50}'), ("debug", '{"a": 2}'), ("error", "no object"), ("info", '{"a": 3}')]
    client(shop, "firehose").put_record_batch(
        DeliveryStreamName="lines",
        Records=[{"Data": json.dumps({"level": level, "text": text})} for level, text in lines],
    )
    until(lambda: len(records(shop, "streams.loud")) == 1)
    (event,) = records(shop, "streams.loud")
    assert (event["source"], event["resources"], event["detail"]) == ("shop.error", ["error"], {"a": 1.5})
    name = "streamsql.loud/bus.found"
    ledger = settled(shop, name)
    assert (ledger[name]["delivered"], ledger[name]["dropped"]) == (2, 2)
    until(lambda: figures(shop, name)["refused"] == 1)
    until(lambda: "1 rows are not written" in shop.cli("status").out)
    assert ledger["delivery.lines"]["accepted"] == 4


def test_a_bus_can_be_asked_live_and_the_picture_has_its_edges(shop: System) -> None:
    put(shop, ("purchase", 7, 2.5, 1), ("view", 7, 9.5, 2))
    head = "SELECT detail.user_id AS who, `detail-type` AS what FROM shop WHERE source = 'shop.web'"
    said = shop.cli("query", "--follow", head, "--from", "earliest", "--limit", "2", "--format", "json")
    assert [json.loads(line) for line in said.out.splitlines()] == [
        {"who": 7, "what": "purchase"},
        {"who": 7, "what": "view"},
    ]
    drawn = request(shop.urls["console"] + "/api/console").json()["graph"]
    found = {(edge["from"], edge["to"]) for edge in drawn["edges"]}
    assert {
        ("bus.shop", "streamsql.spent"),
        ("streamsql.spent", "bus.found"),
        ("delivery.lines", "streamsql.loud"),
    } <= found


def test_rules_can_be_changed_while_sql_reads_the_bus(shop: System) -> None:
    events = client(shop, "events")
    before = events.describe_event_bus(Name="shop")["Name"]
    events.put_rule(Name="views", EventBusName=before, EventPattern='{"detail-type": ["view"]}')
    events.delete_rule(Name="views", EventBusName=before)
    put(shop, ("purchase", 5, 1, 60))
    settled(shop, "streamsql.spent/bus.found")


READ = "CREATE TABLE r ({}) WITH ('connector' = 'eventbridge', 'event-bus' = 'shop');"
WRITE = "CREATE TABLE w ({}) WITH ('connector' = 'eventbridge', 'event-bus' = 'found'{});"
GIVEN = ", 'source' = 'a', 'detail-type' = 'b'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (READ.format("user_id INT"), "an event of a bus has no user_id beside its detail"),
        (READ.format("`time` TIMESTAMP(3)"), "the time of an event is TIMESTAMP_LTZ(3), not TIMESTAMP(3)"),
        (READ.format("detail INT"), "the detail of an event is ROW<...> or STRING, not INT"),
        (
            READ.format("id STRING").replace("shop'", f"shop'{GIVEN}"),
            "the option 'source' of r is of events that are written",
        ),
        (WRITE.format("a STRING", ""), "w does not say the source of its events"),
        (WRITE.format("a STRING", ", 'source' = 's'"), "w does not say the detail-type of its events"),
        (
            WRITE.format("a STRING", GIVEN).replace("'a'", "'aws.s3'"),
            "the source of an event of one's own does not begin with aws.",
        ),
        (WRITE.format("id STRING, detail STRING", GIVEN), "the bus gives an event its id"),
        (WRITE.format("kind STRING, detail STRING", GIVEN), "an event has no kind"),
        (
            WRITE.format("source STRING, detail STRING", GIVEN),
            "w says the source of its events twice",
        ),
        ("CREATE TABLE w (a INT) WITH ('connector' = 'eventbridge');", "w does not say its bus"),
    ],
)
def test_what_could_be_no_event_is_said_when_it_is_checked(text: str, message: str) -> None:
    fine = "CREATE TABLE {} (id STRING) WITH ('connector' = 'kinesis', 'stream' = 's');"
    more = fine.format("r" if "TABLE w" in text else "w")
    columns = ", ".join(["id"] * (1 + text.partition("WITH")[0].count(",") if "TABLE w" in text else 1))
    column = "1" if "TABLE r" in text else columns
    with pytest.raises(UsageError) as raised:
        compile_job(f"{text}\n{more}\nINSERT INTO w SELECT {column} FROM r")
    assert raised.value.message == message
    assert raised.value.extra["line"] >= 1


def test_sql_that_writes_where_it_is_led_from_goes_round(tmp_path: Path) -> None:
    text = PROJECT.replace(
        "bus:\n  shop: {}", "bus:\n  shop: {rules: {on: {when: {source: [x]}, to: bus.found}}}"
    )
    back = SPENT.replace("'event-bus' = 'shop'", "'event-bus' = 'found'")
    (finding,) = load(project(tmp_path, text, **{**FILES, "streams/spent.sql": back}), SECTIONS)[1]
    assert finding.code == "Loop"
    assert finding.message == "events would go round for ever: bus.found → streamsql.spent → bus.found"


def test_a_delivery_that_reads_a_stream_is_read_there(tmp_path: Path) -> None:
    text = PROJECT.replace("lines: {to", "lines: {from: streams.spent, to")
    findings = load(project(tmp_path, text, **FILES), SECTIONS)[1]
    (finding,) = [each for each in findings if each.code == "DeliveryReads"]
    assert finding.fix == "read streams.spent: 'connector' = 'kinesis', 'stream' = 'spent'"
