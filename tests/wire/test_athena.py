"""Athena over the wire: a real client starts queries, follows them and reads their results."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, until
from tests.wire.sdk import client, served

PROJECT = """\
name: shop
ingest:
  events: {route: POST /events, to: delivery.events}
delivery:
  events: {to: lake.shop/events/}
catalog:
  events: {location: lake.shop/events/, format: json, columns: {id: bigint, who: string}}
query:
  everybody: {sql: "select who from events", description: "who there is"}
lake:
  results: {}
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    rows = [
        {"id": 1, "who": "Ann"},
        {"id": 2, "who": None},
        {"id": 3, "who": 'a "quoted", name\nin two lines'},
    ]
    with served(tmp_path_factory.mktemp("athena"), PROJECT, sql=True) as running:
        running.post(
            "/events",
            b"\n".join(json.dumps(row).encode() for row in rows),
            {"content-type": "application/x-ndjson"},
        )
        running.until(lambda: running.query("select count(*) from events") == [[3]])
        yield running


def run(athena: Any, sql: str, **more: Any) -> Any:
    """Start, poll as everybody does, and give the finished execution."""
    started = athena.start_query_execution(
        QueryString=sql, ResultConfiguration={"OutputLocation": "s3://results/here/"}, **more
    )

    def finished() -> Any:
        execution = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]
        return None if execution["Status"]["State"] in ("QUEUED", "RUNNING") else execution

    return until(finished)


def done(athena: Any, sql: str, **more: Any) -> Any:
    execution = run(athena, sql, **more)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    return execution


def rows(athena: Any, sql: str, **more: Any) -> list[list[str | None]]:
    """All rows but the header."""
    id = done(athena, sql, **more)["QueryExecutionId"]
    found = athena.get_query_results(QueryExecutionId=id)["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue") for cell in row["Data"]] for row in found][1:]


def test_a_query_gives_rows_a_header_first_and_null_is_absent(athena: Any) -> None:
    execution = done(athena, "SELECT id, who FROM events ORDER BY id")
    assert execution["StatementType"] == "DML"
    found = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    cells = [[cell.get("VarCharValue") for cell in row["Data"]] for row in found["ResultSet"]["Rows"]]
    assert cells == [["id", "who"], ["1", "Ann"], ["2", None], ["3", 'a "quoted", name\nin two lines']]
    columns = found["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(column["Name"], column["Type"]) for column in columns] == [("id", "bigint"), ("who", "varchar")]


def test_the_result_is_an_object_at_the_full_address_that_is_answered(athena: Any, s3: Any) -> None:
    execution = done(athena, "SELECT id, who FROM events ORDER BY id")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://results/here/{execution['QueryExecutionId']}.csv"
    body = s3.get_object(Bucket="results", Key=location.removeprefix("s3://results/"))["Body"].read().decode()
    assert body.splitlines()[:3] == ['"id","who"', '"1","Ann"', '"2",']
    assert list(csv.reader(io.StringIO(body)))[3] == ["3", 'a "quoted", name\nin two lines']


def test_results_come_in_pages(athena: Any) -> None:
    id = done(athena, "SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n")["QueryExecutionId"]
    pages = list(
        athena.get_paginator("get_query_results").paginate(
            QueryExecutionId=id, PaginationConfig={"PageSize": 700}
        )
    )
    cells = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert len(pages) == 4
    assert cells == ["n", *map(str, range(1, 2501))]


def test_a_wrong_query_fails_with_the_place_and_its_results_cannot_be_read(athena: Any) -> None:
    execution = run(athena, "SELECT nobody FROM events")
    assert execution["Status"]["State"] == "FAILED"
    assert (
        "COLUMN_NOT_FOUND: line 1:8: Column 'nobody' cannot be resolved"
        in execution["Status"]["StateChangeReason"]
    )
    with pytest.raises(ClientError, match="Query did not finish successfully"):
        athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    with pytest.raises(ClientError, match="InvalidRequestException"):
        athena.get_query_execution(QueryExecutionId="no-such-query")


def test_parameters_and_prepared_statements(athena: Any) -> None:
    assert rows(athena, "SELECT id FROM events WHERE id = ? AND '?' = '?'", ExecutionParameters=["2"]) == [
        ["2"]
    ]
    athena.create_prepared_statement(
        StatementName="by_id", WorkGroup="primary", QueryStatement="SELECT who FROM events WHERE id = ?"
    )
    assert rows(athena, "EXECUTE by_id USING 1") == [["Ann"]]
    done(athena, "PREPARE two FROM SELECT ? + ?")
    assert rows(athena, "EXECUTE two USING 1, 2") == [["3"]]
    assert run(athena, "EXECUTE two USING 1")["Status"]["State"] == "FAILED"


def test_external_tables_partitions_and_views(athena: Any, s3: Any) -> None:
    s3.create_bucket(Bucket="data")
    for day, amount in (("2026-01-01", 1), ("2026-01-02", 2)):
        s3.put_object(
            Bucket="data", Key=f"sales/day={day}/a.csv", Body=f"name,amount\nx,{amount}\ny,10\n".encode()
        )
    done(athena, "CREATE DATABASE IF NOT EXISTS sales")
    done(athena, "CREATE DATABASE IF NOT EXISTS sales")
    done(
        athena,
        """CREATE EXTERNAL TABLE sales.daily (name string, amount int) PARTITIONED BY (day string)
           ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://data/sales/'
           TBLPROPERTIES ('skip.header.line.count' = '1')""",
    )
    assert rows(athena, "SELECT count(*) FROM sales.daily") == [["0"]]
    done(athena, "MSCK REPAIR TABLE sales.daily")
    assert rows(athena, "SELECT day, sum(amount) FROM sales.daily GROUP BY day ORDER BY day") == [
        ["2026-01-01", "11"],
        ["2026-01-02", "12"],
    ]
    context = {"QueryExecutionContext": {"Database": "sales"}}
    done(
        athena,
        "CREATE OR REPLACE VIEW totals AS SELECT name, sum(amount) AS total FROM daily GROUP BY name",
        **context,
    )
    assert rows(athena, "SELECT * FROM totals ORDER BY name", **context) == [["x", "3"], ["y", "20"]]
    done(athena, "ALTER TABLE daily DROP PARTITION (day = '2026-01-02')", **context)
    assert rows(athena, "SELECT count(*) FROM daily", **context) == [["2"]]
    assert {
        table["Name"]
        for table in athena.list_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="sales")[
            "TableMetadataList"
        ]
    } == {"daily", "totals"}
    done(athena, "DROP VIEW totals", **context)
    done(athena, "DROP TABLE daily", **context)
    assert run(athena, "DROP TABLE daily", **context)["Status"]["State"] == "FAILED"
    done(athena, "DROP TABLE IF EXISTS daily", **context)


