"""Streams: made, described, listed, deleted."""

from __future__ import annotations

import asyncio

from forebay.clock import now_us
from forebay.errors import Unavailable
from forebay.project.model import Ref
from forebay.streams.section import StreamSpec
from forebay.wire.kinesis import throttle
from forebay.wire.kinesis.base import (
    HOUR,
    NOUN,
    ON_DEMAND,
    PROVISIONED,
    SERVICE,
    Stream,
    all_streams,
    arn_of,
    changing,
    described,
    invalid,
    save,
    stream,
)
from forebay.wire.kinesis.consumers import forget_consumers, names_of_consumers
from forebay.wire.kinesis.tag_checks import check_tags
from forebay.wire.kinesis.tokens import token, untoken
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

SHARD_LIMIT = 500
ON_DEMAND_LIMIT = 50
ON_DEMAND_SHARDS = 4
_LISTED = 100


def open_shards(asked: Asked) -> int:
    """How many shards take events, in all streams together."""
    return sum(log.shards for name, log in asked.system.logs.items() if name.startswith(f"{NOUN}."))


def refuse_beyond_limit(asked: Asked, more: int) -> None:
    """Raise LimitExceededException if `more` shards would pass the account's limit."""
    have = open_shards(asked)
    if have + more > SHARD_LIMIT:
        raise AwsError(
            "LimitExceededException",
            f"This request would exceed the shard limit for the account {asked.account} in {asked.region}."
            f" Current shard count for the account: {have}. Limit: {SHARD_LIMIT}."
            f" Number of additional shards that would have resulted from this request: {more}."
            " Refer to the AWS Service Limits page"
            " (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html)"
            " for current limits and how to request higher limits.",
        )


@SERVICE.operation(
    "CreateStream",
    partial="a stream is ACTIVE at once, and held to a shard's throughput only with the tag forebay:throttled=true; ON_DEMAND streams have four shards and do not grow by themselves;"
    " WarmThroughputMiBps and RecordDistributionStrategy are ignored",
)
async def create_stream(asked: Asked, given: Json) -> None:
    """Make a stream."""
    name, count = given["StreamName"], given.get("ShardCount")
    mode = (given.get("StreamModeDetails") or {}).get("StreamMode")
    if asked.system.project().get(Ref(NOUN, name)) is not None:
        raise AwsError(
            "ResourceInUseException", f"Stream {name} under account {asked.account} already exists."
        )
    if given.get("WarmThroughputMiBps") is not None:
        if count is not None:
            raise invalid("Either 'warmThroughputMiBps' or 'shardCount' can be set but not both")
        if mode == PROVISIONED:
            raise invalid("WarmThroughputMiBps cannot be set while creating stream in Provisioned StreamMode")
    if (count is None) == (mode == PROVISIONED) and mode is not None:
        expected = "expected" if mode == PROVISIONED else "not expected"
        raise invalid(f"ShardCount is {expected} when StreamMode={mode}")
    mode = mode or (PROVISIONED if count is not None else ON_DEMAND)
    shards = count or ON_DEMAND_SHARDS
    refuse_beyond_limit(asked, shards)
    if (
        mode == ON_DEMAND
        and sum(1 for each in all_streams(asked) if each.mode == ON_DEMAND) >= ON_DEMAND_LIMIT
    ):
        raise AwsError(
            "LimitExceededException",
            f"Account {asked.account} has {ON_DEMAND_LIMIT} streams in on-demand mode, which is the limit.",
        )
    tags = check_tags(asked, name, given.get("Tags") or {})
    _refuse_parked(asked, name)
    meta = {
        "created": now_us(),
        "mode": mode,
        "tags": tags,
        "max_record_kib": given.get("MaxRecordSizeInKiB") or 1024,
    }
    spec = {"shards": shards, "retention": 24 * HOUR, "throttled": tags.get(throttle.TAG) == "true"}
    asked.system.documents.put(NOUN, name, {"spec": spec, "meta": meta})
    try:
        await applied(asked)
    except BaseException:
        asked.system.documents.delete(NOUN, name)
        raise
    asked.system.documents.delete("kinesis.deleted", name)


async def applied(asked: Asked) -> None:
    """Make a change real. The flow may be down: it reads what there is when it comes up."""
    try:
        await asked.system.apply()
    except Unavailable as error:
        if error.code != "ProcessDown":
            raise


