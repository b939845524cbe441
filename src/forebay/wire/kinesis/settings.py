"""A stream's settings: retention, capacity mode, record size, encryption, monitoring.

Of `Stream.meta`: `mode`, `max_record_kib`, `encryption`, `metrics` (and `created`, `tags`).
"""

from __future__ import annotations

from forebay.wire.kinesis.base import (
    HOUR,
    ON_DEMAND,
    PROVISIONED,
    SERVICE,
    Stream,
    arn_of,
    changing,
    invalid,
    save,
)
from forebay.wire.kinesis.streams import applied, with_spec
from forebay.wire.service import Asked, Json

SHORTEST, LONGEST = 24, 8760
METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)


def _hours(given: Json) -> int:
    hours: int = given["RetentionPeriodHours"]
    if hours < SHORTEST:
        raise invalid(
            f"Minimum allowed retention period is {SHORTEST} hours."
            f" Requested retention period ({hours} hours) is too short."
        )
    if hours > LONGEST:
        raise invalid(
            f"Maximum allowed retention period is {LONGEST} hours."
            f" Requested retention period ({hours} hours) is too long."
        )
    return hours


@SERVICE.operation("IncreaseStreamRetentionPeriod")
async def increase_stream_retention_period(asked: Asked, given: Json) -> None:
    """Keep events longer."""
    found, hours = changing(asked, given), _hours(given)
    if hours < found.hours:
        raise invalid(
            f"Requested retention period ({hours} hours) for stream {found.name} can not be shorter than"
            f" existing retention period ({found.hours} hours). Use DecreaseRetentionPeriod API."
        )
    with_spec(asked, found, retention=hours * HOUR)
    await applied(asked)


@SERVICE.operation("DecreaseStreamRetentionPeriod")
async def decrease_stream_retention_period(asked: Asked, given: Json) -> None:
    """Keep events for a shorter time."""
    found, hours = changing(asked, given), _hours(given)
    if hours > found.hours:
        raise invalid(
            f"Requested retention period ({hours} hours) for stream {found.name} can not be longer than"
            f" existing retention period ({found.hours} hours). Use IncreaseRetentionPeriod API."
        )
    with_spec(asked, found, retention=hours * HOUR)
    await applied(asked)


@SERVICE.operation("UpdateStreamMode", partial="an ON_DEMAND stream does not grow by itself")
async def update_stream_mode(asked: Asked, given: Json) -> None:
    """Provisioned or on demand."""
    found = changing(asked, given)
    found.meta["mode"] = ON_DEMAND if given["StreamModeDetails"]["StreamMode"] == ON_DEMAND else PROVISIONED
    save(asked, found)


@SERVICE.operation("UpdateMaxRecordSize")
async def update_max_record_size(asked: Asked, given: Json) -> None:
    """How large a record may be."""
    found = changing(asked, given)
    found.meta["max_record_kib"] = given["MaxRecordSizeInKiB"]
    save(asked, found)


_KEPT = "the setting is only kept: files are as the disk has them"


@SERVICE.operation("StartStreamEncryption", partial=_KEPT)
async def start_stream_encryption(asked: Asked, given: Json) -> None:
    """Say that the stream is encrypted."""
    found = changing(asked, given)
    found.meta["encryption"] = {"EncryptionType": "KMS", "KeyId": given["KeyId"]}
    save(asked, found)


@SERVICE.operation("StopStreamEncryption", partial=_KEPT)
async def stop_stream_encryption(asked: Asked, given: Json) -> None:
    """Say that the stream is not encrypted."""
    found = changing(asked, given)
    found.meta.pop("encryption", None)
    save(asked, found)


def _monitored(asked: Asked, found: Stream, desired: list[str]) -> Json:
    current = list(found.meta.get("metrics") or [])
    found.meta["metrics"] = desired
    save(asked, found)
    return {
        "StreamName": found.name,
        "StreamARN": arn_of(asked, found.name),
        "CurrentShardLevelMetrics": current,
        "DesiredShardLevelMetrics": desired,
    }


_NOT_MEASURED = "the setting is only kept"


@SERVICE.operation("EnableEnhancedMonitoring", partial=_NOT_MEASURED)
async def enable_enhanced_monitoring(asked: Asked, given: Json) -> Json:
    """Add shard-level metrics."""
    found = changing(asked, given)
    have = found.meta.get("metrics") or []
    return _monitored(asked, found, list(dict.fromkeys([*have, *given["ShardLevelMetrics"]])))


@SERVICE.operation("DisableEnhancedMonitoring", partial=_NOT_MEASURED)
async def disable_enhanced_monitoring(asked: Asked, given: Json) -> Json:
    """Remove shard-level metrics."""
    found = changing(asked, given)
    gone = set(given["ShardLevelMetrics"])
    have: list[str] = found.meta.get("metrics") or []
    if "ALL" in have and "ALL" not in gone:
        have = list(METRICS)
    left = [] if "ALL" in gone else [name for name in have if name not in gone]
    return _monitored(asked, found, left)
