"""Tags of streams and of consumers: the older operations and the newer ones, which see the same tags."""

from __future__ import annotations

from forebay.arn import consumer_in
from forebay.wire.kinesis.base import SERVICE, Stream, changing, find, save, stream, stream_in
from forebay.wire.kinesis.consumers import KIND, consumer_of
from forebay.wire.kinesis.tag_checks import MOST, check_characters, check_tags
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json


def _tagged(found: Stream) -> Json:
    tags: Json = found.meta.setdefault("tags", {})
    return tags


@SERVICE.operation("AddTagsToStream")
async def add_tags_to_stream(asked: Asked, given: Json) -> None:
    """Add or replace tags."""
    found = changing(asked, given)
    _tagged(found).update(check_tags(asked, found.name, given["Tags"], _tagged(found)))
    save(asked, found)


@SERVICE.operation("RemoveTagsFromStream")
async def remove_tags_from_stream(asked: Asked, given: Json) -> None:
    """Remove tags; those that are not there are passed over."""
    found = changing(asked, given)
    check_characters(asked, found.name, given["TagKeys"], "remove tags from")
    for key in given["TagKeys"]:
        _tagged(found).pop(key, None)
    save(asked, found)


@SERVICE.operation("ListTagsForStream")
async def list_tags_for_stream(asked: Asked, given: Json) -> Json:
    """A page of a stream's tags, by key."""
    tags = _tagged(stream(asked, given))
    after, limit = given.get("ExclusiveStartTagKey") or "", given.get("Limit") or MOST
    keys = [key for key in sorted(tags) if key > after]
    return {
        "Tags": [{"Key": key, "Value": tags[key]} for key in keys[:limit]],
        "HasMoreTags": len(keys) > limit,
    }


class _Tagged:
    """A stream or a consumer, by its ARN."""

    def __init__(self, asked: Asked, arn: str, *, change: bool) -> None:
        self._asked = asked
        self._consumer: tuple[str, Json] | None = None
        if consumer_in(arn) is not None:
            self.name, consumer, doc = consumer_of(asked, {"ConsumerARN": arn})
            self._consumer = (f"{self.name}/{consumer}", doc)
            self.tags: Json = doc.setdefault("tags", {})
            return
        self.name = stream_in(arn)
        if find(asked, self.name) is None:
            raise AwsError(
                "ResourceNotFoundException", f"Stream {self.name} under account {asked.account} not found."
            )
        self._stream = (changing if change else stream)(asked, {"StreamName": self.name})
        self.tags = _tagged(self._stream)

    def save(self) -> None:
        if self._consumer is not None:
            self._asked.system.documents.put(KIND, *self._consumer)
        else:
            save(self._asked, self._stream)


@SERVICE.operation("TagResource")
async def tag_resource(asked: Asked, given: Json) -> None:
    """Add or replace tags of a stream or a consumer."""
    found = _Tagged(asked, given["ResourceARN"], change=True)
    found.tags.update(check_tags(asked, found.name, given["Tags"], found.tags))
    found.save()


@SERVICE.operation("UntagResource")
async def untag_resource(asked: Asked, given: Json) -> None:
    """Remove tags of a stream or a consumer."""
    found = _Tagged(asked, given["ResourceARN"], change=True)
    for key in given["TagKeys"]:
        found.tags.pop(key, None)
    found.save()


@SERVICE.operation("ListTagsForResource")
async def list_tags_for_resource(asked: Asked, given: Json) -> Json:
    """The tags of a stream or a consumer."""
    tags = _Tagged(asked, given["ResourceARN"], change=False).tags
    return {"Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}
