"""What Glue's Data Catalog keeps for others through boto3: partition indexes, column statistics, functions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.wire.glue import Json, table_input
from tests.wire.sdk import refused, serving

system = serving()


@pytest.fixture
def table(glue: Any, database: str) -> Json:
    keys = [{"Name": name, "Type": "string"} for name in ("Year", "month", "day", "hour")]
    glue.create_table(
        DatabaseName=database,
        TableInput=table_input(PartitionKeys=keys),
        PartitionIndexes=[{"IndexName": "first", "Keys": ["year"]}],
    )
    return {"DatabaseName": database, "TableName": "t"}


def names(glue: Any, table: Json) -> list[str]:
    found = glue.get_partition_indexes(**table)["PartitionIndexDescriptorList"]
    assert {index["IndexStatus"] for index in found} <= {"ACTIVE"}
    return [index["IndexName"] for index in found]


def test_partition_indexes_are_kept_until_their_table_goes(glue: Any, table: Json) -> None:
    glue.create_partition_index(**table, PartitionIndex={"IndexName": "second", "Keys": ["month", "day"]})
    assert names(glue, table) == ["first", "second"]
    found = glue.get_partition_indexes(**table)["PartitionIndexDescriptorList"][1]
    assert found["Keys"] == [{"Name": "month", "Type": "string"}, {"Name": "day", "Type": "string"}]
    refused(
        "AlreadyExistsException",
        "Index with the given indexName : first already exists",
        glue.create_partition_index,
        **table,
        PartitionIndex={"IndexName": "first", "Keys": ["day"]},
    )
    refused(
        "InvalidInputException",
        "Partition index keys ['id'] are not partition keys of the table",
        glue.create_partition_index,
        **table,
        PartitionIndex={"IndexName": "third", "Keys": ["id"]},
    )
    glue.create_partition_index(**table, PartitionIndex={"IndexName": "third", "Keys": ["day"]})
    refused(
        "ResourceNumberLimitExceededException",
        "A table can have at most 3 partition indexes",
        glue.create_partition_index,
        **table,
        PartitionIndex={"IndexName": "fourth", "Keys": ["day"]},
    )
    glue.delete_partition_index(**table, IndexName="second")
    assert names(glue, table) == ["first", "third"]
    refused(
        "EntityNotFoundException",
        "Index with the given indexName : second does not exist",
        glue.delete_partition_index,
        **table,
        IndexName="second",
    )
    glue.delete_table(DatabaseName=table["DatabaseName"], Name="t")
    refused("EntityNotFoundException", "Table t not found.", glue.get_partition_indexes, **table)
    glue.create_table(DatabaseName=table["DatabaseName"], TableInput=table_input())
    assert names(glue, table) == []


def counted(column: str, **data: Any) -> Json:
    return {
        "ColumnName": column,
        "ColumnType": "int",
        "AnalyzedTime": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "StatisticsData": data,
    }


def test_column_statistics_come_back_as_they_were_given(glue: Any, table: Json) -> None:
    longs = counted(
        "id",
        Type="LONG",
        LongColumnStatisticsData={
            "MinimumValue": 1,
            "MaximumValue": 9,
            "NumberOfNulls": 0,
            "NumberOfDistinctValues": 3,
        },
    )
    price = {"UnscaledValue": b"\x00\xff", "Scale": 2}
    decimals = counted(
        "n",
        Type="DECIMAL",
        DecimalColumnStatisticsData={"MinimumValue": price, "NumberOfNulls": 0, "NumberOfDistinctValues": 1},
    )
    glue.update_column_statistics_for_table(**table, ColumnStatisticsList=[longs, decimals])
    found = glue.get_column_statistics_for_table(**table, ColumnNames=["id", "n", "none"])
    assert found["ColumnStatisticsList"] == [longs, decimals]
    (missing,) = found["Errors"]
    assert (missing["ColumnName"], missing["Error"]["ErrorCode"]) == ("none", "EntityNotFoundException")
    glue.delete_column_statistics_for_table(**table, ColumnName="id")
    glue.delete_column_statistics_for_table(**table, ColumnName="never")
    found = glue.get_column_statistics_for_table(**table, ColumnNames=["id", "n"])
    assert found["ColumnStatisticsList"] == [decimals]
    values = ["2026", "01", "02", "03"]
    storage = table_input()["StorageDescriptor"]
    glue.create_partition(**table, PartitionInput={"Values": values, "StorageDescriptor": storage})
    glue.update_column_statistics_for_partition(**table, PartitionValues=values, ColumnStatisticsList=[longs])
    found = glue.get_column_statistics_for_partition(**table, PartitionValues=values, ColumnNames=["id"])
    assert (found["ColumnStatisticsList"], found["Errors"]) == ([longs], [])
    glue.delete_column_statistics_for_partition(**table, PartitionValues=values, ColumnName="id")
    refused(
        "EntityNotFoundException",
        "Cannot find partition.",
        glue.get_column_statistics_for_partition,
        **table,
        PartitionValues=["a", "b", "c", "d"],
        ColumnNames=["id"],
    )
    glue.delete_table(DatabaseName=table["DatabaseName"], Name="t")
    glue.create_table(DatabaseName=table["DatabaseName"], TableInput=table_input())
    assert glue.get_column_statistics_for_table(**table, ColumnNames=["n"])["ColumnStatisticsList"] == []


def test_functions_are_kept_found_by_pattern_and_go_with_their_database(glue: Any, database: str) -> None:
    made = {
        "FunctionName": "Upper_clean",
        "ClassName": "com.example.Upper",
        "OwnerName": "me",
        "OwnerType": "USER",
        "ResourceUris": [{"ResourceType": "JAR", "Uri": "s3://shop/upper.jar"}],
    }
    glue.create_user_defined_function(DatabaseName=database, FunctionInput=made)
    found = glue.get_user_defined_function(DatabaseName=database, FunctionName="upper_clean")[
        "UserDefinedFunction"
    ]
    assert {**made, "DatabaseName": database}.items() <= found.items()
    refused(
        "AlreadyExistsException",
        "Function already exists.",
        glue.create_user_defined_function,
        DatabaseName=database,
        FunctionInput=made,
    )
    glue.update_user_defined_function(
        DatabaseName=database, FunctionName="upper_clean", FunctionInput={**made, "FunctionName": "other"}
    )

    def listed(pattern: str, **more: Any) -> list[str]:
        found = glue.get_user_defined_functions(Pattern=pattern, **more)["UserDefinedFunctions"]
        return [each["FunctionName"] for each in found]

    assert listed(".*", DatabaseName=database) == listed("o.*r") == ["other"]
    assert listed(r"\Qoth\E..", DatabaseName=database) == ["other"]
    assert listed(r"\Qo.*r\E", DatabaseName=database) == []
    assert listed("(o+|t+|h+|e+|r+)+x", DatabaseName=database) == []
    refused(
        "InvalidInputException",
        "Invalid pattern syntax: *",
        glue.get_user_defined_functions,
        DatabaseName=database,
        Pattern="*",
    )
    assert listed("upper.*", DatabaseName=database) == []
    gone = {"DatabaseName": database, "FunctionName": "upper_clean"}
    refused("EntityNotFoundException", "Cannot find function.", glue.delete_user_defined_function, **gone)
    glue.delete_database(Name=database)
    assert listed("other") == []
    refused(
        "EntityNotFoundException", f"Database {database} not found.", glue.get_user_defined_function, **gone
    )
