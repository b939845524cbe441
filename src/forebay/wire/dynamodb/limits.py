"""DescribeLimits and DescribeEndpoints."""

from __future__ import annotations

from forebay.wire.dynamodb.base import SERVICE
from forebay.wire.service import Asked, Json


@SERVICE.operation("DescribeLimits", partial="the default quotas of an account, none of which is enforced")
async def describe_limits(asked: Asked, given: Json) -> Json:
    """An account's default quotas."""
    return {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }


@SERVICE.operation("DescribeEndpoints")
async def describe_endpoints(asked: Asked, given: Json) -> Json:
    """This port, under the name by which it was called."""
    return {"Endpoints": [{"Address": asked.request.headers["host"], "CachePeriodInMinutes": 1440}]}
