"""Streams joined with a table of the catalog, in a running system: the table is files that change, and processes are killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
import pytest

from tests.harness import System, until
from tests.projects import project
from tests.streamsql.test_system import rows_of

SQL = """\
CREATE TABLE activity (
  user_id BIGINT, product_id BIGINT, price DOUBLE, ts TIMESTAMP(3), proctime AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'kinesis', 'stream' = 'activity', 'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE named (user_id BIGINT, product STRING, category STRING)
WITH ('connector' = 'kinesis', 'stream' = 'named', 'format' = 'json');
CREATE TABLE sold (s TIMESTAMP(3), category STRING, n BIGINT, total DOUBLE)
WITH ('connector' = 'kinesis', 'stream' = 'sold', 'format' = 'json');
CREATE TABLE teams (user_id BIGINT, team STRING)
WITH ('connector' = 'filesystem', 'path' = 's3://shop-lake/teams/', 'format' = 'csv');
CREATE TABLE kept (user_id BIGINT, t TIMESTAMP(3), d DATE, m DECIMAL(10, 2), ok BOOLEAN, x FLOAT, b STRING, first STRING, at STRING,
  day STRING, n BIGINT)
WITH ('connector' = 'kinesis', 'stream' = 'kept', 'format' = 'json');
CREATE TABLE teamed (user_id BIGINT, team STRING)
WITH ('connector' = 'kinesis', 'stream' = 'teamed', 'format' = 'json');

INSERT INTO named SELECT a.user_id, p.name, p.category FROM activity AS a
LEFT JOIN products FOR SYSTEM_TIME AS OF a.proctime AS p ON a.product_id = p.product_id;

CREATE VIEW priced AS SELECT a.ts, a.price, p.category FROM activity AS a
JOIN shop.products FOR SYSTEM_TIME AS OF a.proctime AS p ON p.product_id = a.product_id;
INSERT INTO sold SELECT window_start, category, COUNT(*), SUM(price)
FROM TABLE(TUMBLE(TABLE priced, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, category;

INSERT INTO kept SELECT a.user_id, v.t, v.d, v.m, v.ok, v.x, v.inside.b, v.tags[1], v.by_key['k'], v.`day`, w.n
FROM activity AS a JOIN every_type FOR SYSTEM_TIME AS OF a.proctime AS v ON v.id = a.user_id
JOIN twice FOR SYSTEM_TIME AS OF a.proctime AS w ON w.id = v.id;

INSERT INTO teamed SELECT a.user_id, t.team FROM activity AS a JOIN teams AS t ON t.user_id = a.user_id;
"""
PROJECT = """\
name: shop
streams:
  activity: {}
  named: {}
  sold: {}
  teamed: {}
  kept: {}
streamsql:
  names: streams/names.sql
lake:
  shop-lake: {}
catalog:
  products:
    location: lake.shop-lake/products/
    format: json
    columns: {product_id: bigint, name: string, category: string}
  every_type:
    location: lake.shop-lake/typed/
    format: json
    columns:
      id: int
      t: timestamp
      d: date
      m: decimal(10,2)
      ok: boolean
      x: float
      inside: struct<a:int,b:string>
      tags: array<string>
      by_key: map<string,string>
      raw: binary
    partitions: {day: string}
    projection: {day: {type: enum, values: [mon, tue]}}
    location_template: s3://shop-lake/typed/${day}/
  twice: {view: "SELECT id, id * 2 AS n FROM shop.every_type", columns: {id: int, n: bigint}}
  found: {crawl: lake.shop-lake/teams/}
"""
PRODUCTS = [(1, "pen", "paper"), (2, "ink", "paper"), (3, "tea", "food")]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("shop")
    system = System(project(folder / "p", PROJECT, **{"streams/names.sql": SQL}), folder / "state", [], {})
    try:
        yield system.start()
    finally:
        system.end()


def client(system: System, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload, unused-ignore]
        endpoint_url=system.urls["aws"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def have_products(system: System, *rows: tuple[int, str, str]) -> None:
    body = "".join(
        json.dumps({"product_id": id_, "name": name, "category": category}) + "\n"
        for id_, name, category in rows
    )
    client(system, "s3").put_object(Bucket="shop-lake", Key="products/all.json", Body=body.encode())


def put(system: System, *rows: tuple[int, int, float, int]) -> None:
    data = [
        {
            "user_id": user,
            "product_id": product,
            "price": price,
            "ts": f"2026-03-01 12:{at // 60:02}:{at % 60:02}",
        }
        for user, product, price, at in rows
    ]
    records = [{"Data": json.dumps(each).encode(), "PartitionKey": "1"} for each in data]
    client(system, "kinesis").put_records(StreamName="activity", Records=records)


def written(system: System, stream: str) -> list[list[Any]]:
    """The rows of a stream, without those of nobody."""
    rows = [list(json.loads(row["Data"]).values()) for row in rows_of(client(system, "kinesis"), stream)]
    return [row for row in rows if row[0] != 0]


def state_of(system: System, name: str) -> dict[str, Any]:
    found: dict[str, Any] = until(
        lambda: system.call("flow", "status").get("streamsql")
    )  # none while it starts
    return found.get(f"streamsql.names/streams.{name}") or {"last_error": None}


def last_read(system: System, name: str, table: str = "shop.products") -> int:
    """When a query read a table that it joins."""
    return int(state_of(system, name).get("tables", {}).get(table, {}).get("read", 0))


def have_products_read(system: System, at: int, *rows: tuple[int, str, str]) -> None:
    """Write the table anew, and send events of nobody until both queries have read it: they look when events come."""
    before = {name: last_read(system, name) for name in ("named", "sold")}
    have_products(system, *rows)

    def read() -> bool:
        put(system, (0, 0, 0.0, at))
        return all(last_read(system, name) > time for name, time in before.items())

    until(read, every=0.3)


def test_a_table_that_is_not_there_yet_is_said_and_waited_for(shop: System) -> None:
    """The table of a crawler is known when it ran: until then the query that reads it waits, and says for what."""

    def said() -> bool:  # not at once: it begins by waiting for the other processes
        error = state_of(shop, "teamed")["last_error"] or ""
        return "s3://shop-lake/teams/" in error and "no table of the catalog is there yet" in error

    until(said)
    put(shop, (7, 1, 2.0, 0))
    client(shop, "s3").put_object(
        Bucket="shop-lake", Key="teams/all.csv", Body=b"user_id,team\n7,red\n8,blue\n7,green\n"
    )
    until(lambda: written(shop, "teamed") == [[7, "red"], [7, "green"]])


def test_events_have_the_rows_of_the_table_as_it_is_when_they_come(shop: System) -> None:
    have_products_read(shop, 1, *PRODUCTS)
    before = written(shop, "named")
    put(shop, (1, 1, 2.0, 1), (1, 3, 1.5, 2), (2, 9, 1.0, 3))
    now = [[1, "pen", "paper"], [1, "tea", "food"], [2, None, None]]
    until(lambda: written(shop, "named") == before + now)
    have_products_read(shop, 3, *PRODUCTS, (9, "cup", "food"))
    put(shop, (2, 9, 1.0, 4))
    until(lambda: written(shop, "named") == [*before, *now, [2, "cup", "food"]])


def test_events_are_joined_with_the_table_there_is_while_nobody_can_read_another(shop: System) -> None:
    have_products_read(shop, 4, *PRODUCTS)
    before = len(written(shop, "named"))
    shop.kill("query")
    put(shop, (3, 1, 1.0, 5))
    until(lambda: written(shop, "named")[before:] == [[3, "pen", "paper"]])
    have_products_read(shop, 6, *PRODUCTS, (9, "mug", "food"))
    put(shop, (3, 9, 1.0, 7))
    until(lambda: written(shop, "named")[before:] == [[3, "pen", "paper"], [3, "mug", "food"]])


def test_windows_over_a_join_are_the_same_after_a_kill_though_the_table_has_changed(shop: System) -> None:
    """What is in an open window was joined with the table of its time, and is so again when it is read again."""
    consumer = "streamsql.names/streams.sold"

    def settled() -> bool:
        return bool(shop.status()["ledger"][consumer]["buffered"] == 0)

    put(shop, (1, 1, 2.0, 101), (1, 3, 1.5, 102))
    until(settled)
    have_products_read(shop, 103, (1, "pen", "tools"), (2, "ink", "tools"), (3, "tea", "drinks"))
    put(shop, (1, 1, 4.0, 104))
    until(settled)
    accepted = shop.status()["ledger"][consumer]["accepted"]
    before = until(lambda: (found := state_of(shop, "sold"))["position"] == accepted and found)
    shop.kill("flow")
    until(lambda: last_read(shop, "sold"))
    now = state_of(shop, "sold")
    assert (now["position"], now["held"] > 0) == (before["position"], True)
    put(shop, (1, 2, 8.0, 105), (0, 0, 0.0, 130))
    window = "2026-03-01 12:01:40"
    found = until(lambda: [row for row in written(shop, "sold") if row[0] == window])
    assert sorted(found) == [
        [window, "food", 1, 1.5],
        [window, "paper", 1, 2.0],
        [window, "tools", 2, 12.0],
    ]
    until(lambda: shop.status()["ledger"]["total"]["adds_up"])
    until(settled)
    ledger = shop.status()["ledger"][consumer]
    assert 0 < ledger["delivered"] < ledger["accepted"] == ledger["delivered"] + ledger["dropped"]
    until(lambda: state_of(shop, "sold")["position"] == ledger["accepted"])


def test_columns_have_flinks_types_and_views_and_partitions_are_tables_too(shop: System) -> None:
    row = {
        "id": 41, "t": "2026-03-01 12:00:00.5", "d": "2026-03-02", "m": "1.50", "ok": True, "x": 0.5,
        "inside": {"a": 1, "b": "two"}, "tags": ["x", "y"], "by_key": {"k": "v"},
    }  # fmt: skip
    client(shop, "s3").put_object(Bucket="shop-lake", Key="typed/tue/1.json", Body=json.dumps(row).encode())

    def found() -> Any:
        put(shop, (41, 0, 0.0, 190))
        return written(shop, "kept")

    first = until(found, every=0.3)[0]
    assert first == [
        41, "2026-03-01 12:00:00.5", "2026-03-02", 1.5, True, 0.5, "two", "x", "v", "tue", 82
    ]  # fmt: skip


def test_a_live_question_may_be_about_a_join(shop: System) -> None:
    have_products(shop, *PRODUCTS)
    put(shop, (5, 3, 1.0, 200))
    sql = (
        "SELECT a.user_id, p.name FROM activity AS a JOIN products FOR SYSTEM_TIME AS OF a.proctime AS p "
        "ON a.product_id = p.product_id WHERE a.user_id = 5"
    )
    asked = shop.cli("query", "--follow", sql, "--from", "earliest", "--limit", "1", "--format", "json")
    assert json.loads(asked.out) == {"user_id": 5, "name": "tea"}


def test_a_table_that_is_too_large_stops_the_query_and_says_so(shop: System) -> None:
    ids = "\n".join(f"{at},red" for at in range(500_001))
    client(shop, "s3").put_object(
        Bucket="shop-lake", Key="teams/all.csv", Body=f"user_id,team\n{ids}\n".encode()
    )

    shop.kill("flow")  # a plain JOIN reads its table when the query begins
    until(lambda: "TableTooLarge" in str(state_of(shop, "teamed")["last_error"]))
    put(shop, (6, 0, 0.0, 202))
    client(shop, "s3").put_object(Bucket="shop-lake", Key="teams/all.csv", Body=b"user_id,team\n6,blue\n")
    until(lambda: written(shop, "teamed")[-1:] == [[6, "blue"]])
    until(lambda: shop.status()["ledger"]["total"]["adds_up"])
