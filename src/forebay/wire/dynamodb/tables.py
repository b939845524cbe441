"""CreateTable, DescribeTable, ListTables, UpdateTable, DeleteTable."""

from __future__ import annotations

import asyncio
import time
import uuid

from forebay.keyvalue.section import KeyValueSpec
from forebay.keyvalue.table import Index, KeySchema
from forebay.wire.dynamodb import schemas
from forebay.wire.dynamodb.base import SERVICE, invalid, table_name
from forebay.wire.dynamodb.made import NOUN, Made, changing, described, exists, save
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST_LISTED = 100
ON_DEMAND, PROVISIONED = "PAY_PER_REQUEST", "PROVISIONED"
_UNOFFERED = {
    "DisassociationProtectionEnabled": "replicas of tables",
    "GlobalTableSettingsReplicationMode": "replicas of tables",
    "GlobalTableSourceArn": "replicas of tables",
    "GlobalTableWitnessUpdates": "replicas of tables",
    "MultiRegionConsistency": "replicas of tables",
    "ReplicaUpdates": "replicas of tables",
    "ResourcePolicy": "policies of tables",
    "VectorIndexUpdates": "indexes of vectors",
    "VectorIndexes": "indexes of vectors",
}
_KEPT = {"OnDemandThroughput": "on_demand", "WarmThroughput": "warm", "ProvisionedThroughput": "throughput"}
_making = asyncio.Lock()


def _refuse_unoffered(given: Json) -> None:
    found = next((words for member, words in _UNOFFERED.items() if given.get(member)), None)
    if (given.get("StreamSpecification") or {}).get("StreamEnabled"):
        found = "streams of tables"
    elif (given.get("SSESpecification") or {}).get("Enabled"):
        found = "encryption of tables by keys of their own"
    if found is not None:
        raise AwsError("NotImplemented", f"forebay does not offer {found}", http=501)


@SERVICE.operation(
    "CreateTable", partial="no streams, replicas or encryption of its own; throughput is only kept"
)
async def create_table(asked: Asked, given: Json) -> Json:
    """Make a table; it can be used when this answers."""
    name = table_name(given["TableName"])
    _refuse_unoffered(given)
    spec, meta = schemas.checked(given)
    async with _making:
        if exists(asked, name):
            raise AwsError("ResourceInUseException", f"Table already exists: {name}")
        meta |= {"created": time.time(), "id": str(uuid.uuid4())}
        meta |= {key: given[member] for member, key in _KEPT.items() if member in given}
        made = Made(name, await save(asked, name, spec, meta), spec, meta)
    return {"TableDescription": {**await description(asked, made), "TableStatus": "ACTIVE"}}


@SERVICE.operation("DescribeTable")
async def describe_table(asked: Asked, given: Json) -> Json:
    """A table: its key, indexes, size and settings."""
    return {"Table": await description(asked, await described(asked, given["TableName"]))}


@SERVICE.operation("ListTables")
async def list_tables(asked: Asked, given: Json) -> Json:
    """A page of the tables' names."""
    after, limit = given.get("ExclusiveStartTableName") or "", given.get("Limit") or MOST_LISTED
    names = sorted(name for name in asked.system.project().of(KeyValueSpec) if name > after)
    more = {"LastEvaluatedTableName": names[limit - 1]} if len(names) > limit else {}
    return {"TableNames": names[:limit], **more}


@SERVICE.operation("DeleteTable")
async def delete_table(asked: Asked, given: Json) -> Json:
    """Remove a table with its items."""
    made = await changing(asked, given["TableName"])
    if made.meta.get("protected"):
        raise invalid(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
        )
    shown = await description(asked, made)
    asked.system.documents.delete(NOUN, made.name)
    await asked.system.tables.drop(made.name)  # in the same turn: nobody may find it without its document
    await asked.system.apply()
    return {"TableDescription": {**shown, "TableStatus": "DELETING"}}


