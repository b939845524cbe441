"""ACLs of objects: canned ones, kept and given back."""

from __future__ import annotations

from forebay.wire.s3.base import in_thread, need_bucket, operation, shelf
from forebay.wire.s3.config import ACL_KEPT, grants
from forebay.wire.s3.objects import deleted
from forebay.wire.service import Asked, Json


@operation("GetObjectAcl", partial=ACL_KEPT)
async def get_object_acl(asked: Asked, given: Json) -> Json:
    """Owner and grants."""
    bucket = need_bucket(asked, given)
    version = given.get("VersionId")
    found = await in_thread(shelf(asked).find, bucket, given["Key"], version)
    if found.marker:
        raise deleted(found, version)
    return grants(found.meta.get("acl"))
