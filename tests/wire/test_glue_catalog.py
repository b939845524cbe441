"""Glue's Data Catalog through boto3: databases, tables and their versions, partitions, tags."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, until
from tests.projects import PLAIN, project
from tests.wire.sdk import client

Json = dict[str, Any]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("glue")
    found = System(project(folder / "p", PLAIN), folder / "state", [], {})
    yield found.start()
    found.end()


@pytest.fixture(scope="module")
def glue(system: System) -> Any:
    return client(system, "glue")


@pytest.fixture(scope="module")
def named(glue: Any) -> str:
    glue.create_database(DatabaseInput={"Name": "named"})
    for name in ("mytable_1", "mytable_two", "some_tab_end", "dot."):
        glue.create_table(DatabaseName="named", TableInput=table_input(name))
    return "named"


@pytest.fixture
def database(glue: Any) -> str:
    name = f"db_{uuid.uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": name})
    return name


def refused(code: str, message: str, call: Any, **given: Any) -> None:
    with pytest.raises(ClientError) as raised:
        call(**given)
    error = raised.value.response["Error"]
    assert error["Code"] == code
    assert message in error["Message"]


def table_input(name: str = "t", **more: Any) -> Json:
    return {
        "Name": name,
        "Description": "of orders",
        "Owner": "me",
        "Retention": 7,
        "StorageDescriptor": {
            "Columns": [
                {"Name": "id", "Type": "string", "Comment": "its name"},
                {"Name": "N", "Type": "int"},
            ],
            "Location": f"s3://shop/{name}/",
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {
                "Name": "serde",
                "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
                "Parameters": {"paths": "id,n"},
            },
            "BucketColumns": [],
            "SortColumns": [{"Column": "id", "SortOrder": 1}],
            "Parameters": {"a": "b"},
            "SkewedInfo": {"SkewedColumnNames": ["id"]},
            "StoredAsSubDirectories": False,
        },
        "PartitionKeys": [],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "json", "EXTERNAL": "TRUE"},
        **more,
    }


# --- databases ---


def test_a_database_is_kept_as_given_under_a_name_in_lower_case(glue: Any) -> None:
    made = {"Name": "Sales_DB", "Description": "d", "LocationUri": "s3://x/", "Parameters": {"k": "v"}}
    glue.create_database(DatabaseInput=made, Tags={"team": "a"})
    found = glue.get_database(Name="SALES_db")["Database"]
    assert {**made, "Name": "sales_db"}.items() <= found.items()
    assert found["CreateTime"]
    arn = "arn:aws:glue:us-east-1:000000000000:database/sales_db"
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"team": "a"}
    refused("AlreadyExistsException", "Database already exists.", glue.create_database, DatabaseInput=made)
    glue.update_database(Name="sales_db", DatabaseInput={"Name": "sales_db", "Description": "other"})
    assert glue.get_database(Name="sales_db")["Database"]["Description"] == "other"
    glue.delete_database(Name="sales_db")
    refused("EntityNotFoundException", "Database sales_db not found.", glue.get_database, Name="sales_db")


def test_a_database_that_is_not_there_is_named(glue: Any) -> None:
    for call, given in (
        (glue.delete_database, {"Name": "x"}),
        (glue.update_database, {"Name": "x", "DatabaseInput": {"Name": "x"}}),
        (glue.get_tables, {"DatabaseName": "x"}),
        (glue.get_table, {"DatabaseName": "x", "Name": "t"}),
        (glue.create_table, {"DatabaseName": "x", "TableInput": {"Name": "t"}}),
        (glue.batch_delete_table, {"DatabaseName": "x", "TablesToDelete": ["t"]}),
        (glue.get_partitions, {"DatabaseName": "x", "TableName": "t"}),
    ):
        refused("EntityNotFoundException", "Database x not found.", call, **given)


def test_lists_come_in_pages(glue: Any, database: str) -> None:
    for n in range(5):
        glue.create_table(DatabaseName=database, TableInput=table_input(f"t{n}"))
    pages = list(
        glue.get_paginator("get_tables").paginate(DatabaseName=database, PaginationConfig={"PageSize": 2})
    )
    assert [[t["Name"] for t in page["TableList"]] for page in pages] == [["t0", "t1"], ["t2", "t3"], ["t4"]]
    names = [
        db["Name"]
        for page in glue.get_paginator("get_databases").paginate(PaginationConfig={"PageSize": 1})
        for db in page["DatabaseList"]
    ]
    assert database in names
    assert names == sorted(names)
    refused("InvalidInputException", "NextToken", glue.get_tables, DatabaseName=database, NextToken="\x00é")


def test_deleting_a_database_deletes_its_tables(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input())
    glue.delete_database(Name=database)
    glue.create_database(DatabaseInput={"Name": database})
    assert glue.get_tables(DatabaseName=database)["TableList"] == []


# --- tables ---


def test_a_table_comes_back_as_it_was_given(glue: Any, database: str) -> None:
    made = table_input(ViewOriginalText="", TargetTable={"CatalogId": "1", "DatabaseName": "a", "Name": "b"})
    glue.create_table(DatabaseName=database, TableInput=made)
    found = glue.get_table(DatabaseName=database, Name="T")["Table"]
    assert made.items() <= found.items()
    assert (found["DatabaseName"], found["VersionId"], found["CatalogId"]) == (database, "1", "000000000000")
    assert found["CreateTime"] == found["UpdateTime"]
    refused(
        "AlreadyExistsException",
        "Table already exists.",
        glue.create_table,
        DatabaseName=database,
        TableInput=made,
    )


def test_a_table_is_there_for_sql_at_once(system: System, glue: Any, database: str) -> None:
    folder = system.layout.lake / "shop" / "t"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.json").write_text('{"id": "x", "n": 3}\n')
    glue.create_table(DatabaseName=database, TableInput=table_input())
    assert system.query(f"select id, n from {database}.t") == [["x", 3]]
    glue.delete_table(DatabaseName=database, Name="t")
    refused("EntityNotFoundException", "Table t not found.", glue.get_table, DatabaseName=database, Name="t")


def test_a_view_answers_with_its_select(system: System, glue: Any, database: str) -> None:
    view = {"originalSql": "SELECT 1 AS one", "catalog": "awsdatacatalog", "schema": database, "columns": []}
    text = f"/* Presto View: {base64.b64encode(json.dumps(view).encode()).decode()} */"
    made = {
        "Name": "v",
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": text,
        "ViewExpandedText": "/* Presto View */",
        "Parameters": {"presto_view": "true"},
        "StorageDescriptor": {"Columns": [{"Name": "one", "Type": "int"}], "Location": "", "SerdeInfo": {}},
    }
    glue.create_table(DatabaseName=database, TableInput=made)
    found = glue.get_table(DatabaseName=database, Name="v")["Table"]
    assert found["ViewOriginalText"] == text
    assert system.query(f"select * from {database}.v") == [[1]]


def test_every_update_is_a_version(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input())
    for kind in ("bigint", "double", "double"):
        made = table_input()
        made["StorageDescriptor"]["Columns"][1]["Type"] = kind
        glue.update_table(DatabaseName=database, TableInput=made)
    where = {"DatabaseName": database, "TableName": "t"}
    found = glue.get_table_versions(**where)["TableVersions"]
    assert [version["VersionId"] for version in found] == ["1", "2", "3", "4"]
    kinds = [version["Table"]["StorageDescriptor"]["Columns"][1]["Type"] for version in found]
    assert kinds == ["int", "bigint", "double", "double"]
    second = glue.get_table_version(**where, VersionId="2")["TableVersion"]
    assert second["Table"]["StorageDescriptor"]["Columns"][1]["Type"] == "bigint"
    glue.delete_table_version(**where, VersionId="2")
    answer = glue.batch_delete_table_version(**where, VersionIds=["2", "3"])
    assert [error["VersionId"] for error in answer["Errors"]] == ["2"]
    assert [version["VersionId"] for version in glue.get_table_versions(**where)["TableVersions"]] == [
        "1",
        "4",
    ]
    refused("EntityNotFoundException", "Version not found.", glue.get_table_version, **where, VersionId="20")
    refused("InvalidInputException", "is not an integer", glue.get_table_version, **where, VersionId="x")
    glue.update_table(DatabaseName=database, TableInput=table_input(), SkipArchive=True)
    assert [version["VersionId"] for version in glue.get_table_versions(**where)["TableVersions"]] == [
        "1",
        "5",
    ]


def test_an_update_from_an_old_version_is_refused(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input())
    glue.update_table(DatabaseName=database, TableInput=table_input(), VersionId="1")
    refused(
        "ConcurrentModificationException",
        "concurrent modifications",
        glue.update_table,
        DatabaseName=database,
        TableInput=table_input(),
        VersionId="1",
    )
    refused(
        "EntityNotFoundException",
        "Table gone not found.",
        glue.update_table,
        DatabaseName=database,
        TableInput=table_input("gone"),
    )


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("mytable_\\w+", 2),
        ("\\w+_end", 1),
        ("*", 4),
        ("my*", 2),
        ("*tab*", 3),
        (".*tab.*", 3),
        ("dot*.*", 1),
        ("x", 0),
    ],
)
def test_tables_are_found_by_expression(glue: Any, named: str, expression: str, count: int) -> None:
    assert len(glue.get_tables(DatabaseName=named, Expression=expression)["TableList"]) == count


def test_several_tables_are_deleted_and_the_missing_are_told(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input())
    answer = glue.batch_delete_table(DatabaseName=database, TablesToDelete=["t", "gone"])
    assert answer["Errors"] == [
        {
            "TableName": "gone",
            "ErrorDetail": {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Table gone not found."},
        }
    ]


def test_tables_are_searched_for(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input("searched_orders"))
    glue.create_table(DatabaseName=database, TableInput=table_input("searched_clicks"))
    found = glue.search_tables(SearchText="searched", SortCriteria=[{"FieldName": "Name", "Sort": "DESC"}])
    assert [table["Name"] for table in found["TableList"]] == ["searched_orders", "searched_clicks"]
    found = glue.search_tables(Filters=[{"Key": "DatabaseName", "Value": database}], MaxResults=1)
    assert [table["Name"] for table in found["TableList"]] == ["searched_clicks"]
    assert found["NextToken"]


def test_what_the_project_declares_is_shown_and_not_changed(glue: Any) -> None:
    found = glue.get_table(DatabaseName="plain", Name="events")["Table"]
    assert [column["Name"] for column in found["StorageDescriptor"]["Columns"]] == ["id", "n"]
    assert found["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"].endswith("JsonSerDe")
    assert found["TableType"] == "EXTERNAL_TABLE"
    where = {"DatabaseName": "plain"}
    for call, given in (
        (glue.delete_table, {**where, "Name": "events"}),
        (glue.update_table, {**where, "TableInput": table_input("events")}),
        (glue.delete_database, {"Name": "plain"}),
        (glue.create_partition, {**where, "TableName": "events", "PartitionInput": {"Values": ["1"]}}),
    ):
        refused("InvalidInputException", "forebay.yaml", call, **given)
    glue.create_table(**where, TableInput=table_input("mine"))
    glue.delete_table(**where, Name="mine")


def test_the_models_constraints_are_awss_words(glue: Any, database: str) -> None:
    refused(
        "ValidationException",
        "failed to satisfy constraint: Member must have length less than or equal to 25",
        glue.batch_delete_partition,
        DatabaseName=database,
        TableName="t",
        PartitionsToDelete=[{"Values": ["1"]}] * 26,
    )
    refused(
        "InvalidInputException",
        "Duplicate column name: id",
        glue.create_table,
        DatabaseName=database,
        TableInput={"Name": "t", "PartitionKeys": [{"Name": "id"}, {"Name": "ID"}]},
    )


# --- partitions ---


@pytest.fixture
def parted(glue: Any, database: str) -> Json:
    keys = [{"Name": "year", "Type": "int"}, {"Name": "month", "Type": "string"}]
    glue.create_table(DatabaseName=database, TableInput=table_input(PartitionKeys=keys))
    return {"DatabaseName": database, "TableName": "t"}


def partition(*values: str, **more: Any) -> Json:
    storage = table_input()["StorageDescriptor"]
    return {
        "Values": list(values),
        "StorageDescriptor": {**storage, "Location": f"s3://shop/t/{'/'.join(values)}/"},
        "Parameters": {"made": "by hand"},
        **more,
    }


def test_a_partition_comes_back_as_it_was_given(glue: Any, parted: Json) -> None:
    made = partition("2024", "01")
    glue.create_partition(**parted, PartitionInput=made)
    found = glue.get_partition(**parted, PartitionValues=["2024", "01"])["Partition"]
    assert made.items() <= found.items()
    assert (found["DatabaseName"], found["TableName"]) == (parted["DatabaseName"], "t")
    assert found["CreationTime"]
    refused(
        "AlreadyExistsException",
        "Partition already exists.",
        glue.create_partition,
        **parted,
        PartitionInput=made,
    )
    refused(
        "InvalidInputException",
        "The number of partition keys do not match the number of partition values",
        glue.create_partition,
        **parted,
        PartitionInput=partition("2024"),
    )
    refused(
        "EntityNotFoundException",
        "Cannot find partition.",
        glue.get_partition,
        **parted,
        PartitionValues=["1999", "01"],
    )


def test_partitions_in_batches_tell_what_failed(glue: Any, parted: Json) -> None:
    made = [partition("2024", f"{month:02}") for month in range(1, 13)]
    assert "Errors" not in glue.batch_create_partition(**parted, PartitionInputList=made)
    again = glue.batch_create_partition(**parted, PartitionInputList=[*made[:2], partition("2025", "01")])
    assert [error["PartitionValues"] for error in again["Errors"]] == [["2024", "01"], ["2024", "02"]]
    assert again["Errors"][0]["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException"
    wanted = [{"Values": ["2024", "02"]}, {"Values": ["1", "1"]}, {"Values": ["2024", "01"]}]
    found = glue.batch_get_partition(**parted, PartitionsToGet=wanted)["Partitions"]
    assert [one["Values"] for one in found] == [["2024", "02"], ["2024", "01"]]
    entries = [
        {"PartitionValueList": ["2024", "01"], "PartitionInput": partition("2024", "13")},
        {"PartitionValueList": ["1", "1"], "PartitionInput": partition("1", "2")},
        {"PartitionValueList": ["2024", "02"], "PartitionInput": partition("2024", "03")},
    ]
    errors = glue.batch_update_partition(**parted, Entries=entries)["Errors"]
    assert [(e["PartitionValueList"], e["ErrorDetail"]["ErrorCode"]) for e in errors] == [
        (["1", "1"], "EntityNotFoundException"),
        (["2024", "02"], "AlreadyExistsException"),
    ]
    gone = [{"Values": ["2024", "13"]}, {"Values": ["9", "9"]}]
    errors = glue.batch_delete_partition(**parted, PartitionsToDelete=gone)["Errors"]
    assert [error["PartitionValues"] for error in errors] == [["9", "9"]]
    assert len(glue.get_partitions(**parted)["Partitions"]) == 12


def test_partitions_are_found_by_expression_in_pages_and_segments(glue: Any, parted: Json) -> None:
    for year in (2023, 2024):
        rows = [partition(str(year), f"{month:02}") for month in range(1, 13)]
        glue.batch_create_partition(**parted, PartitionInputList=rows)
    expression = "year = 2024 AND (month IN ('01', '02') OR month > '11')"
    found = glue.get_partitions(**parted, Expression=expression)["Partitions"]
    assert [one["Values"][1] for one in found] == ["01", "02", "12"]
    pages = list(
        glue.get_paginator("get_partitions").paginate(
            **parted, Expression="year = 2024", PaginationConfig={"PageSize": 5}
        )
    )
    assert [len(page["Partitions"]) for page in pages] == [5, 5, 2]
    parts = [
        glue.get_partitions(**parted, Segment={"SegmentNumber": n, "TotalSegments": 3})["Partitions"]
        for n in range(3)
    ]
    assert sorted(tuple(one["Values"]) for part in parts for one in part) == sorted(
        (str(year), f"{month:02}") for year in (2023, 2024) for month in range(1, 13)
    )
    bare = glue.get_partitions(**parted, ExcludeColumnSchema=True)["Partitions"][0]
    assert bare["StorageDescriptor"]["Columns"] == []
    for bad, said in (("gone = 1", "Invalid partition expression!"), ("year = 'x'", "is not an integer")):
        refused("InvalidInputException", said, glue.get_partitions, **parted, Expression=bad)


def test_a_partitions_rows_are_there_for_sql(system: System, glue: Any, parted: Json) -> None:
    folder = system.layout.lake / "shop" / "elsewhere"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.json").write_text('{"id": "x", "n": 1}\n')
    made = partition("2024", "01")
    made["StorageDescriptor"]["Location"] = "s3://shop/elsewhere/"
    glue.create_partition(**parted, PartitionInput=made)
    sql = f"select id, year, month from {parted['DatabaseName']}.t"
    assert system.query(sql) == [["x", 2024, "01"]]
    glue.update_partition(
        **parted, PartitionValueList=["2024", "01"], PartitionInput={**made, "Values": ["2025", "02"]}
    )
    assert system.query(sql) == [["x", 2025, "02"]]
    glue.delete_partition(**parted, PartitionValues=["2025", "02"])
    refused(
        "EntityNotFoundException",
        "Cannot find partition.",
        glue.delete_partition,
        **parted,
        PartitionValues=["2025", "02"],
    )


# --- the rest ---


def test_there_are_no_jobs(glue: Any) -> None:
    refused("EntityNotFoundException", "Job nightly not found.", glue.get_job, JobName="nightly")
    assert glue.get_jobs()["Jobs"] == []
    assert glue.get_catalog_import_status()["ImportStatus"]["ImportCompleted"]


def test_what_is_not_offered_says_so(glue: Any) -> None:
    refused("NotImplemented", "glue.GetUserDefinedFunctions", glue.get_user_defined_functions, Pattern="*")


def test_what_was_made_survives_kill_9(system: System, glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input())
    system.kill("flow")

    def name() -> str | None:
        try:
            found: str = glue.get_table(DatabaseName=database, Name="t")["Table"]["Name"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ServiceUnavailable":
                raise
            return None
        return found

    assert until(name) == "t"
