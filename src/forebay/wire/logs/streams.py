"""Log streams: made, listed, removed."""

from __future__ import annotations

from forebay.telemetry.groups import Group, Stream
from forebay.wire.logs.base import SERVICE, group_arn, group_name, invalid, kept, page
from forebay.wire.service import Asked, Json


@SERVICE.operation("CreateLogStream")
async def create_log_stream(asked: Asked, given: Json) -> None:
    """Make a stream."""
    await kept(asked, lambda store: store.create_stream(given["logGroupName"], given["logStreamName"]))


@SERVICE.operation("DeleteLogStream")
async def delete_log_stream(asked: Asked, given: Json) -> None:
    """Remove a stream and its events."""
    await kept(asked, lambda store: store.delete_stream(given["logGroupName"], given["logStreamName"]))


@SERVICE.operation("DescribeLogStreams")
async def describe_log_streams(asked: Asked, given: Json) -> Json:
    """A group's streams by name or by the time of their last event, in pages."""
    prefix = given.get("logStreamNamePrefix")
    by_time = given.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    group = await kept(asked, lambda store: store.group(group_name(given)))
    streams = await kept(asked, lambda store: store.streams(group, prefix or ""))
    if by_time:
        streams.sort(key=lambda stream: (stream.last or 0, stream.name))
    if given.get("descending"):
        streams.reverse()
    some, more = page(streams, lambda stream: str(stream.name), given, 50)
    return {"logStreams": [_shown(asked, group, stream) for stream in some], **more}


def _shown(asked: Asked, group: Group, stream: Stream) -> Json:
    shown: Json = {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "arn": f"{group_arn(asked, group)}:log-stream:{stream.name}",
        "storedBytes": 0,  # AWS answers 0 for every stream since 2019
    }
    if stream.taken is not None:
        shown |= {
            "firstEventTimestamp": stream.first,
            "lastEventTimestamp": stream.last,
            "lastIngestionTime": stream.taken,
            "uploadSequenceToken": f"{stream.taken:056d}",
        }
    return shown
