"""Stream SQL in a running system: events by boto3 and by POST, rows by boto3 and by SQL, the shape of the shop's bots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
import pytest

from tests.harness import System, until
from tests.projects import project

BOTS = """\
%flink.ssql(type=update)
DROP TABLE IF EXISTS activity;
CREATE TABLE IF NOT EXISTS activity (
  event_time VARCHAR(30), event_type VARCHAR(30), product_id BIGINT, category_id BIGINT, category_code VARCHAR(30),
  brand VARCHAR(30), price DOUBLE, user_id BIGINT, user_session VARCHAR(30), txn_timestamp TIMESTAMP(3),
  WATERMARK FOR txn_timestamp AS txn_timestamp - INTERVAL '10' SECOND
) PARTITIONED BY (category_id) WITH ('connector' = 'kinesis', 'stream' = 'activity', 'aws.region' = 'us-east-1',
  'scan.stream.initpos' = 'LATEST', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TABLE suspicious (user_id BIGINT, num_actions_per_watermark BIGINT)
PARTITIONED BY (user_id) WITH ('connector' = 'kinesis', 'stream' = 'suspicious', 'aws.region' = 'us-east-1',
  'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TABLE spent (kind STRING, total DOUBLE, until TIMESTAMP(3))
WITH ('connector' = 'firehose', 'delivery-stream' = 'spent', 'format' = 'json');
BEGIN STATEMENT SET;
INSERT INTO suspicious SELECT user_id, COUNT(1) FROM activity
GROUP BY TUMBLE(txn_timestamp, INTERVAL '10' SECOND), user_id HAVING COUNT(1) > 3;
INSERT INTO spent SELECT event_type, SUM(price), window_end
FROM TABLE(TUMBLE(TABLE activity, DESCRIPTOR(txn_timestamp), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, event_type;
END;
"""
PROJECT = """\
name: shop
ingest:
  clicks: {route: POST /clicks, to: streams.activity}
streams:
  activity: {}
  suspicious: {}
streamsql:
  bots: streams/bots.sql
delivery:
  spent: {to: lake.shop/spent/, buffer: {seconds: 1}, table: spent, columns: {kind: string, total: double, until: string}}
  alarms: {from: streams.suspicious, to: lake.shop/alarms/, buffer: {seconds: 1}, table: alarms, columns: {user_id: bigint, num_actions_per_watermark: bigint}}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("shop")
    system = System(project(folder / "p", PROJECT, **{"streams/bots.sql": BOTS}), folder / "state", [], {})
    try:
        yield system.start()
    finally:
        system.end()


def kinesis(system: System) -> Any:
    return boto3.client(
        "kinesis",
        endpoint_url=system.urls["aws"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def event(user: int, second: int, price: str = "2.5", kind: str = "view") -> bytes:
    """All values are text, and the JSON is pretty-printed: as the real simulator sends it."""
    found = {
        "event_time": "2019-10-01 00:00:00 UTC",
        "event_type": kind,
        "product_id": "44600062",
        "category_id": "2103807459595387724",
        "category_code": "",
        "brand": "shiseido",
        "price": price,
        "user_id": str(user),
        "user_session": "72d76fde-8bb3-4e00-8c23-a032dfed738c",
        "txn_timestamp": f"2026-03-01T12:{second // 60:02}:{second % 60:02}.120",
    }
    return json.dumps(found, indent=4).encode()


def rows_of(client: Any, stream: str) -> list[dict[str, Any]]:
    (shard,) = client.list_shards(StreamName=stream)["Shards"]
    iterator = client.get_shard_iterator(
        StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return client.get_records(ShardIterator=iterator)["Records"]  # type: ignore[no-any-return]


def test_who_acts_too_often_in_ten_seconds_is_found(shop: System) -> None:
    client = kinesis(shop)
    many = [event(7, 1)] * 5 + [event(8, 2)] * 3 + [event(7, 12)] + [event(9, 13, "0.5", "purchase")] * 4
    client.put_records(
        StreamName="activity",
        Records=[{"Data": each, "PartitionKey": "2103807459595387724"} for each in many],
    )
    assert shop.post("/clicks", json.loads(event(1, 45))).status in (200, 201, 202)
    until(lambda: len(rows_of(client, "suspicious")) >= 2)
    found = rows_of(client, "suspicious")
    assert [json.loads(row["Data"]) for row in found] == [
        {"user_id": 7, "num_actions_per_watermark": 5},
        {"user_id": 9, "num_actions_per_watermark": 4},
    ]
    assert [row["PartitionKey"] for row in found] == ["7", "9"]
    wanted = [[7, 5], [9, 4]]
    shop.until(lambda: shop.query("select * from alarms order by 1") == wanted)
    totals = [["view", 20.0, "2026-03-01T12:00:10"], ["purchase", 2.0, "2026-03-01T12:00:20"]]
    said = "select kind, total, replace(until, ' ', 'T') from spent where total <> 2.5 order by until"
    shop.until(lambda: shop.query(said) == totals)


def figures(system: System) -> dict[str, Any]:
    """What the flow says of a query."""
    found: dict[str, Any] = system.call("flow", "status")["streamsql"]["streamsql.bots/streams.suspicious"]
    return found


def test_what_is_late_or_unreadable_is_counted_and_every_event_has_its_end(shop: System) -> None:
    client = kinesis(shop)
    before = figures(shop)
    data = [event(5, 300), event(5, 100), b"no json", event(5, 301, price="dear"), event(5, 302)]
    client.put_records(StreamName="activity", Records=[{"Data": each, "PartitionKey": "1"} for each in data])

    def counted() -> Any:
        now = figures(shop)
        return now if now["position"] >= before["position"] + len(data) and now["lag"] == 0 else None

    now = until(counted)
    assert now["late"] == before["late"] + 1
    assert now["unreadable"] == before["unreadable"] + 1
    assert now["last_error"] is None
    assert now["watermark"] == 1772366692120

    def settled() -> Any:
        ledger = shop.status()["ledger"]
        own = [ledger["streamsql.bots/streams.suspicious"], ledger["streamsql.bots/delivery.spent"]]
        return all(each["buffered"] == 0 for each in own) and ledger

    ledger = until(settled)
    assert ledger["total"]["adds_up"]
    assert ledger["streamsql.bots/streams.suspicious"]["dropped"] == 2
    assert ledger["streamsql.bots/delivery.spent"]["dropped"] == 3


def test_status_says_how_far_each_query_is(shop: System) -> None:
    def said() -> list[str]:
        lines = shop.cli("status").out.splitlines()
        return lines if any("stream SQL" in line for line in lines) else []

    lines = until(said)
    (head,) = [line.split() for line in lines if "stream SQL" in line]
    assert head == ["stream", "SQL", "lag", "late", "unreadable", "held", "watermark"]
    assert len([line for line in lines if line.split()[:1] == ["streamsql.bots/streams.suspicious"]]) == 2