def _refuse_parked(asked: Asked, name: str) -> None:
    # A stream that was deleted over the wire left an empty log, whose offsets go on; one that was removed
    # from the project is parked with its events.
    path = asked.system.layout.log(f"{NOUN}.{name}")
    if path.exists() and asked.system.documents.get("kinesis.deleted", name) is None:
        raise AwsError(
            "ResourceInUseException",
            f"Stream {name} under account {asked.account} was removed from the project and is parked with its"
            f" data: forebay data forget {NOUN}.{name}",
        )


@SERVICE.operation("DeleteStream", partial="it is gone at once, without the status DELETING")
async def delete_stream(asked: Asked, given: Json) -> None:
    """Delete a stream with all its events."""
    found = changing(asked, given)
    if names_of_consumers(asked, found.name) and not given.get("EnforceConsumerDeletion"):
        raise AwsError(
            "ResourceInUseException",
            f"Stream {found.name} under account {asked.account} has registered consumers;"
            " deregister them or set EnforceConsumerDeletion.",
        )
    asked.system.documents.put("kinesis.deleted", found.name, {"at": now_us()})
    await asyncio.to_thread(found.log.between, lambda committer: committer.clear())
    forget_consumers(asked, found.name)
    asked.system.documents.delete(NOUN, found.name)
    await applied(asked)


def _summary(asked: Asked, found: Stream) -> Json:
    return {
        "StreamName": found.name,
        "StreamARN": arn_of(asked, found.name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": found.mode},
        "StreamCreationTimestamp": found.created,
    }


def _settings(found: Stream) -> Json:
    return {
        "RetentionPeriodHours": found.hours,
        "EnhancedMonitoring": [{"ShardLevelMetrics": found.meta.get("metrics") or []}],
        **found.encryption,
    }


@SERVICE.operation("DescribeStream")
async def describe_stream(asked: Asked, given: Json) -> Json:
    """A stream and a page of its shards."""
    found = stream(asked, given)
    after, limit = given.get("ExclusiveStartShardId") or "", given.get("Limit") or _LISTED
    shards = [each for each in map(described, found.live()) if each["ShardId"] > after]
    return {
        "StreamDescription": {
            **_summary(asked, found),
            **_settings(found),
            "Shards": shards[:limit],
            "HasMoreShards": len(shards) > limit,
        }
    }


@SERVICE.operation("DescribeStreamSummary")
async def describe_stream_summary(asked: Asked, given: Json) -> Json:
    """A stream without its shards."""
    found = stream(asked, given)
    return {
        "StreamDescriptionSummary": {
            **_summary(asked, found),
            **_settings(found),
            "OpenShardCount": found.log.shards,
            "ConsumerCount": len(names_of_consumers(asked, found.name)),
            "MaxRecordSizeInKiB": found.max_record >> 10,
        }
    }


@SERVICE.operation("ListStreams")
async def list_streams(asked: Asked, given: Json) -> Json:
    """The names of the streams, in order."""
    after = given.get("ExclusiveStartStreamName") or ""
    if given.get("NextToken"):
        (after,) = untoken(asked, given["NextToken"])
    limit = min(given.get("Limit") or _LISTED, _LISTED)
    found = [each for each in all_streams(asked) if each.name > after]
    answer: Json = {
        "StreamNames": [each.name for each in found[:limit]],
        "StreamSummaries": [_summary(asked, each) for each in found[:limit]],
        "HasMoreStreams": len(found) > limit,
    }
    if len(found) > limit:
        answer["NextToken"] = token(asked, found[limit - 1].name)
    return answer


@SERVICE.operation("DescribeLimits")
async def describe_limits(asked: Asked, given: Json) -> Json:
    """The account's limits, and what of them is used."""
    return {
        "ShardLimit": SHARD_LIMIT,
        "OpenShardCount": open_shards(asked),
        "OnDemandStreamCount": sum(1 for each in all_streams(asked) if each.mode == ON_DEMAND),
        "OnDemandStreamCountLimit": ON_DEMAND_LIMIT,
    }


def with_spec(asked: Asked, found: Stream, **changes: object) -> None:
    """Save a stream with another specification."""
    parts = {name: getattr(found.spec, name) for name in StreamSpec.__struct_fields__}
    found.spec = StreamSpec(**{**parts, **changes})
    save(asked, found)
