"""Tags of functions, mappings and aliases."""

from __future__ import annotations

from typing import Any

from forebay.wire.awslambda.base import (
    FUNCTIONS,
    MAPPING,
    SERVICE,
    Named,
    conflict,
    find,
    invalid,
    named,
    not_found,
)
from forebay.wire.service import Asked, Json

MOST = 50


def check_tags(tags: dict[str, str]) -> None:
    """Refuse too many, and those that AWS keeps for itself."""
    if len(tags) > MOST:
        raise invalid("Number of tags exceeds resource tag limit.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("Your request contains one or more reserved tag keys. Reserved prefix: aws:")


def _find(asked: Asked, arn: str) -> tuple[str, str, Json, Json]:
    """Kind, id, document, and where in it the tags are."""
    documents = asked.system.documents
    resource = arn.split(":", 5)[-1]
    if resource.startswith("event-source-mapping:"):
        id = resource.partition(":")[2]
        doc = documents.get(MAPPING, id)
        if doc is None:
            raise not_found("The resource you requested does not exist.")
        return MAPPING, id, doc, doc
    which = named(asked, {"FunctionName": arn})
    if which.qualifier is not None:
        raise invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    found = find(asked, Named(which.name, None))
    if found.doc is None:
        raise conflict(f"The function {which.name} is declared in the project; it has no tags")
    return FUNCTIONS, which.name, found.doc, found.doc["meta"]


@SERVICE.operation("TagResource")
async def tag_resource(asked: Asked, given: Json) -> Json:
    """Add tags."""
    kind, id, doc, holder = _find(asked, given["Resource"])
    tags: dict[str, Any] = {**holder.get("tags", {}), **given["Tags"]}
    if not given["Tags"]:
        raise invalid("An error occurred and the request cannot be processed.")
    check_tags(tags)
    holder["tags"] = tags
    asked.system.documents.put(kind, id, doc)
    return {}


@SERVICE.operation("UntagResource")
async def untag_resource(asked: Asked, given: Json) -> Json:
    """Take tags away."""
    kind, id, doc, holder = _find(asked, given["Resource"])
    gone = set(given["TagKeys"])
    holder["tags"] = {key: value for key, value in holder.get("tags", {}).items() if key not in gone}
    asked.system.documents.put(kind, id, doc)
    return {}


@SERVICE.operation("ListTags")
async def list_tags(asked: Asked, given: Json) -> Json:
    """The tags."""
    resource = given["Resource"].split(":", 5)[-1]
    if resource.startswith("function:"):
        which = named(asked, {"FunctionName": given["Resource"]})
        if find(asked, Named(which.name, None)).doc is None:
            return {"Tags": {}}
    return {"Tags": _find(asked, given["Resource"])[3].get("tags", {})}
