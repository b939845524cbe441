"""Tags of databases, crawlers, schemas and the like, by ARN."""

from __future__ import annotations

from typing import Any

from forebay.wire.glue.base import SERVICE, invalid, not_found
from forebay.wire.service import Asked, Json

KIND = "glue.tags"
KINDS = ("database", "table", "crawler", "job", "trigger", "connection", "workflow", "registry", "schema")
KEPT = {
    "connection": "glue.connection",
    "registry": "glue.registry",
    "schema": "glue.schema",
    "trigger": "glue.trigger",
    "workflow": "glue.workflow",
}
MOST = 50


def tags_of(asked: Asked, resource: str) -> dict[str, str]:
    """The tags of `crawler/name` and the like."""
    doc: dict[str, Any] | None = asked.system.documents.get(KIND, resource)
    return dict(doc["tags"]) if doc else {}


def put_tags(asked: Asked, resource: str, tags: dict[str, str]) -> None:
    """Replace them."""
    if len(tags) > MOST:
        raise invalid(f"The number of tags exceeds the limit of {MOST}")
    if tags:
        asked.system.documents.put(KIND, resource, {"tags": tags})
    else:
        asked.system.documents.delete(KIND, resource)


def _resource(asked: Asked, arn: str) -> str:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "glue":
        raise invalid(f"Invalid ARN: {arn}")
    kind, slash, name = parts[5].partition("/")
    if not slash or not name or kind not in KINDS:
        raise invalid(f"Unsupported resource type: {parts[5]}")
    kept = KEPT.get(kind)
    if kind == "job" or (kept is not None and asked.system.documents.get(kept, name) is None):
        raise not_found(f"Resource {arn} not found")
    return f"{kind}/{name}"


@SERVICE.operation("TagResource")
async def tag_resource(asked: Asked, given: Json) -> Json:
    """Add tags."""
    resource = _resource(asked, given["ResourceArn"])
    put_tags(asked, resource, {**tags_of(asked, resource), **given["TagsToAdd"]})
    return {}


@SERVICE.operation("UntagResource")
async def untag_resource(asked: Asked, given: Json) -> Json:
    """Take tags away."""
    resource = _resource(asked, given["ResourceArn"])
    gone = set(given["TagsToRemove"])
    put_tags(asked, resource, {k: v for k, v in tags_of(asked, resource).items() if k not in gone})
    return {}


@SERVICE.operation("GetTags")
async def get_tags(asked: Asked, given: Json) -> Json:
    """The tags."""
    return {"Tags": tags_of(asked, _resource(asked, given["ResourceArn"]))}
