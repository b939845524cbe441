"""A stream is a table under its name: what it retains, asked in SQL as soon as it is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from forebay.errors import QueryFailed
from tests.harness import System
from tests.wire.sdk import client

PROJECT = """\
name: shop
ingest:
  clicks: {route: POST /clicks, to: streams.clicks}
streams:
  clicks: {shards: 2, key: user}
  counts: {}
  empty: {}
  rawCopy: {}
  kept: {}
delivery:
  kept: {from: streams.clicks, to: lake.shop/kept/, format: parquet, table: kept}
streamsql:
  count:
    idle: 1s
    sql: |
      CREATE TABLE clicks (`user` VARCHAR(20), at TIMESTAMP(3), WATERMARK FOR at AS at)
      WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json');
      CREATE TABLE counts (`user` VARCHAR(20), n BIGINT, until TIMESTAMP(3))
      WITH ('connector' = 'kinesis', 'stream' = 'counts', 'format' = 'json');
      INSERT INTO counts SELECT `user`, COUNT(*), TUMBLE_END(at, INTERVAL '10' SECOND) FROM clicks
      GROUP BY `user`, TUMBLE(at, INTERVAL '10' SECOND);
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    place = tmp_path_factory.mktemp("shop")
    (place / "project").mkdir()
    (place / "project" / "forebay.yaml").write_text(PROJECT)
    system = System(place / "project", place / "state", [], {}).start()
    yield system
    system.end()


def send(shop: System, *events: Any) -> None:
    lines = b"\n".join(json.dumps(event).encode() for event in events)
    assert shop.post("/clicks", lines, {"content-type": "application/x-ndjson"}).status == 200


def asked(shop: System, sql: str) -> list[list[Any]]:
    """Once the columns are there: they come of the events, a moment after the first of them."""

    def ask() -> list[list[Any]] | None:
        try:
            return shop.query(sql)
        except QueryFailed as error:
            if error.code not in ("COLUMN_NOT_FOUND", "TABLE_NOT_FOUND"):
                raise
            return None

    return shop.until(lambda: ask() or None) or []


def test_events_are_rows_at_once_and_stay_after_a_crash(shop: System) -> None:
    send(shop, {"user": "ada", "n": 1, "at": "2026-01-01 00:00:01"})
    assert asked(shop, 'SELECT "user", n FROM clicks') == [["ada", 1]]
    for n in range(2, 30):
        send(shop, {"user": "ben", "n": n, "at": "2026-01-01 00:00:02"})
        assert shop.query("SELECT count(*), max(n) FROM clicks") == [[n, n]], "nothing waits for a flush"
    shop.kill_all()
    shop.start()
    assert shop.query("SELECT count(*), sum(n) FROM clicks") == [[29, 435]]


def test_columns_widen_as_events_do(shop: System) -> None:
    before = shop.query("SELECT count(*) FROM clicks")[0][0]
    send(shop, {"user": "cleo", "n": 2.5, "place": {"city": "Ulm"}, "at": "2026-01-01 00:00:03"})
    assert asked(shop, "SELECT n, place.city FROM clicks WHERE place.city IS NOT NULL") == [[2.5, "Ulm"]]
    assert shop.query("SELECT count(*), count(n) FROM clicks") == [[before + 1, before + 1]]


def test_what_stream_sql_writes_has_the_types_that_it_declares(shop: System) -> None:
    assert shop.query(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'counts'"
    ) == [
        ["user", "varchar"],
        ["n", "bigint"],
        ["until", "timestamp"],
    ]
    send(shop, {"user": "dev", "at": "2026-01-01 00:01:00"}, {"user": "dev", "at": "2026-01-01 00:02:00"})
    found = shop.until(
        lambda: shop.query(
            "SELECT n FROM counts WHERE \"user\" = 'dev' AND until = timestamp '2026-01-01 00:01:10'"
        )
    )
    assert found == [[1]]


def test_a_table_of_that_name_that_is_anothers_stays(shop: System) -> None:
    (doc,) = shop.query("SHOW CREATE TABLE kept")[:1]
    assert "kinesis" not in str(shop.query("SHOW CREATE TABLE kept")), doc


def test_who_makes_a_table_of_that_name_has_it(shop: System) -> None:
    kinesis, glue = client(shop, "kinesis"), client(shop, "glue")
    kinesis.create_stream(StreamName="taken", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="taken")
    shop.until(lambda: ["taken"] in shop.query("SHOW TABLES"))
    table = {
        "Name": "taken",
        "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}], "Location": "s3://shop/t/"},
    }
    glue.create_table(DatabaseName="shop", TableInput=table)
    kinesis.create_stream(StreamName="next", ShardCount=1)  # the project is applied once more
    shop.until(lambda: ["next"] in shop.query("SHOW TABLES"))
    assert (
        glue.get_table(DatabaseName="shop", Name="taken")["Table"]["StorageDescriptor"]["Location"]
        == "s3://shop/t/"
    )
    kinesis.close()
    glue.close()


def test_an_empty_stream_is_a_table_without_rows(shop: System) -> None:
    assert ["empty"] in shop.query("SHOW TABLES")
    assert ["rawcopy"] in shop.query("SHOW TABLES")
    assert shop.query("SELECT count(*) FROM empty") == [[0]]


def test_events_of_many_lines_and_no_json_are_one_row_each(shop: System) -> None:
    kinesis = client(shop, "kinesis")
    for data in (
        json.dumps({"a": 1, "b": "x"}, indent=2),
        "no json",
        json.dumps({"a": 2, "b": "two\nlines"}),
        "",
    ):
        if data:
            kinesis.put_record(StreamName="empty", Data=data.encode(), PartitionKey="k")
    assert asked(shop, "SELECT a, b FROM empty ORDER BY a NULLS FIRST") == [
        [None, None],
        [1, "x"],
        [2, "two\nlines"],
    ]
    kinesis.close()


def test_a_stream_made_over_the_wire_is_a_table_and_goes_with_it(shop: System) -> None:
    kinesis = client(shop, "kinesis")
    kinesis.create_stream(StreamName="made", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="made")
    kinesis.put_record(StreamName="made", Data=b'{"x": 7}', PartitionKey="k")
    assert asked(shop, "SELECT x FROM made") == [[7]]
    glue = client(shop, "glue")
    table = glue.get_table(DatabaseName="shop", Name="made")["Table"]
    assert table["Parameters"]["typeOfData"] == "kinesis"
    glue.close()
    kinesis.delete_stream(StreamName="made")
    shop.until(lambda: ["made"] not in shop.query("SHOW TABLES"))
    kinesis.close()
