"""S3's own names: what it asks policies for differs from what its operations are called.

Source: "Actions, resources, and condition keys for Amazon S3" (Service Authorization Reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay.access.copy_source import copy_source

_NAMES = {
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "HeadBucket": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "GetObjectAttributes": "GetObject",
    "SelectObjectContent": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "PostObject": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
}
_OF_VERSION = {
    "GetObject", "DeleteObject", "GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging",
    "GetObjectAcl", "PutObjectAcl", "GetObjectAnnotation", "ListObjectAnnotations", "PutObjectAnnotation",
    "DeleteObjectAnnotation",
}  # fmt: skip
IN_POLICIES = {
    "object": (
        *("GetObjectVersionTorrent", "GetObjectVersionForReplication", "ReplicateObject", "ReplicateDelete"),
        *("ReplicateTags", "ObjectOwnerOverrideToBucketOwner", "InitiateReplication"),
    ),
    "bucket": ("ListTagsForResource", "TagResource", "UntagResource"),
}
"""What policies may name besides, which no operation here is asked for."""


def s3(operation: str, given: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """Every (action, resource, version) of a call to S3; without a version, the object's current one is meant."""
    name = _NAMES.get(operation) or _of_many(operation)
    bucket = given.get("Bucket", "")
    if not bucket:
        return [(f"s3:{name}", "arn:aws:s3:::*" if operation == "ListBuckets" else "*", None)]
    place = f"arn:aws:s3:::{bucket}"
    key = given.get("Key")
    if operation == "DeleteObjects":
        return [(*each, None) for each in _deletes(place, given)]
    if key is None:
        return [(f"s3:{name}", place, None)]
    actions = [name, operation] if operation == "GetObjectAttributes" else [name]
    version = given.get("VersionId") or None
    if version and name in _OF_VERSION:
        actions = [each.replace("Object", "ObjectVersion", 1) for each in actions]
    if given.get("Tagging") and isinstance(given["Tagging"], str):
        actions.append("PutObjectTagging")
    if given.get("ACL") and name == "PutObject":
        actions.append("PutObjectAcl")
    if name == "PutObject":
        actions += [action for member, action in _LOCKS.items() if given.get(member)]
    if given.get("BypassGovernanceRetention"):
        actions.append("BypassGovernanceRetention")
    found = [(f"s3:{each}", f"{place}/{key}", version) for each in actions]
    return [*found, _source(given)] if operation in ("CopyObject", "UploadPartCopy") else found


_LOCKS = {
    "ObjectLockMode": "PutObjectRetention",
    "ObjectLockLegalHoldStatus": "PutObjectLegalHold",
}


def _of_many(operation: str) -> str:
    """`ListBucketMetricsConfigurations` → GetMetricsConfiguration, and the like of what a bucket has several of."""
    for kind in ("Analytics", "Inventory", "Metrics", "IntelligentTiering"):
        if f"Bucket{kind}Configuration" in operation:
            return f"{'Put' if operation.startswith(('Put', 'Delete')) else 'Get'}{kind}Configuration"
    return operation


def _deletes(place: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    objects = (given.get("Delete") or {}).get("Objects") or ()
    found = [
        (
            "s3:DeleteObjectVersion" if each.get("VersionId") else "s3:DeleteObject",
            f"{place}/{each.get('Key', '')}",
        )
        for each in objects
    ]
    if given.get("BypassGovernanceRetention"):
        found += [("s3:BypassGovernanceRetention", resource) for _, resource in found]
    return found or [("s3:DeleteObject", f"{place}/*")]


def _source(given: Mapping[str, Any]) -> tuple[str, str, str | None]:
    source = copy_source(given.get("CopySource", ""))
    action = "s3:GetObjectVersion" if source.version else "s3:GetObject"
    return action, f"arn:aws:s3:::{source.bucket}/{source.key}", source.version