@SERVICE.operation("UpdateTable", partial="no streams or replicas; throughput is only kept")
async def update_table(asked: Asked, given: Json) -> Json:
    """Add or remove global indexes, change what is kept of a table."""
    made = await changing(asked, given["TableName"])
    _refuse_unoffered(given)
    billing = given.get("BillingMode")
    if billing == ON_DEMAND and "ProvisionedThroughput" in given:
        raise invalid(
            "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be"
            " specified when BillingMode is PAY_PER_REQUEST"
        )
    if billing is not None:
        made.meta["billing"] = billing
    made.meta |= {key: given[member] for member, key in _KEPT.items() if member in given}
    if "DeletionProtectionEnabled" in given:
        made.meta["protected"] = given["DeletionProtectionEnabled"]
    if "TableClass" in given:
        made.meta["class"] = given["TableClass"]
    schemas.change_indexes(made.spec, made.meta, given)
    made.table = await save(asked, made.name, made.spec, made.meta)
    return {"TableDescription": await description(asked, made)}


async def description(asked: Asked, made: Made) -> Json:
    """A table as AWS describes it."""
    table, meta = made.table, made.meta
    items, size = await asked.system.tables.facts(made.name)
    arn = asked.arn(f"table/{made.name}")
    on_demand = meta.get("billing", ON_DEMAND) == ON_DEMAND
    shown: Json = {
        "TableName": made.name,
        "TableArn": arn,
        "TableId": meta.get("id") or str(uuid.uuid5(uuid.NAMESPACE_URL, arn)),
        "TableStatus": "ACTIVE",
        "CreationDateTime": meta.get("created") or table.created,
        "AttributeDefinitions": _attributes(made),
        "KeySchema": key_schema(table.schema),
        "ItemCount": items,
        "TableSizeBytes": size,
        "DeletionProtectionEnabled": bool(meta.get("protected")),
        "ProvisionedThroughput": _throughput({} if on_demand else meta),
    }
    if on_demand:
        shown["BillingModeSummary"] = {"BillingMode": ON_DEMAND}
        if meta.get("created"):
            shown["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = meta["created"]
    if meta.get("on_demand"):
        shown["OnDemandThroughput"] = meta["on_demand"]
    if meta.get("warm"):
        shown["WarmThroughput"] = {**meta["warm"], "Status": "ACTIVE"}
    if meta.get("class"):
        shown["TableClassSummary"] = {"TableClass": meta["class"]}
    shares = meta.get("indexes", {})
    for member, local in (("GlobalSecondaryIndexes", False), ("LocalSecondaryIndexes", True)):
        found = [
            _index(each, arn, shares.get(each.name, {}), items)
            for each in table.indexes
            if each.local is local
        ]
        if found:
            shown[member] = found
    return shown


def _index(index: Index, arn: str, meta: Json, items: int) -> Json:
    projection: Json = {"ProjectionType": index.projection}
    if index.include:
        projection["NonKeyAttributes"] = list(index.include)
    shown: Json = {
        "IndexName": index.name,
        "IndexArn": f"{arn}/index/{index.name}",
        "KeySchema": key_schema(index.schema),
        "Projection": projection,
        "IndexSizeBytes": 0,
        "ItemCount": 0,
    }
    if not index.local:
        shown |= {"IndexStatus": "ACTIVE", "ProvisionedThroughput": _throughput(meta)}
    return shown


def _throughput(meta: Json) -> Json:
    given = meta.get("throughput") or {}
    return {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": given.get("ReadCapacityUnits", 0),
        "WriteCapacityUnits": given.get("WriteCapacityUnits", 0),
    }


def key_schema(schema: KeySchema) -> list[Json]:
    """`KeySchema`, the partition key first."""
    kinds = ("HASH", "RANGE")
    return [
        {"AttributeName": each.name, "KeyType": kind}
        for each, kind in zip(schema.attributes, kinds, strict=False)
    ]


def _attributes(made: Made) -> list[Json]:
    types: dict[str, str] = {}
    for schema in (made.table.schema, *(each.schema for each in made.table.indexes)):
        types |= {each.name: each.type for each in schema.attributes}
    order = [name for name in made.meta.get("attributes", ()) if name in types]
    names = [*order, *(name for name in types if name not in order)]
    return [{"AttributeName": name, "AttributeType": types[name]} for name in names]