def test_ctas_insert_and_unload_write_files_that_sql_and_s3_see(athena: Any, s3: Any) -> None:
    done(
        athena,
        "CREATE TABLE copied WITH (format = 'PARQUET', external_location = 's3://results/copied/') AS SELECT id, who FROM events",
    )
    assert rows(athena, "SELECT count(*) FROM copied") == [["3"]]
    done(athena, "INSERT INTO copied SELECT 9, 'Zoe'")
    assert rows(athena, "SELECT who FROM copied WHERE id = 9") == [["Zoe"]]
    assert len(s3.list_objects_v2(Bucket="results", Prefix="copied/")["Contents"]) == 2
    execution = done(
        athena, "UNLOAD (SELECT id FROM events) TO 's3://results/unloaded/' WITH (format = 'JSON')"
    )
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="results", Prefix="unloaded/")["Contents"]]
    assert sorted(s3.get_object(Bucket="results", Key=keys[0])["Body"].read().split()) == [
        b'{"id":1}',
        b'{"id":2}',
        b'{"id":3}',
    ]
    manifest = execution["Statistics"]["DataManifestLocation"].removeprefix("s3://results/")
    assert s3.get_object(Bucket="results", Key=manifest)["Body"].read().decode().split() == [
        f"s3://results/{keys[0]}"
    ]


def test_work_groups_named_queries_and_metadata(athena: Any) -> None:
    athena.create_work_group(
        Name="team",
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://results/team/"}},
        Tags=[{"Key": "a", "Value": "b"}],
    )
    execution = done(athena, "SELECT 1", WorkGroup="team")
    assert execution["ResultConfiguration"]["OutputLocation"].startswith("s3://results/team/")
    assert athena.list_query_executions(WorkGroup="team")["QueryExecutionIds"] == [
        execution["QueryExecutionId"]
    ]
    with pytest.raises(ClientError, match="is not empty"):
        athena.delete_work_group(WorkGroup="team")
    athena.delete_work_group(WorkGroup="team", RecursiveDeleteOption=True)
    with pytest.raises(ClientError, match="WorkGroup team is not found"):
        athena.get_work_group(WorkGroup="team")
    names = [
        athena.get_named_query(NamedQueryId=id)["NamedQuery"]["Name"]
        for id in athena.list_named_queries()["NamedQueryIds"]
    ]
    assert "everybody" in names
    assert "shop" in [
        each["Name"] for each in athena.list_databases(CatalogName="AwsDataCatalog")["DatabaseList"]
    ]
    table = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="shop", TableName="events")[
        "TableMetadata"
    ]
    assert [column["Name"] for column in table["Columns"]] == ["id", "who"]


def test_a_request_token_starts_one_query_only(athena: Any) -> None:
    token = "t" * 40
    ids = {
        athena.start_query_execution(QueryString="SELECT 1", ClientRequestToken=token)["QueryExecutionId"]
        for _ in range(2)
    }
    assert len(ids) == 1


def test_what_the_project_declares_is_not_dropped_over_the_wire(athena: Any) -> None:
    execution = run(athena, "DROP TABLE events")
    assert execution["Status"]["State"] == "FAILED"
    assert "forebay.yaml" in execution["Status"]["StateChangeReason"]
    assert rows(athena, "SELECT count(*) FROM events") == [["3"]]


def test_executions_outlive_the_system(system: System, tmp_path: Path) -> None:
    athena = client(system, "athena", retries=0)
    id = done(athena, "SELECT 42 AS answer")["QueryExecutionId"]
    athena.close()
    system.kill_all()
    system.start()
    athena = client(system, "athena", retries=0)
    found = athena.get_query_results(QueryExecutionId=id)["ResultSet"]["Rows"]
    athena.close()
    assert [row["Data"][0]["VarCharValue"] for row in found] == ["answer", "42"]
