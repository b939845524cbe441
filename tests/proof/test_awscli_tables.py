"""The AWS CLI on Glue and Athena."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.harness import until
from tests.proof.clients import AwsCli, Refused

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def bucket(aws: AwsCli) -> str:
    """With a file below `people/`."""
    name = f"cli-{uuid.uuid4().hex[:10]}"
    aws("s3", "mb", f"s3://{name}")
    aws("s3", "cp", "-", f"s3://{name}/people/year=2026/a.csv", stdin=b"id,name\n1,ann\n2,bob\n")
    return name


@pytest.fixture(scope="module")
def database(aws: AwsCli, bucket: str) -> str:
    """Named after the bucket."""
    name = bucket.replace("-", "_")
    aws("glue", "create-database", "--database-input", f"Name={name},Description=ours")
    return name


def run(aws: AwsCli, sql: str, *more: str) -> dict[str, Any]:
    id = aws("athena", "start-query-execution", "--query-string", sql, *more)["QueryExecutionId"]

    def ended() -> Any:
        execution = aws("athena", "get-query-execution", "--query-execution-id", id)["QueryExecution"]
        return execution if execution["Status"]["State"] in ("SUCCEEDED", "FAILED") else None

    execution: dict[str, Any] = until(ended, every=0.2, patience=60)
    return execution


def rows(aws: AwsCli, sql: str, *more: str) -> list[list[str | None]]:
    execution = run(aws, sql, *more)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    id = execution["QueryExecutionId"]
    found = aws("athena", "get-query-results", "--query-execution-id", id)["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue") for cell in row["Data"]] for row in found]


def test_tables_and_partitions_are_kept(aws: AwsCli, bucket: str, database: str) -> None:
    here = ("--database-name", database)
    assert aws("glue", "get-database", "--name", database)["Database"]["Description"] == "ours"
    storage = {
        "Columns": [{"Name": "id", "Type": "int"}, {"Name": "name", "Type": "string"}],
        "Location": f"s3://{bucket}/people/",
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "SerdeInfo": {
            "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            "Parameters": {"field.delim": ","},
        },
    }
    table = {
        "Name": "people",
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": storage,
        "PartitionKeys": [{"Name": "year", "Type": "string"}],
        "Parameters": {"skip.header.line.count": "1"},
    }
    aws("glue", "create-table", *here, "--table-input", json.dumps(table))
    assert [each["Name"] for each in aws("glue", "get-tables", *here)["TableList"]] == ["people"]
    part = {
        "Values": ["2026"],
        "StorageDescriptor": {**storage, "Location": f"s3://{bucket}/people/year=2026/"},
    }
    people = (*here, "--table-name", "people")
    aws("glue", "create-partition", *people, "--partition-input", json.dumps(part))
    found = aws("glue", "get-partitions", *people, "--expression", "year > '2025'")["Partitions"]
    assert [each["Values"] for each in found] == [["2026"]]
    assert rows(aws, f"SELECT id, name, year FROM {database}.people ORDER BY id") == [
        ["id", "name", "year"],
        ["1", "ann", "2026"],
        ["2", "bob", "2026"],
    ]
    aws("glue", "update-table", *here, "--table-input", json.dumps({**table, "Description": "who"}))
    assert aws("glue", "get-table", *here, "--name", "people")["Table"]["Description"] == "who"
    assert len(aws("glue", "get-table-versions", *people)["TableVersions"]) == 2
    with pytest.raises(Refused, match="AlreadyExistsException"):
        aws("glue", "create-table", *here, "--table-input", json.dumps(table))
    with pytest.raises(Refused, match="EntityNotFoundException"):
        aws("glue", "get-job", "--job-name", "any")


def test_a_crawler_finds_a_table(aws: AwsCli, bucket: str, database: str) -> None:
    here = ("--name", database)
    aws(
        *("glue", "create-crawler", *here, "--role", "any", "--database-name", database),
        *("--table-prefix", "tbl_", "--targets", f"S3Targets=[{{Path=s3://{bucket}/people/}}]"),
    )
    aws("glue", "start-crawler", *here)
    until(lambda: aws("glue", "get-crawler", *here)["Crawler"]["State"] == "READY", every=0.5, patience=60)
    last = aws("glue", "get-crawler", *here)["Crawler"]["LastCrawl"]
    assert last["Status"] == "SUCCEEDED", last
    assert rows(aws, f"SELECT name, year FROM {database}.tbl_people ORDER BY id")[1:] == [
        ["ann", "2026"],
        ["bob", "2026"],
    ]
    aws("glue", "delete-crawler", *here)


def test_queries_named_prepared_and_in_groups(aws: AwsCli, bucket: str) -> None:
    name = bucket
    to = f"ResultConfiguration={{OutputLocation=s3://{bucket}/results/}}"
    aws("athena", "create-work-group", "--name", name, "--configuration", to)
    assert name in [each["Name"] for each in aws("athena", "list-work-groups")["WorkGroups"]]
    group = ("--work-group", name)
    execution = run(aws, "SELECT 1 AS one", *group)
    place = execution["ResultConfiguration"]["OutputLocation"]
    assert place == f"s3://{bucket}/results/{execution['QueryExecutionId']}.csv"
    assert aws.bytes("s3", "cp", place, "-") == b'"one"\n"1"\n'
    listed = aws("athena", "list-query-executions", *group)["QueryExecutionIds"]
    assert execution["QueryExecutionId"] in listed
    named = ("--name", "first", "--database", "default", "--query-string", "SELECT 2")
    id = aws("athena", "create-named-query", *named, *group)["NamedQueryId"]
    assert aws("athena", "get-named-query", "--named-query-id", id)["NamedQuery"]["QueryString"] == "SELECT 2"
    prepared = ("--statement-name", "third", "--query-statement", "SELECT ? AS n")
    aws("athena", "create-prepared-statement", *prepared, *group)
    assert rows(aws, "EXECUTE third", "--execution-parameters", "3", *group) == [["n"], ["3"]]
    aws("athena", "delete-work-group", *group, "--recursive-delete-option")


def test_a_wrong_query_fails_with_its_place_and_metadata_is_listed(aws: AwsCli, database: str) -> None:
    execution = run(aws, "SELECT nope FROM (SELECT 1 AS a)")
    assert execution["Status"]["StateChangeReason"].startswith("COLUMN_NOT_FOUND: line 1:8")
    where = ("--catalog-name", "AwsDataCatalog")
    listed = aws("athena", "list-databases", *where)["DatabaseList"]
    assert database in [each["Name"] for each in listed]
    with pytest.raises(Refused, match="MetadataException"):
        aws("athena", "get-table-metadata", *where, "--database-name", database, "--table-name", "nope")
    assert aws("athena", "list-data-catalogs")["DataCatalogsSummary"][0]["CatalogName"] == "AwsDataCatalog"
