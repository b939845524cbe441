"""Partitions of Glue's Data Catalog through boto3: made, found by expression, there for SQL."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import System
from tests.wire.glue import Json, table_input
from tests.wire.sdk import refused, serving

system = serving(sql=True)


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
