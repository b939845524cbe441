"""Tags of what is asked for, as conditions name them: looked up only where a policy speaks of them."""

from __future__ import annotations

from typing import Any

from forebay.access.actions import Need
from forebay.access.policy import OF_OBJECT
from forebay.errors import NotFound
from forebay.runtime.directory import ROLE, USER, Directory
from forebay.wire.service import Asked

# The beginning of an ARN's last part → the kind of the document that has the tags.
_KINDS = {
    "stream/": "streams",
    "deliverystream/": "delivery",
    "event-bus/": "bus",
    "function:": "functions",
    "alarm:": "alerts",
}


_WITHOUT = ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion")
"""What asks for no tags of the object that is there ("Tagging and access control policies", S3 User Guide)."""


async def tags_of(asked: Asked, need: Need, key: str) -> dict[str, str]:
    """The tags of what is to be done something with, each under `key` and its name in lower case."""
    _, _, service, _, _, rest = (need.resource.split(":", 5) + [""] * 6)[:6]
    if key == OF_OBJECT:
        found = await _of_object(asked, rest, need.version) if need.action not in _WITHOUT else {}
    else:
        found = _of_resource(asked, service, rest)
    return {key + name.lower(): str(value) for name, value in found.items()}


async def _of_object(asked: Asked, place: str, version: str | None) -> dict[str, Any]:
    bucket, _, name = place.partition("/")
    if not name:
        return {}
    from forebay.wire.s3.base import in_thread, shelf  # noqa: PLC0415 - only who asks S3 needs it

    if (settled := asked.system.puts.key_settled(bucket, name)) is not None:
        await settled
    try:
        found = await in_thread(shelf(asked).find, bucket, name, version)
    except NotFound:
        return {}
    return dict(found.meta.get("tags") or {})


def _of_resource(asked: Asked, service: str, rest: str) -> dict[str, Any]:
    if service == "iam":
        kind = {"user": USER, "role": ROLE}.get(rest.partition("/")[0])
        found = Directory.of(asked.system).get(kind, rest.rpartition("/")[2]) if kind else None
        return {tag["Key"]: tag["Value"] for tag in (found or {}).get("tags") or ()}
    if service == "sns":
        name = rest.partition(":")[0]
        documents = asked.system.documents
        meta = (documents.get("topics", name) or {}).get("meta") or documents.get("sns.meta", name) or {}
        return dict(meta.get("tags") or {})
    for head, kind in _KINDS.items():
        if rest.startswith(head):
            name = rest.removeprefix(head).partition("/")[0].partition(":")[0]
            meta = (asked.system.documents.get(kind, name) or {}).get("meta") or {}
            return dict(meta.get("tags") or {})
    return {}
