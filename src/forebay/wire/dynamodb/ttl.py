"""Time to live: the attribute after which items go."""

from __future__ import annotations

from forebay.wire.dynamodb.base import SERVICE, invalid
from forebay.wire.dynamodb.made import changing, described, save
from forebay.wire.service import Asked, Json


@SERVICE.operation("UpdateTimeToLive")
async def update_time_to_live(asked: Asked, given: Json) -> Json:
    """Say which attribute (seconds since 1970) ends an item, or that none does."""
    made = await changing(asked, given["TableName"])
    wanted = given["TimeToLiveSpecification"]
    now = made.spec.get("ttl")
    if wanted["Enabled"]:
        if not wanted["AttributeName"]:
            raise invalid("TimeToLiveSpecification.AttributeName must be non empty")
        if now is not None:
            raise invalid("TimeToLive is already enabled")
        made.spec["ttl"] = wanted["AttributeName"]
    else:
        if now is None:
            raise invalid("TimeToLive is already disabled")
        if now != wanted["AttributeName"]:
            raise invalid(
                "TimeToLive is active on a different AttributeName: current AttributeName is " + now
            )
        made.spec["ttl"] = None
    await save(asked, made.name, made.spec, made.meta)
    return {"TimeToLiveSpecification": wanted}


@SERVICE.operation("DescribeTimeToLive")
async def describe_time_to_live(asked: Asked, given: Json) -> Json:
    """Which attribute ends an item."""
    made = await described(asked, given["TableName"])
    attribute = made.table.ttl
    if attribute is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}
