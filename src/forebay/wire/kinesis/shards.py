"""Shards: listed, split, merged, counted anew."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

from forebay.clock import now_us
from forebay.streams.shards import Shard, ShardMap
from forebay.wire.kinesis.base import (
    ON_DEMAND,
    SERVICE,
    Stream,
    arn_of,
    changing,
    described,
    find,
    invalid,
    no_stream,
    shard_id,
    shard_number,
    stream,
)
from forebay.wire.kinesis.streams import SHARD_LIMIT, applied, refuse_beyond_limit, with_spec
from forebay.wire.kinesis.tokens import token, untoken
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

_LISTED = 1000


@SERVICE.operation("ListShards")
async def list_shards(asked: Asked, given: Json) -> Json:
    """A page of a stream's shards, perhaps only those that were open at some time."""
    after: str = given.get("ExclusiveStartShardId") or ""
    wanted: Json | None = given.get("ShardFilter")
    if given.get("NextToken"):
        if given.get("StreamName") or given.get("StreamARN"):
            raise invalid("NextToken and StreamName cannot be provided together.")
        name, after, kind, shard, seconds = untoken(asked, given["NextToken"])
        found = find(asked, name)
        if found is None:
            raise no_stream(asked, name)
        if kind is not None:
            wanted = {"Type": kind, "ShardId": shard, "Timestamp": seconds}
    elif not given.get("StreamName") and not given.get("StreamARN"):
        raise invalid("Either NextToken or StreamName should be provided.")
    else:
        found = stream(asked, given)
    shards = [shard for shard in found.live() if shard_id(shard.number) > after]
    if wanted is not None:
        shards = _filtered(found, wanted, shards)
    limit = given.get("MaxResults") or _LISTED
    answer: Json = {"Shards": [described(shard) for shard in shards[:limit]]}
    if len(shards) > limit:
        last = answer["Shards"][-1]["ShardId"]
        kind = (wanted or {}).get("Type")
        stamp = _seconds((wanted or {}).get("Timestamp"))
        answer["NextToken"] = token(asked, found.name, last, kind, (wanted or {}).get("ShardId"), stamp)
    return answer


def _seconds(value: dt.datetime | float | None) -> float | None:
    return value.timestamp() if isinstance(value, dt.datetime) else value


def _filtered(found: Stream, wanted: Json, shards: list[Shard]) -> list[Shard]:
    kind = wanted["Type"]
    seconds = _seconds(wanted.get("Timestamp"))
    if kind in ("AT_TIMESTAMP", "FROM_TIMESTAMP") and seconds is None:
        raise invalid(f"Timestamp must be provided in ShardFilter of type {kind}.")
    horizon = now_us() / 1e6 - found.spec.retention
    match kind:
        case "AFTER_SHARD_ID":
            if not wanted.get("ShardId"):
                raise invalid("ShardId must be provided in ShardFilter of type AFTER_SHARD_ID.")
            return [shard for shard in shards if shard_id(shard.number) > wanted["ShardId"]]
        case "AT_LATEST":
            return [shard for shard in shards if shard.open]
        case "AT_TRIM_HORIZON":
            return _open_at(shards, max(horizon, found.created))
        case "FROM_TRIM_HORIZON":
            return shards
        case "AT_TIMESTAMP":
            return _open_at(shards, max(seconds or 0.0, horizon, found.created))
        case _:
            since = max(seconds or 0.0, horizon)
            return [shard for shard in shards if shard.closed_at is None or shard.closed_at / 1e6 >= since]


def _open_at(shards: list[Shard], seconds: float) -> list[Shard]:
    # A shard's own creation time may be a little ahead of the clock; its parents' closing is when it began.
    closed = {shard.number: shard.closed_at for shard in shards}

    def begun(shard: Shard) -> float:
        if shard.parent is None:
            return 0.0
        return (closed.get(shard.parent) or 0) / 1e6

    return [
        shard
        for shard in shards
        if begun(shard) <= seconds and (shard.closed_at is None or shard.closed_at / 1e6 > seconds)
    ]


