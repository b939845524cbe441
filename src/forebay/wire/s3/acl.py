"""ACLs of objects: canned ones, kept and given back."""

from __future__ import annotations

from forebay.wire.s3.base import change, in_thread, need_bucket, operation, shelf, version_of
from forebay.wire.s3.config import ACL_KEPT, canned_of, grants
from forebay.wire.s3.objects import deleted
from forebay.wire.service import Asked, Json


@operation("GetObjectAcl", partial=ACL_KEPT)
async def get_object_acl(asked: Asked, given: Json) -> Json:
    """Owner and grants."""
    bucket = need_bucket(asked, given)
    version = version_of(given)
    found = await in_thread(shelf(asked).find, bucket, given["Key"], version)
    if found.marker:
        raise deleted(found, version)
    return grants(found.meta.get("acl"))


@operation("PutObjectAcl", partial=ACL_KEPT)
async def put_object_acl(asked: Asked, given: Json) -> Json:
    """Keep a canned ACL."""
    bucket = need_bucket(asked, given)
    await change(
        asked,
        "object_tag",
        bucket=bucket,
        key=given["Key"],
        version=version_of(given),
        acl=canned_of(given),
    )
    return {}
