"""What the Glue tests share: a table as a user gives it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def table_input(name: str = "t", **more: Any) -> Json:
    """A table as a user gives it, with every kind of member."""
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
