"""Inventories of buckets: what they are told, held against S3's rules. `lake/inventory.py` writes the reports."""

from __future__ import annotations

import re

from forebay.lake.inventory_rows import FIELDS
from forebay.lake.settings import INVENTORY
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import malformed
from forebay.wire.s3.kept import several
from forebay.wire.service import Json

PARTIAL = (
    "the first report is written at once, whoever the destination's policy lets in, then one a day or week; each in one "
    "file; ObjectAccessControlList is left empty"
)
_ID = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_BUCKET = re.compile(r"arn:aws[a-z-]*:s3:::[^:/*?]+")


def check(config: Json, id: str) -> None:
    """Raise AwsError for what is no inventory configuration, or not the one of this id."""
    to = (config.get("Destination") or {}).get("S3BucketDestination") or {}
    chosen = (
        to.get("Format") in ("CSV", "ORC", "Parquet")
        and (config.get("Schedule") or {}).get("Frequency") in ("Daily", "Weekly")
        and config.get("IncludedObjectVersions") in ("All", "Current")
        and set(config.get("OptionalFields") or ()) <= FIELDS
    )
    if not chosen or "Bucket" not in to or "IsEnabled" not in config or "Id" not in config:
        raise malformed()
    if (encryption := to.get("Encryption")) is not None and len(encryption) != 1:
        raise malformed()
    if config["Id"] != id:
        message = "Document ID does not match the specified configuration ID."
        raise AwsError("IdMismatch", message, http=400)
    if not _ID.fullmatch(id):
        raise AwsError("InvalidConfigurationId", "The specified configuration id is invalid.", http=400)
    if not _BUCKET.fullmatch(to["Bucket"]):
        raise AwsError("InvalidS3DestinationBucket", "Invalid bucket ARN.", http=400)


several("BucketInventoryConfiguration", "InventoryConfiguration", INVENTORY, PARTIAL, check)
