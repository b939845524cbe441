"""Tags of log groups: the older operations by name and the newer by ARN, which see the same tags."""

from __future__ import annotations

from forebay.wire.logs.base import SERVICE, invalid, kept, name_in
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST = 50


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    """`tags`, if a group may have them. Raises AwsError."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("aws: prefixed tag key names are not allowed for external use.")
    if len(tags) > MOST:
        raise AwsError("TooManyTagsException", f"A resource can have no more than {MOST} tags.", http=400)
    return tags


async def _add(asked: Asked, name: str, tags: dict[str, str]) -> None:
    group = await kept(asked, lambda store: store.group(name))
    merged = check_tags({**group.tags, **tags})
    await kept(asked, lambda store: store.tag(name, merged))


async def _remove(asked: Asked, name: str, keys: list[str]) -> None:
    group = await kept(asked, lambda store: store.group(name))
    left = {key: value for key, value in group.tags.items() if key not in keys}
    await kept(asked, lambda store: store.tag(name, left))


async def _list(asked: Asked, name: str) -> Json:
    return {"tags": (await kept(asked, lambda store: store.group(name))).tags}


@SERVICE.operation("TagLogGroup")
async def tag_log_group(asked: Asked, given: Json) -> None:
    """Add or change tags, by name."""
    await _add(asked, given["logGroupName"], given["tags"])


@SERVICE.operation("UntagLogGroup")
async def untag_log_group(asked: Asked, given: Json) -> None:
    """Remove tags, by name."""
    await _remove(asked, given["logGroupName"], given["tags"])


@SERVICE.operation("ListTagsLogGroup")
async def list_tags_log_group(asked: Asked, given: Json) -> Json:
    """The tags, by name."""
    return await _list(asked, given["logGroupName"])


@SERVICE.operation("TagResource", partial="log groups only")
async def tag_resource(asked: Asked, given: Json) -> None:
    """Add or change tags, by ARN."""
    await _add(asked, name_in(given["resourceArn"]), given["tags"])


@SERVICE.operation("UntagResource", partial="log groups only")
async def untag_resource(asked: Asked, given: Json) -> None:
    """Remove tags, by ARN."""
    await _remove(asked, name_in(given["resourceArn"]), given["tagKeys"])


@SERVICE.operation("ListTagsForResource", partial="log groups only")
async def list_tags_for_resource(asked: Asked, given: Json) -> Json:
    """The tags, by ARN."""
    return await _list(asked, name_in(given["resourceArn"]))
