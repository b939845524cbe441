"""Tags of objects and of buckets."""

from __future__ import annotations

from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import caller, change, in_thread, need_bucket, operation, setting, shelf, version_of
from forebay.wire.s3.objects import deleted
from forebay.wire.s3.tagset import check_tags
from forebay.wire.service import Asked, Json


async def _shown(asked: Asked, bucket: str, version: str) -> Json:
    kept = await setting(asked, bucket, "versioning")
    return {} if kept is None else {"VersionId": version}


@operation("GetObjectTagging")
async def get_object_tagging(asked: Asked, given: Json) -> Json:
    """An object's tags."""
    bucket = need_bucket(asked, given)
    version = version_of(given)
    found = await in_thread(shelf(asked).find, bucket, given["Key"], version)
    if found.marker:
        raise deleted(found, version)
    tags = [{"Key": key, "Value": value} for key, value in found.meta.get("tags", {}).items()]
    return {"TagSet": tags, **await _shown(asked, bucket, found.version)}


@operation("PutObjectTagging")
async def put_object_tagging(asked: Asked, given: Json) -> Json:
    """Replace an object's tags."""
    bucket = need_bucket(asked, given)
    tags = check_tags(given["Tagging"]["TagSet"], most=10, noun="Object")
    done = await _tag(asked, bucket, given, tags)
    return {"VersionId": done["version"]}


@operation("DeleteObjectTagging")
async def delete_object_tagging(asked: Asked, given: Json) -> Json:
    """Take an object's tags off."""
    bucket = need_bucket(asked, given)
    done = await _tag(asked, bucket, given, None)
    return {"VersionId": done["version"], "_status": 204}


async def _tag(asked: Asked, bucket: str, given: Json, tags: dict[str, str] | None) -> Json:
    args = {"bucket": bucket, "key": given["Key"], "version": version_of(given), "tags": tags}
    found: Json = await change(asked, "object_tag", **args, caller=caller(asked))
    return found


@operation("GetBucketTagging")
async def get_bucket_tagging(asked: Asked, given: Json) -> Json:
    """A bucket's tags."""
    bucket = need_bucket(asked, given)
    tags = await setting(asked, bucket, "tags")
    if not tags:
        raise AwsError("NoSuchTagSet", "The TagSet does not exist", http=404, BucketName=bucket)
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


@operation("PutBucketTagging")
async def put_bucket_tagging(asked: Asked, given: Json) -> Json:
    """Replace a bucket's tags."""
    bucket = need_bucket(asked, given)
    tags = check_tags(given["Tagging"]["TagSet"], most=50, noun="Bucket")
    await change(asked, "bucket_set", bucket=bucket, name="tags", doc=tags)
    return {"_status": 204}


@operation("DeleteBucketTagging")
async def delete_bucket_tagging(asked: Asked, given: Json) -> Json:
    """Take a bucket's tags off."""
    bucket = need_bucket(asked, given)
    await change(asked, "bucket_set", bucket=bucket, name="tags", doc=None)
    return {"_status": 204}
