"""Glue's Data Catalog through boto3: databases, tables and their versions, tags."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, until
from tests.wire.glue import table_input
from tests.wire.sdk import refused, serving

system = serving(sql=True)


@pytest.fixture(scope="module")
def named(glue: Any) -> str:
    glue.create_database(DatabaseInput={"Name": "named"})
    for name in ("mytable_1", "mytable_two", "some_tab_end", "dot."):
        glue.create_table(DatabaseName="named", TableInput=table_input(name))
    return "named"


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
        ("(a+|t+|m+|y+|b+|l+|e+)+(a+|t+)+x", 0),
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


def test_there_are_no_jobs(glue: Any) -> None:
    refused("EntityNotFoundException", "Job nightly not found.", glue.get_job, JobName="nightly")
    assert glue.get_jobs()["Jobs"] == []
    assert glue.get_catalog_import_status()["ImportStatus"]["ImportCompleted"]


def test_what_is_not_offered_says_so(glue: Any) -> None:
    refused("NotImplemented", "glue.GetBlueprint", glue.get_blueprint, Name="w")


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
