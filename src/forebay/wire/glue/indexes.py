"""Partition indexes: kept and shown. Partitions are found by their values without any, and as quickly."""

from __future__ import annotations

from typing import Any

from forebay.wire.glue.base import SERVICE, ask, folded, invalid, not_found, refuse_declared
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

KIND = "glue.index"
MOST = 3


async def _table(asked: Asked, given: Json) -> Json:
    row: Json = await ask(
        asked, "table_row", database=folded(given["DatabaseName"]), name=folded(given["TableName"])
    )
    return row


def _id(row: Json) -> str:
    return f"{row['database']}/{row['name']}"


def _kept(asked: Asked, row: Json) -> list[Json]:
    """A table's indexes; those of a table that had its name before are not its own."""
    doc = asked.system.documents.get(KIND, _id(row))
    found: list[Json] = doc["indexes"] if doc is not None and doc["table"] == row["created"] else []
    return list(found)


def check_indexes(doc: Json, made: list[Json]) -> None:
    """Raise AwsError for indexes that a table of this `doc` cannot have together."""
    keys = [name for name, _ in doc.get("partition_keys") or ()]
    names = [index["IndexName"] for index in made]
    for index in made:
        if names.count(index["IndexName"]) > 1:
            raise AwsError(
                "AlreadyExistsException",
                f"Index with the given indexName : {index['IndexName']} already exists",
                http=400,
            )
        unknown = [key for key in index["Keys"] if folded(key) not in keys]
        if unknown:
            raise invalid(f"Partition index keys {unknown} are not partition keys of the table")
    if len(made) > MOST:
        raise AwsError(
            "ResourceNumberLimitExceededException",
            f"A table can have at most {MOST} partition indexes",
            http=400,
        )


def keep_indexes(asked: Asked, row: Json, made: list[Json]) -> None:
    """Keep these as a table's indexes."""
    indexes = [
        {"IndexName": index["IndexName"], "Keys": [folded(key) for key in index["Keys"]]} for index in made
    ]
    asked.system.documents.put(KIND, _id(row), {"table": row["created"], "indexes": indexes})


@SERVICE.operation("CreatePartitionIndex", partial="only kept, as partitions are found without one")
async def create_partition_index(asked: Asked, given: Json) -> Json:
    """Keep an index."""
    row = await _table(asked, given)
    refuse_declared(asked, row["database"], row["name"])
    indexes = [*_kept(asked, row), given["PartitionIndex"]]
    check_indexes(row["doc"], indexes)
    keep_indexes(asked, row, indexes)
    return {}


@SERVICE.operation("DeletePartitionIndex")
async def delete_partition_index(asked: Asked, given: Json) -> Json:
    """Forget an index."""
    row = await _table(asked, given)
    refuse_declared(asked, row["database"], row["name"])
    indexes = _kept(asked, row)
    left = [index for index in indexes if index["IndexName"] != given["IndexName"]]
    if len(left) == len(indexes):
        raise not_found(f"Index with the given indexName : {given['IndexName']} does not exist")
    keep_indexes(asked, row, left)
    return {}


@SERVICE.operation("GetPartitionIndexes")
async def get_partition_indexes(asked: Asked, given: Json) -> Json:
    """A table's indexes."""
    row = await _table(asked, given)
    kinds: dict[str, Any] = dict(row["doc"].get("partition_keys") or ())
    return {
        "PartitionIndexDescriptorList": [
            {
                "IndexName": index["IndexName"],
                "Keys": [{"Name": key, "Type": kinds.get(key, "string")} for key in index["Keys"]],
                "IndexStatus": "ACTIVE",
            }
            for index in _kept(asked, row)
        ]
    }
