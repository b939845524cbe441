"""Tags of objects and of buckets."""

from __future__ import annotations

from forebay.errors import NotFound
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import (
    caller,
    change,
    found_version,
    need_bucket,
    of_marker,
    put_setting,
    setting,
    version_of,
)
from forebay.wire.s3.service import operation
from forebay.wire.s3.tagset import check_tags
from forebay.wire.service import Asked, Json


async def _shown(asked: Asked, bucket: str, version: str) -> Json:
    kept = await setting(asked, bucket, "versioning")
    return {} if kept is None else {"VersionId": version}


@operation("GetObjectTagging")
async def get_object_tagging(asked: Asked, given: Json) -> Json:
    """An object's tags."""
    bucket = need_bucket(asked, given)
    try:
        found = await found_version(asked, bucket, given)
    except AwsError as error:
        if error.code == "NoSuchKey":
            raise of_marker(asked) from None
        raise
    except NotFound as error:  # S3 says the bucket too, here only
        if error.code != "NoSuchKey":
            raise
        raise AwsError(error.code, error.message, http=404, Key=f"{bucket}/{given['Key']}") from None
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
    await put_setting(asked, bucket, "tags", tags)
    return {"_status": 204}


@operation("DeleteBucketTagging")
async def delete_bucket_tagging(asked: Asked, given: Json) -> Json:
    """Take a bucket's tags off."""
    bucket = need_bucket(asked, given)
    await put_setting(asked, bucket, "tags", None)
    return {"_status": 204}