def _open(asked: Asked, found: Stream, text: str) -> Shard:
    """The shard that is meant, which must be open."""
    number = shard_number(asked, found.name, text)
    shard = next((each for each in found.live() if each.number == number), None)
    where = f"in stream {found.name} under account {asked.account}"
    if shard is None:
        raise AwsError("ResourceNotFoundException", f"Could not find shard {shard_id(number)} {where}.")
    if not shard.open:
        raise invalid(
            f"Shard {shard_id(number)} {where} has already been merged or split,"
            " and thus is not eligible for merging or splitting."
        )
    return shard


def _refuse_on_demand(asked: Asked, found: Stream) -> None:
    if found.mode == ON_DEMAND:
        raise AwsError(
            "ValidationException",
            f"Request is invalid. Stream {found.name} under account {asked.account} is in On-Demand mode.",
        )


async def _reshape(asked: Asked, found: Stream, change: Callable[[ShardMap, int, int], ShardMap]) -> None:
    retention = found.spec.retention
    await asyncio.to_thread(found.log.between, lambda own: own.reshape(change, retention))
    # The map says so already; the specification follows, for those who read only that.
    with_spec(asked, found, shards=found.log.shards)
    await applied(asked)


@SERVICE.operation("SplitShard", partial="done when it answers, without the status UPDATING")
async def split_shard(asked: Asked, given: Json) -> None:
    """One shard becomes two."""
    shard_number(asked, given.get("StreamName") or "", given["ShardToSplit"])
    found = changing(asked, given)
    _refuse_on_demand(asked, found)
    shard = _open(asked, found, given["ShardToSplit"])
    refuse_beyond_limit(asked, 1)
    at = int(given["NewStartingHashKey"])
    if not shard.low + 1 < at < shard.high:
        raise invalid(
            f"NewStartingHashKey {at} used in SplitShard() on shard {shard_id(shard.number)} in stream"
            f" {found.name} under account {asked.account} is not both greater than one plus the shard's"
            f" StartingHashKey {shard.low} and less than the shard's EndingHashKey {shard.high}."
        )
    await _reshape(asked, found, lambda map, head, now: map.split(shard.number, at, head, now))


@SERVICE.operation("MergeShards", partial="done when it answers, without the status UPDATING")
async def merge_shards(asked: Asked, given: Json) -> None:
    """Two adjacent shards become one."""
    for text in (given["ShardToMerge"], given["AdjacentShardToMerge"]):
        shard_number(asked, given.get("StreamName") or "", text)
    found = changing(asked, given)
    _refuse_on_demand(asked, found)
    first = _open(asked, found, given["ShardToMerge"])
    second = _open(asked, found, given["AdjacentShardToMerge"])
    if first.high + 1 != second.low and second.high + 1 != first.low:
        raise invalid(
            f"Shards {shard_id(first.number)} and {shard_id(second.number)} in stream {found.name}"
            f" under account {asked.account} are not an adjacent pair of shards eligible for merging"
        )
    await _reshape(asked, found, lambda map, head, now: map.merge(first.number, second.number, head, now))


@SERVICE.operation("UpdateShardCount", partial="done when it answers; as often a day as you like")
async def update_shard_count(asked: Asked, given: Json) -> Json:
    """Split and merge until there are as many shards as asked."""
    found = changing(asked, given)
    target, have = given["TargetShardCount"], found.log.shards
    _refuse_on_demand(asked, found)
    counts = f"Current open shard count: {have} Target shard count: {target}"
    if target > SHARD_LIMIT:
        raise AwsError(
            "LimitExceededException",
            f"Target shard count or number of open shards cannot be greater than {SHARD_LIMIT}. {counts}",
        )
    if target > 2 * have:
        raise AwsError(
            "LimitExceededException",
            f"UpdateShardCount cannot scale up over double your current open shard count. {counts}",
        )
    if 2 * target < have:
        raise AwsError(
            "LimitExceededException",
            f"UpdateShardCount cannot scale down below half your current open shard count. {counts}",
        )
    refuse_beyond_limit(asked, max(0, target - have))
    if target != have:
        await _reshape(asked, found, lambda map, head, now: map.resized(target, head, now))
    return {
        "StreamName": found.name,
        "CurrentShardCount": have,
        "TargetShardCount": target,
        "StreamARN": arn_of(asked, found.name),
    }
