"""Partitions: one by one and in batches, by expression, in segments and pages."""

from __future__ import annotations

from typing import Any

from forebay.wire.glue.base import CODES, SERVICE, after, ask, folded, invalid, refuse_declared, token
from forebay.wire.glue.shapes import partition_of, partition_row
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST = 1000


def _named(given: Json) -> Json:
    return {"database": folded(given["DatabaseName"]), "table": folded(given["TableName"])}


def _mine(asked: Asked, given: Json) -> Json:
    named = _named(given)
    refuse_declared(asked, named["database"], named["table"])
    return named


async def _table(asked: Asked, named: Json) -> Json:
    row: Json = await ask(asked, "table_row", database=named["database"], name=named["table"])
    return row


def _raise_first(failed: list[list[Any]]) -> None:
    for _, code, message in failed:
        raise AwsError(CODES[code], message, http=400)


def _detail(code: str, message: str) -> Json:
    return {"ErrorCode": CODES.get(code, code), "ErrorMessage": message}


@SERVICE.operation("CreatePartition")
async def create_partition(asked: Asked, given: Json) -> Json:
    """Add a partition."""
    row = partition_row(given["PartitionInput"])
    _raise_first(await ask(asked, "add_partitions", **_mine(asked, given), rows=[row]))
    return {}


@SERVICE.operation("BatchCreatePartition")
async def batch_create_partition(asked: Asked, given: Json) -> Json:
    """Add partitions; those that cannot be are told."""
    rows = [partition_row(made) for made in given["PartitionInputList"]]
    failed = await ask(asked, "add_partitions", **_mine(asked, given), rows=rows)
    errors = [{"PartitionValues": v, "ErrorDetail": _detail(code, text)} for v, code, text in failed]
    return {"Errors": errors} if errors else {}


@SERVICE.operation("GetPartition")
async def get_partition(asked: Asked, given: Json) -> Json:
    """One partition."""
    named = _named(given)
    table = await _table(asked, named)
    row = await ask(asked, "get_partition", **named, values=given["PartitionValues"])
    return {"Partition": partition_of(asked, table, row)}


@SERVICE.operation("BatchGetPartition")
async def batch_get_partition(asked: Asked, given: Json) -> Json:
    """Several partitions; those that are not there are left out."""
    named = _named(given)
    table = await _table(asked, named)
    wanted = [one["Values"] for one in given["PartitionsToGet"]]
    rows = await ask(asked, "get_partitions", **named, wanted=wanted)
    return {"Partitions": [partition_of(asked, table, row) for row in rows], "UnprocessedKeys": []}


@SERVICE.operation("GetPartitions")
async def get_partitions(asked: Asked, given: Json) -> Json:
    """Partitions by expression, in pages, of all or of one segment."""
    named = _named(given)
    segment = given.get("Segment")
    if segment is not None and segment["SegmentNumber"] >= segment["TotalSegments"]:
        raise invalid("SegmentNumber must be less than TotalSegments")
    found = await ask(
        asked,
        "find_partitions",
        **named,
        expression=given.get("Expression") or "",
        after=after(given),
        limit=given.get("MaxResults") or MOST,
        segment=None if segment is None else [segment["SegmentNumber"], segment["TotalSegments"]],
    )
    table = await _table(asked, named)
    columns = not given.get("ExcludeColumnSchema")
    rows = [partition_of(asked, table, row, columns=columns) for row in found["partitions"]]
    answer: Json = {"Partitions": rows}
    if found["next"] is not None:
        answer["NextToken"] = token(found["next"])
    return answer


@SERVICE.operation("UpdatePartition")
async def update_partition(asked: Asked, given: Json) -> Json:
    """Replace a partition; its values may change."""
    row = {**partition_row(given["PartitionInput"]), "old": given["PartitionValueList"]}
    row["values"] = row["values"] or row["old"]
    _raise_first(await ask(asked, "change_partitions", **_mine(asked, given), rows=[row]))
    return {}


@SERVICE.operation("BatchUpdatePartition")
async def batch_update_partition(asked: Asked, given: Json) -> Json:
    """Replace partitions; those that cannot be are told."""
    rows = [
        {**partition_row(entry["PartitionInput"]), "old": entry["PartitionValueList"]}
        for entry in given["Entries"]
    ]
    failed = await ask(asked, "change_partitions", **_mine(asked, given), rows=rows)
    errors = [{"PartitionValueList": v, "ErrorDetail": _detail(code, text)} for v, code, text in failed]
    return {"Errors": errors} if errors else {}


@SERVICE.operation("DeletePartition")
async def delete_partition(asked: Asked, given: Json) -> Json:
    """Forget a partition; its objects stay."""
    values = given["PartitionValues"]
    if await ask(asked, "remove_partitions", **_mine(asked, given), wanted=[values]):
        raise AwsError("EntityNotFoundException", "Cannot find partition.", http=400)
    return {}


@SERVICE.operation("BatchDeletePartition")
async def batch_delete_partition(asked: Asked, given: Json) -> Json:
    """Forget partitions; those that are not there are told."""
    wanted = [one["Values"] for one in given["PartitionsToDelete"]]
    missing = await ask(asked, "remove_partitions", **_mine(asked, given), wanted=wanted)
    detail = _detail("EntityNotFoundException", "Cannot find partition.")
    errors = [{"PartitionValues": values, "ErrorDetail": detail} for values in missing]
    return {"Errors": errors} if errors else {}
