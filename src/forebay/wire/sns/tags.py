"""Tags of topics."""

from __future__ import annotations

from collections.abc import Iterable

from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json
from forebay.wire.sns.base import SERVICE, Topic, find_topic, invalid, put_topic, topic_name

MOST = 50


def checked_tags(given: Iterable[Json], old: dict[str, str] | None = None) -> dict[str, str]:
    """Tags as a mapping, added to `old`."""
    listed = list(given)
    names = [tag["Key"] for tag in listed]
    if len(set(names)) != len(names):
        raise invalid("Duplicated keys are not allowed.")
    found = {**(old or {}), **{tag["Key"]: tag["Value"] for tag in listed}}
    if len(found) > MOST:
        raise AwsError(
            "TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded", http=400
        )
    return found


def _topic(asked: Asked, given: Json) -> Topic:
    found = find_topic(asked, topic_name(asked, given["ResourceArn"], "ResourceArn"))
    if found is None:
        raise AwsError("ResourceNotFound", "Resource does not exist", http=404)
    return found


@SERVICE.operation("ListTagsForResource")
async def list_tags_for_resource(asked: Asked, given: Json) -> Json:
    """A topic's tags."""
    tags = _topic(asked, given).meta.get("tags") or {}
    return {"Tags": [{"Key": name, "Value": value} for name, value in tags.items()]}


@SERVICE.operation("TagResource")
async def tag_resource(asked: Asked, given: Json) -> None:
    """Add tags."""
    topic = _topic(asked, given)
    topic.meta["tags"] = checked_tags(given["Tags"], topic.meta.get("tags"))
    put_topic(asked, topic)


@SERVICE.operation("UntagResource")
async def untag_resource(asked: Asked, given: Json) -> None:
    """Take tags away."""
    topic = _topic(asked, given)
    gone = set(given["TagKeys"])
    topic.meta["tags"] = {
        name: value for name, value in (topic.meta.get("tags") or {}).items() if name not in gone
    }
    put_topic(asked, topic)
